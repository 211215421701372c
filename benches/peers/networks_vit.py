"""The dense prediction transformers side by side: rilievo against PyTorch.

    cargo build --release --example forward
    python benches/peers/networks_vit.py [NETWORK] [THREADS] [ROUNDS] [HEIGHT] [WIDTH]

NETWORK is large_384, hybrid_384, beit_large_384 or beit_large_512.

The PyTorch networks are written as the reference program writes them: plain
modules in single precision, attention as three separate steps, weights
standardised and BEiT's tables of positions resized in every pass. Measured like `networks.py`. Needs torch, numpy
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

NAME = sys.argv[1] if len(sys.argv) > 1 else "large_384"
HEIGHT = int(sys.argv[4]) if len(sys.argv) > 4 else 512 if NAME.endswith("512") else 384
WIDTH = int(sys.argv[5]) if len(sys.argv) > 5 else round(HEIGHT * 4 / 3 / 32) * 32  # a photo of 4:3


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class BeitAttention(nn.Module):
    def __init__(self, width: int, heads: int, grid: int) -> None:
        super().__init__()
        self.heads, self.scale, self.side = heads, (width // heads) ** -0.5, 2 * grid - 1
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.q_bias, self.v_bias = (nn.Parameter(0.1 * torch.randn(width)) for _ in range(2))
        self.register_buffer("k_bias", torch.zeros(width), persistent=False)
        self.relative_position_bias_table = nn.Parameter(0.3 * torch.randn(self.side**2 + 3, heads))
        self.indices: dict[tuple[int, int], torch.Tensor] = {}

    def index(self, rows: int, columns: int) -> torch.Tensor:
        y, x = torch.arange(rows), torch.arange(columns)
        y, x = (part.flatten() for part in torch.meshgrid(y, x, indexing="ij"))
        offsets = (2 * rows - 1) * (2 * columns - 1)
        index = torch.full((len(y) + 1, len(y) + 1), offsets + 2)
        index[1:, 1:] = (y[:, None] - y + rows - 1) * (2 * columns - 1) + x[:, None] - x + columns - 1
        index[0, 1:], index[1:, 0] = offsets, offsets + 1
        return index

    def bias(self, grid: tuple[int, int]) -> torch.Tensor:
        if grid not in self.indices:
            self.indices[grid] = self.index(*grid)
        index, table = self.indices[grid], self.relative_position_bias_table
        offsets = table[: self.side**2].reshape(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        size = tuple(2 * side - 1 for side in grid)
        offsets = F.interpolate(offsets, size=size, mode="bilinear").permute(0, 2, 3, 1)
        table = torch.cat((offsets.reshape(size[0] * size[1], -1), table[self.side**2 :]))
        return table[index.view(-1)].view(*index.shape, -1).permute(2, 0, 1).contiguous()

    def forward(self, x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        b, n, c = x.shape
        bias = torch.cat((self.q_bias, self.k_bias, self.v_bias))
        qkv = F.linear(x, self.qkv.weight, bias)
        q, k, v = qkv.reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q * self.scale @ k.transpose(-2, -1)) + self.bias(grid)
        return self.proj((weights.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


class BeitBlock(nn.Module):
    def __init__(self, width: int, heads: int, grid: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = BeitAttention(width, heads, grid), Mlp(width)
        self.gamma_1, self.gamma_2 = (nn.Parameter(torch.full((width,), 0.3)) for _ in range(2))

    def forward(self, x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        x = x + self.gamma_1 * self.attn(self.norm1(x), grid)
        return x + self.gamma_2 * self.mlp(self.norm2(x))


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
    def __init__(self, width: int, heads: int, depth: int, taps: tuple[int, ...], beit: int) -> None:
        """`beit` is the side of BEiT's grid, 0 for other transformers."""
        super().__init__()
        self.taps, self.hybrid, self.beit = taps, len(taps) == 2, beit
        self.patch_embed = PatchEmbed(width, self.hybrid)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.3)
        if not beit:
            self.pos_embed = nn.Parameter(torch.randn(1, 24 * 24 + 1, width) * 0.3)
        self.blocks = nn.ModuleList(
            BeitBlock(width, heads, beit) if beit else Block(width, heads) for _ in range(depth)
        )

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        maps = self.patch_embed.backbone(x) if self.hybrid else [x]
        x = self.patch_embed.proj(maps.pop())
        rows, columns = x.shape[2:]
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)), 1)
        if not self.beit:
            grid = self.pos_embed[:, 1:].reshape(1, 24, 24, -1).permute(0, 3, 1, 2)
            grid = F.interpolate(grid, size=(rows, columns), mode="bilinear").permute(0, 2, 3, 1)
            x = x + torch.cat((self.pos_embed[:, :1], grid.reshape(1, rows * columns, -1)), 1)
        out = []
        for i, block in enumerate(self.blocks):
            x = block(x, (rows, columns)) if self.beit else block(x)
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
        self, width: int, heads: int, depth: int, taps: tuple[int, ...], levels: tuple[int, ...], beit: int
    ) -> None:
        super().__init__()
        self.model = Encoder(width, heads, depth, taps, beit)
        for i in range(4 - len(taps), 4):
            self.add_module(f"act_postprocess{i + 1}", Reassemble(width, levels[i], i))


