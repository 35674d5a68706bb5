"""Where delivered files go on the artist's disk: the names that Blender itself would have used."""

import os
import re
from typing import Any, Dict, Iterable, Optional

# Signs that no name may hold on some system; other alphabets are fine.
_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\]')
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
    if any(part in ("", ".", "..") for part in parts):
        return None
    if os.sep == "\\":
        parts = [_UNSAFE.sub("_", part).rstrip(". ") or "_" for part in parts]
    elif any("\x00" in part for part in parts):
        return None
    return os.path.join(folder, *parts)


def target(where: Dict[str, Any], artifact: Dict[str, Any]) -> Optional[str]:
    """Where a delivered file goes; None for one that is not wanted.

    `where`: {mode: output | beside, frames: pattern or None, movie: path or None, folder, outputs: [{node, place,
    real}]}. Frames, the movie and what File Output nodes write go where Blender writes them; all else goes into the
    folder, and everything with `beside`.
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
    return _of_node(where.get("outputs", ()), artifact) or beside


def _of_node(outputs: Iterable[Dict[str, str]], artifact: Dict[str, Any]) -> Optional[str]:
    for output in outputs:
        start = "/".join(part for part in ("outputs", output["place"]) if part) + "/"
        if output["node"] == artifact.get("node") and artifact["path"].startswith(start):
            return safe_join(output["real"], artifact["path"][len(start) :])
    return None


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
