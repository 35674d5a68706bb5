"""Bringing a scene to a frame, and rendering it there, as `blender -f` does.

What a render shows comes from two places. Objects, materials and nodes come from a copy that each render evaluates by
itself. Color management, render settings and strips are read from the scene as it stands, and there `-f` and `-a` first
evaluate the scene's own animation (keys, drivers, NLA). They are an animation of one frame; a single render called from
Python does none of this. So frames are rendered as animations of one frame here too.
"""

import os
from typing import Any, Optional

import bpy
from driver import animation, idle_scene, image_format, scene_file
from driver.overrides import Overrides


class _Brought:
    """The frame that the scene was brought to last, and what the file has in the place of the values there."""

    frame: int = 0
    stored: Optional[animation.Stored] = None


_brought = _Brought()


def bring(scene: Any, frame: int, overrides: Overrides) -> None:
    """Sets the scene's frame, and each animated setting of it to its value there; puts all back on leaving."""
    # Camera markers make rendering replace the scene's camera.
    camera, before = scene.camera, scene.frame_float
    overrides.undo_with(lambda: setattr(scene, "camera", camera))
    overrides.undo_with(lambda: setattr(scene, "frame_float", before))
    _brought.frame, _brought.stored = frame, animation.Stored(scene)
    overrides.undo_with(_brought.stored.put_back)
    # A whole frame: the file may have been saved between two.
    scene.frame_float = float(frame)
    if frame < 0:
        # No animation can be rendered there. frame_set does more: it leaves values in all objects.
        overrides.undo_with(scene_file.leave_traces)
        scene.frame_set(frame)
    elif animation.curves(scene):
        _evaluate(scene, frame)


def render(scene: Any) -> set[str]:
    """Renders the scene at the frame it was brought to, into `numbered` of render.filepath; answers as the operator."""
    frame, stored = _brought.frame, _brought.stored
    if frame < 0:
        return set(bpy.ops.render.render(write_still=True, scene=scene.name))
    # Some settings count as they are when the render is called (the shutter, for one), so as the file has them.
    if stored is not None:
        stored.put_back_animated()
    try:
        return _animate(scene, frame)
    finally:
        scene.frame_float = float(frame)


def numbered(path: str, frame: int) -> str:
    """Where `render` writes what is to be at `path`: frames below 0, which `-f` cannot name, without their number."""
    return path if frame < 0 else f"{path}{frame:04d}"


def _animate(scene: Any, frame: int) -> set[str]:
    # Only the operator is called in the empty scene: settings that are changed in it make 5.0 look for strips there.
    if "frame_start" in bpy.ops.render.render.get_rna_type().properties:
        with idle_scene.in_context():
            return set(bpy.ops.render.render(animation=True, scene=scene.name, frame_start=frame, frame_end=frame))
    _range.narrow(scene, frame)
    try:
        with idle_scene.in_context():
            return set(bpy.ops.render.render(animation=True, scene=scene.name))
    finally:
        _range.widen()


def _evaluate(scene: Any, frame: int) -> None:
    """Evaluates the scene's own animation in a tenth of a millisecond: a frame whose file is there is skipped after
    that.
    """
    render_settings, image_settings = scene.render, scene.render.image_settings
    if image_settings.file_format in image_format.VIDEO_FORMATS and not image_settings.color_mode:
        # Setting its format would lose a colour mode that counts. What is read then are the values in the file; what is
        # rendered has those of the frame all the same.
        return
    base = os.path.join(bpy.app.tempdir, "skipped")
    there = numbered(base, frame)
    open(there, "wb").close()
    try:
        with Overrides() as meanwhile:
            if image_settings.file_format in image_format.VIDEO_FORMATS:
                # A movie is written whatever is there.
                meanwhile.keep_image_settings(image_settings)
                image_format.set_format(image_settings, "PNG")
            for name, value in (
                ("filepath", base),
                ("use_file_extension", False),
                ("use_overwrite", False),
                ("use_placeholder", False),
                ("use_multiview", False),
            ):
                meanwhile.set(render_settings, name, value)
            _animate(scene, frame)
    except RuntimeError as error:
        # Without a camera, say. The render that follows fails for the same reason; an inspection reports it.
        print(f"cannot evaluate frame {frame} of scene {scene.name}: {error}", flush=True)
    finally:
        os.unlink(there)
        scene.frame_float = float(frame)


class _Range:
    """Before 5.0 the operator takes its frames from the scene. Only it sees the narrowed range, not drivers and
    metadata:
    when Blender says that it begins to render, the scene has its own range again."""

    def __init__(self) -> None:
        self._own: Optional[tuple[Any, int, int]] = None
        self._registered = False

    def narrow(self, scene: Any, frame: int) -> None:
        if not self._registered:
            bpy.app.handlers.render_init.append(_on_begin)
            self._registered = True
        self._own = (scene, scene.frame_start, scene.frame_end)
        scene.frame_start, scene.frame_end = frame, frame

    def widen(self) -> None:
        if self._own is not None:
            scene, first, last = self._own
            self._own = None
            scene.frame_start, scene.frame_end = first, last


_range = _Range()


@bpy.app.handlers.persistent
def _on_begin(*_arguments: Any) -> None:
    _range.widen()
