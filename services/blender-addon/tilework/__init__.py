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

from . import preferences, works  # noqa: E402
from .operators import submitting  # noqa: E402
from .scene import settings  # noqa: E402

_PARTS = (settings, preferences, submitting)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    works.stop_all()
    for part in reversed(_PARTS):
        part.unregister()
