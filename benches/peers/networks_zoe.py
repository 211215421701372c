"""ZoeDepth side by side: rilievo against PyTorch.

    cargo build --release --example forward
    python benches/peers/networks_zoe.py [n|k|nk] [THREADS] [ROUNDS] [HEIGHT] [WIDTH]

One pass of the network, of which a picture takes two. The PyTorch network is
written as the reference program writes it: on top of the relative network of
`networks_vit.py`, embeddings and bin centres are enlarged to the size of the
input, and every stage of the distribution over the bins is a tensor of its
own. Measured like `networks.py`. Needs torch, numpy and safetensors.
"""

from __future__ import annotations

import sys

# isort: off
from networks import ROUNDS, THREADS  # sets the thread counts; before torch
from networks_vit import Dpt

# isort: on
import torch
import torch.nn.functional as F
from side_by_side import compare
from torch import nn

NAME = sys.argv[1] if len(sys.argv) > 1 else "n"
HEIGHT = int(sys.argv[4]) if len(sys.argv) > 4 else 384
WIDTH = int(sys.argv[5]) if len(sys.argv) > 5 else 768 if NAME == "k" else 512
BINS, EMBEDDING = 64, 128


def enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)


class Mlp(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self._net = nn.Sequential(nn.Conv2d(inputs, hidden, 1), nn.ReLU(True), nn.Conv2d(hidden, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._net(x)


class Core(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.core = Dpt("beit_large_384")


class LogBinomial(nn.Module):
    def __init__(self, inputs: int, bottleneck: int) -> None:
        super().__init__()
        hidden = inputs // bottleneck
        self.mlp = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1), nn.GELU(), nn.Conv2d(hidden, 4, 1), nn.Softplus()
        )

    def forward(self, seen: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        y = self.mlp(torch.cat((seen, enlarged(condition, seen)), 1)) + 1e-4
        p, t = y[:, :2], y[:, 2:]
        p, t = p[:, :1] / (p[:, :1] + p[:, 1:]), t[:, :1] / (t[:, :1] + t[:, 1:])
        t = (50 - 0.0212) * t + 0.0212
        n, k = torch.tensor(BINS - 1.0), torch.arange(BINS).view(1, -1, 1, 1)
        q, p = (1 - p).clamp(1e-4, 1), p.clamp(1e-4, 1)
        a, b = n + 1e-7, k + 1e-7
        binomial = a * torch.log(a) - b * torch.log(b) - (a - b) * torch.log(a - b + 1e-7)
        return torch.softmax((binomial + k * torch.log(p) + (n - k) * torch.log(q)) / t, dim=1)


class Router(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(EMBEDDING, 4, 1024)
        self.embedding_convPxP = nn.Conv2d(256, EMBEDDING, 1)
        self.transformer_encoder = nn.TransformerEncoder(layer, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(self.embedding_convPxP(x).flatten(2), (1, 0)).permute(2, 0, 1)
        places = torch.arange(len(x), dtype=torch.float32)[:, None]
        angles = places * torch.exp(
            torch.arange(0, EMBEDDING, 2) * -(torch.log(torch.tensor(10000.0)) / EMBEDDING)
        )
        x = x + torch.cat((angles.sin(), angles.cos()), 1)[:, None]
        return self.transformer_encoder(x)[0]


class ZoeDepth(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.normed, self.routed = name == "k", name == "nk"
        hidden, projected = (64, 64) if self.routed else (256, 128)
        counts = (16, 16, 16, 16) if self.routed else (16, 8, 4, 1)
        self.core = Core()
        self.conv2 = nn.Conv2d(256, 256, 1)
        self.seed_projector = Mlp(256, projected, EMBEDDING)
        self.projectors = nn.ModuleList(Mlp(256, projected, EMBEDDING) for _ in range(4))

        def attractors() -> nn.ModuleList:
            return nn.ModuleList(
                Mlp(EMBEDDING, EMBEDDING, count * (2 if self.normed else 1)) for count in counts
            )

        if self.routed:
            domains = ("nyu", "kitti")
            self.patch_transformer = Router()
            self.mlp_classifier = nn.Sequential(
                nn.Linear(EMBEDDING, EMBEDDING), nn.ReLU(True), nn.Linear(EMBEDDING, 2)
            )
            self.seed_bin_regressors = nn.ModuleDict({d: Mlp(256, hidden, BINS) for d in domains})
            self.attractors = nn.ModuleDict({d: attractors() for d in domains})
            self.conditional_log_binomial = nn.ModuleDict(
                {d: LogBinomial(32 + EMBEDDING, 4) for d in domains}
            )
        else:
            self.seed_bin_regressor = Mlp(256, hidden, BINS)
            self.attractors = attractors()
            self.conditional_log_binomial = LogBinomial(33 + EMBEDDING, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bottleneck, paths, seen, relative = self.core.core.features(x)
        x = self.conv2(bottleneck)
        if self.routed:
            logits = self.mlp_classifier(self.patch_transformer(x))
            domain = ("nyu", "kitti")[int(logits.sum(0).argmax())]
            seed = self.seed_bin_regressors[domain](x)
            attractors, binomial = self.attractors[domain], self.conditional_log_binomial[domain]
        else:
            seed, attractors = self.seed_bin_regressor(x), self.attractors
            binomial = self.conditional_log_binomial
            seen = torch.cat((seen, enlarged(relative, seen)), 1)
        if self.normed:
            widths = F.relu(seed) + 1e-3
            edges = F.pad((widths / widths.sum(1, keepdim=True)).cumsum(1), (0, 0, 0, 0, 1, 0))
            centres = 0.5 * (edges[:, :-1] + edges[:, 1:])
        else:
            centres = F.softplus(seed)
        embedding = self.seed_projector(x)
        for path, projector, attractor in zip(paths, self.projectors, attractors):
            finer = projector(path)
            points = attractor(finer + enlarged(embedding, finer))
            points = F.relu(points)[:, ::2] + 1e-3 if self.normed else F.softplus(points)
            centres, moved = enlarged(centres, finer), 0
            for i in range(points.shape[1]):
                distance = points[:, i : i + 1] - centres
                moved = moved + distance / (1 + 300 * distance**2)
            centres, embedding = centres + moved / points.shape[1], finer
        if self.normed:
            centres = torch.clip(torch.sort((10 - 1e-3) * centres + 1e-3, dim=1)[0], 1e-3, 10)
        weights = binomial(seen, embedding)
        return (weights * enlarged(centres, weights)).sum(1)


def main() -> None:
    torch.manual_seed(0)
    model = ZoeDepth(NAME).eval()
    nn.init.constant_(model.core.core.scratch.output_conv[4].bias, 1.0)
    x = torch.rand(1, 3, HEIGHT, WIDTH) * 2 - 1
    compare(model, x, "forward", f"zoedepth_{NAME}", f"ZoeDepth {NAME.upper()}", THREADS, ROUNDS)


if __name__ == "__main__":
    main()
