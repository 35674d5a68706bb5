"""Files of state that two processes share: each is written whole beside its name, and then gets it."""

import contextlib
import json
import os
import tempfile
import time
from typing import Any, Optional


def read(path: str) -> Optional[Any]:
    """What was written; None where there is nothing, or nothing that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write(path: str, value: Any) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
        _replace(part, path)
    except BaseException:
        remove(part)
        raise


def remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)


def _replace(part: str, path: str) -> None:
    # On Windows a file that somebody is just reading cannot be replaced.
    for tries in range(20):
        try:
            os.replace(part, path)
            return
        except PermissionError:
            if tries == 19:
                raise
            time.sleep(0.05)
