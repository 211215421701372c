"""What the network is trained to make small. All of it is blind to the scale and shift of a prediction."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

KEPT = 0.8
SCALES = 4
PAIRS = 2048
APART = 1.05
SOFTNESS = 0.1


def normalise(maps: Tensor) -> Tensor:
    """Every map less its median, over its mean absolute deviation."""
    flat = maps.flatten(1)
    middle = flat.median(1, keepdim=True)[0]
    spread = (flat - middle).abs().mean(1, keepdim=True) + 1e-3
    return ((flat - middle) / spread).view_as(maps)


def loss_of(prediction: Tensor, truth: Tensor, gradients: float, order: float) -> Tensor:
    """Trimmed absolute error plus gradient matching on four scales (Ranftl et al. 2020), plus `order` times a ranking loss."""
    p, t = normalise(prediction.float()), normalise(truth)
    difference = p - t
    residual = difference.abs().flatten(1)
    kept = int(residual.shape[1] * KEPT)
    absolute = residual.sort(1)[0][:, :kept].sum(1) / residual.shape[1]
    matching = torch.zeros_like(absolute)
    for scale in range(SCALES):
        d = difference[:, :: 2**scale, :: 2**scale]
        matching = (
            matching
            + (d[:, 1:] - d[:, :-1]).abs().mean((1, 2))
            + (d[:, :, 1:] - d[:, :, :-1]).abs().mean((1, 2))
        )
    total = (absolute + gradients * matching).mean()
    return total + order * ranking(p, truth) if order else total


def ranking(p: Tensor, truth: Tensor) -> Tensor:
    """Random pairs of points whose depths differ by more than 5 % must come in the right order (Chen et al. 2016).

    Among points that are far away inverse depths hardly differ; the errors above overlook them.
    """
    n, points = len(p), truth[0].numel()
    chosen = torch.randint(points, (2, n, PAIRS), device=p.device)
    near = [truth.flatten(1).gather(1, k).clamp(min=1e-4) for k in chosen]
    ahead = [p.flatten(1).gather(1, k) for k in chosen]
    sign = torch.sign(near[0] - near[1])
    counts = (torch.maximum(*near) / torch.minimum(*near) > APART).float()
    wrong = F.softplus(-sign * (ahead[0] - ahead[1]) / SOFTNESS) * SOFTNESS
    return (wrong * counts).sum() / counts.sum().clamp(min=1)
