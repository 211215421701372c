"""Makes pocket.npz: a thumbnail and what the pocket network in PyTorch predicts for it.

python pocket.py CHECKPOINT.pt PHOTO.jpg
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "models" / "pocket"))

import network

checkpoint, photo = sys.argv[1:]
picture = cv2.resize(cv2.imread(photo)[..., ::-1], (96, 64), interpolation=cv2.INTER_AREA)
x = torch.from_numpy((picture.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
with torch.no_grad():
    prediction = network.mirrored(network.load(Path(checkpoint)), x)[0].numpy()
meta = np.frombuffer(json.dumps([]).encode(), np.uint8)
np.savez_compressed(HERE / "pocket.npz", picture=picture, prediction=prediction, meta_json=meta)
