"""DPT-Large and DPT-Hybrid side by side: rilievo against PyTorch.

    cargo build --release --example forward
    python benches/peers/networks_vit.py [large|hybrid] [THREADS] [ROUNDS] [HEIGHT] [WIDTH]

The PyTorch networks are written as the reference program writes them: plain
modules in single precision, attention as three separate steps, weights
standardised in every pass. Measured like `networks.py`. Needs torch, numpy
and safetensors.
"""

from __future__ import annotations

import sys

# isort: off
from networks import ROUNDS, THREADS, Attention, Fusion, Mlp  # sets the thread counts; before torch

# isort: on
import torch
import torch.nn.functional as F
from side_by_side import compare
from torch import nn

NAME = sys.argv[1] if len(sys.argv) > 1 else "large"
HEIGHT = int(sys.argv[4]) if len(sys.argv) > 4 else 384
WIDTH = int(sys.argv[5]) if len(sys.argv) > 5 else 288


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def same(x: torch.Tensor, kernel: int, stride: int, value: float = 0.0) -> torch.Tensor:
    rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:])
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2), value=value)


class StdConv(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0, eps=1e-8).reshape_as(self.weight)
        return F.conv2d(same(x, self.kernel_size[0], self.stride[0]), weight, None, self.stride)


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        hidden = outputs // 4
        self.conv1, self.norm1 = StdConv(inputs, hidden, 1, bias=False), nn.GroupNorm(32, hidden)
        self.conv2, self.norm2 = StdConv(hidden, hidden, 3, stride, bias=False), nn.GroupNorm(32, hidden)
        self.conv3, self.norm3 = StdConv(hidden, outputs, 1, bias=False), nn.GroupNorm(32, outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Module()
            self.downsample.conv = StdConv(inputs, outputs, 1, stride, bias=False)
            self.downsample.norm = nn.GroupNorm(32, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample.norm(self.downsample.conv(x))
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(x)))
        return F.relu(self.norm3(self.conv3(x)) + shortcut)


class Stage(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, depth: int) -> None:
        super().__init__()
        blocks = [Bottleneck(inputs, outputs, stride)]
        blocks += [Bottleneck(outputs, outputs, 1) for _ in range(depth - 1)]
        self.blocks = nn.Sequential(*blocks)


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Module()
        self.stem.conv, self.stem.norm = StdConv(3, 64, 7, 2, bias=False), nn.GroupNorm(32, 64)
        self.stages = nn.ModuleList([Stage(64, 256, 1, 3), Stage(256, 512, 2, 4), Stage(512, 1024, 2, 9)])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu(self.stem.norm(self.stem.conv(x)))
        x = F.max_pool2d(same(x, 3, 2, float("-inf")), 3, 2)
        out = []
        for stage in self.stages:
            x = stage.blocks(x)
            out.append(x)
        return out


class PatchEmbed(nn.Module):
    def __init__(self, width: int, hybrid: bool) -> None:
        super().__init__()
        if hybrid:
            self.backbone = Backbone()
        self.proj = nn.Conv2d(1024, width, 1) if hybrid else nn.Conv2d(3, width, 16, 16)


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, depth: int, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.taps, self.hybrid = taps, len(taps) == 2
        self.patch_embed = PatchEmbed(width, self.hybrid)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.3)
        self.pos_embed = nn.Parameter(torch.randn(1, 24 * 24 + 1, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        maps = self.patch_embed.backbone(x) if self.hybrid else [x]
        x = self.patch_embed.proj(maps.pop())
        rows, columns = x.shape[2:]
        grid = self.pos_embed[:, 1:].reshape(1, 24, 24, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(rows, columns), mode="bilinear").permute(0, 2, 3, 1)
        positions = torch.cat((self.pos_embed[:, :1], grid.reshape(1, rows * columns, -1)), 1)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)), 1) + positions
        out = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                out.append(x)
        return maps, out


class Readout(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(torch.cat((x[:, 1:], x[:, :1].expand_as(x[:, 1:])), -1))


class Reassemble(nn.Module):
    def __init__(self, width: int, channels: int, level: int) -> None:
        super().__init__()
        resize = [
            lambda: nn.ConvTranspose2d(channels, channels, 4, 4),
            lambda: nn.ConvTranspose2d(channels, channels, 2, 2),
            nn.Identity,
            lambda: nn.Conv2d(channels, channels, 3, 2, 1),
        ][level]
        for name, part in (("0", Readout(width)), ("3", nn.Conv2d(width, channels, 1)), ("4", resize())):
            self.add_module(name, part)

    def forward(self, x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        readout, project, resize = self.children()
        return resize(project(readout(x).transpose(1, 2).unflatten(2, grid)))


class Pretrained(nn.Module):
    def __init__(
        self, width: int, heads: int, depth: int, taps: tuple[int, ...], levels: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.model = Encoder(width, heads, depth, taps)
        for i in range(4 - len(taps), 4):
            self.add_module(f"act_postprocess{i + 1}", Reassemble(width, levels[i], i))


class Upsample(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Dpt(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        width, heads, depth, taps, levels = {
            "large": (1024, 16, 24, (5, 11, 17, 23), (256, 512, 1024, 1024)),
            "hybrid": (768, 12, 12, (8, 11), (256, 512, 768, 768)),
        }[name]
        self.pretrained = Pretrained(width, heads, depth, taps, levels)
        self.scratch = nn.Module()
        for i, level in enumerate(levels, 1):
            self.scratch.add_module(f"layer{i}_rn", nn.Conv2d(level, 256, 3, padding=1, bias=False))
            self.scratch.add_module(f"refinenet{i}", Fusion(256))
        self.scratch.output_conv = nn.Sequential(
            nn.Conv2d(256, 128, 3, padding=1), Upsample(),
            nn.Conv2d(128, 32, 3, padding=1), nn.ReLU(True), nn.Conv2d(32, 1, 1), nn.ReLU(True),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s = self.scratch
        grid = (x.shape[2] // 16, x.shape[3] // 16)
        levels, taps = self.pretrained.model(x)
        for i, tap in enumerate(taps, 5 - len(taps)):
            levels.append(getattr(self.pretrained, f"act_postprocess{i}")(tap, grid))
        l1, l2, l3, l4 = (getattr(s, f"layer{i}_rn")(level) for i, level in enumerate(levels, 1))
        path = s.refinenet4(l3.shape[2:], l4)
        path = s.refinenet3(l2.shape[2:], path, l3)
        path = s.refinenet2(l1.shape[2:], path, l2)
        path = s.refinenet1((2 * l1.shape[2], 2 * l1.shape[3]), path, l1)
        return s.output_conv(path).squeeze(1)


def main() -> None:
    torch.manual_seed(0)
    model = Dpt(NAME).eval()
    # A prediction that is not cut off at zero everywhere.
    nn.init.constant_(model.scratch.output_conv[4].bias, 1.0)
    x = torch.randn(1, 3, HEIGHT, WIDTH)
    compare(model, x, "forward", f"{NAME}_384", f"DPT {NAME}", THREADS, ROUNDS)


if __name__ == "__main__":
    main()
