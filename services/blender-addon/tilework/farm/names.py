"""Where delivered files go on the artist's disk: the names that Blender itself would have used."""

import os
import re
from typing import Any, Dict, Optional

_PLAIN = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")
_FRAME = re.compile(r"^frames/m?\d{4,}\.(\w+)$")


def frame_pattern(zero: str, ones: str, twos: str) -> Optional[Dict[str, Any]]:
    """What Blender calls frames, from its names of frame 0, 11111111 and 22222222.

    None where the number is no part of the name.
    """
    first = next((at for at, (one, two) in enumerate(zip(ones, twos)) if one != two), None)
    if first is None or ones[first : first + 8] != "1" * 8:
        return None
    suffix = ones[first + 8 :]
    digits = len(zero) - first - len(suffix)
    return {"prefix": ones[:first], "digits": digits, "suffix": suffix}


def frame_path(pattern: Dict[str, Any], frame: int) -> str:
    """As C prints it with %0*d: the sign counts as a digit."""
    return f"{pattern['prefix']}{frame:0{pattern['digits']}d}{pattern['suffix']}"


def safe_join(folder: str, path: str) -> Optional[str]:
    """A path of the farm below a folder; None where it would lie outside. The farm's word is no reason to."""
    parts = path.split("/")
    if not all(_PLAIN.match(part) for part in parts):
        return None
    return os.path.join(folder, *parts)


def target(where: Dict[str, Any], artifact: Dict[str, Any]) -> Optional[str]:
    """Where a delivered file goes; None for one that is not wanted.

    `where`: {mode: output | beside, frames: pattern or None, movie: path or None, folder}. Frames and the movie go to
    the scene's own output path; files of File Output nodes, and all with `beside`, into the folder.
    """
    path = artifact["path"]
    if path == "manifest.json" or path.startswith("previews/"):
        return None
    beside = safe_join(where["folder"], path)
    if where["mode"] == "beside":
        return beside
    found = _FRAME.match(path)
    if found and "frame" in artifact:
        # A scene that makes a movie keeps no frames on disk.
        if where.get("movie") is not None:
            return None
        pattern = where.get("frames")
        return beside if pattern is None else _with_extension(frame_path(pattern, artifact["frame"]), found.group(1))
    if path.startswith("video/"):
        movie = where.get("movie")
        return beside if movie is None else _with_extension(movie, path.rsplit(".", 1)[-1])
    return beside


def _with_extension(path: str, extension: str) -> str:
    """Another file format was chosen than the scene's own: its extension instead of the scene's."""
    stem, own = os.path.splitext(path)
    if _same_kind(own[1:].lower(), extension.lower()) or own == "":
        return path
    return f"{stem}.{extension}" if own[1:].lower() in _EXTENSIONS else f"{path}.{extension}"


_EXTENSIONS = {
    *("png", "jpg", "jpeg", "exr", "tif", "tiff", "webp", "bmp", "tga", "hdr", "dpx", "cin", "jp2", "rgb", "avif"),
    *("mp4", "webm", "mkv", "avi", "mov", "ogv", "mpg", "flv", "dv"),
}


def _same_kind(own: str, other: str) -> bool:
    alike = ({"jpg", "jpeg"}, {"tif", "tiff"})
    return own == other or any({own, other} <= kind for kind in alike)
