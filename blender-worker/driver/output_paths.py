"""Where the artist's files have their place below a folder of ours.

Folders stay as they are towards the scene's own output folder: what lies in it keeps the way below it, and what lies
elsewhere the way from there without its `..`. So `//comp/beauty/` of a scene that renders into `//out/` is
`comp/beauty/`.
"""

import re
from typing import Any, NamedTuple

import bpy
from driver.overrides import Overrides

_DRIVE = re.compile(r"^[A-Za-z]:(?=[\\/]|$)")
_BLEND_FOLDER = re.compile(r"^\{blend_dir\}[\\/]*")


class _Path(NamedTuple):
    # "//" below the folder of the .blend, "/" anywhere on the disk, "" wherever Blender was started.
    root: str
    parts: list[str]


def mirrored(scene: Any, folder: str, name: str) -> str:
    """The path below our folder of a file that Blender would write as `name` in `folder`; never leads out of it.

    Templates and frame numbers in it stay as they are, and so does a slash at the end.
    """
    wanted = _parse(f"{folder}/{name}" if folder else name)
    own = _parse(scene.render.filepath)
    own_folder = own.parts[:-1]
    if wanted.root != own.root:
        return "/".join(part for part in wanted.parts if part != "..")
    common = 0
    while (
        common < min(len(own_folder), len(wanted.parts) - 1)
        and own_folder[common] == wanted.parts[common]
        and own_folder[common] != ".."
    ):
        common += 1
    return "/".join(part for part in wanted.parts[common:] if part != "..")


def unknown_template(scene: Any, path: str) -> bool:
    """Whether Blender would not write to `path` for a template in it that it does not know (5.0 and later)."""
    if "{" not in path or bpy.app.version < (5, 0, 0):
        return False
    with Overrides() as overrides:
        # Only the path of the render can be asked for; a node's may name the node as well.
        overrides.set(scene.render, "filepath", path.replace("{node_name", "{scene_name"))
        try:
            scene.render.frame_path(frame=1)
        except RuntimeError:
            return True
    return False


def _parse(path: str) -> _Path:
    """The parts of a path as Blender reads it on this system; the last is the file's name, empty after a slash."""
    path = _BLEND_FOLDER.sub("//", path)
    path = _DRIVE.sub("", path).replace("\\", "/")
    root = "//" if path.startswith("//") else "/" if path.startswith("/") else ""
    *folders, name = path.lstrip("/").split("/")
    parts: list[str] = []
    for part in folders:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return _Path(root, [*parts, "" if name in (".", "..") else name])