class Upsample(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Dpt(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        large = (1024, 16, 24, (5, 11, 17, 23), (256, 512, 1024, 1024))
        width, heads, depth, taps, levels, beit = {
            "large_384": (*large, 0),
            "hybrid_384": (768, 12, 12, (8, 11), (256, 512, 768, 768), 0),
            "beit_large_384": (*large, 24),
            "beit_large_512": (*large, 32),
        }[name]
        self.pretrained = Pretrained(width, heads, depth, taps, levels, beit)
        self.scratch = nn.Module()
        for i, level in enumerate(levels, 1):
            self.scratch.add_module(f"layer{i}_rn", nn.Conv2d(level, 256, 3, padding=1, bias=False))
            self.scratch.add_module(f"refinenet{i}", Fusion(256))
        self.scratch.output_conv = nn.Sequential(
            nn.Conv2d(256, 128, 3, padding=1), Upsample(),
            nn.Conv2d(128, 32, 3, padding=1), nn.ReLU(True), nn.Conv2d(32, 1, 1), nn.ReLU(True),
        )  # fmt: skip

    def features(
        self, x: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """The coarsest level, the paths coarsest first, the last hidden layer, the prediction."""
        s = self.scratch
        grid = (x.shape[2] // 16, x.shape[3] // 16)
        levels, taps = self.pretrained.model(x)
        for i, tap in enumerate(taps, 5 - len(taps)):
            levels.append(getattr(self.pretrained, f"act_postprocess{i}")(tap, grid))
        l1, l2, l3, l4 = (getattr(s, f"layer{i}_rn")(level) for i, level in enumerate(levels, 1))
        paths = [s.refinenet4(l3.shape[2:], l4)]
        paths.append(s.refinenet3(l2.shape[2:], paths[-1], l3))
        paths.append(s.refinenet2(l1.shape[2:], paths[-1], l2))
        paths.append(s.refinenet1((2 * l1.shape[2], 2 * l1.shape[3]), paths[-1], l1))
        hidden = s.output_conv[:4](paths[-1])
        return l4, paths, hidden, s.output_conv[4:](hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x)[3].squeeze(1)


def main() -> None:
    torch.manual_seed(0)
    model = Dpt(NAME).eval()
    # A prediction that is not cut off at zero everywhere.
    nn.init.constant_(model.scratch.output_conv[4].bias, 1.0)
    x = torch.randn(1, 3, HEIGHT, WIDTH)
    compare(model, x, "forward", NAME, f"DPT {NAME}", THREADS, ROUNDS)


if __name__ == "__main__":
    main()
