"""Adds to the golden files of ZoeDepth N and NK what double precision makes of the same numbers.

    pip install torch 'transformers==4.57.*' safetensors
    python zoedepth_exact.py

Attractors and cold distributions blow rounding errors up in a few pixels, so
that the reference's own single precision is far from exact there. The network
is the one of `benches/peers/networks_zoe.py`, on the pseudo-random weights of
this folder; `exact/<key>` belongs to `<key>` and has its rows and columns.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).parent
sys.argv[1:] = []
sys.path.append(str(HERE.parents[2] / "benches" / "peers"))

from networks_zoe import ZoeDepth  # noqa: E402
from transformers_layouts import pseudo_input, uniform  # noqa: E402


def network(name):
    """The network in double precision, its weights rounded to single."""
    manifest = json.loads((HERE / f"zoedepth_{name}.json").read_text())
    model = ZoeDepth(name).eval()
    fills = {tensor["name"]: tensor for tensor in manifest["tensors"]}
    state = model.state_dict()
    for key in state:
        fill = fills[key]["fill"]
        values = uniform(key, tuple(fills[key]["shape"]), fill["lo"], fill["hi"])
        state[key] = torch.from_numpy(values)
    model.load_state_dict(state)
    return model.double()


def mirrored(picture, size):
    """The network's input for the mirrored picture, in single precision as the reference makes it."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    rows, columns = (int(np.sqrt(side / 2) * 3) for side in x.shape[2:])
    x = F.pad(x, (columns, columns, rows, rows), mode="reflect")
    x = F.interpolate(x, size, mode="bilinear", align_corners=True)
    return ((x - 0.5) / 0.5).flip(3)


def main():
    direct = np.clip(0.25 * pseudo_input("direct", (3, 160, 224), -1.8, 1.8) + 0.5, 0, 1)
    direct = (torch.from_numpy(direct.astype(np.float32))[None] - 0.5) / 0.5
    picture = np.load(HERE / "images.npz")["img1"]
    for name, size in [("n", (192, 288)), ("nk", (160, 224))]:
        inputs = {"direct/out": direct, "img1/raw_flipped": mirrored(picture, size)}
        # Also what the network makes of its own while it runs is in double precision.
        torch.set_default_dtype(torch.float64)
        model = network(name)
        path = HERE / f"zoedepth_{name}.npz"
        arrays = dict(np.load(path))
        with torch.inference_mode():
            results = {key: model(x.double()) for key, x in inputs.items()}
            if name == "nk":
                model.mlp_classifier[2].bias.data = torch.tensor([5.0, -5.0])
                results["direct_nyu/out"] = model(direct.double())
        for key, result in results.items():
            step = int(arrays[f"{key}_stride"])
            exact = result.numpy()[0]
            arrays[f"exact/{key}"] = exact[::step, ::step].astype(np.float32)
            arrays[f"exact/{key}_stride"] = np.int64(step)
            arrays[f"exact/{key}_std"] = np.float64(exact.std())
            wanted = arrays[key].reshape(arrays[f"exact/{key}"].shape)
            off = np.abs(wanted - exact[::step, ::step]) / exact.std()
            print(
                f"zoedepth_{name} {key}: the reference is off by {off.max():.1e}, {off.mean():.1e} on average"
            )
        np.savez_compressed(path, **arrays)
        torch.set_default_dtype(torch.float32)


if __name__ == "__main__":
    main()
