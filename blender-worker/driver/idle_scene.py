"""An empty scene in which operators are called.

After a render, Blender's operator brings the scene it was called in to its frame, as a window shows it: it evaluates
every object at viewport quality and writes animated values and physics caches into the open file. `blender -f` does
not. Called in an empty scene there is nothing to evaluate.
"""

from typing import Any

import bpy

_MARK = "tilework_idle"


def in_context() -> Any:
    """A context manager in which the empty scene is the one that operators are called in."""
    idle = next((scene for scene in bpy.data.scenes if _MARK in scene), None)
    if idle is None:
        idle = bpy.data.scenes.new("Idle")
        idle[_MARK] = True
    return bpy.context.temp_override(scene=idle, view_layer=idle.view_layers[0])


def others() -> list[Any]:
    """The scenes of the file itself."""
    return [scene for scene in bpy.data.scenes if _MARK not in scene]
