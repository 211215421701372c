"""Stereo eyes: rilievo beside the same algorithms in numba.

    python benches/peers/stereo.py --threads 2

Needs numba and an installed rilievo. The numba code below is written for this
file; both sides must give the same bytes before anything is timed. Warm times
are medians of interleaved runs in one process; "first picture" is the first
call in a fresh process, which for numba includes compiling (its on-disk cache
is off, as it was in the program these fills come from).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any, Callable

import numpy as np

FILLS = ("none", "naive", "naive_interpolating", "polylines_soft", "polylines_sharp")
SIZES = ((1920, 1080), (3840, 2160))


def define_kernels() -> dict[str, Any]:
    """Imports numba and defines (but does not compile) the peer's kernels."""
    from numba import njit, prange

    @njit(parallel=True)
    def scatter(image, depth, divergence, separation, exponent, filled):
        height, width, _ = image.shape
        out = np.zeros_like(image)
        for y in prange(height):
            for i in range(width):
                x = i if divergence < 0 else width - 1 - i
                to = x + int(depth[y, x] ** exponent * divergence + separation)
                if 0 <= to < width:
                    out[y, to] = image[y, x]
                    filled[y, to] = True
        return out

    @njit(parallel=True)
    def nearest(scattered, filled, divergence):
        height, width, _ = scattered.shape
        out = scattered.copy()
        reach = abs(int(divergence)) + 1
        for y in prange(height):
            for x in range(width):
                if filled[y, x]:
                    continue
                for distance in range(1, reach + 1):
                    right, left = x + distance, x - distance
                    if right < width and filled[y, right]:
                        out[y, x] = scattered[y, right]
                        break
                    if left >= 0 and filled[y, left]:
                        out[y, x] = scattered[y, left]
                        break
        return out

    @njit(parallel=True)
    def interpolate(out, filled):
        height, width, channels = out.shape
        for y in prange(height):
            for x in range(width):
                black = True
                for c in range(channels):
                    black = black and out[y, x, c] == 0
                if not black or filled[y, x]:
                    continue
                end = x + 1
                while end < width:
                    lit = False
                    for c in range(channels):
                        lit = lit or out[y, end, c] != 0
                    if lit and filled[y, end]:
                        break
                    end += 1
                left = np.zeros(channels, np.int64)
                right = np.zeros(channels, np.int64)
                for c in range(channels):
                    if x > 0:
                        left[c] = out[y, x - 1, c]
                    if end < width:
                        right[c] = out[y, end, c]
                if left.sum() == 0:
                    left = right
                elif right.sum() == 0:
                    right = left
                steps = end - x + 1
                for c in range(channels):
                    step = (right[c] - left[c]) / steps
                    for k in range(x, end):
                        out[y, k, c] = np.uint8((left[c] + int(step * (k - x + 1))) & 255)
        return out

    @njit(parallel=True)
    def polylines(image, depth, divergence, separation, exponent, half_width):
        height, width, channels = image.shape
        tiny = 1e-7
        per_pixel = 2 if half_width > 0 else 1
        out = np.zeros_like(image)
        for y in prange(height):
            # Columns: place, closeness, source column.
            points = np.empty((width * per_pixel + 2, 3))
            points[0, 0], points[0, 1], points[0, 2] = -1.0 * width, 0.0, 0.0
            count = 1
            for x in range(width):
                shift = depth[y, x] ** exponent * divergence
                place = x + 0.5 + shift + separation
                for side in range(per_pixel):
                    points[count, 0] = place + (half_width if side else -half_width)
                    points[count, 1] = abs(shift)
                    points[count, 2] = x
                    count += 1
            points[count, 0], points[count, 1], points[count, 2] = 2.0 * width, 0.0, width - 1
            segments = np.empty((count, 6))
            segments[:, :3] = points[:count]
            segments[:, 3:] = points[1 : count + 1]
            for i in range(1, count):
                j = i
                while j > 0 and segments[j - 1, 0] > segments[j, 0]:
                    for k in range(6):
                        segments[j, k], segments[j - 1, k] = segments[j - 1, k], segments[j, k]
                    j -= 1
            points[:count] = segments[:, :3]

            active = np.empty(count + 1, np.int64)
            actives = 0
            pending = 0
            at = 0
            total = np.empty(channels)
            for x in range(width):
                total[:] = 0.5
                while points[at, 0] < x:
                    at += 1
                at -= 1
                while points[at, 0] < x + 1:
                    start = max(float(x), points[at, 0]) + tiny
                    end = min(x + 1.0, points[at + 1, 0]) - tiny
                    weight = end - start
                    middle = start + 0.5 * weight
                    while pending < count and segments[pending, 0] < middle:
                        active[actives] = pending
                        actives += 1
                        pending += 1
                    i = 0
                    while i < actives:
                        if segments[active[i], 3] < middle:
                            actives -= 1
                            active[i] = active[actives]
                        else:
                            i += 1
                    best = active[0]
                    if actives != 1:
                        closest = -tiny
                        for i in range(actives):
                            s = active[i]
                            k = (middle - segments[s, 0]) / (segments[s, 3] - segments[s, 0])
                            closeness = (1.0 - k) * segments[s, 1] + k * segments[s, 4]
                            if closest < closeness and 0.0 < k < 1.0:
                                closest = closeness
                                best = s
                    a, b = int(segments[best, 2]), int(segments[best, 5])
                    if a == b:
                        for c in range(channels):
                            total[c] += image[y, a, c] * weight
                    else:
                        k = (middle - segments[best, 0]) / (segments[best, 3] - segments[best, 0])
                        for c in range(channels):
                            total[c] += (image[y, a, c] * (1.0 - k) + image[y, b, c] * k) * weight
                    at += 1
                for c in range(channels):
                    out[y, x, c] = np.uint8(total[c])
        return out

    return {"scatter": scatter, "nearest": nearest, "interpolate": interpolate, "polylines": polylines}
