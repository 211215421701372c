"""Recent renders on the device that trains."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

Shard = tuple[np.ndarray, np.ndarray]


class Reader(threading.Thread):
    """Reads finished shards of a folder in the background, the oldest first."""

    def __init__(self, folder: Path, keep_files: bool) -> None:
        super().__init__(daemon=True)
        self.folder, self.keep_files = folder, keep_files
        self.ready: queue.Queue[Shard] = queue.Queue(maxsize=8)

    def run(self) -> None:
        seen: set[str] = set()
        while True:
            fresh = [p for p in sorted(self.folder.glob("*.inv.npy")) if p.name not in seen]
            for depth_file in fresh:
                colour_file = Path(str(depth_file).replace(".inv.", ".rgb."))
                seen.add(depth_file.name)
                try:
                    shard = np.load(colour_file), np.load(depth_file)
                except (OSError, ValueError) as problem:
                    print(f"{depth_file.name} is left out: {problem}", flush=True)
                    continue
                self.ready.put(shard)
                if not self.keep_files:
                    depth_file.unlink()
                    colour_file.unlink()
            if not fresh:
                time.sleep(0.5)


class Ring:
    """The last pictures of one shape."""

    def __init__(self, shape: tuple[int, ...], most: int, device: torch.device) -> None:
        self.pictures = torch.empty((most, *shape), dtype=torch.uint8, device=device)
        self.depths = torch.empty((most, *shape[:2]), dtype=torch.half, device=device)
        self.next = self.filled = 0

    def put(self, pictures: np.ndarray, depths: np.ndarray) -> None:
        most = len(self.pictures)
        count = min(len(pictures), most)
        places = (self.next + torch.arange(count)) % most
        places = places.to(self.pictures.device)
        self.pictures[places] = torch.from_numpy(pictures[:count]).to(self.pictures.device)
        self.depths[places] = torch.from_numpy(depths[:count]).to(self.pictures.device)
        self.next = (self.next + count) % most
        self.filled = min(self.filled + count, most)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(self.filled, (count,), device=self.pictures.device)
        return self.pictures[chosen], self.depths[chosen]


class Pool:
    """Up to `most` recent pictures; the shards of `folder` come in as they are finished."""

    def __init__(self, folder: Path, keep_files: bool, most: int, device: torch.device) -> None:
        self.most, self.device = most, device
        self.rings: dict[bool, Ring] = {}
        self.pictures = 0
        self.reader = Reader(folder, keep_files)
        self.reader.start()

    def take(self, wait: float = 0.0) -> bool:
        """Takes in a shard; says whether one came within `wait` seconds."""
        try:
            pictures, depths = self.reader.ready.get(timeout=wait) if wait else self.reader.ready.get_nowait()
        except queue.Empty:
            return False
        upright = pictures.shape[1] > pictures.shape[2]
        if upright not in self.rings:
            # Upright pictures are fewer; see `pocket-render`.
            most = max(len(pictures), self.most // 3 if upright else self.most * 2 // 3)
            self.rings[upright] = Ring(pictures.shape[1:], most, self.device)
        self.rings[upright].put(pictures, depths)
        self.pictures += len(pictures)
        return True

    def draw(self, count: int, upright: bool) -> tuple[Tensor, Tensor]:
        """Random pictures; of the other shape if there are none of this one yet."""
        return self.rings[upright if upright in self.rings else not upright].draw(count)
