"""ComfyUI: nodes in the category ``depth``.

ComfyUI finds them through ``__init__.py`` at the root of the repository, which
lies in its ``custom_nodes`` folder. Nodes keep to three rules: they take and
give batches frame by frame with the host's progress bar, they compute nothing
that :mod:`rilievo` does not, and their widgets are made of the rows of
:mod:`rilievo.options`. Nothing of ComfyUI or PyTorch is imported before a node
runs in it.
"""

from __future__ import annotations

from typing import Any

from rilievo.hosts.comfyui import nodes_depth, nodes_files, nodes_recipes
from rilievo.hosts.comfyui.models import register_folder

MODULES = (nodes_depth, nodes_files, nodes_recipes)

NODE_CLASS_MAPPINGS: dict[str, Any] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}

for _module in MODULES:
    for _node in _module.NODES:
        NODE_CLASS_MAPPINGS[_node.ID] = _node
        NODE_DISPLAY_NAME_MAPPINGS[_node.ID] = _node.TITLE

register_folder()

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
