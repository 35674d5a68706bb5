"""Render on a Tilework farm from inside Blender: send a scene with one button, get the frames as they finish."""

bl_info = {
    "name": "Tilework",
    "description": "Render on a Tilework farm and get the frames as they finish",
    "author": "The Tilework authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Properties > Output, and the Render menu",
    "category": "Render",
}

import sys  # noqa: E402

# An older version that was replaced while Blender runs must not stay half loaded.
for _name in [name for name in sys.modules if name.startswith(f"{__name__}.")]:
    del sys.modules[_name]
    globals().pop(_name.rsplit(".", 1)[1], None)

from . import live, preferences, works  # noqa: E402
from .operators import farm_list, job_acts, remedies, submitting  # noqa: E402
from .scene import settings  # noqa: E402
from .ui import panels  # noqa: E402

_PARTS = (settings, preferences, submitting, farm_list, job_acts, remedies, panels, live)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    works.stop_all()
    for part in reversed(_PARTS):
        part.unregister()
