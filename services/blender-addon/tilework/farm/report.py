"""What the child tells Blender: one small file, written at most a few times a second."""

import os
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Tuple

from . import state

_SECONDS_BETWEEN = 0.25
# Speed is told over this time.
_WINDOW_SECONDS = 5.0

STATUS = "status.json"


class Report:
    """The status of one piece of work, kept over restarts. May be used by several threads."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, STATUS)
        known = state.read(self._path)
        self._status: Dict[str, Any] = known if isinstance(known, dict) else {}
        self._status["pid"] = os.getpid()
        self._written = 0.0
        self._moves: Deque[Tuple[float, int]] = deque()
        self._lock = threading.RLock()

    def get(self, key: str, default: Any = None) -> Any:
        return self._status.get(key, default)

    def stage(self, stage: str, **more: Any) -> None:
        """A new stage, told at once; counts of the one before are forgotten."""
        with self._lock:
            self._moves.clear()
            self._status.update({"stage": stage, "done": 0, "total": 0, "speed": 0.0, "trouble": None, **more})
            self._write()

    def tell(self, **more: Any) -> None:
        """Facts that must not be lost, told at once."""
        with self._lock:
            self._status.update(more)
            self._write()

    def progress(self, done: int, total: int) -> None:
        """Bytes of the present stage."""
        with self._lock:
            now = time.monotonic()
            self._moves.append((now, done))
            while now - self._moves[0][0] > _WINDOW_SECONDS:
                self._moves.popleft()
            since, before = self._moves[0]
            speed = (done - before) / (now - since) if now > since else 0.0
            self._status.update({"done": done, "total": total, "speed": max(0.0, speed)})
            if now - self._written >= _SECONDS_BETWEEN:
                self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._status["updatedAt"] = time.time()
        state.write(self._path, self._status)
