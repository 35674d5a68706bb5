"""Every property in which Blender keeps the path of a file or folder: what it is, and when a render reads it."""

import os
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional

import bpy
from driver import file_sets
from driver.needs import Use, Walk


class Lacking(NamedTuple):
    """A file, or a run of members of a set, that is not here."""

    kind: str
    path: str
    # The frames of the chosen scene that show it; None for all, or where they cannot be told.
    frames: Optional[set[int]] = None
    count: int = 1
    tiles: str = ""
    sound_only: bool = False


class Look(NamedTuple):
    """What is asked: which frames, of what was found."""

    walk: Walk
    frames: list[int]


Finder = Callable[[Use, Look], Iterator[Lacking]]


def lacking(use: Use, look: Look) -> Iterator[Lacking]:
    """What of a use is not here."""
    name = f"{use.struct.bl_rna.identifier}.{use.prop}"
    if name in UNREAD:
        return
    finder = KNOWN.get(name, _other)
    if not _packed(use.struct):
        yield from finder(use, look)


def is_here(path: str, block: Any, folder: bool = False) -> bool:
    """Whether every machine finds a path: beside the .blend, or in Blender's own installation. What is elsewhere on
    this machine does not count.
    """
    full = bpy.path.abspath(path, library=getattr(block, "library", None))
    if not path.startswith("//") and not _comes_with_blender(full):
        return False
    return os.path.isdir(full) if folder else os.path.exists(full)


def _comes_with_blender(path: str) -> bool:
    roots = (bpy.utils.resource_path("LOCAL"), bpy.utils.resource_path("SYSTEM"))
    return any(root and os.path.abspath(path).startswith(os.path.abspath(root) + os.sep) for root in roots)


def _packed(struct: Any) -> bool:
    return getattr(struct, "packed_file", None) is not None or len(getattr(struct, "packed_files", ())) > 0


def _file(kind: str, only_if: Callable[[Any], bool] = lambda _struct: True, folder: bool = False) -> Finder:
    def find(use: Use, _look: Look) -> Iterator[Lacking]:
        if only_if(use.struct) and not is_here(use.path, use.block, folder):
            yield Lacking(kind, use.path)

    return find


def _other(use: Use, _look: Look) -> Iterator[Lacking]:
    """A kind that Blender has and this program does not know yet."""
    if not is_here(use.path, use.block):
        yield Lacking(use.struct.bl_rna.name.lower(), use.path)


def _font(use: Use, _look: Look) -> Iterator[Lacking]:
    if use.path != "<builtin>" and not is_here(use.path, use.block):
        yield Lacking("font", use.path)


def _sound(use: Use, _look: Look) -> Iterator[Lacking]:
    if not is_here(use.path, use.block):
        yield Lacking("sound", use.path, sound_only=True)


def _image(use: Use, look: Look) -> Iterator[Lacking]:
    image = use.struct
    if image.source == "TILED":
        tiles = [
            tile.number for tile in image.tiles if not is_here(file_sets.tile_path(use.path, tile.number), use.block)
        ]
        for first, last in file_sets.runs(tiles):
            path = file_sets.tile_path(use.path, first)
            yield Lacking("image", path, None, last - first + 1, file_sets.text_of(range(first, last + 1)))
    elif image.source == "SEQUENCE":
        users = [user for user in look.walk.image_users.get(image, ()) if user is not None]
        if users:
            yield from _members("image", use, _shown_by(users, look))
        elif not _any_member(use):
            yield Lacking("image", use.path)
    elif not is_here(use.path, use.block):
        yield Lacking("image", use.path)


def _shown_by(users: list[Any], look: Look) -> dict[int, Optional[set[int]]]:
    """For each number of a sequence the frames that show it."""
    shown: dict[int, Optional[set[int]]] = {}
    for user in users:
        if not user.use_auto_refresh and hasattr(user, "frame_current"):
            shown[user.frame_current] = None
        elif look.walk.own_time:
            _add(shown, look.frames, lambda frame, user=user: file_sets.of_image(user, frame))
        else:
            for number in range(1, user.frame_duration + 1):
                shown[number + user.frame_offset] = None
    return shown


