"""Batch normalisation of the lateral connections, which the network has while it is trained only."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402


def with_lateral_norms(network: pocket.Pocket) -> pocket.Pocket:
    """Normalises every lateral while training, so that no level drowns another; `fold_laterals` takes it out."""
    network.lat = nn.ModuleList(
        nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)) for conv in network.lat
    )
    return network


def tame(network: pocket.Pocket, x: Tensor) -> None:
    """Prepares a network that was trained without lateral normalisation, leaving what it computes unchanged.

    Every lateral's normalisation starts as the identity on `x`, and the activations of every level, whose variance
    can reach 1e5 in such a network, are divided by their spread: residual levels of normalised blocks compute the
    same at any scale (but for the tiny constant that keeps normalisation from dividing by zero).
    """
    inputs: dict[int, Tensor] = {}
    levels = [network.top, *network.blk]
    hooks = [
        level.register_forward_pre_hook(lambda _, y, n=n: inputs.__setitem__(n, y[0]))
        for n, level in enumerate(levels)
    ]
    network.eval()
    with torch.no_grad():
        for lateral, tap in zip(network.lat, network.enc(x)[::-1]):
            y = lateral[0](tap)
            norm = lateral[1]
            norm.running_mean.copy_(y.mean((0, 2, 3)))
            norm.running_var.copy_(y.var((0, 2, 3)))
            norm.bias.copy_(norm.running_mean)
            norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
        spread = network(x).std()
        for hook in hooks:
            hook.remove()
        network.head[2].weight /= spread
        network.head[2].bias /= spread
        for n, level in enumerate(levels):
            spread = inputs[n].std()
            sources = [network.lat[n][1], network.ctx[2] if n == 0 else network.red[n - 1]]
            for module in sources + [block.n2 for block in level]:
                module.weight /= spread
                module.bias /= spread
            for block in level:
                block.n1.running_mean /= spread
                block.n1.running_var /= spread**2
            (network.red[n] if n < len(network.red) else network.head[0]).weight.mul_(spread)


def fold_laterals(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a plain `Pocket` that computes the same."""
    folded = {key: value for key, value in state.items() if not key.startswith("lat.")}
    for level in range(5):
        norm = {
            name: state[f"lat.{level}.1.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        }
        gain = norm["weight"] / torch.sqrt(norm["running_var"] + 1e-5)
        folded[f"lat.{level}.weight"] = (
            state[f"lat.{level}.0.weight"].double() * gain[:, None, None, None]
        ).float()
        bias = state[f"lat.{level}.0.bias"].double() - norm["running_mean"]
        folded[f"lat.{level}.bias"] = (norm["bias"] + bias * gain).float()
    return folded
