"""Makes pocket.npz: a thumbnail and what the embedded file predicts for it in PyTorch.

python pocket.py PHOTO.jpg
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

HERE = Path(__file__).parent
POCKET = HERE.parents[1] / "models" / "pocket"
sys.path[:0] = [str(POCKET), str(POCKET / "train")]

import network
import unfold

picture = cv2.resize(cv2.imread(sys.argv[1])[..., ::-1], (96, 64), interpolation=cv2.INTER_AREA)
x = torch.from_numpy((picture.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
with torch.no_grad():
    prediction = network.mirrored(unfold.unfold(POCKET / "pocket.safetensors").eval(), x)[0].numpy()
meta = np.frombuffer(json.dumps([]).encode(), np.uint8)
np.savez_compressed(HERE / "pocket.npz", picture=picture, prediction=prediction, meta_json=meta)
