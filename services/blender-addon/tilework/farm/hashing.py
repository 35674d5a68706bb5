"""SHA-256 of files, remembered by path, size and time of change, so that an unchanged file is read once."""

import hashlib
import os
import time
from typing import Callable, Dict, List, Optional, Tuple

from . import state

_PART_BYTES = 1024 * 1024
# A file that changed within this time before it was read may change again and keep its time of change.
_YOUNG_SECONDS = 2.0
_KEPT_MAX = 50_000


class Hashes:
    """A cache in one file. A cache that is lost or broken costs time and nothing else."""

    def __init__(self, path: str) -> None:
        self._path = path
        known = state.read(path)
        self._known: Dict[str, List[object]] = known if isinstance(known, dict) else {}
        self._changed = False

    def of(self, path: str, on_read: Callable[[int], None] = lambda _count: None) -> Tuple[str, int]:
        """Hash and length. `on_read` hears how many bytes more were done."""
        before = os.stat(path)
        mark = [before.st_size, before.st_mtime_ns]
        known = self._known.get(path)
        if known is not None and known[:2] == mark and isinstance(known[2], str):
            on_read(before.st_size)
            return known[2], before.st_size
        sha256, count = sha256_of(path, on_read)
        after = os.stat(path)
        settled = [after.st_size, after.st_mtime_ns] == mark and count == after.st_size
        if settled and time.time() - after.st_mtime > _YOUNG_SECONDS:
            self._known.pop(path, None)
            self._known[path] = [*mark, sha256]
            self._changed = True
        return sha256, count

    def save(self) -> None:
        if self._changed:
            state.write(self._path, dict(list(self._known.items())[-_KEPT_MAX:]))
            self._changed = False


def sha256_of(path: str, on_read: Callable[[int], None] = lambda _count: None) -> Tuple[str, int]:
    digest = hashlib.sha256()
    count = 0
    with open(path, "rb") as file:
        while True:
            part = file.read(_PART_BYTES)
            if not part:
                return digest.hexdigest(), count
            digest.update(part)
            count += len(part)
            on_read(len(part))


def matches(path: str, size: int, sha256: Optional[str]) -> bool:
    """Whether a whole file with these bytes lies there."""
    try:
        return os.path.getsize(path) == size and (sha256 is None or sha256_of(path)[0] == sha256)
    except OSError:
        return False
