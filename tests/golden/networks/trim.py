"""Makes the committed golden files of the networks from the full ones.

    python trim.py FOLDER_OF_FULL_FILES MODEL...

The full files hold what the reference networks compute from pseudo-random
weights (the manifest's rule, seed 1) on a pseudo-random input and on two
pictures. Here every picture-sized array keeps every n-th row and column
(``<name>_stride`` says which), everything else is kept.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

STEP = {"out": 2, "net_input": 5, "raw": 3, "final": 3, "rel_depth": 3, "raw_flipped": 3, "padded_input": 5}
SKIP = ("_stride", "_stats")


def main(source: Path, models: list[str]) -> None:
    here = Path(__file__).parent
    shutil.copy(source / "open" / "images.npz", here / "images.npz")
    for model in models:
        manifest = json.loads((source / "manifests" / f"{model}.json").read_text())
        (here / f"{model}.json").write_text(json.dumps(manifest, separators=(",", ":")) + "\n")
        full = np.load(source / "open" / f"{model}.npz")
        kept = {}
        for key in full.files:
            if key.endswith(SKIP) or "/actshape/" in key:
                continue
            array = full[key]
            step = STEP.get(key.rpartition("/")[2], 1) if array.ndim >= 2 else 1
            kept[key] = np.ascontiguousarray(array[..., ::step, ::step]) if step > 1 else array
            if array.ndim >= 2:
                stride = int(full[f"{key}_stride"]) if f"{key}_stride" in full.files else 1
                kept[f"{key}_stride"] = np.int64(stride * step)
                stats = f"{key}_stats"
                kept[f"{key}_std"] = np.float64(
                    full[stats][1] if stats in full.files else array.std(dtype=np.float64)
                )
        np.savez_compressed(here / f"{model}.npz", **kept)
        print(f"{model}: {(here / f'{model}.npz').stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
