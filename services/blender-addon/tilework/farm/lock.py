"""One process at a time for a piece of work, also when two Blenders are open. The system lets go when it ends."""

import os
import sys
from typing import Any, Optional


def take(path: str) -> Optional[Any]:
    """A file to keep open while the lock is held; None where somebody else holds it."""
    file = open(path, "a+b")  # noqa: SIM115  (kept open on purpose)
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def beside(folder: str) -> str:
    return os.path.join(folder, "lock")
