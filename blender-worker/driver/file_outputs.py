"""File Output nodes write wherever the artist's disk had a place; here they write where the worker says.

All of one render write into the same folder, each to the place that mirrors the artist's (`output_paths`), so that
Blender itself names the files, and of two nodes with one path the one that wins is the one that wins without a farm.
"""

import os
import re
from typing import Any, NamedTuple, Optional

from driver import compositor, output_paths
from driver.overrides import Overrides


class _Slot(NamedTuple):
    """What one input of a node writes; a node that writes one file for all of them has one without a name."""

    node: str
    slot: str
    # Of the path below the folder, without what Blender adds to it.
    path: str


class Redirected:
    """Where the File Output nodes of one render write, and which were kept from writing."""

    def __init__(self, folder: Optional[str]) -> None:
        self.folder = folder
        self.slots: list[_Slot] = []
        self.silenced: list[str] = []


def redirect(scene: Any, extra_dir: Any, overrides: Overrides) -> Redirected:
    """Sends each File Output node below extra_dir; without one they are muted.

    That is done to every one in the file, also where the scene does not seem to run it: none may write where it wants.
    """
    folder = extra_dir if isinstance(extra_dir, str) else None
    result = Redirected(folder)
    writing = compositor.file_output_nodes(scene)
    for number, node in enumerate(dict.fromkeys([*writing, *compositor.all_file_output_nodes()])):
        if folder is None:
            overrides.set(node, "mute", True)
            if number < len(writing):
                result.silenced.append(node.name)
            continue
        slots = _send_to(scene, node, folder, overrides)
        if number < len(writing):
            result.slots.extend(slots)
    return result


def answer(redirected: Redirected, beside: list[dict[str, Any]], frame: int) -> dict[str, Any]:
    """What was written beside the frame, by File Output nodes and by the render itself (`beside`: {place, path}, of no
    node), and the nodes that were not honoured.
    """
    extra = [{"node": "", "slot": "", **one, "bytes": os.path.getsize(one["path"])} for one in beside]
    for parent, _folders, names in os.walk(redirected.folder or os.devnull):
        for name in names:
            path = os.path.join(parent, name)
            place = os.path.relpath(path, redirected.folder).replace(os.sep, "/")
            by = _writer(redirected.slots, place)
            said = {"node": by.node, "slot": by.slot, "place": _numbered(place, frame)}
            extra.append({**said, "path": path, "bytes": os.path.getsize(path)})
    return {"extra": sorted(extra, key=lambda one: str(one["place"])), "notHonoured": redirected.silenced}


def unknown_templates(scene: Any) -> list[dict[str, str]]:
    """{node, path} of each node that Blender keeps from writing for a template in its path that it does not know; an
    empty node is the render itself.
    """
    own = scene.render.filepath
    found = [{"node": "", "path": own[:500]}] if output_paths.unknown_template(scene, own) else []
    for node in compositor.file_output_nodes(scene):
        if not hasattr(node, "directory"):
            continue
        names = [""] if _is_one_file(node) else [one.name for one in node.file_output_items]
        folder = node.directory if node.directory.endswith(("/", "\\")) else f"{node.directory}/"
        paths = [f"{folder}{node.file_name}{name}" for name in names]
        wrong = next((path for path in paths if output_paths.unknown_template(scene, path)), None)
        if wrong is not None:
            found.append({"node": node.name, "path": wrong[:500]})
    return found


def _numbered(place: str, frame: int) -> str:
    """With the number that Blender gives the files of an animation: frames below 0 are rendered one by one, and of
    those 5.0 and later write all into one name.
    """
    number = f"{frame:05d}"
    if frame >= 0 or number in place:
        return place
    stem, extension = os.path.splitext(place)
    return f"{stem}{number}{extension}"


def _is_one_file(node: Any) -> bool:
    return bool(node.format.file_format == "OPEN_EXR_MULTILAYER")


def _send_to(scene: Any, node: Any, folder: str, overrides: Overrides) -> list[_Slot]:
    if hasattr(node, "directory"):  # Blender 5.0 and later: a folder, a file name, and what each input adds to it
        path = output_paths.mirrored(scene, node.directory, node.file_name)
        within, _slash, name = path.rpartition("/")
        names = [""] if _is_one_file(node) else [one.name for one in node.file_output_items]
        overrides.set(node, "directory", os.path.join(_literal(folder), within) + "/")
        overrides.set(node, "file_name", name)
        return [_Slot(node.name, slot, path + slot) for slot in names]
    base = node.base_path
    if _is_one_file(node):
        # The path is that of the file itself, not of a folder.
        path = output_paths.mirrored(scene, "", base)
        overrides.set(node, "base_path", os.path.join(folder, path))
        return [_Slot(node.name, "", path)]
    slots = []
    overrides.set(node, "base_path", folder + os.sep)
    for slot in node.file_slots:
        name, path = slot.path, output_paths.mirrored(scene, base, slot.path)
        if path != name:
            overrides.set(slot, "path", path)
        slots.append(_Slot(node.name, name, path))
    return slots


def _literal(folder: str) -> str:
    """A path in which Blender finds no template."""
    return folder.replace("{", "{{").replace("}", "}}")


def _writer(slots: list[_Slot], place: str) -> _Slot:
    """The slot that wrote a file: of those whose path it may be, the one that says most of it; the later of equals."""
    fitting = [slot for slot in slots if re.match(_pattern(slot.path), place, re.DOTALL)]
    return max(reversed(fitting), key=lambda slot: len(slot.path), default=_Slot("", "", ""))


def _pattern(path: str) -> str:
    """What the name of a file looks like: Blender puts in templates and the frame, replaces what no file name can have,
    and adds the frame, the view and the extension.
    """
    pieces = re.split(r"(\{\{|\}\}|\{[^{}]*\}|#+|[^\w /.-])", path)
    within = "".join(re.escape(piece) if at % 2 == 0 else ".*?" for at, piece in enumerate(pieces))
    return rf"{within}(?:-?\d+)?[^/]*$"
