"""Where Blender itself would have written the frames and the movie of a scene."""

import os
import re
from typing import Any, Dict, Iterator

import bpy

from ..driver import compositor, output_paths
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
        "outputs": list(_of_nodes(scene)),
    }


def _of_nodes(scene: Any) -> Iterator[Dict[str, str]]:
    """{node, place, real}: below which folder a File Output node delivers, and where it writes on this disk."""
    for node in compositor.file_output_nodes(scene):
        if hasattr(node, "directory"):
            pairs = [(node.directory, node.file_name)]
        elif node.format.file_format == "OPEN_EXR_MULTILAYER":
            pairs = [("", node.base_path)]
        else:
            pairs = [(node.base_path, slot.path) for slot in node.file_slots]
        for base, name in pairs:
            place = output_paths.mirrored(scene, base, name).rpartition("/")[0]
            real = os.path.dirname(_absolute(os.path.join(base, name) if base else name))
            if "{" not in real and "#" not in real:
                yield {"node": node.name, "place": place, "real": real}


def _absolute(path: str) -> str:
    return os.path.abspath(bpy.path.abspath(path))


def _plain(name: str) -> str:
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", name).strip(" .")[:80] or "job"
