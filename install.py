"""Run by Stable Diffusion WebUI at every start: makes sure the wheel that belongs to this clone is installed.

Nothing to do takes milliseconds and no network. Otherwise a wheel that
``wheels.lock`` names is fetched and held against the SHA-256 there, or one is
built here if Rust is on the machine. No package is ever asked for by its name
alone: whoever owns that name in an index could run what they like. What the
host has pinned (numpy, Pillow, ...) is never touched. When all fails, the
reason is left in ``.build/install-failed.txt``, where the Depth tab finds it,
and a build that failed is not tried again before something has changed:
``python install.py --retry`` does.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

NAME = "rilievo"
ROOT = os.path.dirname(os.path.abspath(__file__))

# Seconds that a child process may take, and all of a wheel's download.
ASKING, INSTALLING, BUILDING, FETCHING = 60, 600, 3600, 600
# Seconds without a byte after which a download is given up.
STALL = 20
TIMED_OUT = 124


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


class Failed(Exception):
    """Why something could not be done, as a sentence."""


def locked_wheel(root):
    """The wheel that ``wheels.lock`` has for this version and this Python; None if there is none."""
    best = None
    version = wanted_version(root)
    ranks = _tags()
    for number, fields in _lock_lines(os.path.join(root, "wheels.lock")):
        where = f"wheels.lock, line {number}"
        if len(fields) != 4:
            raise Failed(f"{where} has {len(fields)} fields; there are four: file, bytes, SHA-256, address")
        file, size, digest, address = fields
        parts = file[:-4].split("-") if file.endswith(".whl") else []
        if len(parts) != 5 or os.path.basename(file) != file:
            raise Failed(f"{where}: {file} is no wheel's name")
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or not size.isdigit():
            raise Failed(f"{where}: the size or the SHA-256 of {file} is none")
        if not _is_safe(address):
            raise Failed(f"{where}: {address} is no https address")
        found = [ranks[tag] for tag in _expanded(parts[2:]) if tag in ranks]
        if parts[0] == NAME and parts[1] == version and found and (best is None or min(found) < best[0]):
            best = (min(found), {"file": file, "bytes": int(size), "sha256": digest, "address": address})
    return best and best[1]


def fetch(wheel, folder, seconds=FETCHING):
    """Fetches a wheel of the lock into ``folder``; it gets its name when size and SHA-256 are right."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, wheel["file"])
    part = path + ".part"
    until = time.monotonic() + seconds
    digest, size = hashlib.sha256(), 0
    try:
        _remove(part)
        opener = urllib.request.build_opener(_SafeRedirects())
        # "x": never through a link that somebody has put there.
        with opener.open(wheel["address"], timeout=STALL) as answer, open(part, "xb") as file:
            while True:
                block = answer.read1(1 << 16)
                if not block:
                    break
                size += len(block)
                if size > wheel["bytes"]:
                    raise Failed("it is larger than the lock says")
                if time.monotonic() > until:
                    raise Failed(f"it did not arrive within {seconds} s")
                digest.update(block)
                file.write(block)
        if size != wheel["bytes"]:
            raise Failed(f"{size} of {wheel['bytes']} bytes arrived")
        if digest.hexdigest() != wheel["sha256"]:
            raise Failed(f"its SHA-256 is {digest.hexdigest()}, which is not the one of the lock")
        os.replace(part, path)
    except (Failed, OSError, ValueError) as error:
        _remove(part)
        raise Failed(f"the wheel could not be fetched from {wheel['address']}: {error}") from None
    return path


def install(root, run, again=True):
    """Installs the wheel; raises Failed when it cannot be. ``again``: build even if that has failed before."""
    stamp = os.path.join(root, ".build", "wheel.json")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-input"]
    # --no-deps: the host brings numpy and Pillow, and its versions are its own business.
    ours = [*pip, "--no-index", "--no-deps", "--force-reinstall"]
    reasons = []
    if _read_json(stamp) is None:
        try:
            wheel = locked_wheel(root)
            if wheel is None:
                reasons.append(f"wheels.lock has no wheel of this version for Python {_platform()}")
            else:
                print(f"rilievo: fetching the wheel, {wheel['bytes'] / 1e6:.0f} MB", flush=True)
                path = fetch(wheel, os.path.join(root, ".build", "wheels"))
                _pip([*ours, path], run, INSTALLING)
                _check(root, run)
                return
        except Failed as error:
            reasons.append(str(error))
    rust = rust_version(run)
    key = {"commit": commit(root), "version": wanted_version(root), "rust": rust}
    failed = os.path.join(root, ".build", "build-failed.json")
    before = _read_json(failed) or {}
    if not again and before.get("key") == key:
        raise Failed(f"{before.get('reason')}\n\n(That was before; it is not tried again at every start.)")
    try:
        if not rust:
            raise Failed("; ".join([*reasons, "there is no Rust compiler to build one"]))
        print("rilievo: building from source; this takes some minutes, once", flush=True)
        tools = os.path.join(root, ".build", "tools")
        shutil.rmtree(tools, ignore_errors=True)
        lock = os.path.join(root, "build.lock")
        # What builds wheels comes from the index, but only the very files whose SHA-256 are in build.lock.
        by_hash = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--target", tools, "-r", lock]
        _pip([*pip, *by_hash], run, INSTALLING)
        paths = {
            "PYTHONPATH": os.pathsep.join(filter(None, [tools, os.environ.get("PYTHONPATH")])),
            "PATH": os.pathsep.join(
                [os.path.join(tools, "bin"), os.path.join(tools, "Scripts"), os.environ.get("PATH", "")]
            ),
        }
        _pip([*ours, "--no-build-isolation", root], run, BUILDING, paths)
        _check(root, run)
    except Failed as error:
        _write(failed, json.dumps({"key": key, "reason": str(error)}))
        raise
    _remove(failed)
    _write(stamp, json.dumps({"version": wanted_version(root), "commit": commit(root)}))


