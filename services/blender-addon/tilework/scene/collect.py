"""Every file that the open scene renders with: Blender's own list, and what it forgets.

All that the file refers to is taken, not what one scene of it needs: Blender opens it as a whole, libraries too.
"""

import os
from typing import Any, Dict, Iterator, List, NamedTuple, Set, Tuple

import bpy

from ..farm import expand


class Collected(NamedTuple):
    """`files`: of this disk, the main .blend left out. The rest is for the artist to know, as stored in the file."""

    files: List[str]
    missing: List[str]
    absolute: List[str]


def collect() -> Collected:
    found: Set[str] = set()
    missing: List[str] = []
    absolute: List[str] = []
    for stored, path, sequence in _paths():
        members = expand.files(path, sequence)
        if members:
            found.update(members)
        elif stored not in missing:
            missing.append(stored)
        if not stored.startswith("//") and os.path.isabs(stored) and members:
            absolute.append(stored)
    for folder in _caches():
        found.update(expand.files(folder))
    found.discard(os.path.normpath(bpy.data.filepath))
    return Collected(sorted(found), sorted(missing), sorted(set(absolute)))


def _paths() -> Iterator[Tuple[str, str, bool]]:
    """(as stored, on this disk, whether it stands for a sequence)."""
    sequences = set(_sequences())
    stored = bpy.utils.blend_paths(absolute=False, packed=False, local=False)
    real = bpy.utils.blend_paths(absolute=True, packed=False, local=False)
    seen = set()
    for raw, path in zip(stored, real):
        path = os.path.normpath(path)
        if path not in seen and raw and not raw.startswith("<builtin>"):
            seen.add(path)
            yield raw, path, path in sequences
    for raw, block in _forgotten():
        path = _real(raw, block)
        if path not in seen:
            seen.add(path)
            yield raw, path, False


def _sequences() -> Iterator[str]:
    for image in bpy.data.images:
        if image.source == "SEQUENCE" and image.filepath:
            yield _real(image.filepath, image)
    for clip in bpy.data.movieclips:
        if clip.source == "SEQUENCE":
            yield _real(clip.filepath, clip)
    for block in (*bpy.data.cache_files, *getattr(bpy.data, "volumes", ())):
        if block.is_sequence:
            yield _real(block.filepath, block)


def _forgotten() -> Iterator[Tuple[str, Any]]:
    """What Blender's list leaves out: IES lights, OSL scripts, mesh caches."""
    trees = [*bpy.data.node_groups]
    for blocks in (bpy.data.materials, bpy.data.worlds, bpy.data.lights):
        trees += [block.node_tree for block in blocks if block.node_tree is not None]
    for tree in trees:
        for node in tree.nodes:
            if node.bl_idname in ("ShaderNodeTexIES", "ShaderNodeScript") and node.mode == "EXTERNAL" and node.filepath:
                yield node.filepath, tree
    for owner in bpy.data.objects:
        for modifier in owner.modifiers:
            if modifier.type == "MESH_CACHE" and modifier.filepath:
                yield modifier.filepath, owner


def _caches() -> Iterator[str]:
    """Folders of baked simulations that no path names: point caches on disk lie beside the file, by its name."""
    if bpy.data.filepath:
        folder, name = os.path.split(bpy.data.filepath)
        yield os.path.join(folder, f"blendcache_{os.path.splitext(name)[0]}")
    for owner in bpy.data.objects:
        for modifier in owner.modifiers:
            if modifier.type == "NODES" and getattr(modifier, "bake_directory", ""):
                yield _real(modifier.bake_directory, owner)
                for bake in modifier.bakes:
                    if getattr(bake, "use_custom_path", False) and bake.directory:
                        yield _real(bake.directory, owner)
            elif modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
                yield _real(modifier.domain_settings.cache_directory, owner)
            elif modifier.type == "OCEAN" and modifier.is_cached:
                yield _real(modifier.filepath, owner)


def _real(path: str, block: Any) -> str:
    return os.path.normpath(bpy.path.abspath(path, library=getattr(block, "library", None)))


def task_files(main: str, copy: str, collected: Collected) -> Dict[str, Any]:
    """The part of a task that says what is sent: the main .blend in its own place, be it a copy, and the rest.

    A file on another drive than the .blend cannot keep its place; it is told as missing by the farm.
    """
    drive = os.path.splitdrive(main)[0]
    files = [path for path in collected.files if os.path.splitdrive(path)[0] == drive]
    root = expand.common_root([main, *files])
    listed = [{"path": expand.below(root, path), "file": path} for path in files]
    return {"main": expand.below(root, main), "files": [{"path": expand.below(root, main), "file": copy}, *listed]}