def _add(shown: dict[int, Optional[set[int]]], frames: Iterable[int], number_at: Callable[..., Optional[int]]) -> None:
    for frame in frames:
        number = number_at(frame)
        if number is not None:
            known = shown.setdefault(number, set())
            if known is not None:
                known.add(frame)


def _members(kind: str, use: Use, shown: dict[int, Optional[set[int]]]) -> Iterator[Lacking]:
    """A line for each run of members that are not here."""
    pattern = file_sets.pattern_of(use.path)
    if pattern is None:
        if not is_here(use.path, use.block):
            yield Lacking(kind, use.path)
        return
    missing = [number for number in shown if not is_here(pattern.name(number), use.block)]
    for first, last in file_sets.runs(missing):
        frames: Optional[set[int]] = set()
        for number in range(first, last + 1):
            its = shown[number]
            frames = None if frames is None or its is None else frames | its
        yield Lacking(kind, pattern.name(first), frames, last - first + 1)


def _any_member(use: Use) -> bool:
    if is_here(use.path, use.block):
        return True
    pattern = file_sets.pattern_of(use.path)
    if pattern is None or not is_here(pattern.folder or "//", use.block, folder=True):
        return False
    names = os.listdir(bpy.path.abspath(pattern.folder or "//", library=use.block.library))
    return any(name.startswith(pattern.before) and name.endswith(pattern.after) for name in names)


def _clip(use: Use, look: Look) -> Iterator[Lacking]:
    clip = use.struct
    pattern = file_sets.pattern_of(use.path)
    if clip.source != "SEQUENCE" or pattern is None:
        if not is_here(use.path, use.block):
            yield Lacking("movie clip", use.path)
        return
    first, last = pattern.number, pattern.number + max(1, clip.frame_duration) - 1
    shown: dict[int, Optional[set[int]]] = {}
    if look.walk.own_time:
        _add(
            shown, look.frames, lambda frame: _within(frame - clip.frame_start + clip.frame_offset + first, first, last)
        )
    else:
        shown = dict.fromkeys(range(first, last + 1))
    yield from _members("movie clip", use, shown)


def _within(number: int, first: int, last: int) -> Optional[int]:
    return number if first <= number <= last else None


def _volume(use: Use, look: Look) -> Iterator[Lacking]:
    volume = use.struct
    if not volume.is_sequence:
        if not is_here(use.path, use.block):
            yield Lacking("volume", use.path)
        return
    shown: dict[int, Optional[set[int]]] = {}
    if look.walk.own_time:
        _add(shown, look.frames, lambda frame: file_sets.of_volume(volume, frame))
    else:
        shown = {number + volume.frame_offset: None for number in range(1, volume.frame_duration + 1)}
    yield from _members("volume", use, shown)


def _cache_file(use: Use, look: Look) -> Iterator[Lacking]:
    cache = use.struct
    if not cache.is_sequence or not look.walk.own_time:
        here = _any_member(use) if cache.is_sequence else is_here(use.path, use.block)
        if not here:
            yield Lacking("cache", use.path)
        return
    shown: dict[int, Optional[set[int]]] = {}
    _add(
        shown, look.frames, lambda frame: int(cache.frame) if cache.override_frame else int(frame - cache.frame_offset)
    )
    yield from _members("cache", use, shown)


def _image_strip(use: Use, look: Look) -> Iterator[Lacking]:
    strip = use.struct
    span = look.walk.strip_frames.get(strip)
    shown = None if span is None else {frame for frame in look.frames if span[0] <= frame <= span[1]}
    paths = [os.path.join(strip.directory, element.filename).replace("\\", "/") for element in strip.elements]
    # With a speed of its own, or played backwards, what shows when is not worked out here.
    plain = not strip.use_reverse_frames and len(getattr(strip, "retiming_keys", ())) <= 2
    begins = int(strip.frame_start)
    for index, path in enumerate(paths):
        frames = shown
        if frames is not None and plain and len(paths) > 1:
            at = begins + index - strip.animation_offset_start
            frames = {frame for frame in frames if min(max(frame, begins), begins + len(paths) - 1) == at}
        if (frames is None or frames) and not is_here(path, use.block):
            yield Lacking("image", path, frames)


def _movie_strip(use: Use, look: Look) -> Iterator[Lacking]:
    span = look.walk.strip_frames.get(use.struct)
    frames = None if span is None else {frame for frame in look.frames if span[0] <= frame <= span[1]}
    if (frames is None or frames) and not is_here(use.path, use.block):
        yield Lacking("movie", use.path, frames)


