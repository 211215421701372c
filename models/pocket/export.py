"""Turns a trained checkpoint of the pocket network into the file the wheel embeds.

    python export.py CHECKPOINT.pt pocket.safetensors --version 2 --net-size 320 256 --mirrored

Batch normalisation is folded into the convolutions in double precision, so that
statistics beyond the range of half precision (running variances above 65504
occur in the decoder) never have to be stored; only the folded weights are cast.

The file describes itself: its metadata has one entry, `rilievo.pocket`, whose
value is the JSON that `rilievo::networks::pocket::Config` is read from. Nothing
about the widths is written anywhere else, so a network trained with other
widths needs no new code.

Needs torch (to read the checkpoint) and safetensors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network import encoder_of

ENCODER_EPS = 1e-3
DECODER_EPS = 1e-5
# EfficientNet-lite: the stride of the first block of each stage. The widths of two stages always differ.
STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)

Tensors = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="state dict of the trained network")
    parser.add_argument("target", type=Path, help="safetensors file to write")
    parser.add_argument("--version", required=True, help="version of the trained weights")
    parser.add_argument(
        "--net-size",
        type=int,
        nargs=2,
        required=True,
        metavar=("WIDTH", "HEIGHT"),
        help="default network size; its area counts, the picture's shape is kept",
    )
    parser.add_argument(
        "--mirrored", action="store_true", help="predict the mirrored picture as well and take the mean"
    )
    arguments = parser.parse_args()
    from safetensors.numpy import save_file  # `train/unfold.py` needs the rest, without that package

    state = torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)
    weights = {key: value.double().numpy() for key, value in state.items()}
    folded = convert(weights)
    config = {
        "version": arguments.version,
        "licence": f"MIT; the encoder started from EfficientNet-{encoder_of(state)} (Apache-2.0)",
        **architecture(folded, arguments.net_size, arguments.mirrored),
    }
    halves = {name: half(name, value) for name, value in folded.items()}
    # One entry only: the writer keeps no order among several, and the bytes must be reproducible.
    metadata = {"rilievo.pocket": json.dumps(config, separators=(",", ":"))}
    save_file(halves, arguments.target, metadata=metadata)
    data = arguments.target.read_bytes()
    print(f"{sum(value.size for value in halves.values())} parameters, {len(data)} bytes")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}")


def parts(weights: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None, float]]:
    """Every convolution: its name in the file, its name here, the normalisation that follows it, and that one's eps."""
    yield "stem", "enc._conv_stem", "enc._bn0", ENCODER_EPS
    for block in range(count(weights, "enc._blocks")):
        source, target = f"enc._blocks.{block}", f"blocks.{block}"
        if f"{source}._expand_conv.weight" in weights:
            yield f"{target}.expand", f"{source}._expand_conv", f"{source}._bn0", ENCODER_EPS
        yield f"{target}.depthwise", f"{source}._depthwise_conv", f"{source}._bn1", ENCODER_EPS
        yield f"{target}.project", f"{source}._project_conv", f"{source}._bn2", ENCODER_EPS

    yield "context.0", "ctx.0", None, 0.0
    yield "context.1", "ctx.2", None, 0.0
    for level in range(count(weights, "lat")):
        if f"lat.{level}.1.running_var" in weights:
            yield f"levels.{level}.lateral", f"lat.{level}.0", f"lat.{level}.1", DECODER_EPS
        else:
            yield f"levels.{level}.lateral", f"lat.{level}", None, 0.0
        if level > 0:
            yield f"levels.{level}.reduce", f"red.{level - 1}", None, 0.0
        source = "top" if level == 0 else f"blk.{level - 1}"
        for block in range(count(weights, source)):
            target = f"levels.{level}.blocks.{block}"
            yield f"{target}.depthwise", f"{source}.{block}.d", f"{source}.{block}.n1", DECODER_EPS
            yield f"{target}.pointwise", f"{source}.{block}.p", f"{source}.{block}.n2", DECODER_EPS
    yield "head.0", "head.0", None, 0.0
    yield "head.1", "head.2", None, 0.0


def convert(weights: Tensors) -> Tensors:
    """The folded weights under the names of the Rust network."""
    return {
        f"{name}.{key}": value
        for name, *where in parts(weights)
        for key, value in fold(weights, *where).items()
    }


def fold(weights: Tensors, conv: str, norm: str | None, eps: float) -> Tensors:
    """Weight and bias of a convolution, with the batch normalisation that follows it folded in."""
    weight = weights[f"{conv}.weight"]
    bias = weights.get(f"{conv}.bias", np.zeros(weight.shape[0]))
    if norm is not None:
        scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + eps)
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        bias = (bias - weights[f"{norm}.running_mean"]) * scale + weights[f"{norm}.bias"]
    if weight.ndim == 2:  # a linear layer is a 1x1 convolution of a 1x1 map
        weight = weight[:, :, None, None]
    return {"weight": weight, "bias": bias}


def architecture(folded: Tensors, net_size: list[int], mirrored: bool) -> dict:
    """The part of the metadata that follows from the tensors: what the network is made of, and how its input is made."""
    encoder = []
    channels, stage = None, -1
    for block in range(count(folded, "blocks")):
        name = f"blocks.{block}"
        out = folded[f"{name}.project.weight"].shape[0]
        first, channels = out != channels, out
        stage += first
        encoder.append(
            {
                "expanded": folded[f"{name}.depthwise.weight"].shape[0],
                "channels": out,
                "kernel": folded[f"{name}.depthwise.weight"].shape[-1],
                "stride": STAGE_STRIDES[stage] if first else 1,
            }
        )
    # The last block before each halving, and the last of all, feed the decoder.
    taps = [block for block, (_, after) in enumerate(pairwise(encoder)) if after["stride"] == 2]
    return {
        "input": {"mean": 127.0, "scale": 128.0, "net_size": net_size, "mirrored": mirrored},
        "stem": folded["stem.weight"].shape[0],
        "encoder": encoder,
        "taps": [*taps, len(encoder) - 1],
        "context": folded["context.0.weight"].shape[0],
        "decoder": [
            {
                "channels": folded[f"levels.{level}.lateral.weight"].shape[0],
                "kernel": folded[f"levels.{level}.blocks.0.depthwise.weight"].shape[-1],
                "blocks": count(folded, f"levels.{level}.blocks"),
            }
            for level in range(count(folded, "levels"))
        ],
        "head": folded["head.0.weight"].shape[0],
    }


def half(name: str, value: np.ndarray) -> np.ndarray:
    """`value` in half precision and row-major order; refuses what half precision cannot hold."""
    if not np.abs(value).max() < np.finfo(np.float16).max:
        raise SystemExit(f"{name}: {np.abs(value).max()} does not fit half precision")
    # safetensors writes the memory as it lies, and checkpoints come with the channels last.
    return np.ascontiguousarray(value, np.float16)


def count(weights: Mapping[str, Any], prefix: str) -> int:
    """How many numbered children `prefix` has."""
    return 1 + max(
        int(key[len(prefix) + 1 :].split(".")[0]) for key in weights if key.startswith(f"{prefix}.")
    )


if __name__ == "__main__":
    main()
