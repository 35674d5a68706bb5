"""The one call that renders, and what is answered about it."""

import os
import time
from typing import Any, Optional

import bpy

from driver import image_format, memory, unevaluated, views
from driver.failure import Failure
from driver.overrides import Overrides


def render_to(scene: Any, path: Optional[str], overrides: Overrides) -> float:
    """Renders the scene at its current frame and writes `path` (None: writes nothing). Answers seconds."""
    overrides.set(scene.render, "filepath", path or "")
    memory.reset_peak()
    started = time.monotonic()
    with unevaluated.context_for(scene):
        finished = bpy.ops.render.render(write_still=path is not None, scene=scene.name)
    seconds = time.monotonic() - started
    if "FINISHED" not in finished:
        raise Failure("blender_error", "worker", f"Blender ended the render with {sorted(finished)}")
    return seconds


def save_raw(scene: Any, path: str) -> None:
    """Writes the render that is in memory with all its passes, as 32-bit multilayer EXR."""
    with Overrides() as overrides:
        image_format.use_raw(scene.render, overrides)
        try:
            _render_result().save_render(path, scene=scene)
        except RuntimeError:
            # Of several views it may write a file each and call that a failure; the first is kept.
            if not views.names(scene):
                raise
        if not os.path.exists(path):
            for other in views.gather(scene, path, always=True):
                os.remove(other)


def save_display(scene: Any, path: str) -> None:
    """Writes the render that is in memory as an 8-bit PNG with the view transform."""
    with Overrides() as overrides:
        image_format.use_display(scene.render, overrides)
        _render_result().save_render(path, scene=scene)
        for other in views.gather(scene, path):
            os.remove(other)


def written(paths: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Path and size in bytes of each output; raises `output_missing` when Blender wrote none."""
    files: dict[str, dict[str, Any]] = {}
    for name, path in paths.items():
        try:
            files[name] = {"path": path, "bytes": os.path.getsize(path)}
        except OSError as error:
            raise Failure("output_missing", "worker", f"Blender said it rendered but did not write {path} ({error.strerror}); is the disk full?") from error
    return files


def _render_result() -> Any:
    for image in bpy.data.images:
        if image.type == "RENDER_RESULT":
            return image
    raise Failure("blender_error", "worker", "Blender kept no render result")
