"""Where the add-on keeps its state, which Python its child runs in, and whether it may use the network."""

import os
import sys
from typing import List

import bpy

from .farm.errors import FarmError

# The folder of an add-on that is installed as an extension is no place to write to.
PACKAGE = __package__


def folder() -> str:
    """The folder of state: the user's extension folder, or below Blender's data files for Blender 3.4 to 4.1."""
    found = os.environ.get("TILEWORK_ADDON_HOME", "")
    if not found and PACKAGE.startswith("bl_ext."):
        found = bpy.utils.extension_path_user(PACKAGE, create=True)
    if not found:
        found = bpy.utils.user_resource("DATAFILES", path="tilework", create=True)
    os.makedirs(found, mode=0o700, exist_ok=True)
    return found


def python() -> str:
    """The Python that Blender brings along. Raises FarmError where there is none."""
    names = ["python.exe"] if sys.platform == "win32" else [f"python3.{sys.version_info[1]}", "python3"]
    places: List[str] = [sys.executable or ""]
    places += [os.path.join(sys.prefix, below, name) for below in ("bin", "") for name in names]
    for place in places:
        if os.path.basename(place).lower().startswith("python") and os.path.isfile(place):
            return place
    raise FarmError("no_python", f"Blender's own Python was not found below {sys.prefix}; reinstall Blender")


def online() -> bool:
    """Whether the preferences of Blender (4.2 and later) allow the network."""
    return bool(getattr(bpy.app, "online_access", True))


def require_online() -> None:
    if not online():
        raise FarmError(
            "offline",
            "Blender is set to stay offline: switch on “Allow Online Access” in Preferences › System, "
            "or start Blender with --online-mode",
        )
