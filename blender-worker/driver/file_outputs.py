"""File Output nodes write wherever the artist's disk had a place; here they write where the worker says."""

import os
import re
from typing import Any, Optional

from driver import compositor
from driver.overrides import Overrides


class Redirected:
    """Where the File Output nodes of one render were sent, and which were kept from writing."""

    def __init__(self) -> None:
        # (name of the node, its folder): nodes of two trees may have one name.
        self.folders: list[tuple[str, str]] = []
        self.silenced: list[str] = []


def redirect(scene: Any, extra_dir: Optional[str], overrides: Overrides) -> Redirected:
    """Sends each File Output node into a folder of its own under extra_dir; without one they are muted.

    That is done to every one in the file, also where the scene does not seem to run it: none may write where it wants.
    """
    result = Redirected()
    writing = compositor.file_output_nodes(scene)
    for number, node in enumerate(dict.fromkeys([*writing, *compositor.all_file_output_nodes()])):
        writes = number < len(writing)
        if not isinstance(extra_dir, str):
            overrides.set(node, "mute", True)
            if writes:
                result.silenced.append(node.name)
            continue
        folder = os.path.join(extra_dir, f"{number:02d}-{_plain(node.name)}")
        if writes:
            os.makedirs(folder, exist_ok=True)
        result.folders.append((node.name, folder))
        _send_to(node, folder, overrides)
    return result


def answer(redirected: Redirected, more_views: list[str]) -> dict[str, Any]:
    """What was written beside the frame, by File Output nodes and for further views (node ""), and the nodes that were
    not honoured.
    """
    extra = [{"node": "", "path": path, "bytes": os.path.getsize(path)} for path in more_views]
    for node_name, folder in redirected.folders:
        for parent, _folders, names in os.walk(folder):
            for name in sorted(names):
                path = os.path.join(parent, name)
                extra.append({"node": node_name, "path": path, "bytes": os.path.getsize(path)})
    return {"extra": extra, "notHonoured": redirected.silenced}


def _send_to(node: Any, folder: str, overrides: Overrides) -> None:
    multilayer = node.format.file_format == "OPEN_EXR_MULTILAYER"
    if hasattr(node, "directory"):  # Blender 5.0 and later: a folder and a file name
        overrides.set(node, "directory", folder + os.sep)
        overrides.set(node, "file_name", _inside(node.file_name))
        slots = node.file_output_items
        name_of_slot = "name"
    else:
        # A multilayer node's path is that of the file itself, not of a folder.
        target = os.path.join(folder, os.path.basename(_inside(node.base_path))) if multilayer else folder + os.sep
        overrides.set(node, "base_path", target)
        slots = node.file_slots
        name_of_slot = "path"
    if multilayer:
        return
    for slot in slots:
        inside = _inside(getattr(slot, name_of_slot))
        if inside != getattr(slot, name_of_slot):
            overrides.set(slot, name_of_slot, inside)


def _inside(path: str) -> str:
    """A path that cannot lead out of its folder."""
    parts = [part for part in re.split(r"[\\/]+", path) if part not in ("", ".", "..")]
    return "/".join(parts)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60] or "node"
