"""Which enabled add-ons the scene was made with, as far as the file shows it: engines and nodes that they bring."""

import re
from typing import Any, Iterator, List

import bpy

from .. import home


def addons(scene: Any) -> List[str]:
    """Their names, in order. What an add-on made with Blender's own means needs none of it."""
    enabled = {addon.module for addon in bpy.context.preferences.addons} - {home.PACKAGE, "cycles"}
    used = {module for module in _modules(scene) if module}
    return sorted(name for name in enabled if any(one == name or one.startswith(name + ".") for one in used))


def tag_of(addon: str) -> str:
    """The tag of workers that have it: `addon-sverchok`."""
    return "addon-" + re.sub(r"[^a-z0-9._-]+", "-", addon.rsplit(".", 1)[-1].lower())[:50]


def _modules(scene: Any) -> Iterator[str]:
    for engine in _subclasses(bpy.types.RenderEngine):
        if getattr(engine, "bl_idname", "") == scene.render.engine:
            yield engine.__module__
    trees = [*bpy.data.node_groups]
    for blocks in (bpy.data.materials, bpy.data.worlds, bpy.data.lights):
        trees += [block.node_tree for block in blocks if block.node_tree is not None]
    for tree in trees:
        yield type(tree).__module__
        yield from {type(node).__module__ for node in tree.nodes}


def _subclasses(one: Any) -> Iterator[Any]:
    for each in one.__subclasses__():
        yield each
        yield from _subclasses(each)
