"""Opening a scene, and keeping it open between commands."""

import os
import time
from typing import Any, Optional

import bpy
from driver.failure import Failure


class _Opened:
    """Which file content is loaded; None when nothing is, or when a command may have left traces."""

    identity: Optional[tuple[str, int, int, int]] = None
    path: Optional[str] = None
    load_seconds: float = 0.0
    load_number: int = 0


_opened = _Opened()


def prepare_blender() -> None:
    """Once, at the start: no scripts from scene files, and no needless evaluation around operators."""
    if getattr(bpy.app, "module", False):
        # The program gets this by --factory-startup; as a module Blender reads the user's own settings.
        bpy.ops.wm.read_factory_settings()
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    # Else every frame below 0 is frame 0.
    bpy.context.preferences.edit.use_negative_frames = True
    _spare_view_layer_updates()


def open_scene(command: dict[str, Any]) -> dict[str, Any]:
    """Loads command.path unless the same content is open and clean. Answers {loaded, loadSeconds}.

    Raises `blend_missing` (farm) and `blend_unreadable` (scene).
    """
    path = command.get("path")
    if not isinstance(path, str) or not path:
        raise Failure("bad_command", "farm", "open needs the path of a .blend file")
    identity = _identity(path)
    if _opened.identity == identity:
        return {"loaded": False, "loadSeconds": 0.0, "scene": bpy.context.scene.name}
    _load(path, identity)
    return {"loaded": True, "loadSeconds": _opened.load_seconds, "scene": bpy.context.scene.name}


def require_open() -> float:
    """Raises `no_scene_open` when no scene is loaded; loads it again when a command left traces in it.

    Answers the seconds that took, 0.0 when it was open and clean.
    """
    if _opened.path is None:
        raise Failure("no_scene_open", "farm", "open a scene first")
    if _opened.identity is not None:
        return 0.0
    _load(_opened.path, _identity(_opened.path))
    return _opened.load_seconds


def load_again() -> float:
    """Loads the open file anew, so that nothing rendered so far is left in it; answers the seconds it took."""
    _opened.identity = None
    return require_open()


def leave_traces() -> None:
    """Notes that the open file is not as it was saved and cannot be put right: the next command loads it again."""
    _opened.identity = None


def load_number() -> int:
    """Counts loads, so that what was found out about one load is not believed of the next."""
    return _opened.load_number


def _identity(path: str) -> tuple[str, int, int, int]:
    try:
        state = os.stat(path)
    except OSError as error:
        raise Failure("blend_missing", "farm", f"cannot find the scene at {path}: {error.strerror}") from error
    return (os.path.abspath(path), state.st_size, state.st_mtime_ns, state.st_ino)


def _load(path: str, identity: tuple[str, int, int, int]) -> None:
    _opened.identity = None
    _opened.path = None
    started = time.monotonic()
    try:
        # With its windows, as `blender -b` loads it: without them 5.3 leaves the pictures of scene strips empty in some
        # files.
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=True, use_scripts=False)
    except RuntimeError as error:
        raise Failure(
            "blend_unreadable", "scene", f"Blender {bpy.app.version_string} cannot open the scene: {str(error).strip()}"
        ) from error
    if os.path.abspath(bpy.data.filepath) != os.path.abspath(path):
        raise Failure(
            "blend_unreadable", "scene", f"Blender {bpy.app.version_string} did not open the scene and gave no reason"
        )
    _opened.load_seconds = time.monotonic() - started
    _opened.load_number += 1
    _opened.identity = identity
    _opened.path = path


def _spare_view_layer_updates() -> None:
    """Operators called from Python evaluate the view layer before and after; `blender -f` does neither.

    Besides the time (a whole scene evaluation at viewport quality, twice a frame), evaluating it writes
    animated values and physics caches into the open file, which the program on its own does not do. After 5.0 the
    program does this by itself, for the scene in the context: see `idle_scene`.
    """
    operator_class = type(bpy.ops.render.render)
    if hasattr(operator_class, "_view_layer_update"):
        operator_class._view_layer_update = staticmethod(lambda _context: None)
