"""Unpacks the furniture collections of Debian's `sweethome3d-furniture` for the renderer.

    python unpack_models.py FOLDER_WITH_SH3F_FILES OUT

Every `.sh3f` file (a zip archive) is unpacked below OUT; OUT/models.tsv lists the models for `pocket-render
--models OUT`, OUT/credits.tsv their authors and licences. Doors and windows are left out (they are holes in
walls), and so are models of more than 9,000 faces.
"""

import pathlib
import re
import sys
import zipfile

MOST_FACES = 9_000


def entries(properties: str) -> list[dict[str, str]]:
    """The numbered entries of a catalogue: `key#number=value` lines."""
    found: dict[str, dict[str, str]] = {}
    for key, number, value in re.findall(r"^(\w+)#(\d+)=(.*)$", properties, flags=re.M):
        found.setdefault(number, {})[key] = value.strip()
    return list(found.values())


def main(source: pathlib.Path, out: pathlib.Path) -> None:
    models, credits = [], []
    for collection in sorted(source.glob("*.sh3f")):
        folder = out / collection.stem
        with zipfile.ZipFile(collection) as archive:
            archive.extractall(folder)
            properties = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
        licence = re.search(r"^license=(.*)$", properties, flags=re.M)
        for entry in entries(properties):
            path = folder / entry.get("model", "").lstrip("/")
            if path.suffix != ".obj" or not path.is_file() or entry.get("doorOrWindow") == "true":
                continue
            faces = sum(line.startswith(b"f ") for line in path.open("rb"))
            if not 0 < faces <= MOST_FACES:
                continue
            size = [float(entry[side]) / 100 for side in ("width", "depth", "height")]
            models.append("\t".join([str(path.relative_to(out)), *(f"{metres:.3f}" for metres in size)]))
            author = entry.get("creator", "unnamed")
            credits.append(
                "\t".join(
                    [collection.stem, entry["name"], author, licence.group(1).strip() if licence else ""]
                )
            )
    (out / "models.tsv").write_text("\n".join(models) + "\n")
    (out / "credits.tsv").write_text("\n".join(credits) + "\n")
    print(f"{len(models)} models")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
