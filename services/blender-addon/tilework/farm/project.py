"""Hands a project in as a list of files: the farm says which it lacks, and these alone are sent, several at once."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List

from . import hashing, upload
from .client import Client
from .errors import FarmError, Refused
from .report import Report

_FILES_AT_ONCE = 4
# Up to here a file goes in one request; what is larger goes in parts that can be gone on with.
_WHOLE_BYTES_MAX = 8 * 1024 * 1024
_TRIES_MAX = 6


class ProjectSender:
    """Sends the files of a task ({main, files: [{path, file}]}) and gives the name of the scene on the farm."""

    def __init__(
        self, client: Client, home: str, report: Report, check: Callable[[], None], pause: Callable[[float], None]
    ) -> None:
        self._client = client
        self._home = home
        self._report = report
        self._check = check
        self._pause = pause
        self._sent: Dict[str, int] = {}
        self._lock = threading.Lock()

    def send(self, name: str, main: str, files: List[Dict[str, str]]) -> str:
        listed, where = self._hash(files)
        manifest = {"main": main, "files": listed}
        asked = self._missing(manifest)
        self._report.stage("sending", sha256=asked["sha256"])
        missing = [(one["sha256"], one["bytes"]) for one in asked["missing"]]
        total = asked["missingBytes"]
        self._report.progress(0, total)
        self._report.tell(sentBytes=total, allBytes=sum(one["bytes"] for one in listed))
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            for done in [pool.submit(self._send, where[sha256], sha256, size, total) for sha256, size in missing]:
                done.result()
        scene = self._client.requests.json("/v1/projects", "POST", body={**manifest, "name": name}, seconds=600.0)
        return scene["sha256"]

    def _missing(self, manifest: Dict[str, Any]) -> Any:
        try:
            return self._client.requests.json("/v1/projects/missing", "POST", body=manifest)
        except Refused as error:
            if error.status != 404:
                raise
            raise FarmError(
                "farm_old",
                "This farm is older than the add-on and takes single files only: pack all files into the .blend "
                "(File > External Data), or ask for an update of the farm",
            ) from None

    def _hash(self, files: List[Dict[str, str]]) -> Any:
        sizes = [os.path.getsize(one["file"]) for one in files]
        self._report.stage("hashing", count=len(files))
        hashes = hashing.Hashes(os.path.join(self._home, "hashes.json"))
        total, done = sum(sizes), 0

        def read(count: int) -> None:
            nonlocal done
            self._check()
            done += count
            self._report.progress(done, total)

        listed: List[Dict[str, Any]] = []
        where: Dict[str, str] = {}
        try:
            for one in files:
                sha256, size = hashes.of(one["file"], read)
                listed.append({"path": one["path"], "bytes": size, "sha256": sha256})
                where[sha256] = one["file"]
        finally:
            hashes.save()
        return listed, where

    def _send(self, path: str, sha256: str, size: int, total: int) -> None:
        def progress(sent: int, _of: int) -> None:
            self._check()
            with self._lock:
                self._sent[sha256] = sent
                self._report.progress(sum(self._sent.values()), total)

        if size > _WHOLE_BYTES_MAX:
            notes = os.path.join(self._home, "uploads")
            upload.upload_file(self._client, path, sha256, notes, progress, self._pause)
            return
        with open(path, "rb") as file:
            data = file.read()
        for tries in range(1, _TRIES_MAX + 1):
            self._check()
            try:
                headers = {"Content-Type": "application/octet-stream"}
                self._client.requests.send(f"/v1/blobs/{sha256}", "PUT", data=data, headers=headers, seconds=300.0)
                break
            except FarmError as error:
                if error.code == "upload_hash_mismatch":
                    raise FarmError("file_changed", f"{path} changed while it was sent; submit again") from None
                if not error.retry or tries == _TRIES_MAX:
                    raise
                self._pause(min(15.0, 2.0**tries / 4))
        progress(size, size)
