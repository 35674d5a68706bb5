"""One piece of work from beginning to end: hash, send, submit, follow, fetch. Each step can be begun again.

The task is a file that Blender wrote; what was reached is in the status beside it. Work that was cut off anywhere goes
on when it is run again: hashes are remembered, uploads resumed, and the same job is never made twice.
"""

import os
import shutil
import threading
from typing import Any, Dict

from . import hashing, state, upload
from .client import Client
from .errors import FAILED, INTERRUPTED, FarmError, Stopped
from .follow import Follower
from .project import ProjectSender
from .report import Report

TASK = "task.json"


class Work:
    """`folder` holds the task; `home` is the add-on's folder of state. `stop` ends the work, which is then kept."""

    def __init__(self, folder: str, home: str, token: str, stop: threading.Event) -> None:
        task = state.read(os.path.join(folder, TASK))
        if not isinstance(task, dict):
            raise FarmError("task_missing", f"There is no task in {folder}")
        self._task: Dict[str, Any] = task
        self._folder = folder
        self._home = home
        self._stop = stop
        self._report = Report(folder)
        self._client = Client(task["farm"], token)

    def run(self) -> int:
        """The exit code."""
        try:
            if self._report.get("jobId") is None:
                self._submit()
            if self._task.get("until") in ("sent", "known"):
                self._report.stage("sent")
                return 0
            return Follower(self._client, self._task, self._folder, self._report, self.check, self.pause).run()
        except FarmError as error:
            failure = {"code": error.code, "detail": error.detail, "exitCode": error.exit_code}
            self._report.stage("failed", error=failure)
            return error.exit_code
        except Stopped:
            self._report.stage("stopped")
            return INTERRUPTED
        except OSError as error:
            detail = f"{error.filename or 'A file'}: {error.strerror or error}"
            self._report.stage("failed", error={"code": "disk", "detail": detail, "exitCode": FAILED})
            return FAILED

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def _submit(self) -> None:
        if self._task.get("jobId") is not None:
            self._report.tell(jobId=self._task["jobId"])
            return
        sha256 = self._send()
        if self._task.get("until") == "known":
            self._forget_copy()
            return
        self._report.stage("submitting")
        job = self._client.submit({**self._task["request"], "scene": sha256}, self._task["key"])
        self._report.tell(jobId=job["id"], job=job)
        self._forget_copy()

    def _forget_copy(self) -> None:
        if self._task.get("copy"):
            shutil.rmtree(os.path.dirname(self._task["file"]), ignore_errors=True)

    def _send(self) -> str:
        if len(self._task.get("files", ())) > 1:
            sender = ProjectSender(self._client, self._home, self._report, self.check, self.pause)
            return sender.send(self._task["request"]["name"], self._task["main"], self._task["files"])
        path = self._task["file"]
        self._report.stage("hashing")
        size = os.path.getsize(path)
        hashes = hashing.Hashes(os.path.join(self._home, "hashes.json"))
        done = 0

        def read(count: int) -> None:
            nonlocal done
            self.check()
            done += count
            self._report.progress(done, size)

        sha256, _size = hashes.of(path, read)
        hashes.save()
        self._report.stage("sending", sha256=sha256)

        def sent(offset: int, total: int) -> None:
            self.check()
            self._report.progress(offset, total)

        new = upload.upload(self._client, path, sha256, os.path.join(self._home, "uploads"), sent, self.pause)
        self._report.tell(sentBytes=size if new else 0)
        return sha256
