"""Where Blender itself would have written the frames and the movie of a scene."""

import os
import re
from typing import Any, Dict

import bpy

from ..farm import names

_FRAMES = (0, 11111111, 22222222)


def is_movie(scene: Any) -> bool:
    return bool(scene.render.is_movie_format)


def where(scene: Any, mode: str, job_name: str) -> Dict[str, Any]:
    """What a download needs to know: see names.target. `mode` is `output` or `beside`."""
    render = scene.render
    shown = _absolute(render.frame_path(frame=scene.frame_start))
    folder = os.path.join(os.path.dirname(shown), f"{_plain(job_name)} (Tilework)")
    movie = is_movie(scene)
    return {
        "mode": mode,
        "folder": folder,
        "frames": None if movie else names.frame_pattern(*(_absolute(render.frame_path(frame=one)) for one in _FRAMES)),
        "movie": shown if movie else None,
    }


def _absolute(path: str) -> str:
    return os.path.abspath(bpy.path.abspath(path))


def _plain(name: str) -> str:
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", name).strip(" .")[:80] or "job"
