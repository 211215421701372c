"""Random crops and colours, for whole batches on the device that trains."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ASPECT = 0.25
BLURRED = 0.2
NOISY = 0.3


def augment(pictures: Tensor, depths: Tensor, size: tuple[int, int], least: float) -> tuple[Tensor, Tensor]:
    """Crops of (n, height, width, 3) bytes at `size`, as the network takes them; depths at half that, not interpolated.

    Every crop has at least the share `least` of the largest one that has the shape of `size`, before its shape
    is changed a little.
    """
    grid = windows(pictures, size, least)
    colours = pictures.permute(0, 3, 1, 2).float()
    x = F.grid_sample(
        colours, F.affine_grid(grid, [len(grid), 3, *size], False), "bilinear", "border", align_corners=False
    )
    half = [len(grid), 1, size[0] // 2, size[1] // 2]
    y = F.grid_sample(
        depths[:, None].float(), F.affine_grid(grid, half, False), "nearest", "border", align_corners=False
    )
    return ((recolour(x) - 127) / 128).contiguous(memory_format=torch.channels_last), y[:, 0]


def windows(pictures: Tensor, size: tuple[int, int], least: float) -> Tensor:
    """Where to look: one affine map (2 x 3) a picture, mirrored every second time."""
    n, height, width = pictures.shape[:3]
    device = pictures.device
    share = uniform((n,), least, 1, device)
    shape = torch.exp(uniform((n,), -ASPECT, ASPECT, device) * min(1.0, (1 - least) / 0.4))
    high = min(1.0, width * size[0] / size[1] / height)
    wide = min(1.0, height * size[1] / size[0] / width)
    high, wide = (high * share * shape).clamp(max=1), (wide * share / shape).clamp(max=1)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = wide * torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = high
    theta[:, 0, 2] = (1 - wide) * uniform((n,), -1, 1, device)
    theta[:, 1, 2] = (1 - high) * uniform((n,), -1, 1, device)
    return theta


def recolour(x: Tensor) -> Tensor:
    """Other saturation, contrast, exposure, white balance and gamma; some blurred, some noisy. Values 0..255."""
    n, device = len(x), x.device
    one = (n, 1, 1, 1)
    chance = torch.rand(3, *one, device=device)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.where(chance[0] < 0.05, 0.0, uniform(one, 0.3, 1.4, device))
    x = (x - 128) * uniform(one, 0.7, 1.3, device) + 128 * uniform(one, 0.75, 1.25, device)
    x = x * (1 + 0.06 * torch.randn(n, 3, 1, 1, device=device))
    gamma = torch.where(chance[1] < 0.3, torch.exp(0.25 * torch.randn(one, device=device)), 1.0)
    x = 255 * (x.clamp(0, 255) / 255) ** gamma
    blurred = max(1, round(BLURRED * n))
    x = torch.cat([blur(x[:blurred], uniform((blurred,), 0.4, 1.5, device)), x[blurred:]])
    strength = torch.where(chance[2] < NOISY, uniform(one, 1, 12, device), 0.0)
    fine = torch.randn_like(x)
    # Grain of two pixels' size for half of the noisy ones, as demosaicing and JPEG leave it.
    coarse = 1.6 * F.avg_pool2d(fine, 3, 1, 1)
    grain = torch.where(torch.rand(one, device=device) < 0.5, fine, coarse)
    return (x + strength * grain).clamp(0, 255)


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, with a sigma for every picture."""
    n, channels, height, width = x.shape
    at = torch.arange(-4, 5, device=x.device)
    kernel = torch.exp(-((at / sigma[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None, None]
    flat = F.pad(x.reshape(1, n * channels, height, width), (4, 4, 4, 4), "replicate")
    flat = F.conv2d(flat, kernel, groups=n * channels)
    return F.conv2d(flat, kernel.transpose(2, 3), groups=n * channels).view(x.shape)


def uniform(shape: tuple[int, ...], low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(shape, device=device) * (high - low) + low
