"""Trains the pocket network on rendered pictures.

    python train.py RUN --shards DIR --start CHECKPOINT [--passes N] [--minutes M] [--pairs DIR] [--held-out DIR]

RUN holds the state (`state.pt`, written every minute; start again with the same RUN to go on), `log.tsv` and
`pocket.pt`: averaged weights, lateral normalisation folded, a state dict of `network.Pocket`, written with every
state and, after the statistics of batch normalisation have been estimated again, at the end. Runs on a GPU when
there is one.

The schedule ends after N picture passes, after M minutes of running time, or at the time of `--deadline`,
whichever is first; either way the learning rate has come down to zero by then.

Shards are read as `pocket-render shards` finishes them, and deleted unless `--keep-shards` says that other runs
read them too.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402
import scoring  # noqa: E402
from augment import augment  # noqa: E402
from laterals import fold_laterals, tame, with_lateral_norms  # noqa: E402
from losses import loss_of  # noqa: E402
from pool import Pool  # noqa: E402
from unfold import calibrate, unfold  # noqa: E402

# At batch 16; grows with the root of the batch.
ENCODER_RATE, DECODER_RATE = 4e-4, 2.5e-3
WARM_UP = 100
# Heights and widths, as often as they are listed; the larger ones from LARGE_FROM on, with less of a zoom.
SIZES = (
    (192, 256),
    (256, 192),
    (192, 256),
    (224, 224),
    (192, 256),
    (256, 192),
    (160, 320),
    (192, 256),
    (128, 384),
)
LARGE_SIZES = ((224, 288), (288, 224), (224, 288), (256, 256), (224, 288), (192, 352), (160, 416))
LARGE_FROM = 0.7
LEAST, LARGE_LEAST = 0.6, 0.75
# From here on edges weigh more.
EDGES_FROM = 0.6
GRADIENTS, SHARP_GRADIENTS = 0.5, 2.0
# Frozen on a CPU, where that saves a third of the time.
FROZEN_BLOCKS = 3
AVERAGE_EVERY, AVERAGE_KEPT = 4, 0.995
CHECKPOINT_SECONDS = 60
EVALUATE_EVERY = 0.2
NORM_BATCHES = 60
# What the normalisation of a trained network is fitted to before the first step.
START_BATCHES = 4
LONGEST_WAIT = 90


class Precision:
    """How a forward pass is computed: the fastest way that this device knows."""

    def __init__(self, device: torch.device, half: bool, layout: torch.memory_format) -> None:
        self.device, self.half, self.layout = device, half, layout

    def __call__(self, network: pocket.Pocket, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            features = network.features(x.contiguous(memory_format=self.layout))
        # bfloat16 has 8 bits; the steps that would leave show in the gradients of the prediction.
        return network.head(features.float())[:, 0]

    def __str__(self) -> str:
        return f"{'bfloat16' if self.half else 'float32'}, {self.layout}"


def fastest(network: pocket.Pocket, device: torch.device, batch: int) -> Precision:
    """Single precision, or mixed on a GPU where that is clearly faster; channels last either way."""
    layout = torch.channels_last
    best = Precision(device, False, layout)
    if device.type != "cuda":
        return best
    fewest = math.inf
    x = torch.randn(batch, 3, *SIZES[0], device=device)
    for half in (False, True):
        trial = Precision(device, half, layout)
        copied = copy.deepcopy(network).to(memory_format=layout)
        try:
            for attempt in range(6):
                if attempt == 2:
                    torch.cuda.synchronize()
                    begun = time.monotonic()
                trial(copied, x).square().mean().backward()
            torch.cuda.synchronize()
            seconds = (time.monotonic() - begun) / 4
        except RuntimeError as problem:
            print(f"{trial} is no way: {problem}", flush=True)
            continue
        print(f"{trial}: {batch / seconds:.0f} pictures/s", flush=True)
        # Other work on the GPU makes the timing coarse.
        if seconds < 0.9 * fewest:
            fewest, best = seconds, trial
        del copied
    torch.cuda.empty_cache()
    return best


def start(checkpoint: Path) -> tuple[pocket.Pocket, bool]:
    """The network of a checkpoint, or a new one on the encoder of an ImageNet package; and whether it is trained."""
    if checkpoint.suffix == ".safetensors":
        return unfold(checkpoint), True
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if "head.2.weight" in state:
        return pocket.load(checkpoint), True
    return pocket.with_encoder(checkpoint), False


class Training:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.run = arguments, arguments.run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        # Not cudnn.benchmark: with so many shapes its trials take longer than they save.
        torch.manual_seed(arguments.seed)
        self.pool = Pool(arguments.shards, arguments.keep_shards, arguments.pool, self.device)
        self.steps = 0
        self.seconds = 0.0
        self.begun = time.time()
        network, trained = start(arguments.start)
        self.network = with_lateral_norms(network).to(self.device)
        self.precision = fastest(self.network, self.device, arguments.batch)
        print(f"{self.device}: {self.precision}", flush=True)
        self.wait_for(arguments.at_least)
        if trained and not (self.run / "state.pt").exists():
            pictures = torch.cat([self.batch(SIZES[0], LEAST)[0] for _ in range(START_BATCHES)])
            fit = calibrate if arguments.start.suffix == ".safetensors" else tame
            fit(self.network, pictures)
        self.network.to(memory_format=self.precision.layout)
        for norm in self.network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = 0.03
        encoder = self.network.enc
        self.frozen: list[nn.Module] = (
            [encoder._conv_stem, encoder._bn0, *encoder._blocks[:FROZEN_BLOCKS]]
            if self.device.type == "cpu"
            else []
        )
        for module in self.frozen:
            module.requires_grad_(False)
        growth = (arguments.batch / 16) ** 0.5 * arguments.rate
        groups = [
            {
                "params": [p for p in encoder.parameters() if p.requires_grad],
                "peak": ENCODER_RATE * growth * arguments.encoder_rate,
            },
            {
                "params": [p for name, p in self.network.named_parameters() if not name.startswith("enc.")],
                "peak": DECODER_RATE * growth,
            },
        ]
        self.optimiser = torch.optim.AdamW(
            groups, lr=1e-3, weight_decay=1e-2, fused=self.device.type == "cuda"
        )
        self.average = copy.deepcopy(self.network).eval()
        if (self.run / "state.pt").exists():
            self.restore()
            torch.manual_seed(arguments.seed + self.steps)
        self.train_mode()

    def wait_for(self, pictures: int) -> None:
        """Waits for so many pictures, or for a while and any at all."""
        begun = time.monotonic()
        said = begun
        while self.pool.pictures < pictures:
            if self.pool.take(1.0):
                continue
            if self.pool.pictures and time.monotonic() - begun > LONGEST_WAIT:
                return
            if self.arguments.deadline and time.time() > self.arguments.deadline:
                raise SystemExit(f"no pictures came to {self.arguments.shards} before the deadline")
            if time.monotonic() - said > 20:
                said = time.monotonic()
                print(f"{self.pool.pictures} pictures so far; starts with {pictures}", flush=True)

    def restore(self) -> None:
        state = torch.load(self.run / "state.pt", map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.seconds = state["steps"], max(self.seconds, state["seconds"])
        self.begun = min(self.begun, state["begun"])

    def train_mode(self) -> None:
        self.network.train()
        for module in self.frozen:
            module.eval()

    def progress(self) -> float:
        by_passes = self.steps * self.arguments.batch / self.arguments.passes
        by_time = self.seconds / (60 * self.arguments.minutes) if self.arguments.minutes else 0.0
        by_clock = 0.0
        if self.arguments.deadline:
            by_clock = (time.time() - self.begun) / max(self.arguments.deadline - self.begun, 1e-3)
        return max(by_passes, by_time, by_clock)

    def batch(self, size: tuple[int, int], least: float) -> tuple[Tensor, Tensor]:
        return augment(*self.pool.draw(self.arguments.batch, size[0] > size[1]), size, least)

    def sized_batch(self, progress: float) -> tuple[Tensor, Tensor]:
        large = progress >= LARGE_FROM
        sizes = LARGE_SIZES if large else SIZES
        size = sizes[random.Random(self.steps).randrange(len(sizes))]
        return self.batch(size, LARGE_LEAST if large else LEAST)

    def step(self, progress: float) -> Tensor:
        rate = min(1.0, (self.steps + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * rate
        x, y = self.sized_batch(progress)
        gradients = SHARP_GRADIENTS if progress > EDGES_FROM else GRADIENTS
        loss = loss_of(self.precision(self.network, x), y, gradients, self.arguments.ranking)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in self.optimiser.param_groups for p in g["params"]], 1.0)
        self.optimiser.step()
        self.steps += 1
        if self.steps % AVERAGE_EVERY == 0:
            self.follow()
        return loss.detach()

    @torch.no_grad()
    def follow(self) -> None:
        """Moves the average towards the network."""
        updates = self.steps // AVERAGE_EVERY
        keep = min(AVERAGE_KEPT, updates / (updates + 10))
        for mean, new in zip(self.average.state_dict().values(), self.network.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
            else:
                mean.copy_(new)

    def feed(self) -> None:
        """Takes in the shards that are ready, a few at a time."""
        for _ in range(4):
            passes = self.steps * self.arguments.batch
            if self.arguments.reuse and self.pool.pictures * self.arguments.reuse > passes:
                return
            if not self.pool.take():
                return

    def main(self) -> None:
        self.run.mkdir(parents=True, exist_ok=True)
        losses: list[Tensor] = []
        saved = time.monotonic()
        evaluated = self.progress()
        while (progress := self.progress()) < 1:
            begun = time.monotonic()
            self.feed()
            losses.append(self.step(progress))
            if self.steps % 20 == 0:
                loss = torch.stack(losses[-20:]).mean().item()
                if not math.isfinite(loss):
                    print(f"{self.steps} steps: the loss is {loss}; back to the last state", flush=True)
                    self.restore()
                    losses.clear()
                elif self.steps % 100 == 0:
                    print(
                        f"{self.steps} steps, {progress:.3f}, loss {loss:.4f}, {self.pool.pictures} renders, "
                        f"{self.seconds:.0f} s",
                        flush=True,
                    )
                del losses[:-100]
            if progress >= evaluated + EVALUATE_EVERY:
                evaluated = progress
                self.evaluate(torch.stack(losses).mean().item() if losses else math.nan, progress)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
            # A pause (SIGSTOP, suspend) is not running time.
            self.seconds += min(time.monotonic() - begun, 60.0)
        self.save()
        self.finish()

    def save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
            "begun": self.begun,
        }
        write(state, self.run / "state.pt")
        self.write_average()

    def write_average(self) -> None:
        folded = fold_laterals(
            {
                key: value.detach().cpu().contiguous()
                for key, value in self.average.float().state_dict().items()
            }
        )
        write(folded, self.run / "pocket.pt")

    def evaluate(self, loss: float, progress: float) -> None:
        """Measures the averaged network; nothing here feeds back into the training."""
        cells = [
            f"{self.steps * self.arguments.batch}",
            f"{self.pool.pictures}",
            f"{progress:.3f}",
            f"{self.seconds:.0f} s",
            f"{loss:.4f}",
        ]
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
            for _ in range(NORM_BATCHES):
                self.steps += 1
                yield self.sized_batch(1.0)[0]

        steps = self.steps
        estimate_norms(self.average, batches(), FROZEN_BLOCKS if self.frozen else 0)
        self.steps = steps
        self.write_average()
        self.evaluate(math.nan, 1.0)


def write(state: dict, path: Path) -> None:
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


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
    parser.add_argument(
        "--start", type=Path, required=True, help="pocket checkpoint, pocket.safetensors or ImageNet encoder"
    )
    parser.add_argument("--passes", type=int, default=300_000)
    parser.add_argument("--minutes", type=float, help="end sooner, after this running time")
    parser.add_argument("--deadline", type=float, help="end by this time, in seconds since 1970")
    parser.add_argument("--pairs", type=Path, help="real pairs with index.json, for measuring only")
    parser.add_argument("--held-out", type=Path, help="shards that are never trained on, for measuring only")
    parser.add_argument("--keep-shards", action="store_true", help="do not delete shards that were read")
    parser.add_argument("--batch", type=int, default=64 if torch.cuda.is_available() else 16)
    parser.add_argument("--pool", type=int, default=4096, help="pictures kept in the memory of the device")
    parser.add_argument(
        "--at-least", type=int, default=256, help="pictures to wait for before the first step"
    )
    parser.add_argument(
        "--reuse",
        type=float,
        default=0.0,
        help="take in new pictures only after this many passes over the old ones",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="factor of the learning rates, below 1 to go on from a trained network",
    )
    parser.add_argument("--encoder-rate", type=float, default=1.0, help="further factor for the encoder")
    parser.add_argument("--ranking", type=float, default=0.5, help="weight of the ranking loss")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    Training(arguments).main()


if __name__ == "__main__":
    main()
