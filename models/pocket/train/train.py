"""Trains the pocket network on rendered pictures.

    python train.py RUN --shards DIR --start CHECKPOINT [--passes N] [--minutes M] [--pairs DIR] [--held-out DIR]

RUN holds the state (`state.pt`, written every few minutes; start again with the same RUN to go on), `log.tsv` and
at the end `pocket.pt`: averaged weights, statistics of batch normalisation estimated again, lateral normalisation
folded, a state dict of `network.Pocket`. Runs on a GPU when there is one.

The schedule ends after N picture passes, or after M minutes of running time if that is sooner; either way the
learning rate has come down to zero by then.

Shards are read as `pocket-render shards` finishes them, and deleted. A pool of recent pictures is kept; a new
shard is taken in after every REUSE passes of a shard's worth, or later when none is ready.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402
import scoring  # noqa: E402

BATCH = 16
REUSE = 3.0
POOL_SHARDS = 40
ENCODER_RATE, DECODER_RATE = 4e-4, 2.5e-3
WARM_UP = 60
# Up to this share of the schedule at the first size, then at the second; sharper edges from EDGES on.
SMALL_UNTIL = 0.45
SIZES = ((160, 224), (192, 256))
EDGES_FROM = 0.66
FROZEN_BLOCKS = 3
CHECKPOINT_SECONDS = 180


class Pool:
    """Recent pictures, by orientation."""

    def __init__(self, folder: Path, keep_files: bool) -> None:
        self.folder, self.keep_files = folder, keep_files
        self.shards: list[tuple[np.ndarray, np.ndarray]] = []
        self.seen: set[str] = set()
        self.pictures = 0

    def take(self) -> bool:
        """Takes in the oldest finished shard; says whether there was one."""
        for depth_file in sorted(self.folder.glob("*.inv.npy")):
            if depth_file.name in self.seen:
                continue
            colour_file = Path(str(depth_file).replace(".inv.", ".rgb."))
            self.shards.append((np.load(colour_file), np.load(depth_file)))
            self.pictures += len(self.shards[-1][0])
            if self.keep_files:
                self.seen.add(depth_file.name)
            else:
                depth_file.unlink()
                colour_file.unlink()
            del self.shards[:-POOL_SHARDS]
            return True
        return False

    def draw(self, rng: np.random.Generator, upright: bool) -> tuple[np.ndarray, np.ndarray]:
        fitting = [s for s in self.shards if (s[0].shape[1] > s[0].shape[2]) == upright] or self.shards
        colours, depths = fitting[rng.integers(len(fitting))]
        k = rng.integers(len(colours))
        return colours[k], depths[k]


def augment(
    picture: np.ndarray, depth: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A random crop at `size` with other colours; the depth at half that size, not interpolated."""
    height, width = picture.shape[:2]
    share, aspect = rng.uniform(0.6, 1), np.exp(rng.uniform(-0.25, 0.25))
    h, w = min(height, int(height * share * aspect)), min(width, int(width * share / aspect))
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    shrinks = h * w > size[0] * size[1]
    colour = cv2.resize(
        picture[y : y + h, x : x + w],
        size[::-1],
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    depth = cv2.resize(
        depth[y : y + h, x : x + w].astype(np.float32),
        (size[1] // 2, size[0] // 2),
        interpolation=cv2.INTER_NEAREST,
    )
    if rng.random() < 0.5:
        colour, depth = colour[:, ::-1], depth[:, ::-1]
    if rng.random() < 0.25:
        _, code = cv2.imencode(
            ".jpg", np.ascontiguousarray(colour), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
        )
        colour = cv2.imdecode(code, cv2.IMREAD_COLOR)
    colour = colour.astype(np.float32)
    grey = colour.mean(2, keepdims=True)
    colour = grey + (colour - grey) * np.float32(0 if rng.random() < 0.05 else rng.uniform(0.3, 1.4))
    colour = (colour - 128) * np.float32(rng.uniform(0.7, 1.3)) + np.float32(128 * rng.uniform(0.75, 1.25))
    colour *= (1 + rng.normal(0, 0.06, 3)).astype(np.float32)
    if rng.random() < 0.3:
        colour = 255 * (np.clip(colour, 0, 255) / 255) ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.2:
        colour = cv2.GaussianBlur(np.ascontiguousarray(colour), (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:
        colour = colour + rng.standard_normal(colour.shape, dtype=np.float32) * np.float32(rng.uniform(1, 12))
    return ((np.clip(colour, 0, 255) - 127) / 128).transpose(2, 0, 1), np.ascontiguousarray(depth)


def normalise(maps: Tensor) -> Tensor:
    """Every map less its median, over its mean absolute deviation."""
    flat = maps.flatten(1)
    middle = flat.median(1, keepdim=True)[0]
    spread = (flat - middle).abs().mean(1, keepdim=True) + 1e-3
    return ((flat - middle) / spread).view_as(maps)


def loss_of(prediction: Tensor, truth: Tensor, sharp: bool) -> Tensor:
    """Trimmed absolute error plus gradient matching on four scales (Ranftl et al. 2020)."""
    difference = normalise(prediction.float()) - normalise(truth)
    residual = difference.abs().flatten(1)
    kept = int(residual.shape[1] * 0.8)
    absolute = residual.topk(kept, dim=1, largest=False, sorted=False)[0].sum(1) / residual.shape[1]
    gradient = torch.zeros_like(absolute)
    for scale in range(4):
        d = difference[:, :: 2**scale, :: 2**scale]
        gradient = (
            gradient
            + (d[:, 1:] - d[:, :-1]).abs().mean((1, 2))
            + (d[:, :, 1:] - d[:, :, :-1]).abs().mean((1, 2))
        )
    return (absolute + (2.0 if sharp else 0.5) * gradient).mean()


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


def start(checkpoint: Path) -> tuple[pocket.Pocket, bool]:
    """The network of a checkpoint, or a new one on the encoder of the ImageNet package; and whether it is trained."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if "head.2.weight" in state:
        return pocket.load(checkpoint), True
    network = pocket.Pocket()
    pocket.load_encoder(network, checkpoint)
    return network, False


class Training:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.run = arguments, arguments.run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(arguments.seed)
        self.rng = np.random.default_rng(arguments.seed)
        self.pool = Pool(arguments.shards, arguments.keep_shards)
        self.steps = self.first_step = 0
        self.seconds = 0.0
        network, trained = start(arguments.start)
        self.network = with_lateral_norms(network)
        if trained and not (self.run / "state.pt").exists():
            self.feed()
            tame(self.network.to(self.device), self.batch(SIZES[1])[0])
        for norm in self.network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = 0.03
        self.network.to(self.device, memory_format=torch.channels_last)
        encoder = self.network.enc
        self.frozen = (
            []
            if self.device.type == "cuda"
            else [encoder._conv_stem, encoder._bn0, *encoder._blocks[:FROZEN_BLOCKS]]
        )
        for module in self.frozen:
            module.requires_grad_(False)
        groups = [
            {"params": [p for p in encoder.parameters() if p.requires_grad], "peak": ENCODER_RATE},
            {
                "params": [p for name, p in self.network.named_parameters() if not name.startswith("enc.")],
                "peak": DECODER_RATE,
            },
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=1e-3, weight_decay=1e-2)
        self.average = copy.deepcopy(self.network).eval()
        if (self.run / "state.pt").exists():
            state = torch.load(self.run / "state.pt", map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.steps, self.seconds = state["steps"], state["seconds"]
            self.rng = np.random.default_rng([arguments.seed, self.steps])
        self.first_step = self.steps
        self.train_mode()

    def train_mode(self) -> None:
        self.network.train()
        for module in self.frozen:
            module.eval()

    def progress(self) -> float:
        by_passes = self.steps * BATCH / self.arguments.passes
        by_time = self.seconds / (60 * self.arguments.minutes) if self.arguments.minutes else 0.0
        return max(by_passes, by_time)

    def batch(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        upright = size[0] > size[1]
        pairs = [augment(*self.pool.draw(self.rng, upright), size, self.rng) for _ in range(BATCH)]
        x = torch.from_numpy(np.stack([p[0] for p in pairs]).astype(np.float32))
        y = torch.from_numpy(np.stack([p[1] for p in pairs]))
        return x.to(self.device, memory_format=torch.channels_last), y.to(self.device)

    def size(self, progress: float) -> tuple[int, int]:
        size = SIZES[0] if progress < SMALL_UNTIL else SIZES[1]
        return size if self.steps % 2 == 0 else size[::-1]

    def step(self, progress: float) -> float:
        rate = min(1.0, (self.steps + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * rate * self.arguments.rate
        x, y = self.batch(self.size(progress))
        loss = loss_of(self.network(x), y, progress > EDGES_FROM)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in self.optimiser.param_groups for p in g["params"]], 1.0)
        self.optimiser.step()
        self.steps += 1
        keep = min(0.995, self.steps / (self.steps + 10))
        with torch.no_grad():
            new = self.network.state_dict()
            for key, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(new[key], 1 - keep)
                else:
                    value.copy_(new[key])
        return loss.item()

    def feed(self) -> None:
        """Takes in shards as the schedule asks for them; waits only while there are none at all."""
        while (
            self.pool.pictures * REUSE < (self.steps - self.first_step + 8) * BATCH
            or len(self.pool.shards) < 4
        ):
            if not self.pool.take():
                if len(self.pool.shards) >= 4:
                    return
                time.sleep(1)

    def main(self) -> None:
        self.run.mkdir(parents=True, exist_ok=True)
        recent: list[float] = []
        saved = time.monotonic()
        evaluated = -1
        while (progress := self.progress()) < 1:
            begun = time.monotonic()
            self.feed()
            recent.append(self.step(progress))
            # A pause (SIGSTOP, suspend) is not running time.
            self.seconds += min(time.monotonic() - begun, 60.0)
            if self.steps % 20 == 0:
                print(
                    f"{self.steps} steps, {progress:.3f}, loss {np.mean(recent[-20:]):.4f}, {self.pool.pictures} renders, {self.seconds:.0f} s",
                    flush=True,
                )
            if int(progress * 20) > evaluated:
                evaluated = int(progress * 20)
                self.evaluate(float(np.mean(recent[-100:])), progress)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()
        self.finish()

    def save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        torch.save(state, self.run / "state.part")
        (self.run / "state.part").rename(self.run / "state.pt")

    def evaluate(self, loss: float, progress: float) -> None:
        """Measures the averaged network; nothing here feeds back into the training."""
        cells = [f"{self.steps * BATCH}", f"{self.pool.pictures}", f"{progress:.3f}", f"{loss:.4f}"]
        if self.arguments.pairs:
            cells.append(scoring.line(scoring.real_pairs(self.average, self.arguments.pairs, 192 * 256)))
        if self.arguments.held_out:
            order, bound = scoring.renders(self.average, self.arguments.held_out)
            cells.append(f"renders {order:.3f} boundary {bound:.3f}")
        with (self.run / "log.tsv").open("a") as log:
            log.write("\t".join(cells) + "\n")
        print("\t".join(cells), flush=True)

    def finish(self) -> None:
        """Writes the plain network of the averaged weights."""

        def batches() -> Iterator[Tensor]:
            for self.steps in range(self.steps, self.steps + 60):
                yield self.batch(self.size(1.0))[0]

        estimate_norms(self.average, batches(), FROZEN_BLOCKS if self.frozen else 0)
        state = fold_laterals({key: value.detach().cpu() for key, value in self.average.state_dict().items()})
        torch.save(state, self.run / "pocket.pt")
        self.evaluate(float("nan"), 1.0)


def estimate_norms(network: pocket.Pocket, batches: Iterator[Tensor], frozen_blocks: int) -> None:
    """Replaces the statistics of batch normalisation, but for the frozen first blocks, by their mean over `batches`."""
    frozen = [network.enc._bn0, *network.enc._blocks[:frozen_blocks]] if frozen_blocks else []
    kept = {id(norm) for module in frozen for norm in module.modules()}
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d) and id(norm) not in kept:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
    with torch.no_grad():
        for x in batches:
            network(x)
    network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="pocket checkpoint or ImageNet encoder")
    parser.add_argument("--passes", type=int, default=300_000)
    parser.add_argument("--minutes", type=float, help="end sooner, after this running time")
    parser.add_argument("--pairs", type=Path, help="real pairs with index.json, for measuring only")
    parser.add_argument("--held-out", type=Path, help="shards that are never trained on, for measuring only")
    parser.add_argument("--keep-shards", action="store_true", help="do not delete shards that were read")
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="factor of the learning rates, below 1 to go on from a trained network",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    Training(arguments).main()


if __name__ == "__main__":
    main()
