"""What to look at before sending: each finding says what is wrong, and what Blender can do about it with one click.

What makes tiles inexact and frames depend on one another is judged by the code that workers judge with.
"""

import os
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import bpy

from .. import texts
from ..driver import cameras as cameras_needed
from ..driver import file_outputs, history, inspect_scene, tiling
from . import collect, dependencies

ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")
_NAMED_MAX = 4
_COMPARED_BYTES_MAX = 64 * 1024 * 1024


class Remedy(NamedTuple):
    label: str
    operator: str
    arguments: Dict[str, Any] = {}


class Finding(NamedTuple):
    """`bad`: the farm would refuse it, or the picture would be another. `shows`: the object it is about."""

    bad: bool
    sentence: str
    remedies: Tuple[Remedy, ...] = ()
    shows: str = ""


def findings(scene: Any, workers: List[Dict[str, Any]]) -> List[Finding]:
    """All of it, what is bad first. `workers` are those of the farm, as far as they are known."""
    found = [
        *_file(),
        *_camera(scene),
        *_engine(scene),
        *_paths(),
        *_simulations(),
        *_scripts(),
        *_outputs(scene),
        *_packed(),
        *_tiles(scene),
        *_workers(workers),
        *_addons(scene),
    ]
    return sorted(found, key=lambda one: not one.bad)


def _file() -> Iterator[Finding]:
    if not bpy.data.filepath:
        yield Finding(
            False,
            texts.said("The file was never saved. It is sent as it is open; relative paths in it lead nowhere"),
            (Remedy("Save", "wm.save_as_mainfile"),),
        )
    elif bpy.data.is_dirty:
        yield Finding(
            False,
            texts.said("There are unsaved changes. They are sent, the file on disk stays as it is"),
            (Remedy("Save", "wm.save_mainfile"),),
        )


def _camera(scene: Any) -> Iterator[Finding]:
    # Where Blender would take whichever camera it finds, the artist shall say which.
    if cameras_needed.without(scene) is not None or cameras_needed.leaves_it_to_blender(scene):
        cameras = [one for one in scene.objects if one.type == "CAMERA"]
        remedies = tuple(
            Remedy(texts.said("Use {name}", name=one.name), "tilework.fix", {"kind": "camera"}) for one in cameras[:1]
        )
        yield Finding(True, texts.said("The scene has no camera"), remedies, cameras[0].name if cameras else "")


def _engine(scene: Any) -> Iterator[Finding]:
    engine = scene.render.engine
    if engine not in ENGINES:
        yield Finding(
            True,
            texts.said("The engine {engine} belongs to an add-on that workers may not have", engine=engine),
            (Remedy("Use Cycles", "tilework.fix", {"kind": "cycles"}),),
        )


def _paths() -> Iterator[Finding]:
    collected = collect.collect()
    if collected.missing:
        yield Finding(
            True,
            texts.said(
                "{count} files are missing: {names}", count=len(collected.missing), names=_some(collected.missing)
            ),
            (
                Remedy("Find Them", "file.find_missing_files"),
                Remedy("Render Without", "tilework.fix", {"kind": "allow_missing"}),
            ),
        )
    if collected.absolute:
        yield Finding(
            True,
            texts.said(
                "{count} absolute paths, which lead nowhere on a worker: {names}",
                count=len(collected.absolute),
                names=_some(collected.absolute),
            ),
            (Remedy("Make Relative", "file.make_paths_relative"), Remedy("Pack", "file.pack_all")),
        )
    drive = os.path.splitdrive(bpy.data.filepath)[0]
    outside = [path for path in collected.files if os.path.splitdrive(path)[0] != drive]
    if bpy.data.filepath and outside:
        yield Finding(
            True,
            texts.said("{count} files lie on another drive: {names}", count=len(outside), names=_some(outside)),
            (Remedy("Pack", "file.pack_all"),),
        )


def _simulations() -> Iterator[Finding]:
    for one in history.unbaked()[:20]:
        bakes = one["kind"] not in ("geometry nodes simulation", "replayed fluid")
        yield Finding(
            True,
            texts.said(
                "{kind} of {object} is not baked: its frames stay together, on one worker",
                kind=texts.sentence(one["kind"]),
                object=one["object"],
            ),
            (Remedy("Bake All", "ptcache.bake_all", {"bake": True}),) if bakes else (),
            one["object"] if one["object"] in bpy.data.objects else "",
        )
    for one in history.left_out()[:20]:
        yield Finding(
            False,
            texts.said("The fluid of {object} is not baked: no render shows it", object=one["object"]),
            (),
            one["object"],
        )


def _scripts() -> Iterator[Finding]:
    for one in inspect_scene.blocked_scripts()[:10]:
        yield Finding(True, texts.said("Does not run on the farm: {what}", what=one))


def _outputs(scene: Any) -> Iterator[Finding]:
    for one in file_outputs.unknown_templates(scene):
        yield Finding(
            True,
            texts.said("Blender writes nothing to {path}: it has a template that it does not know", path=one["path"]),
        )


def _packed() -> Iterator[Finding]:
    for image in bpy.data.images:
        path = bpy.path.abspath(image.filepath, library=image.library) if image.filepath else ""
        if image.packed_file is None or image.library is not None or not os.path.isfile(path):
            continue
        if _differs(image.packed_file, path):
            yield Finding(
                False,
                texts.said("{name} is packed, and has changed on disk since: the packed one is sent", name=image.name),
                (Remedy("Pack Again", "tilework.fix", {"kind": "repack", "name": image.name}),),
            )


def _differs(packed: Any, path: str) -> bool:
    if packed.size != os.path.getsize(path):
        return True
    if packed.size > _COMPARED_BYTES_MAX:
        return False
    with open(path, "rb") as file:
        return file.read() != packed.data


def _tiles(scene: Any) -> Iterator[Finding]:
    wanted = scene.tilework
    if wanted.columns * wanted.rows == 1:
        return
    judged = tiling.judge(scene)
    for reason in judged["reasons"]:
        yield Finding(
            True,
            texts.said("Tiles would not be exact: {why}", why=reason),
            (Remedy("Whole Frames", "tilework.fix", {"kind": "whole"}),),
        )


def _workers(workers: List[Dict[str, Any]]) -> Iterator[Finding]:
    versions = [_version(one["capabilities"]["blender"]["version"]) for one in workers if one["state"] == "connected"]
    if versions and max(versions)[:2] < bpy.app.version[:2]:
        yield Finding(
            True,
            texts.said(
                "Blender {own} is newer than any worker ({newest}): what is new in it may be missing or look otherwise",
                own="%d.%d" % bpy.app.version[:2],
                newest="%d.%d" % max(versions)[:2],
            ),
        )


def _addons(scene: Any) -> Iterator[Finding]:
    for name in dependencies.addons(scene):
        tag = dependencies.tag_of(name)
        if tag not in scene.tilework.tags:
            yield Finding(
                False,
                texts.said("The scene uses the add-on {name}, which workers may not have", name=name),
                (Remedy("Only Workers With It", "tilework.fix", {"kind": "tag", "name": tag}),),
            )


def _version(text: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _some(names: List[str]) -> str:
    shown = ", ".join(names[:_NAMED_MAX])
    return shown + (" …" if len(names) > _NAMED_MAX else "")
