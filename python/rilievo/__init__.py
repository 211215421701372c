"""rilievo: depth from one picture."""

from rilievo._native import __version__

__all__ = ["__version__"]
