"""Makes the golden files of the layouts that the `transformers` library gives to checkpoints.

    pip install torch 'transformers==4.57.*'
    python transformers_layouts.py

For each network: the names and shapes of the library's own state dict, each filled with the
pseudo-random numbers of this folder (a hash of seed, name and index; see `tests/rust/pseudo`),
and what the library computes from them. The networks are tiny, with the structure of the published
ones; Depth Anything is the published Small, at the one size where the library does not resample
positions (it does that differently from the program it comes from). Grids of patches are even, as
the programs make them: the library fuses odd ones differently.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import (
    BeitConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)

SEED = 1
GOLD = np.uint64(0x9E3779B97F4A7C15)
HERE = Path(__file__).parent


def mix(z):
    with np.errstate(over="ignore"):
        z = np.uint64(z)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, shape, lo, hi):
    hash_ = 0xCBF29CE484222325
    for byte in name.encode():
        hash_ = ((hash_ ^ byte) * 0x100000001B3) & (2**64 - 1)
    with np.errstate(over="ignore"):
        key = mix(np.uint64(hash_) ^ mix(np.uint64(SEED) * GOLD + np.uint64(1)))
        z = key + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * GOLD
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float64) / 2**24
    return (unit * (hi - lo) + lo).astype(np.float32).reshape(shape)


def pseudo_input(name, shape, lo, hi):
    channels, height, width = shape
    cells = uniform(name + "#coarse", (channels, -(-height // 8), -(-width // 8)), lo, hi)
    cells = cells.repeat(8, 1).repeat(8, 2)[:, :height, :width]
    return cells + uniform(name + "#fine", shape, -0.25, 0.25)


def reach(name, shape):
    """The range a tensor is filled from: layers keep the scale of what they are given."""
    if "lambda" in name or "layer_scale" in name:
        return 0.1, 0.5
    if len(shape) <= 1:
        norm = "norm" in name and name.endswith("weight")
        return (0.9, 1.1) if norm else (-0.1, 0.1)
    if name.startswith("head.") and shape[0] == 1 or name.startswith("relative_head.conv3"):
        return 0.1, 0.5
    if "relative_position_bias_table" in name:
        return -1.0, 1.0
    if any(part in name for part in ("cls_token", "position_embeddings", "mask_token")):
        return -0.5, 0.5
    transposed = "resize" in name and shape[0] == shape[1] and shape[2] in (2, 4)
    inputs = shape[0] if transposed else int(np.prod(shape[1:]))
    bound = float(np.sqrt(3 / inputs))
    return -bound, bound


def write(name, model, size, range_=(-1.8, 1.8)):
    state = model.state_dict()
    tensors = []
    for key, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        lo, hi = reach(key, tensor.shape)
        fill = {"kind": "uniform", "lo": lo, "hi": hi}
        tensors.append({"name": key, "shape": list(tensor.shape), "dtype": "float32", "fill": fill})
        state[key] = torch.from_numpy(uniform(key, tuple(tensor.shape), lo, hi))
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        values = torch.from_numpy(pseudo_input("direct", (3, *size), *range_))[None]
        out = model(values).predicted_depth.squeeze().numpy()
    step = -(-out.shape[0] // 160)
    manifest = {"model": name, "tensors": tensors}
    (HERE / f"{name}.json").write_text(json.dumps(manifest, separators=(",", ":")) + "\n")
    np.savez_compressed(
        HERE / f"{name}.npz",
        **{
            "direct/out": out[::step, ::step],
            "direct/out_stride": np.int64(step),
            "direct/out_std": np.float64(out.std(dtype=np.float64)),
            "direct/in_shape": np.array(size, np.int32),
        },
    )
    print(f"{name}: {len(tensors)} tensors, output {out.min():.3g} to {out.max():.3g}, std {out.std():.3g}")


def beit():
    return BeitConfig(
        image_size=64,
        num_hidden_layers=5,
        hidden_size=16,
        intermediate_size=64,
        num_attention_heads=2,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage3", "stage4", "stage5"],
        layer_norm_eps=1e-6,
        layer_scale_init_value=0.1,
    )


DPT = {
    "hidden_size": 16,
    "num_hidden_layers": 5,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 64,
    "layer_norm_eps": 1e-6,
    "fusion_hidden_size": 8,
}


def dpt_networks():
    vit = DPTConfig(**DPT, backbone_out_indices=[0, 2, 3, 4], neck_hidden_sizes=[4, 8, 16, 16])
    write("transformers_dpt", DPTForDepthEstimation(vit), (64, 64))
    bit = {
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": [1, 1, 2],
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
        "model_type": "bit",
    }
    hybrid = DPTConfig(
        **DPT,
        is_hybrid=True,
        backbone_config=bit,
        backbone_featmap_shape=[1, 1024, 4, 4],
        backbone_out_indices=[0, 1, 2, 4],
        neck_hidden_sizes=[256, 512, 16, 16],
        neck_ignore_stages=[0, 1],
    )
    write("transformers_dpt_hybrid", DPTForDepthEstimation(hybrid), (64, 64))
    beits = DPTConfig(**DPT, backbone_config=beit(), neck_hidden_sizes=[4, 8, 16, 16])
    write("transformers_dpt_beit", DPTForDepthEstimation(beits), (64, 96))


def depth_anything():
    for name, more in [("", {}), ("_metric", {"depth_estimation_type": "metric", "max_depth": 20})]:
        config = DepthAnythingConfig(
            backbone_config=Dinov2Config(
                image_size=518,
                patch_size=14,
                hidden_size=384,
                num_attention_heads=6,
                out_features=["stage3", "stage6", "stage9", "stage12"],
                reshape_hidden_states=False,
                apply_layernorm=True,
                layer_norm_eps=1e-6,
            ),
            reassemble_hidden_size=384,
            neck_hidden_sizes=[48, 96, 192, 384],
            fusion_hidden_size=64,
            **more,
        )
        write(f"transformers_depth_anything{name}", DepthAnythingForDepthEstimation(config), (518, 518))


def zoedepth():
    bins = {"n_bins": 8, "min_depth": 1e-3, "max_depth": 10.0}
    nyu, kitti = ({**bins, "name": name} for name in ("nyu", "kitti"))
    # The classifier of NK has a width that the library does not let anybody choose.
    router = {
        "num_patch_transformer_layers": 4,
        "patch_transformer_hidden_size": 128,
        "patch_transformer_intermediate_size": 1024,
        "patch_transformer_num_attention_heads": 4,
    }
    for name, bins, centres, attractors, embedding, more in [
        ("n", [nyu], "softplus", [3, 2, 2, 1], 8, {}),
        ("k", [nyu], "normed", [16, 4, 2, 1], 8, {}),
        ("nk", [nyu, kitti], "softplus", [16, 16, 16, 16], 128, router),
    ]:
        config = ZoeDepthConfig(
            backbone_config=beit(),
            neck_hidden_sizes=[4, 8, 16, 16],
            fusion_hidden_size=8,
            bottleneck_features=8,
            bin_configurations=bins,
            bin_centers_type=centres,
            num_attractors=attractors,
            bin_embedding_dim=embedding,
            **more,
        )
        write(f"transformers_zoedepth_{name}", ZoeDepthForDepthEstimation(config), (64, 96), (-1.0, 1.0))


if __name__ == "__main__":
    dpt_networks()
    zoedepth()
    depth_anything()
