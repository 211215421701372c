"""Convolutional networks side by side: rilievo against PyTorch.

    cargo build --release --example forward_conv
    python benches/peers/networks_conv.py [NETWORK] [THREADS] [ROUNDS] [HEIGHT WIDTH]

The PyTorch networks are plain modules in single precision in evaluation mode,
as their users run them: normalisations are layers of their own. The same
seeded weights and input go to both; forward passes are interleaved in one run
and the medians are compared. The weights are random, and the deep ResNeXt
amplifies rounding with them: in `midas_v21` PyTorch's own single precision is
about 1.4e-3 of the standard deviation from its double precision, so judge the
difference printed here by that. Needs torch, torchvision, timm, numpy and
safetensors.
"""

from __future__ import annotations

import os
import sys

# Height and width of the usual input.
SIZES = {
    "midas_v21_small": (256, 192),
    "midas_v21": (384, 288),
    "res101": (448, 448),
    "u2net": (320, 320),
    "u2netp": (320, 320),
    "isnet": (1024, 1024),
    "pix2pix": (1024, 1024),
}
NETWORK = sys.argv[1] if len(sys.argv) > 1 else "midas_v21_small"
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
HEIGHT, WIDTH = (int(sys.argv[4]), int(sys.argv[5])) if len(sys.argv) > 5 else SIZES[NETWORK]
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import timm
import torch
import torch.nn.functional as F
import torchvision
from side_by_side import compare
from torch import nn

torch.set_num_threads(THREADS)


def enlarged(x: torch.Tensor, corners: bool, size: tuple[int, int] | None = None) -> torch.Tensor:
    scale = None if size else 2
    return F.interpolate(x, size, scale, mode="bilinear", align_corners=corners)


class ResidualUnit(nn.Module):
    def __init__(self, features: int, in_place: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.relu = nn.ReLU(in_place)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.relu(self.conv1(self.relu(x))))
        return y + x


class Fusion(nn.Module):
    def __init__(self, features: int, small: bool, outputs: int) -> None:
        super().__init__()
        self.resConfUnit1 = ResidualUnit(features, not small)
        self.resConfUnit2 = ResidualUnit(features, not small)
        self.out_conv = nn.Conv2d(features, outputs, 1) if small else nn.Identity()

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        x = maps[0]
        if len(maps) == 2:
            x = x + self.resConfUnit1(maps[1])
        return self.out_conv(enlarged(self.resConfUnit2(x), True))


