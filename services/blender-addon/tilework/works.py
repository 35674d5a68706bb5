"""Pieces of work that were begun, each in a folder of its own, and the child processes that do them."""

import contextlib
import os
import shutil
import subprocess
import time
import uuid
from typing import Any, Dict, List, Optional

from . import farms, home
from .farm import child, report, state, work

_running: Dict[str, "subprocess.Popen[bytes]"] = {}
# Stages in which nothing is to be done any more.
OVER = ("done", "sent", "failed", "canceled")
_KEPT_MAX = 100


class Status:
    """What is known of a piece of work now."""

    def __init__(self, folder: str) -> None:
        self.id = os.path.basename(folder)
        self.folder = folder
        self.task: Dict[str, Any] = state.read(os.path.join(folder, work.TASK)) or {}
        self.told: Dict[str, Any] = state.read(os.path.join(folder, report.STATUS)) or {}

    @property
    def stage(self) -> str:
        return self.told.get("stage", "begun")

    @property
    def over(self) -> bool:
        return self.stage in OVER

    @property
    def running(self) -> bool:
        process = _running.get(self.id)
        return process is not None and process.poll() is None

    @property
    def error(self) -> Optional[Dict[str, Any]]:
        return self.told.get("error")

    @property
    def job_id(self) -> Optional[str]:
        return self.told.get("jobId") or self.task.get("jobId")


def begin(task: Dict[str, Any]) -> str:
    """Writes the task down; gives its id. `start` runs it."""
    work_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
    state.write(os.path.join(folder_of(work_id), work.TASK), {**task, "createdAt": time.time()})
    return work_id


def start(work_id: str, token: str) -> None:
    """Runs the work in a child process, unless one does already."""
    process = _running.get(work_id)
    if process is None or process.poll() is not None:
        home.require_online()
        _running[work_id] = child.start(home.python(), folder_of(work_id), home.folder(), token)


def wait(work_id: str, on_look: Any = None) -> int:
    """Blocks until the child has ended; its exit code."""
    process = _running[work_id]
    while True:
        try:
            return process.wait(timeout=0.25)
        except subprocess.TimeoutExpired:
            if on_look is not None:
                on_look(Status(folder_of(work_id)))


def stop(work_id: str) -> None:
    """Ends the child; the work is kept and can be started again."""
    process = _running.pop(work_id, None)
    if process is not None and process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def forget(work_id: str) -> None:
    stop(work_id)
    shutil.rmtree(folder_of(work_id), ignore_errors=True)


def stop_all() -> None:
    """Never waits: a child that Blender leaves behind ends by itself."""
    for work_id in list(_running):
        stop(work_id)


def resume_all() -> List[str]:
    """Starts what was cut off when Blender ended; gives what was started."""
    begun = []
    for status in every():
        if not status.over and not status.running and status.task:
            farm = farms.by_url(status.task["farm"])
            if farm.token:
                start(status.id, farm.token)
                begun.append(status.id)
    return begun


def every() -> List[Status]:
    """All that is kept, the newest first; the oldest that are over are forgotten."""
    place = os.path.join(home.folder(), "works")
    names = sorted(os.listdir(place), reverse=True) if os.path.isdir(place) else []
    found = [Status(os.path.join(place, name)) for name in names]
    for old in [status for status in found[_KEPT_MAX:] if status.over]:
        forget(old.id)
        found.remove(old)
    return found


def folder_of(work_id: str) -> str:
    return os.path.join(home.folder(), "works", work_id)
