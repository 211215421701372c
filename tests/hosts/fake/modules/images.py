"""``modules.images``: names and files. ``forge`` switches the traps of Forge on."""

import os

from PIL import PngImagePlugin

from modules import shared

forge = False
saved = []


class FilenameGenerator:
    def __init__(self, p, seed, prompt, image):
        self.seed, self.prompt = seed, prompt

    def apply(self, pattern):
        return (
            pattern.replace("[seed]", str(self.seed))
            .replace("[prompt_spaces]", self.prompt)
            .replace("[date]", "2026-01-02")
        )


def get_next_sequence_number(path, basename):
    start = f"{basename}-" if basename else ""
    numbers = [
        name[len(start) :].split(".")[0].split("-")[0] for name in os.listdir(path) if name.startswith(start)
    ]
    return max([int(number) for number in numbers if number.isdigit()], default=-1) + 1


def save_image(
    image,
    path,
    basename,
    seed=None,
    prompt=None,
    extension="png",
    info=None,
    short_filename=False,
    no_prompt=False,
    pnginfo_section_name="parameters",
    p=None,
    existing_info=None,
    forced_filename=None,
    suffix="",
    save_to_dirs=None,
):
    texts = dict(existing_info or {})
    if info is not None:
        texts[pnginfo_section_name] = info
    if forge and extension == "png" and "parameters" in texts:
        # "stealth" infotext: the picture of the caller is changed, and a grey one cannot be.
        image.putalpha(255)
        if len(image.getbands()) != 4:
            raise ValueError("not enough values to unpack (expected 4, got 2)")
    os.makedirs(path, exist_ok=True)
    full = os.path.join(path, f"{forced_filename}.{extension}")
    if extension == "png":
        chunks = PngImagePlugin.PngInfo()
        for key, value in texts.items():
            chunks.add_text(key, value)
        image.save(full, pnginfo=chunks)
    else:
        image.convert("RGB").save(full)
    saved.append((full, pnginfo_section_name, p))
    assert shared.opts.samples_format == extension
    return full, None


def resize_image(resize_mode, image, width, height):
    return image.resize((width, height))
