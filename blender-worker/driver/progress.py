"""Passes on what Blender says about a running render."""

import time
from typing import Any, Callable

import bpy

# The worker passes on four a second; a few more keep its figures fresh without flooding the pipe.
_SECONDS_BETWEEN = 0.1


def report_to(send: Callable[[str], None]) -> None:
    """Calls `send` with each statistics line, from 4.0 on; before, Blender gives handlers none and prints it."""
    last = 0.0

    @bpy.app.handlers.persistent
    def on_statistics(*arguments: Any) -> None:
        nonlocal last
        text = next((argument for argument in arguments if isinstance(argument, str)), None)
        if text is None or time.monotonic() - last < _SECONDS_BETWEEN:
            return
        last = time.monotonic()
        send(text[:2000])

    bpy.app.handlers.render_stats.append(on_statistics)
