"""Files outside the .blend that are not here: those that the picture of a scene needs, and those that it does not."""

from typing import Any, Iterator, Optional

import bpy
from driver import disk_caches, file_kinds, file_sets, idle_scene
from driver.compositor import strips_of
from driver.file_kinds import Lacking, Look
from driver.needs import Use, Walk

_LIMIT = 20_000
_BLOCKS = ("images", "movieclips", "sounds", "fonts", "volumes", "cache_files")
_ORDER = {"picture": 0, "sound": 1, "nothing": 2}
_WORDS = (
    (bpy.types.NodeTree, "node group"),
    (bpy.types.Light, "light"),
    (bpy.types.Texture, "texture"),
    (bpy.types.ParticleSettings, "particle settings"),
)


def missing(walk: Walk, frames: list[int]) -> list[dict[str, Any]]:
    """{kind, path, effect, usedBy, users, frames, count, tiles} of each file that is not here, once; those that change
    the picture first. `frames` are those of `frames` that show it, null for all or where that cannot be told.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for lacks, effect, by in _all(walk, frames):
        if lacks.frames is not None and not lacks.frames:
            effect = "nothing"
        _note(found, lacks, effect, by)
    lines = sorted(found.values(), key=lambda line: _ORDER[line["effect"]])[:_LIMIT]
    return [{**line, "frames": None if line["frames"] is None else file_sets.text_of(line["frames"])} for line in lines]


def has_sets(walk: Walk) -> bool:
    """Whether it depends on the frames which files are needed."""
    return bool(
        walk.strip_frames
        or walk.caches
        or any(getattr(use.struct, "source", "") == "SEQUENCE" for use in walk.uses)
        or any(getattr(use.struct, "is_sequence", False) for use in walk.uses)
    )


def without_color_space(walk: Walk) -> list[str]:
    """Images and clips of the picture whose color space this Blender does not know, and what uses each."""
    return [
        _used_by(walk, block, block)
        for block in walk.blocks()
        if isinstance(block, (bpy.types.Image, bpy.types.MovieClip)) and block.colorspace_settings.name == ""
    ]


def _note(found: dict[tuple[str, str], dict[str, Any]], lacks: Lacking, effect: str, by: str) -> None:
    line = found.get((lacks.kind, lacks.path))
    if line is None:
        found[lacks.kind, lacks.path] = {
            "kind": lacks.kind,
            "path": lacks.path[-2048:],
            "effect": effect,
            "usedBy": by,
            "users": 1,
            "frames": lacks.frames,
            "count": lacks.count,
            "tiles": lacks.tiles,
        }
        return
    line["users"] += 1
    if _ORDER[effect] < _ORDER[line["effect"]]:
        line.update(effect=effect, usedBy=by, frames=lacks.frames)
    elif effect == line["effect"]:
        known: Optional[set[int]] = line["frames"]
        line["frames"] = None if known is None or lacks.frames is None else known | lacks.frames


def _all(walk: Walk, frames: list[int]) -> Iterator[tuple[Lacking, str, str]]:
    look = Look(walk, frames)
    for block in walk.blocks():
        lacks = _library_of(block)
        if lacks is not None:
            yield lacks, "picture", _used_by(walk, block, block, named=True)
    for use in walk.uses:
        for lacks in file_kinds.lacking(use, look):
            yield lacks, "sound" if lacks.sound_only else "picture", _used_by(walk, use.block, use.struct)
    for cache, owner in walk.caches:
        for lacks in disk_caches.lacking(cache, owner, frames):
            yield lacks, "picture", _used_by(walk, owner, cache)
    yield from _unneeded(walk, look)


def _library_of(block: Any) -> Optional[Lacking]:
    library = block.library
    if library is None or _inside(library):
        return None
    if not file_kinds.is_here(library.filepath, None):
        return Lacking("library", library.filepath)
    if getattr(block, "is_missing", False):
        return Lacking(f'{_word(block)} "{block.name}" in the library', library.filepath)
    return None


def _inside(library: Any) -> bool:
    """Whether the file holds all of what it links from there."""
    return library.packed_file is not None or bool(getattr(library, "is_archive", False))


def _unneeded(walk: Walk, look: Look) -> Iterator[tuple[Lacking, str, str]]:
    for name in _BLOCKS:
        for block in getattr(bpy.data, name, ()):
            if not walk.has(block) and block.filepath and getattr(block, "source", "") not in ("GENERATED", "VIEWER"):
                for lacks in file_kinds.lacking(Use(block, "filepath", block, block.filepath), look):
                    yield lacks, "nothing", f'{_word(block)} "{block.name}"'
    needed = {block.library for block in walk.blocks()}
    # Where Blender 5.0 and later have what a file holds of a library in an archive, the library itself stays as its
    # parent, and is not read again.
    needed |= {getattr(library, "archive_parent_library", None) for library in bpy.data.libraries}
    for library in bpy.data.libraries:
        if library not in needed and not _inside(library) and not file_kinds.is_here(library.filepath, None):
            yield Lacking("library", library.filepath), "nothing", f'library "{library.name}"'
    for scene in idle_scene.others():
        for strip in strips_of(scene):
            if strip not in walk.strip_frames and strip.type in ("IMAGE", "MOVIE"):
                prop = "directory" if strip.type == "IMAGE" else "filepath"
                for lacks in file_kinds.lacking(Use(strip, prop, scene, getattr(strip, prop)), look):
                    yield lacks._replace(frames=None), "nothing", f'strip "{strip.name}" of scene "{scene.name}"'


def _used_by(walk: Walk, block: Any, struct: Any, named: bool = False) -> str:
    """`material "Floor" of object "Ground"`: what names a file, or uses what names it."""
    words = []
    if struct != block and getattr(struct, "name", ""):
        kind = "strip" if hasattr(struct, "frame_final_start") else _part_word(struct)
        words.append(f'{kind} "{struct.name}"')
    owners = [block, *walk.owners(block)]
    if struct == block and len(owners) > 1 and not named:
        owners = owners[1:]
    told = [one for one in owners if not isinstance(one, (bpy.types.Mesh, bpy.types.Collection))] or owners
    near = told[:1] + [one for one in told[1:] if isinstance(one, (bpy.types.Object, bpy.types.Material))][:1]
    words.extend(f'{_word(one)} "{one.name}"' for one in near)
    library = getattr(block, "library", None)
    if library is not None and not named:
        words.append(library.filepath)
    return " of ".join(words)


def _part_word(struct: Any) -> str:
    if isinstance(struct, bpy.types.Modifier):
        return "modifier"
    return "node" if isinstance(struct, bpy.types.Node) else str(struct.bl_rna.name).lower()


def _word(block: Any) -> str:
    return next((word for kind, word in _WORDS if isinstance(block, kind)), str(block.bl_rna.name).lower())
