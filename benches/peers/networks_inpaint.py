"""The networks of 3D photos side by side: rilievo against PyTorch.

    cargo build --release --example forward_conv
    python benches/peers/networks_inpaint.py [edge|depth|color] [THREADS] [ROUNDS] [HEIGHT] [WIDTH]

The PyTorch networks are written as the reference program writes them:
spectral norms are divided by in every pass, and a partial convolution counts
the known pixels with a second convolution as large as the first. Measured
like `networks.py`. Needs torch, numpy and safetensors.
"""

from __future__ import annotations

import sys

# isort: off
from networks import ROUNDS, THREADS  # sets the thread counts; before torch

# isort: on
import torch
import torch.nn.functional as F
from side_by_side import compare
from torch import nn
from torch.nn.utils import spectral_norm

NAME = sys.argv[1] if len(sys.argv) > 1 else "edge"
# The sides must be multiples of 128.
HEIGHT = int(sys.argv[4]) if len(sys.argv) > 4 else 256
WIDTH = int(sys.argv[5]) if len(sys.argv) > 5 else 256


class ResidualBlock(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(dilation),
            spectral_norm(nn.Conv2d(width, width, 3, dilation=dilation, bias=False)),
            nn.InstanceNorm2d(width),
            nn.LeakyReLU(0.2),
            nn.ReflectionPad2d(1),
            spectral_norm(nn.Conv2d(width, width, 3, bias=False)),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


def normed(conv: nn.Module, width: int) -> list[nn.Module]:
    return [spectral_norm(conv), nn.InstanceNorm2d(width), nn.ReLU(True)]


class EdgeNet(nn.Module):
    INPUTS = 7

    def __init__(self) -> None:
        super().__init__()
        self.encoder_0 = nn.Sequential(nn.ReflectionPad2d(3), *normed(nn.Conv2d(self.INPUTS, 64, 7), 64))
        self.encoder_1 = nn.Sequential(*normed(nn.Conv2d(64, 128, 4, 2, 1), 128))
        self.encoder_2 = nn.Sequential(*normed(nn.Conv2d(128, 256, 4, 2, 1), 256))
        self.middle = nn.Sequential(*(ResidualBlock(256, 2) for _ in range(8)))
        self.decoder_0 = nn.Sequential(*normed(nn.ConvTranspose2d(512, 128, 4, 2, 1), 128))
        self.decoder_1 = nn.Sequential(*normed(nn.ConvTranspose2d(256, 64, 4, 2, 1), 64))
        self.decoder_2 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(128, 1, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Colours, disparity over its largest value, edges, context and mask.
        x = torch.cat((x[:, :3], x[:, 3:4] / x[:, 3:4].max(), x[:, 4:]), 1)
        x1 = self.encoder_0(x)
        x2 = self.encoder_1(x1)
        x3 = self.encoder_2(x2)
        x = self.decoder_0(torch.cat((self.middle(x3), x3), 1))
        x = self.decoder_1(torch.cat((x, x2), 1))
        return torch.sigmoid(self.decoder_2(torch.cat((x, x1), 1)))


class PartialConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, bias: bool) -> None:
        super().__init__()
        self.input_conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
        self.mask_conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        nn.init.ones_(self.mask_conv.weight)
        self.window = inputs * kernel * kernel

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.input_conv(x * mask)
        bias = 0 if self.input_conv.bias is None else self.input_conv.bias.view(1, -1, 1, 1).expand_as(y)
        count = self.mask_conv(mask)
        holes = count == 0
        y = (y - bias) * self.window / count.masked_fill_(holes, 1.0) + bias
        return y.masked_fill_(holes, 0.0), torch.ones_like(y).masked_fill_(holes, 0.0)


class Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, slope: float, last: bool) -> None:
        super().__init__()
        self.conv = PartialConv(inputs, outputs, kernel, stride, last)
        self.slope, self.last = slope, last
        if not last and inputs > 6:
            self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, mask = self.conv(x, mask)
        if hasattr(self, "bn"):
            x = self.bn(x)
        return x if self.last else F.leaky_relu(x, self.slope), mask


class Inpaint(nn.Module):
    def __init__(self, content: int) -> None:
        super().__init__()
        self.content = content
        channels = [content + 3, 64, 128, 256, 512, 512, 512, 512]
        self.names = []
        for i, kernel in enumerate((7, 5, 5, 3, 3, 3, 3), 1):
            setattr(self, f"enc_{i}", Layer(channels[i - 1], channels[i], kernel, 2, 0.0, False))
            self.names.append(f"dec_{i}A" if content == 3 and i < 6 else f"dec_{i}")
            inputs, outputs = channels[i] + channels[i - 1], content if i == 1 else channels[i - 1]
            setattr(self, self.names[-1], Layer(inputs, outputs, 3, 1, 0.2, i == 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Content, edges, context and mask.
        known = (x[:, -2:-1] + x[:, -1:]).clamp(0, 1).expand_as(x)
        levels = [(x, known)]
        for i in range(1, 8):
            levels.append(getattr(self, f"enc_{i}")(*levels[-1]))
        x, known = levels[7]
        for i in range(7, 0, -1):
            finer = levels[i - 1]
            parts = zip((x, known), finer)
            x, known = (torch.cat((F.interpolate(a, b.shape[2:]), b), 1) for a, b in parts)
            x, known = getattr(self, self.names[i - 1])(x, known)
        return torch.sigmoid(x) if self.content == 3 else x


def main() -> None:
    torch.manual_seed(0)
    content = {"edge": 4, "depth": 1, "color": 3}[NAME]
    model = EdgeNet() if NAME == "edge" else Inpaint(content)
    x = torch.rand(1, content + 3, HEIGHT, WIDTH)
    mask, context = x[:, -1:], x[:, -2:-1]
    mask[:], context[:] = 0, 1
    mask[..., HEIGHT // 4 : HEIGHT // 2, WIDTH // 3 : 2 * WIDTH // 3] = 1
    context -= mask
    x[:, -3:-2] = (x[:, -3:-2] > 0.95).float()
    x[:, :content] *= context
    if NAME != "edge":
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            # Two sizes larger, as a normalisation of a single pixel has no statistics.
            model.train()(F.interpolate(x, scale_factor=2))
    model.eval()
    compare(model, x, "forward_conv", f"inpaint_{NAME}", f"inpaint {NAME}", THREADS, ROUNDS)


if __name__ == "__main__":
    main()
