"""Files outside the .blend that the scene needs, and which of them are missing here."""

import glob
import os
import re
from typing import Any, Iterator, NamedTuple

import bpy
from driver import idle_scene

_LIMIT = 20_000
_TILE_MARKS = ("<UDIM>", "<UVTILE>")


class _Needed(NamedTuple):
    kind: str
    name: str
    path: str
    block: Any
    sequence: bool = False


def external_files() -> list[dict[str, Any]]:
    """{kind, name, path, missing} of each file that is neither packed nor generated, as stored and as found."""
    found = []
    for needed in _needed():
        path = bpy.path.abspath(needed.path, library=getattr(needed.block, "library", None))
        found.append(
            {
                "kind": needed.kind,
                "name": needed.name,
                "path": needed.path[:2048],
                "missing": not _exists(path, needed.sequence),
            }
        )
        if len(found) == _LIMIT:
            break
    return found


def _needed() -> Iterator[_Needed]:
    for library in bpy.data.libraries:
        if library.packed_file is None:
            yield _Needed("library", library.name, library.filepath, None)
    for image in bpy.data.images:
        if (
            image.source in ("FILE", "SEQUENCE", "MOVIE", "TILED")
            and image.filepath
            and image.users > 0
            and not _packed(image)
        ):
            yield _Needed("image", image.name, image.filepath, image, image.source == "SEQUENCE")
    for kind, blocks in (
        ("font", bpy.data.fonts),
        ("sound", bpy.data.sounds),
        ("volume", getattr(bpy.data, "volumes", [])),
    ):
        for block in blocks:
            if block.filepath and block.filepath != "<builtin>" and block.users > 0 and not _packed(block):
                yield _Needed(kind, block.name, block.filepath, block, bool(getattr(block, "is_sequence", False)))
    for clip in bpy.data.movieclips:
        if clip.users > 0:
            yield _Needed("movieclip", clip.name, clip.filepath, clip, clip.source == "SEQUENCE")
    for cache in bpy.data.cache_files:
        if cache.users > 0:
            yield _Needed("cache", cache.name, cache.filepath, cache, bool(cache.is_sequence))
    yield from _of_strips()
    yield from _of_fluids()


def _of_strips() -> Iterator[_Needed]:
    for scene in idle_scene.others():
        editor = scene.sequence_editor
        if editor is None:
            continue
        for strip in getattr(editor, "strips_all", None) or getattr(editor, "sequences_all", []):
            if strip.type == "MOVIE":
                yield _Needed("movie", strip.name, strip.filepath, None)
            elif strip.type == "IMAGE" and len(strip.elements) > 0:
                yield _Needed("image", strip.name, os.path.join(strip.directory, strip.elements[0].filename), None)


def _of_fluids() -> Iterator[_Needed]:
    for owner in bpy.data.objects:
        for modifier in owner.modifiers:
            if (
                modifier.type == "FLUID"
                and modifier.fluid_type == "DOMAIN"
                and modifier.domain_settings.has_cache_baked_data
            ):
                yield _Needed("cache", owner.name, modifier.domain_settings.cache_directory, owner)


def _packed(block: Any) -> bool:
    return getattr(block, "packed_file", None) is not None or len(getattr(block, "packed_files", ())) > 0


def _exists(path: str, sequence: bool) -> bool:
    if any(mark in path for mark in _TILE_MARKS):
        pattern = glob.escape(path)
        for mark in _TILE_MARKS:
            pattern = pattern.replace(glob.escape(mark), "*").replace(mark, "*")
        return any(True for _found in glob.iglob(pattern))
    if os.path.exists(path):
        return True
    if not sequence:
        return False
    # Any frame of the sequence: which one the path names is chance.
    folder, name = os.path.split(path)
    numbers = list(re.finditer(r"\d+", name))
    if not numbers:
        return False
    pattern = glob.escape(name[: numbers[-1].start()]) + "*" + glob.escape(name[numbers[-1].end() :])
    return any(True for _found in glob.iglob(os.path.join(glob.escape(folder), pattern)))
