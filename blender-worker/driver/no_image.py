"""Scenes that render into the files of File Output nodes alone: their compositor takes other scenes and gives no image.

Blender up to 4.x writes an empty image for such a frame, 5.x none, and no version has passes to save. The farm has an
image for each frame, so an empty one stands where there is none: nothing in it, of the size of the frame.
"""

import os
from typing import Any

import bpy
from driver import compositor, image_format, render_settings
from driver.overrides import Overrides


def is_so(scene: Any) -> bool:
    """Whether the scene has no image of its own: no layer of it is used, and nothing goes out of its compositor."""
    trees = compositor.own_trees(scene)
    if len(trees) != 1 or scene.render.use_sequencer and _shows_strips(scene):
        return False
    if any(node.type in ("COMPOSITE", "GROUP_OUTPUT") and not node.mute for node in trees[0].nodes):
        return False
    used = compositor.layers_used(scene)
    return len(used) > 0 and all(one["scene"] != scene.name for one in used)


def can_be_written(scene: Any) -> bool:
    """Whether Blender may be left to write the final image of such a scene: over a multilayer file of nothing 3.4
    crashes.
    """
    return bool(scene.render.image_settings.file_format != image_format.MULTILAYER)


def write(scene: Any, paths: dict[str, str]) -> None:
    """Writes those of final, raw and display that are named in `paths`, but a final image that Blender has written.

    What the final image is to be is in the scene's settings by now.
    """
    size = render_settings.file_size(scene.render)
    empty = bpy.data.images.new("Tilework empty", size["width"], size["height"], alpha=True, float_buffer=True)
    try:
        empty.generated_color = (0.0, 0.0, 0.0, 0.0)
        for name, path in paths.items():
            if name == "final" and os.path.exists(path):
                continue
            with Overrides() as overrides:
                if name == "raw" or name == "final" and not can_be_written(scene):
                    # One image without layers: Blender writes no multilayer file of it.
                    image_format.use_single_raw(scene.render, overrides)
                elif name == "display":
                    image_format.use_display(scene.render, overrides)
                empty.save_render(path, scene=scene)
    finally:
        bpy.data.images.remove(empty)


def _shows_strips(scene: Any) -> bool:
    return any(strip.type != "SOUND" and not strip.mute for strip in compositor.strips_of(scene))
