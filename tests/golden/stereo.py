"""Makes ``stereo.npz`` from the full set of reference eyes.

    python stereo.py FULL/stereo.npz

Inputs are kept as arrays, the reference's eyes as SHA-256 of their bytes.
Cases on pictures without a stated licence are left out.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

UNLICENSED = ("img2", "img_rgba")


def main(path: str) -> None:
    full = np.load(path)
    kept, cases = {}, []
    for case in json.loads(bytes(full["meta_json"])):
        if case["image"] in UNLICENSED:
            continue
        for key in ("image", "depth"):
            kept[case[key]] = full[case[key]]
        for key in ("left", "right", "out"):
            if key in case:
                case[key] = hashlib.sha256(np.ascontiguousarray(full[case[key]]).tobytes()).hexdigest()
        cases.append(case)
    kept["meta_json"] = np.frombuffer(json.dumps(cases).encode(), np.uint8)
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **kept)
    print(len(cases), "cases")


if __name__ == "__main__":
    main(sys.argv[1])
