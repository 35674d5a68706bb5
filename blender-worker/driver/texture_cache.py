"""Where Cycles makes its texture cache (.tx files, Blender 5.2 and later): in a folder of this Blender alone.

A .tx file changes the pixels (762 of 1,536 in a scene made for it, 5.3.0). By default Blender makes it beside the image, where any
later render finds it, also one whose scene does not ask for it to be made. Made elsewhere it gives the same pixels (0 differ), so the
artist's settings are kept: files that were uploaded are read where Blender looks for them, new ones are made here, for one load
of the file, and nobody else sees them.
"""

import os
import shutil
import tempfile
from typing import Optional

import bpy

from driver import scene_file


class _Made:
    """The folder in use, and the load of the open file that it was made for."""

    folder: Optional[str] = None
    load_number: int = 0


_made = _Made()


def keep_apart() -> None:
    """Sends texture caches of the open file into a folder that was empty when the file was loaded.

    The folder lies in this Blender's own temporary one. It is a preference, so there is nothing to put back in the scene.
    """
    places = bpy.context.preferences.filepaths
    if not hasattr(places, "texture_cache_directory"):
        return
    number = scene_file.load_number()
    if _made.folder is None or _made.load_number != number or not os.path.isdir(_made.folder):
        if _made.folder is not None:
            shutil.rmtree(_made.folder, ignore_errors=True)
        _made.folder = tempfile.mkdtemp(prefix="texture-cache-")
        _made.load_number = number
    places.texture_cache_directory = _made.folder
