"""Calling operators without the evaluation of the view layer that Blender puts around them."""

from contextlib import contextmanager
from typing import Any, Iterator

import bpy


@contextmanager
def context_for(scene: Any) -> Iterator[None]:
    """Within it an operator evaluates an empty scene instead of the one that is looked at, which stays as it is.

    Up to Blender 5.0 `scene_file` switches that evaluation off, and nothing is done here. In later ones the program does it
    by itself, for the scene in the context; it also renders at the frame of that scene, so that has the frame of `scene`.
    """
    if hasattr(type(bpy.ops.render.render), "_view_layer_update"):
        yield
        return
    empty = bpy.data.scenes.new("Tilework")
    try:
        empty.frame_set(scene.frame_current, subframe=scene.frame_subframe)
        with bpy.context.temp_override(scene=empty, view_layer=empty.view_layers[0]):
            yield
    finally:
        bpy.data.scenes.remove(empty)
