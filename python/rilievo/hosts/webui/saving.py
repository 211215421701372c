"""Files by the host's rules: its folders, its names, its format, its PNG info, its callbacks.

8-bit pictures are written by the host. 16-bit maps, raw predictions and meshes
are written by rilievo under the name the host would have given: Forge cannot
write 16-bit pictures that carry an infotext, and JPEG has no 16 bits.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import rilievo
from rilievo.outputs import Output, extension
from rilievo.recipes import file_suffix


class HostSaver(rilievo.Saver):
    """Into a folder, as the Extras tab does: ``<base>-<number>[-<kind>]``."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._existing: dict[str, str] = {}

    def start(self, base: str, image: Any = None) -> str:
        """Begins a picture; the texts it carries are kept in its results."""
        self._existing = _texts(image)
        return super().start(base)

    def save(self, output: Output, stem: str, *, info: dict[str, Any] | None = None) -> Path:
        """Writes one output."""
        from modules.shared import opts

        if not output.content.is_8_bit:
            return super().save(output, stem, info=info)
        options = (info or {}).get("options", {})
        text = infotext(output.kind, options)
        return host_picture(
            output,
            self.folder,
            stem + file_suffix(output.kind),
            text=text if opts.enable_pnginfo else None,
            section="extras",
            existing=dict(self._existing) if opts.enable_pnginfo else None,
        )


def host_picture(
    output: Output,
    folder: Path,
    name: str,
    *,
    text: str | None,
    section: str = "parameters",
    existing: dict[str, str] | None = None,
    processing: Any = None,
) -> Path:
    """Has the host write an 8-bit picture under this name."""
    from modules import images
    from modules.shared import opts

    # The host may turn this very picture into RGBA, so it gets one of its own.
    image = output.image.copy()
    path, _ = images.save_image(
        image,
        str(folder),
        "",
        extension=opts.samples_format,
        info=text,
        short_filename=True,
        no_prompt=True,
        pnginfo_section_name=section,
        existing_info=existing,
        forced_filename=name,
        save_to_dirs=False,
        p=processing,
    )
    return Path(path)


def infotext(kind: str, options: dict[str, Any]) -> str:
    """What is written into a picture: its kind and the options that differ from the defaults."""
    parts = [f"Depth output: {kind}", *(f"{name}: {value}" for name, value in options.items())]
    return ", ".join([*parts, f"Version: rilievo {rilievo.__version__}"])


def _texts(image: Any) -> dict[str, str]:
    """The generation parameters a picture carries."""
    from PIL import Image

    if not isinstance(image, Image.Image):
        return {}
    parameters = image.info.get("parameters")
    return {"parameters": parameters} if isinstance(parameters, str) else {}


class GenerationSaver:
    """Beside the generated pictures of txt2img and img2img, all outputs of one picture under one name."""

    def __init__(self, processing: Any, seed: int, prompt: str, image: Any, text: str):
        from modules import images
        from modules.shared import opts

        self.processing = processing
        self.text = text if opts.enable_pnginfo else None
        names = images.FilenameGenerator(processing, seed, prompt, image)
        folder = processing.outpath_samples
        if opts.save_to_dirs:
            pattern = opts.directories_filename_pattern or "[prompt_words]"
            folder = os.path.join(folder, names.apply(pattern).lstrip(" ").rstrip("\\ /"))
        os.makedirs(folder, exist_ok=True)
        overridden = (getattr(processing, "override_settings", None) or {}).get("samples_filename_pattern")
        usual = "[seed]" if opts.save_to_dirs else "[seed]-[prompt_spaces]"
        name = names.apply(overridden or opts.samples_filename_pattern or usual)
        if opts.save_images_add_number or not name:
            number = f"{images.get_next_sequence_number(folder, ''):05}"
            name = f"{number}-{name}" if name else number
        self.folder = Path(folder)
        self.stem = name

    def save(self, output: Output) -> Path:
        """Writes one output; an older file of this name is replaced, as the host does."""
        name = f"{self.stem}-{output.kind}"
        if output.content.is_8_bit:
            return host_picture(
                output, self.folder, name, text=self.text, processing=self.processing, existing=None
            )
        if output.format is not None:
            name = self.stem + file_suffix(output.kind)
        path = self.folder / f"{name}.{extension(output.content.usual_format())}"
        output.save(path, output.format, text={"parameters": self.text} if self.text else None)
        return path


def sixteen_bits_survive() -> bool:
    """Whether the host itself can carry a 16-bit grey picture to its file and its API."""
    from modules.shared import opts

    return str(opts.samples_format).lower() == "png"
