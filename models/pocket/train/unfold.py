"""From the file that the wheel embeds back to a network that can be trained.

    python unfold.py pocket.safetensors CHECKPOINT.pt

writes the network as a checkpoint, its normalisation not yet fitted to pictures; `train.py --start` reads the file
itself and does that as well.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402
from export import parts  # noqa: E402


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of a pocket file, and what it says of itself."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    config = json.loads(header.pop("__metadata__")["rilievo.pocket"])
    tensors = {}
    for name, entry in header.items():
        first, end = (start + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[first:end], "<f2").astype(np.float32)
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors, config


def unfold(path: Path) -> pocket.Pocket:
    """A network with normalisation that computes the same as the file's, where that was folded in.

    How long the weights of a normalised output are makes no difference to what is computed, only to how fast they
    turn while they are trained. Folding spread them (98 % of version 1's are 0.06 to 9 long, of the ImageNet encoder's
    0.1 to 2.6); here they are 1 long.
    """
    folded, config = read(path)
    kinds = {sum(repeats): kind for kind, repeats in pocket.REPEATS.items()}
    widths = tuple(level["channels"] for level in config["decoder"])
    network = pocket.Pocket(kinds[len(config["encoder"])], widths, config["context"], config["head"])
    state = network.state_dict()
    for name, conv, norm, eps in parts(state):
        weight, bias = folded[f"{name}.weight"], folded[f"{name}.bias"]
        if norm is None:
            state[f"{conv}.bias"].copy_(bias)
        else:
            length = weight.flatten(1).norm(dim=1).clamp(min=1e-8)
            weight = weight / length[:, None, None, None]
            state[f"{norm}.weight"].copy_(length * (1 + eps) ** 0.5)
            state[f"{norm}.bias"].copy_(bias)
        state[f"{conv}.weight"].copy_(weight.view_as(state[f"{conv}.weight"]))
    return network.eval()


def calibrate(network: nn.Module, x: Tensor) -> None:
    """Gives every normalisation the statistics of what it gets for `x`, leaving what the network computes unchanged."""

    def fit(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * gain
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(gain * torch.sqrt(variance + norm.eps))
        norm.bias.copy_(shift + gain * mean)

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(fit) for norm in norms]
    network.eval()
    with torch.no_grad():
        network(x)
    for hook in hooks:
        hook.remove()


if __name__ == "__main__":
    torch.save(unfold(Path(sys.argv[1])).state_dict(), sys.argv[2])
