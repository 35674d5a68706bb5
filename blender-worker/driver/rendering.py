"""The one call that renders, and what is answered about it."""

import os
import time
from typing import Any, Optional

import bpy
from driver import frame_time, image_format, memory, views
from driver.failure import Failure
from driver.overrides import Overrides


def render_to(scene: Any, path: Optional[str], overrides: Overrides) -> float:
    """Renders the scene at its frame and writes `path`, for several views a file each (None: keeps no file), and
    `preview_of(path)` where the format has a preview. Answers seconds.
    """
    kept = path if path is not None else os.path.join(bpy.app.tempdir, "unwanted")
    frame = scene.frame_current
    overrides.set(scene.render, "filepath", kept)
    memory.reset_peak()
    with Overrides() as meanwhile:
        if path is None:
            # Something is always written; of a multilayer file of nothing 3.4 crashes.
            image_format.use_display(scene.render, meanwhile)
        started = time.monotonic()
        finished = frame_time.render(scene)
        seconds = time.monotonic() - started
    if "FINISHED" not in finished:
        raise Failure("blender_error", "worker", f"Blender ended the render with {sorted(finished)}")
    written = frame_time.numbered(kept, frame)
    # Blender adds the extension where the artist lets it: it does so for the files of File Output nodes, too.
    extension = scene.render.file_extension if scene.render.use_file_extension else ""
    places = [
        *zip(views.candidates(scene, written + extension), views.candidates(scene, kept)),
        *zip(views.candidates(scene, written), views.candidates(scene, kept)),
        (preview_of(written + extension), preview_of(kept)),
    ]
    for one, wanted in places:
        if os.path.exists(one):
            os.unlink(one) if path is None else os.replace(one, wanted)
    return seconds


def preview_of(path: str) -> str:
    """Where Blender writes the preview that an EXR file may have beside it."""
    return f"{os.path.splitext(path)[0]}.jpg"


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
            raise Failure(
                "output_missing",
                "worker",
                f"Blender said it rendered but did not write {path} ({error.strerror}); is the disk full?",
            ) from error
    return files


def _render_result() -> Any:
    for image in bpy.data.images:
        if image.type == "RENDER_RESULT":
            return image
    raise Failure("blender_error", "worker", "Blender has no render result to save")
