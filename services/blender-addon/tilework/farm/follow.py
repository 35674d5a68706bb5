"""Follows a job to its end and fetches its files as they are delivered."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Optional, Set

from . import download, names
from .client import Client
from .errors import FAILED, FarmError, sentence
from .report import Report

_FILES_AT_ONCE = 4
_LOOK_SECONDS = 1.0
# Listing the files of a large job takes a while; so not at each look.
_LIST_SECONDS_MAX = 30.0
_TROUBLE_PAUSE_SECONDS_MAX = 15.0
ENDED = ("completed", "failed", "canceled")

THUMBNAIL = "thumbnail.jpg"


class Follower:
    """One job, until it has ended or, with `once` in the task, until what is there now has been fetched."""

    def __init__(
        self,
        client: Client,
        task: Dict[str, Any],
        folder: str,
        report: Report,
        check: Callable[[], None],
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._task = task
        self._folder = folder
        self._report = report
        self._check = check
        self._pause = pause
        self._have: Set[str] = set()
        self._lock = threading.Lock()
        self._fetched = 0
        self._thumbnail: Optional[str] = None

    def run(self) -> int:
        """The exit code: 0 for a job that is completed and here."""
        job_id = self._report.get("jobId")
        self._report.stage("following", files=0)
        seen: Any = None
        listed, list_seconds, troubled_since, pause = 0.0, 0.0, None, _LOOK_SECONDS
        while True:
            self._check()
            try:
                job = self._client.job(job_id)
                ended = job["state"] in ENDED
                news = (job["counts"]["frames"], len(job["files"]))
                now = time.monotonic()
                if ended or self._task.get("once") or (news != seen and now - listed > list_seconds):
                    self._fetch_all(job_id)
                    listed = time.monotonic()
                    list_seconds = min(_LIST_SECONDS_MAX, 4 * (listed - now))
                    seen = news
                self._report.tell(job=job, trouble=None)
                if ended or self._task.get("once"):
                    return self._end(job)
                troubled_since, pause = None, _LOOK_SECONDS
            except FarmError as error:
                troubled_since = troubled_since or time.monotonic()
                patience = self._task.get("patienceSeconds")
                if not error.retry or (patience is not None and time.monotonic() - troubled_since > patience):
                    raise
                self._report.tell(trouble=error.detail)
                pause = min(_TROUBLE_PAUSE_SECONDS_MAX, pause * 2)
            self._pause(pause)

    def _fetch_all(self, job_id: str) -> None:
        where = self._task.get("download")
        artifacts = list(self._client.artifacts(job_id))
        previews = [one for one in artifacts if one["path"].startswith("previews/")]
        if previews and previews[-1]["sha256"] != self._thumbnail:
            download.fetch(self._client, job_id, previews[-1], os.path.join(self._folder, THUMBNAIL), self._check)
            self._thumbnail = previews[-1]["sha256"]
        if where is None:
            return
        wanted = []
        for artifact in artifacts:
            target = names.target(where, artifact)
            if target is not None and f"{artifact['path']} {artifact['sha256']}" not in self._have:
                wanted.append((artifact, target))
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            for done in [pool.submit(self._fetch, job_id, *one) for one in wanted]:
                done.result()

    def _fetch(self, job_id: str, artifact: Dict[str, Any], target: str) -> None:
        self._check()
        new = download.fetch(self._client, job_id, artifact, target, self._check)
        with self._lock:
            self._have.add(f"{artifact['path']} {artifact['sha256']}")
            self._fetched += 1 if new else 0
            told: Dict[str, Any] = {"files": len(self._have), "fetched": self._fetched, "lastFile": target}
            if "frame" in artifact and artifact["path"].startswith("frames/"):
                told["lastFrame"] = {"frame": artifact["frame"], "path": target}
            if artifact["path"].startswith("video/"):
                told["movie"] = target
            self._report.tell(**told)

    def _end(self, job: Dict[str, Any]) -> int:
        if job["state"] in ("failed", "canceled"):
            failure = job.get("failure") or {"code": "canceled", "message": "the job was canceled"}
            error = {"code": failure["code"], "detail": sentence(failure["message"]), "exitCode": FAILED}
            self._report.stage("done", job=job, error=error)
            return FAILED
        self._report.stage("done", job=job, error=None)
        return 0
