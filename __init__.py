"""ComfyUI's door: a clone of this repository in ``custom_nodes`` hands over to the installed wheel."""

try:
    from rilievo.hosts.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
except ImportError as _error:
    import os as _os
    import sys as _sys

    _here = _os.path.dirname(_os.path.abspath(__file__))
    raise ImportError(
        f"the depth nodes need the wheel of rilievo, which is not installed in this Python ({_error}). "
        f'Run  "{_sys.executable}" "{_os.path.join(_here, "install.py")}" --retry  (or, where Rust is on the machine: '
        f'"{_sys.executable}" -m pip install --no-deps "{_here}") and start ComfyUI again'
    ) from _error

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