def rust_version(run):
    """What the Rust compiler says it is; '' without one."""
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        return ""
    answer = run(["rustc", "--version"], ASKING)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def remedy(root):
    """What a person can do when installing failed."""
    command = f'"{sys.executable}" "{os.path.join(root, "install.py")}" --retry'
    if shutil.which("cargo") is None:
        return f"Install Rust from https://rustup.rs and start the WebUI again, or run:\n{command}"
    return f"Try again:\n{command}"


def retry(root=ROOT, run=None):
    """Installs even if a build has failed before, for a button: whether it worked, and what to show."""
    code = main(root, run, again=True)
    text = _read(os.path.join(root, ".build", "install-failed.txt")) or "It failed; see the console."
    return code == 0, "Installed; restart the whole WebUI." if code == 0 else text


def main(root=ROOT, run=None, again=False):
    """Does what is needed; the exit code says whether rilievo can be used."""
    note = os.path.join(root, ".build", "install-failed.txt")
    if is_current(root):
        _remove(note)
        return 0
    started = time.time()
    try:
        install(root, run or _run, again)
    except Failed as error:
        _write(note, f"rilievo {wanted_version(root)} could not be installed: {error}\n\n{remedy(root)}\n")
        first = str(error).strip().splitlines()[0]
        print(
            f"rilievo: not installed, so there is no depth yet: {first}\n{remedy(root)}\nAll about it: {note}"
        )
        return 1
    _remove(note)
    print(f"rilievo: installed in {time.time() - started:.0f} s")
    return 0


def _pip(command, run, seconds, environment=None):
    done = run(command, seconds, environment)
    if done.returncode == TIMED_OUT:
        raise Failed(f"pip was stopped after {seconds} s.\n\npip said:\n{_tail(done)}")
    if done.returncode != 0:
        raise Failed(f"pip failed (exit code {done.returncode}).\n\npip said:\n{_tail(done)}")


def _check(root, run):
    """That pip was successful is believed when a fresh interpreter has loaded what it installed."""
    code = f"import {NAME}, {NAME}._native; print({NAME}.__version__)"
    done = run([sys.executable, "-c", code], ASKING)
    said = done.stdout.strip().splitlines()
    if done.returncode != 0 or not said or said[-1] != wanted_version(root):
        raise Failed(
            f"pip reported success, but a new Python cannot use the package.\n\nIt said:\n{_tail(done)}"
        )


def _run(command, seconds, environment=None):
    """Runs a child for so many seconds at most; then it and its children are ended."""
    # Not in the clone: what lies there must not be imported in place of what is installed.
    folder = os.path.join(ROOT, ".build")
    os.makedirs(folder, exist_ok=True)
    posix = os.name == "posix"
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        env={**os.environ, **(environment or {})},
        start_new_session=posix,
    )
    try:
        said, _ = child.communicate(timeout=seconds)
        return subprocess.CompletedProcess(command, child.returncode, said)
    except BaseException as error:
        if posix:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], capture_output=True, check=False)
        said, _ = child.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return subprocess.CompletedProcess(command, TIMED_OUT, said)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):  # noqa: PLR0917
        if not _is_safe(newurl):
            raise Failed(f"the server leads to {newurl}, which is no https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_safe(address):
    """Encrypted, or on this machine."""
    parts = urllib.parse.urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "127.0.0.1")


def _lock_lines(path):
    for number, line in enumerate((_read(path) or "").splitlines(), 1):
        fields = line.split("#")[0].split()
        if fields:
            yield number, fields


def _tags():
    """The tags of wheels that this Python takes, and their ranks: 0 is the best."""
    try:
        from packaging import tags
    except ImportError:
        from pip._vendor.packaging import tags
    return {str(tag): rank for rank, tag in enumerate(tags.sys_tags())}


def _expanded(tags):
    """``py2.py3-none-any`` as the single tags it stands for."""
    pythons, abis, platforms = (tag.split(".") for tag in tags)
    return [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]


def _tail(result):
    return "\n".join(result.stdout.strip().splitlines()[-15:])


def _platform():
    return f"{sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _read_json(path):
    try:
        return json.loads(_read(path) or "null")
    except ValueError:
        return None


def _write(path, text):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"rilievo: {path} cannot be written: {error}")


def _remove(path):
    if os.path.lexists(path):
        os.unlink(path)


if __name__ == "__main__":
    sys.exit(main(again="--retry" in sys.argv[1:]))
