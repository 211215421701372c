"""Run by Stable Diffusion WebUI at every start: makes sure the wheel that belongs to this clone is installed.

Nothing to do takes milliseconds and no network. Otherwise the published wheel
is taken, or one is built here if Rust is on the machine. What the host has
pinned (numpy, Pillow, ...) is never touched. When all fails, the reason is left
in ``.build/install-failed.txt``, where the Depth tab finds it.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time

NAME = "rilievo"
ROOT = os.path.dirname(os.path.abspath(__file__))


def wanted_version(root):
    """The version of this clone, from Cargo.toml."""
    with open(os.path.join(root, "Cargo.toml"), encoding="utf-8") as file:
        found = re.search(r'^version\s*=\s*"([^"]+)"', file.read(), re.MULTILINE)
    # Cargo writes pre-releases as 1.0.0-rc.1, Python as 1.0.0rc1.
    return re.sub(
        r"-(a|alpha|b|beta|rc)\.?", lambda m: m.group(1)[0] if m.group(1) != "rc" else "rc", found.group(1)
    )


def commit(root):
    """The commit this clone is at, read without starting git; '' where there is none."""
    try:
        with open(os.path.join(root, ".git", "HEAD"), encoding="utf-8") as file:
            head = file.read().strip()
        if not head.startswith("ref: "):
            return head
        name = head[5:]
        loose = os.path.join(root, ".git", *name.split("/"))
        if os.path.exists(loose):
            with open(loose, encoding="utf-8") as file:
                return file.read().strip()
        with open(os.path.join(root, ".git", "packed-refs"), encoding="utf-8") as file:
            return next((line.split()[0] for line in file if line.rstrip().endswith(" " + name)), "")
    except OSError:
        return ""


def is_current(root):
    """Whether the installed wheel is whole, of this version, and, if built here, of this commit."""
    try:
        distribution = importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError:
        return False
    native = [
        file for file in distribution.files or [] if "_native" in file.name and file.suffix in (".so", ".pyd")
    ]
    if distribution.version != wanted_version(root) or not any(file.locate().exists() for file in native):
        return False
    built = _read_json(os.path.join(root, ".build", "wheel.json"))
    return built is None or built.get("commit") == commit(root)


def install(root, run):
    """Installs the wheel; returns None, or why it could not be."""
    version = wanted_version(root)
    stamp = os.path.join(root, ".build", "wheel.json")
    # --no-deps: the host brings numpy and Pillow, and its versions are its own business.
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--upgrade", "--disable-pip-version-check"]
    built_before = _read_json(stamp) is not None
    if not built_before:
        print(f"rilievo: installing the wheel of version {version}", flush=True)
        published = run([*pip, "--only-binary", ":all:", f"{NAME}=={version}"])
        if published.returncode == 0:
            return None
    else:
        published = None
    cargo = shutil.which("cargo")
    if cargo is None:
        return (
            f"There is no published wheel of rilievo {version} for this Python ({_platform()}), and no Rust compiler "
            f"to build one.\n\npip said:\n{_tail(published)}"
        )
    print("rilievo: building the wheel from source; this takes some minutes, once", flush=True)
    built = run([*pip, "--force-reinstall", root])
    if built.returncode != 0:
        return f"Building rilievo {version} from source failed.\n\npip said:\n{_tail(built)}"
    _write(stamp, json.dumps({"version": version, "commit": commit(root)}))
    return None


def remedy(root):
    """What a person can do when installing failed."""
    return (
        f'"{sys.executable}" -m pip install --no-deps rilievo=={wanted_version(root)}\n'
        "or install Rust from https://rustup.rs and start the WebUI again: it then builds the wheel itself."
    )


def main(root=ROOT, run=None):
    """Does what is needed; the exit code says whether rilievo can be used."""
    note = os.path.join(root, ".build", "install-failed.txt")
    if is_current(root):
        _remove(note)
        return 0
    started = time.time()
    reason = install(root, run or _run)
    if reason is None:
        _remove(note)
        print(f"rilievo: installed in {time.time() - started:.0f} s")
        return 0
    text = f"{reason}\n\nWhat to do:\n{remedy(root)}\n"
    _write(note, text)
    print(f"rilievo is not installed, so the Depth tab cannot work.\n{text}")
    return 1


def _run(command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )


def _tail(result):
    return "\n".join(result.stdout.strip().splitlines()[-15:]) if result else ""


def _platform():
    return f"{sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"


def _read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def _write(path, text):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"rilievo: {path} cannot be written: {error}")


def _remove(path):
    if os.path.exists(path):
        os.unlink(path)


if __name__ == "__main__":
    sys.exit(main())