class Midas(nn.Module):
    def __init__(self, small: bool) -> None:
        super().__init__()
        self.pretrained, self.scratch = nn.Module(), nn.Module()
        if small:
            net = timm.create_model("tf_efficientnet_lite3")
            blocks = net.blocks
            layers = [
                nn.Sequential(net.conv_stem, net.bn1, nn.Identity(), blocks[0], blocks[1]),
                nn.Sequential(blocks[2]),
                nn.Sequential(blocks[3], blocks[4]),
                nn.Sequential(blocks[5], blocks[6]),
            ]
            levels, features, head = (32, 48, 136, 384), (64, 128, 256, 512), 32
        else:
            net = torchvision.models.resnext101_32x8d()
            layers = [
                nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1),
                net.layer2,
                net.layer3,
                net.layer4,
            ]
            levels, features, head = (256, 512, 1024, 2048), (256,) * 4, 128
        for i in range(4):
            setattr(self.pretrained, f"layer{i + 1}", layers[i])
            reduce = nn.Conv2d(levels[i], features[i], 3, padding=1, bias=False)
            setattr(self.scratch, f"layer{i + 1}_rn", reduce)
            fusion = Fusion(features[i], small, features[max(i - 1, 0)])
            setattr(self.scratch, f"refinenet{i + 1}", fusion)
        self.scratch.output_conv = nn.Sequential(
            nn.Conv2d(features[0], head, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(head, 32, 3, padding=1),
            nn.ReLU(True),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(True),
        )
        nn.init.constant_(self.scratch.output_conv[4].bias, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s, levels = self.scratch, []
        for i in range(1, 5):
            x = getattr(self.pretrained, f"layer{i}")(x)
            levels.append(getattr(s, f"layer{i}_rn")(x))
        path = s.refinenet4(levels[3])
        for i in (3, 2, 1):
            path = getattr(s, f"refinenet{i}")(path, levels[i - 1])
        return s.output_conv(path).squeeze(1)


class Transition(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv_branch = nn.Sequential(
            nn.ReLU(True),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(True),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        return F.relu(x + self.conv_branch(x))


class Merge(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.ftb1, self.ftb2 = Transition(inputs, 256), Transition(256, 256)

    def forward(self, level: torch.Tensor, coarser: torch.Tensor) -> torch.Tensor:
        return enlarged(self.ftb2(self.ftb1(level) + coarser), True)


class LeReS(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder_modules, self.decoder_modules = nn.Module(), nn.Module()
        net = torchvision.models.resnext101_32x8d()
        del net.fc
        self.encoder_modules.encoder = net
        d = self.decoder_modules
        d.conv, d.conv1 = Transition(2048, 512), nn.Conv2d(512, 256, 3, padding=1)
        d.ffm2, d.ffm1, d.ffm0 = Merge(1024), Merge(512), Merge(256)
        d.outconv = nn.Module()
        d.outconv.adapt_conv = nn.Sequential(
            nn.Conv2d(256, 128, 3, padding=1),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.Conv2d(128, 1, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        net, d = self.encoder_modules.encoder, self.decoder_modules
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        levels = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            levels.append(x)
        path = enlarged(d.conv1(d.conv(levels[3])), True)
        for merge, level in zip((d.ffm2, d.ffm1, d.ffm0), levels[2::-1]):
            path = merge(level, path)
        return d.outconv.adapt_conv(path).squeeze(1)


class Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn_s1(self.conv_s1(x)), inplace=True)


class Block(nn.Module):
    """A residual U-block; depth 0 stands for the dilated one of four layers."""

    def __init__(self, depth: int, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.depth, self.pooled = depth or 4, depth > 0
        dilations = [1] * (self.depth - 1) + [2] if depth else [1, 2, 4, 8]
        self.rebnconvin = Layer(inputs, outputs)
        for i, dilation in enumerate(dilations, 1):
            setattr(self, f"rebnconv{i}", Layer(outputs if i == 1 else middle, middle, dilation))
            if i < self.depth:
                setattr(self, f"rebnconv{i}d", Layer(2 * middle, outputs if i == 1 else middle, dilation))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = first = self.rebnconvin(x)
        levels = []
        for i in range(1, self.depth + 1):
            if self.pooled and 1 < i < self.depth:
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            x = getattr(self, f"rebnconv{i}")(x)
            levels.append(x)
        for i in range(self.depth - 1, 0, -1):
            x = enlarged(x, False, levels[i - 1].shape[2:])
            x = getattr(self, f"rebnconv{i}d")(torch.cat((x, levels[i - 1]), 1))
        return x + first


class U2Net(nn.Module):
    """U-2-Net, with every stage's middle and output channels, or IS-Net behind its first convolution."""

    def __init__(self, inputs: int, stages: list[tuple[int, int]], isnet: bool) -> None:
        super().__init__()
        if isnet:
            self.conv_in = nn.Conv2d(3, inputs, 3, 2, 1)
        self.isnet = isnet
        skips = []
        for name, depth, (middle, outputs) in zip("123456", (7, 6, 5, 4, 0, 0), stages):
            setattr(self, f"stage{name}", Block(depth, inputs, middle, outputs))
            skips.append(inputs := outputs)
        setattr(self, "side6", nn.Conv2d(inputs, 1, 3, padding=1))
        for name, depth, (middle, outputs) in zip("54321", (0, 4, 5, 6, 7), stages[6:]):
            setattr(self, f"stage{name}d", Block(depth, inputs + skips[int(name) - 1], middle, outputs))
            setattr(self, f"side{name}", nn.Conv2d(inputs := outputs, 1, 3, padding=1))
        if not isnet:
            self.outconv = nn.Conv2d(6, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size, levels = x.shape[2:], []
        if self.isnet:
            x = self.conv_in(x)
        for i in range(1, 7):
            x = getattr(self, f"stage{i}")(x if i == 1 else F.max_pool2d(x, 2, 2, ceil_mode=True))
            levels.append(x)
        maps = [x]
        for i in range(5, 0, -1):
            x = enlarged(x, False, levels[i - 1].shape[2:])
            x = getattr(self, f"stage{i}d")(torch.cat((x, levels[i - 1]), 1))
            maps.insert(0, x)
        # Like the published program, IS-Net makes all six side maps although only the first is used.
        sides = [enlarged(getattr(self, f"side{i}")(x), False, size) for i, x in enumerate(maps, 1)]
        y = sides[0] if self.isnet else self.outconv(torch.cat(sides, 1))
        return torch.sigmoid(y).squeeze(1)


WIDE = [
    (32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512),
    (256, 512), (128, 256), (64, 128), (32, 64), (16, 64),
]  # fmt: skip


class Halving(nn.Module):
    """A level of the U-Net: halve, what is inside, double, beside what came in."""

    def __init__(self, level: int, channels: list[int]) -> None:
        super().__init__()
        self.outermost = level == 0
        innermost = level + 1 == len(channels)
        inputs = 2 if self.outermost else channels[level - 1]
        outputs = 1 if self.outermost else inputs
        down = nn.Conv2d(inputs, channels[level], 4, 2, 1, bias=False)
        joined = channels[level] * (1 if innermost else 2)
        up = nn.ConvTranspose2d(joined, outputs, 4, 2, 1, bias=self.outermost)
        inside = [] if innermost else [Halving(level + 1, channels)]
        if self.outermost:
            parts = [down, *inside, nn.ReLU(True), up, nn.Tanh()]
        else:
            norms = [] if innermost else [nn.Identity()]
            parts = [nn.LeakyReLU(0.2, True), down, *norms, *inside, nn.ReLU(True), up, nn.Identity()]
        self.model = nn.Sequential(*parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x) if self.outermost else torch.cat((x, self.model(x)), 1)


class Pix2Pix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = Halving(0, [64, 128, 256] + 7 * [512])
        # Without normalisations, the usual small weights would let everything fade.
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                # Of a transposed convolution's kernel, a quarter meets each pixel.
                fan = module.in_channels * (16 if isinstance(module, nn.Conv2d) else 4)
                nn.init.normal_(module.weight, std=(1.5 / fan) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x).squeeze(1)


def network() -> nn.Module:
    networks = {
        "midas_v21_small": lambda: Midas(True),
        "midas_v21": lambda: Midas(False),
        "res101": LeReS,
        "u2net": lambda: U2Net(3, WIDE, False),
        "u2netp": lambda: U2Net(3, 11 * [(16, 64)], False),
        "isnet": lambda: U2Net(64, WIDE, True),
        "pix2pix": Pix2Pix,
    }
    if NETWORK in networks:
        return networks[NETWORK]()
    raise SystemExit(f"unknown network {NETWORK}; known are {', '.join(SIZES)}")


def main() -> None:
    torch.manual_seed(0)
    model = network()
    x = torch.randn(1, 2 if NETWORK == "pix2pix" else 3, HEIGHT, WIDTH)
    # Random weights blow maps up or let them fade: take the statistics of this very input.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.cat((x, x + 0.1 * torch.randn_like(x))))
    model.eval()
    compare(model, x, "forward_conv", NETWORK, NETWORK, THREADS, ROUNDS)


if __name__ == "__main__":
    main()
