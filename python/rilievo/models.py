"""Which networks there are, which are on this machine, and where they lie."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rilievo import _native, env
from rilievo._native import RilievoError
from rilievo._places import caches as _caches
from rilievo._places import places_in
from rilievo.options import Options
from rilievo.watch import Watch

if TYPE_CHECKING:
    from rilievo.watch import Cancel, Progress

_extra: list[str] = []

MERGE = "pix2pix"
MERGE_MISSING = (
    "the merge network is not on this machine; `rilievo models download pix2pix` fetches it, 318 MB, "
    "for academic use only"
)


@dataclass(frozen=True)
class Choice:
    """The networks a run will use: the id and file of the one for depth, and one line that says so.

    ``boost`` says how boost will merge, and is empty without it; ``merge`` is the file of its merge network,
    ``None`` where it merges by guided filtering.
    """

    id: str
    path: str | None
    line: str
    boost: str = ""
    merge: str | None = None


def folders() -> list[str]:
    """The folders models are looked for in, first match first.

    Folders named by :func:`look_in`, then those of ``RILIEVO_MODELS``
    (separated like ``PATH``), then the platform's data folder, then where
    other programs keep the same files. A WebUI's or ComfyUI's own folder, or
    its ``models`` folder, stands for all the places in it that can hold them.
    """
    named = [folder for folder in env.RILIEVO_MODELS.read().split(os.pathsep) if folder]
    own = str(_data_folder() / "models")
    first = [os.path.abspath(os.path.expanduser(folder)) for folder in [*_extra, *named]]
    places = [place for folder in first for place in places_in(folder)]
    return list(dict.fromkeys([*places, own, *map(str, _caches())]))


def look_in(folder: os.PathLike[str] | str) -> None:
    """Looks for models in this folder before all others."""
    path = os.path.abspath(os.path.expanduser(os.fspath(folder)))
    if not os.path.isdir(path):
        raise FileNotFoundError(f"{path}: the models folder does not exist; make it, or check the spelling")
    if path in _extra:
        _extra.remove(path)
    _extra.insert(0, path)


def table() -> list[dict[str, Any]]:
    """Every network: the catalog's row, and whether and where it is installed."""
    found: list[dict[str, Any]] = _native.models(folders())
    for row in found:
        row["path"] = _text(row["path"])
    return found


def unusable() -> list[str]:
    """The files that lie where networks' files belong but are plainly none, one sentence each.

    An empty file, a web page, a server's message or a Git LFS pointer: such a
    file is never used, and a download replaces it.
    """
    found = _native.unusable_models(folders())
    return [f"{os.fspath(path)} is not used for {id_}: {reason}" for id_, path, reason in found]


def depth_networks() -> list[dict[str, Any]]:
    """The rows of :func:`table` that estimate depth; the others are helpers."""
    return [row for row in table() if row["role"] == "depth"]


def choice(options: Options | None = None) -> Choice:
    """The networks that these options mean.

    Raises :class:`ValueError` for a name nobody knows and
    :class:`rilievo.RilievoError` when a file is not on this machine.
    """
    options = options or Options()
    chosen = _depth_choice(options)
    if not options.boost:
        return chosen
    merge = _merge_network(options.boost_merge)
    how = "boost merges with the merge network" if merge else "boost merges by guided filtering"
    if merge is None and options.boost_merge == "auto":
        how += f" ({MERGE_MISSING})"
    return dataclasses.replace(chosen, line=f"{chosen.line}; {how}", boost=how, merge=merge)


def missing(options: Options) -> tuple[str, str]:
    """The id of the network that :func:`choice` did not find, and the option that asked for it."""
    try:
        _depth_choice(options)
    except RilievoError:
        return _native.find_model(options.model_type), "model_type"
    return MERGE, "boost_merge"


def megabytes(options: Options | None = None) -> int:
    """The memory that the networks these options mean need at their usual sizes, roughly."""
    chosen = choice(options)
    wanted = {chosen.id, MERGE} if chosen.merge else {chosen.id}
    return sum(int(row["memory"]) for row in table() if row["id"] in wanted)


def _depth_choice(options: Options) -> Choice:
    wanted = options.model_type
    automatic = wanted.lower() == "auto"
    if options.weights is not None:
        path = os.path.expanduser(options.weights)
        id_ = _native.identify(path) if automatic else _native.find_model(wanted)
        return Choice(id_, path, f"model: {id_}, from {path}")
    id_, file = _native.resolve_model(wanted, folders())
    notes = unusable() if automatic else []
    return Choice(id_, _text(file), "; ".join([_line(id_, automatic), *notes]))


def _merge_network(choice: str) -> str | None:
    """The file of the merge network; ``None`` means guided filtering."""
    if choice == "guided":
        return None
    try:
        return _text(_native.resolve_model(MERGE, folders())[1])
    except RilievoError as error:
        if choice == "auto":
            return None
        raise RilievoError(f"{error}; or let boost_merge be guided, which needs no network") from None


def download(name: str, *, progress: Progress = None, cancel: Cancel | None = None) -> str:
    """Fetches a network's file unless it is here already; returns where it lies.

    Goes on where an earlier download stopped. The file gets its name when its
    size, its checksum where one is known, and every tensor's name and shape
    are the network's. Obeys ``HF_ENDPOINT``,
    ``HF_TOKEN``, ``HF_HUB_OFFLINE``, ``RILIEVO_OFFLINE`` and the proxy
    variables. Raises :class:`rilievo.RilievoError` naming every source that
    failed and why.
    """
    return os.fspath(_native.download_model(name, folders(), Watch(progress, cancel)))


def verify(name: str, *, progress: Progress = None, cancel: Cancel | None = None) -> str | None:
    """The SHA-256 of a network's file if it is the known one, ``None`` if none is known.

    Without a known one the file is opened and its tensors compared with the
    network's. Raises :class:`rilievo.RilievoError` when either does not fit.
    """
    found: str | None = _native.verify_model(name, folders(), Watch(progress, cancel))
    return found


def adopt(
    name: str | None,
    file: os.PathLike[str] | str,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> tuple[str, str]:
    """Copies a checkpoint into the models folder, under the name it is looked for.

    Without a name the file's content says which network it is. Returns the
    network's id and where its file lies now.
    """
    path = os.path.expanduser(os.fspath(file))
    id_, target = _native.import_model(name, folders(), path, Watch(progress, cancel))
    return id_, os.fspath(target)


def _text(path: os.PathLike[str] | str | None) -> str | None:
    return None if path is None else os.fspath(path)


def _line(id_: str, automatic: bool) -> str:
    if not automatic:
        return f"model: {id_}"
    if id_ != "pocket":
        return f"model: {id_} (auto: the best one on this machine)"
    return (
        "model: pocket (auto: no other network is on this machine); "
        "`rilievo models download depth_anything_v2_small` fetches a better one (99 MB)"
    )


def _data_folder() -> Path:
    """Where this platform keeps a program's data."""
    if sys.platform == "win32":
        base = env.LOCALAPPDATA.read() or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = env.XDG_DATA_HOME.read() or Path.home() / ".local" / "share"
    return Path(base, "rilievo")
