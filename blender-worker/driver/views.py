"""Stereo and multi-view scenes: which views are rendered, and the files that Blender writes for them."""

import os
from typing import Any

import bpy


def names(scene: Any) -> list[str]:
    """The views that a render makes, in Blender's order; empty for an ordinary scene, which has one without a name."""
    return [view.name for view in _used(scene.render)]


def can_be_read_back() -> bool:
    """Whether Blender finds the passes of several views in a file: 5.0 looks for them under other names, and leaves the
    image black.
    """
    return bpy.app.version < (5, 0, 0)


def gather(scene: Any, path: str, always: bool = False) -> list[str]:
    """Makes the first view's file the one at `path`, where a file was written for each view; answers the others' paths.

    `always`: whatever the settings say of files.
    """
    views = _used(scene.render)
    if not views or not always and scene.render.image_settings.views_format != "INDIVIDUAL":
        return []
    written = [one for one in candidates(scene, path)[1:] if os.path.exists(one)]
    if not written:
        return []
    os.replace(written[0], path)
    return written[1:]


def candidates(scene: Any, path: str) -> list[str]:
    """`path` itself, and where Blender writes each view's file when it is asked for `path`."""
    stem, extension = os.path.splitext(path)
    return [path, *(f"{stem}{view.file_suffix}{extension}" for view in _used(scene.render))]


def in_one_file(render: Any) -> tuple[int, int]:
    """How many images one file holds side by side and one above the other: (1, 1) but for stereo in one file."""
    image_settings = render.image_settings
    if not _used(render) or image_settings.views_format != "STEREO_3D":
        return 1, 1
    stereo = image_settings.stereo_3d_format
    if stereo.use_squeezed_frame:
        return 1, 1
    return {"SIDEBYSIDE": (2, 1), "TOPBOTTOM": (1, 2)}.get(stereo.display_mode, (1, 1))


def _used(render: Any) -> list[Any]:
    if not getattr(render, "use_multiview", False):
        return []
    views = render.stereo_views if render.views_format == "STEREO_3D" else render.views
    return [view for view in views if view.use]
