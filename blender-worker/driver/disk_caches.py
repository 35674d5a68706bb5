"""Simulations that were baked into files beside the .blend: whether these are here."""

import os
import re
from typing import Any, Iterator

import bpy
from driver import file_sets
from driver.file_kinds import Lacking

_MEMBER = re.compile(r"^(.*)_(-?\d{6,})(?:_(\d+))?\.bphys$")


def lacking(cache: Any, owner: Any, frames: list[int]) -> Iterator[Lacking]:
    """The folder of a baked cache that has nothing of it, or runs of frames that are not in it."""
    if not cache.use_external and not (cache.use_disk_cache and cache.is_baked):
        return
    folder = _folder(cache, owner)
    found = _numbers(cache, owner, bpy.path.abspath(folder, library=_library(cache, owner)))
    if not found:
        yield Lacking("point cache", folder)
        return
    # What was not simulated when the bake was stopped is no file that got lost.
    expected = range(min(found), max(found) + 1, cache.frame_step)
    steps = [number for number in expected if number not in found]
    for first, last in file_sets.runs(steps):
        shown = {frame for frame in frames if first - cache.frame_step < frame < last + cache.frame_step}
        yield Lacking("point cache", f"{folder}/{_name(cache, owner)}_{first:06d}", shown, last - first + 1)


def _library(cache: Any, owner: Any) -> Any:
    return owner.library if cache.use_library_path or cache.use_external else None


def _folder(cache: Any, owner: Any) -> str:
    if cache.use_external:
        return str(cache.filepath).rstrip("/\\")
    library = _library(cache, owner)
    path = bpy.data.filepath if library is None else library.filepath
    return "//blendcache_" + os.path.splitext(os.path.basename(path.replace("\\", "/")))[0]


def _name(cache: Any, owner: Any) -> str:
    if cache.name or cache.use_external:
        return str(cache.name)
    return "".join(f"{byte:02X}" for byte in owner.name.encode())


def _numbers(cache: Any, owner: Any, folder: str) -> set[int]:
    if not os.path.isdir(folder):
        return set()
    # A world of rigid bodies has no object that it is called after.
    name = _name(cache, owner) if isinstance(owner, bpy.types.Object) or cache.name else None
    members = (_MEMBER.match(entry) for entry in os.listdir(folder))
    return {int(each[2]) for each in members if each is not None and name in (None, each[1]) and int(each[2]) > 0}
