"""What Blender printed, out of its buffers: into a pipe it goes in blocks, long after the answer that it explains."""

import ctypes
import sys


def flush() -> None:
    """Everything printed so far is with the worker when this returns."""
    sys.stdout.flush()
    try:
        # Blender's own C library, by whatever name; null is every stream.
        ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush(None)
    except (OSError, AttributeError):
        return  # no such library here; what is left comes with what is printed next