# What a render reads, by `Type.property`.
KNOWN: dict[str, Finder] = {
    "CacheFile.filepath": _cache_file,
    "CacheFileLayer.filepath": _file("cache", lambda layer: not layer.hide_layer),
    "Camera.custom_filepath": _file(
        "lens script", lambda lens: lens.type == "CUSTOM" and lens.custom_mode == "EXTERNAL"
    ),
    "FluidDomainSettings.cache_directory": _file(
        "fluid cache", lambda domain: domain.has_cache_baked_data, folder=True
    ),
    "Image.filepath": _image,
    "ImageSequence.directory": _image_strip,
    "ImageStrip.directory": _image_strip,
    "MeshCacheModifier.filepath": _file("mesh cache"),
    "MovieClip.filepath": _clip,
    "MovieSequence.filepath": _movie_strip,
    "MovieStrip.filepath": _movie_strip,
    "MultiresModifier.filepath": _file("multires levels", lambda levels: levels.is_external),
    "NodeSocketStringFilePath.default_value": _file("file"),
    # No property of RNA: the inputs of a modifier are as its node group says.
    "NodesModifier.inputs": _file("file"),
    "OceanModifier.filepath": _file("ocean cache", lambda ocean: ocean.is_cached, folder=True),
    "ShaderNodeScript.filepath": _file("OSL script", lambda node: node.mode == "EXTERNAL"),
    "ShaderNodeTexIES.filepath": _file("IES file", lambda node: node.mode == "EXTERNAL"),
    "Sound.filepath": _sound,
    "VectorFont.filepath": _font,
    "Volume.filepath": _volume,
}

_WRITTEN = "it is written, not read"
_SAME = "the same as another property"
_FOUND_ELSEWHERE = "another module of the driver looks for it"

# What no render reads, or what is looked for elsewhere, and why.
UNREAD: dict[str, str] = {
    **dict.fromkeys(("BakeSettings.filepath", "CollectionExport.filepath", "RenderSettings.filepath"), _WRITTEN),
    **dict.fromkeys(("CompositorNodeOutputFile.base_path", "CompositorNodeOutputFile.directory"), _WRITTEN),
    **dict.fromkeys(("CompositorNodeOutputFile.file_name", "DynamicPaintSurface.image_output_path"), _WRITTEN),
    **dict.fromkeys(("Image.filepath_raw", "ImagePackedFile.filepath", "VolumeGrids.frame_filepath"), _SAME),
    **dict.fromkeys(("PointCache.filepath", "PointCacheItem.filepath", "Library.filepath"), _FOUND_ELSEWHERE),
    **dict.fromkeys(
        ("NodesModifier.bake_directory", "NodesModifierBake.directory"),
        "without its bake a simulation counts as not baked, see history.py",
    ),
    "NodeTreeInterfaceSocketStringFilePath.default_value": "only what new modifiers begin with",
    **dict.fromkeys(
        (
            "MovieClipProxy.directory",
            "SequenceEditor.proxy_dir",
            "SequenceProxy.directory",
            "SequenceProxy.filepath",
            "StripProxy.directory",
            "StripProxy.filepath",
        ),
        "proxies are for viewports; renders read the originals",
    ),
    **dict.fromkeys(
        ("LibraryWeakReference.filepath", "LibraryWeakReference.id_name", "CollectionImport.filepath"),
        "only where something came from once",
    ),
    **dict.fromkeys(("Brush.icon_filepath", "BlendData.filepath"), "no part of a picture"),
    **dict.fromkeys(("BlendFileColorspace.ocio_config_path", "BlenderProject.ocio_config_path"), "only told, not read"),
}

# Types whose paths are of the program: preferences, the file browser, themes, asset libraries.
PROGRAM_TYPES: tuple[str, ...] = (
    "AssetRepresentation", "BlendImportContextLibrary", "BlenderProject", "FileBrowserFSMenuEntry", "FileSelectEntry",
    "FileSelectParams", "PathCompare", "Preferences", "ProjectAssetLibrary", "ScriptDirectory", "StudioLight", "Theme",
    "UserAssetLibrary", "UserExtensionRepo",
)  # fmt: skip
