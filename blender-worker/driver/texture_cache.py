"""Where Cycles makes its texture cache (.tx files, Blender 5.2 and later): in folders of this Blender alone.

A .tx file changes the pixels (762 of 1,536 in a scene made for it, 5.3.0). By default Blender makes it beside the
image, where any later render finds it, also one that does not ask for it to be made. Made elsewhere it gives the same
pixels (0 differ), so the artist's settings are kept: files that were uploaded are read where Blender looks for them,
new ones are made here.
"""

import os
import shutil
import tempfile
from typing import Any, Optional

import bpy
from driver import scene_file


class _Folder:
    """A folder in this Blender's own temporary one, and the load of the open file that it was made for."""

    path: Optional[str] = None
    load_number: int = 0


_made = _Folder()
_empty = _Folder()


def keep_apart(scene: Any) -> None:
    """Chooses the folder for the next render of scene, as it stands at its frame.

    A scene that makes texture caches makes each once for a load of the file: they are as good as new, since neither the
    images nor the settings that their names tell can change. One that only reads them begins with an empty folder, so
    that it does not see what another scene of the file has made. The folder is a preference; in the scene there is
    nothing to put back.
    """
    places = bpy.context.preferences.filepaths
    if not hasattr(places, "texture_cache_directory"):
        return
    makes = scene.render.use_texture_cache and scene.render.use_auto_generate_texture_cache
    places.texture_cache_directory = _of_this_load(_made) if makes else _of_this_load(_empty, must_be_empty=True)


def _of_this_load(folder: _Folder, must_be_empty: bool = False) -> str:
    number = scene_file.load_number()
    kept = folder.path
    if kept is not None and os.path.isdir(kept):
        if folder.load_number == number and not (must_be_empty and os.listdir(kept)):
            return kept
        shutil.rmtree(kept)
    folder.path, folder.load_number = tempfile.mkdtemp(prefix="texture-cache-"), number
    return folder.path
