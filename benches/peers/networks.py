"""Depth Anything v2 side by side: rilievo against PyTorch.

    cargo build --release --example forward
    python benches/peers/networks.py [small|base|large] [THREADS] [ROUNDS] [SIDE]

The PyTorch network is written as the reference program writes it: plain
modules in single precision, attention as three separate steps. The same
seeded weights and input go to both; forward passes are interleaved in one run
and the medians are compared. Needs torch, numpy and safetensors.
"""

from __future__ import annotations

import os
import sys

SIZE = sys.argv[1] if len(sys.argv) > 1 else "small"
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
SIDE = int(sys.argv[4]) if len(sys.argv) > 4 else 518
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import torch
import torch.nn.functional as F
from side_by_side import compare
from torch import nn

torch.set_num_threads(THREADS)
# width, heads, depth, taps, levels, features
SIZES = {
    "small": (384, 6, 12, (2, 5, 8, 11), (48, 96, 192, 384), 64),
    "base": (768, 12, 12, (2, 5, 8, 11), (96, 192, 384, 768), 128),
    "large": (1024, 16, 24, (4, 11, 17, 23), (256, 512, 1024, 1024), 256),
}


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q * self.scale @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(b, n, c))


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)
        self.ls1, self.ls2 = Scale(width), Scale(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 14, 14)


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, depth: int, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.taps = taps
        self.patch_embed = PatchEmbed(width)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.3)
        self.pos_embed = nn.Parameter(torch.randn(1, 37 * 37 + 1, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def positions(self, rows: int, columns: int) -> torch.Tensor:
        if rows == columns == 37:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].reshape(1, 37, 37, -1).permute(0, 3, 1, 2)
        factor = ((rows + 0.1) / 37, (columns + 0.1) / 37)
        grid = F.interpolate(grid, scale_factor=factor, mode="bicubic").permute(0, 2, 3, 1)
        return torch.cat((self.pos_embed[:, :1], grid.reshape(1, rows * columns, -1)), 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        rows, columns = x.shape[2] // 14, x.shape[3] // 14
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1) + self.positions(rows, columns)
        out = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                tap = self.norm(x)[:, 1:]
                out.append(tap.permute(0, 2, 1).reshape(len(x), -1, rows, columns))
        return out


class Unit(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(F.relu(self.conv1(F.relu(x)))) + x


class Fusion(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(features, features, 1)
        self.resConfUnit1, self.resConfUnit2 = Unit(features), Unit(features)

    def forward(
        self, size: tuple[int, int], x: torch.Tensor, level: torch.Tensor | None = None
    ) -> torch.Tensor:
        if level is not None:
            x = x + self.resConfUnit1(level)
        x = F.interpolate(self.resConfUnit2(x), size=size, mode="bilinear", align_corners=True)
        return self.out_conv(x)


class Scratch(nn.Module):
    def __init__(self, levels: tuple[int, ...], features: int) -> None:
        super().__init__()
        for i, level in enumerate(levels, 1):
            setattr(self, f"layer{i}_rn", nn.Conv2d(level, features, 3, padding=1, bias=False))
            setattr(self, f"refinenet{i}", Fusion(features))
        self.output_conv1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(features // 2, 32, 3, padding=1), nn.ReLU(True), nn.Conv2d(32, 1, 1), nn.ReLU(True)
        )


class Decoder(nn.Module):
    def __init__(self, width: int, levels: tuple[int, ...], features: int) -> None:
        super().__init__()
        self.projects = nn.ModuleList(nn.Conv2d(width, level, 1) for level in levels)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(levels[0], levels[0], 4, 4),
                nn.ConvTranspose2d(levels[1], levels[1], 2, 2),
                nn.Identity(),
                nn.Conv2d(levels[3], levels[3], 3, 2, 1),
            ]
        )
        self.scratch = Scratch(levels, features)

    def forward(self, taps: list[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        s = self.scratch
        x = [resize(project(tap)) for tap, project, resize in zip(taps, self.projects, self.resize_layers)]
        l1, l2, l3, l4 = (getattr(s, f"layer{i}_rn")(level) for i, level in enumerate(x, 1))
        path = s.refinenet4(l3.shape[2:], l4)
        path = s.refinenet3(l2.shape[2:], path, l3)
        path = s.refinenet2(l1.shape[2:], path, l2)
        path = s.refinenet1((2 * l1.shape[2], 2 * l1.shape[3]), path, l1)
        path = F.interpolate(s.output_conv1(path), size, mode="bilinear", align_corners=True)
        return s.output_conv2(path)


class DepthAnything(nn.Module):
    def __init__(self, size: str) -> None:
        super().__init__()
        width, heads, depth, taps, levels, features = SIZES[size]
        self.pretrained = Encoder(width, heads, depth, taps)
        self.depth_head = Decoder(width, levels, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.depth_head(self.pretrained(x), x.shape[2:])).squeeze(1)


def main() -> None:
    torch.manual_seed(0)
    model = DepthAnything(SIZE).eval()
    # A prediction that is not cut off at zero everywhere.
    nn.init.constant_(model.depth_head.scratch.output_conv2[2].bias, 1.0)
    x = torch.randn(1, 3, SIDE, SIDE)
    compare(model, x, "forward", f"v2_{SIZE}", SIZE, THREADS, ROUNDS)


if __name__ == "__main__":
    main()
