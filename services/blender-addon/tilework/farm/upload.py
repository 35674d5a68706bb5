"""Hands a file in by the tus protocol: in parts, each acknowledged, so that a cut costs at most one part.

After a cut the farm is asked how much it has, and that is where the next part begins.
"""

import base64
import hashlib
import os
import urllib.parse
from typing import Callable, Dict, Optional

from . import state
from .client import Client
from .errors import FarmError, Refused, Unreachable

# A part is lost when the connection is.
_PART_BYTES = 8 * 1024 * 1024
# The answer to the last part comes when the farm has read and stored the whole.
_PART_SECONDS = 20 * 60.0
# Failures in a row, with no byte gained between them, before the upload is given up: a minute and a half.
_TRIES_MAX = 8
_PAUSE_SECONDS = (0.5, 30.0)
_TUS = {"Tus-Resumable": "1.0.0"}

Progress = Callable[[int, int], None]


def upload(
    client: Client, path: str, sha256: str, notes: str, on_progress: Progress, pause: Callable[[float], None]
) -> bool:
    """Makes sure that the farm has the file as a scene; False when it had it and not a byte was sent.

    `notes` is a folder in which unfinished uploads are noted. `pause` waits between tries, and raises to stop.
    """
    if client.has_scene(sha256):
        size = os.path.getsize(path)
        on_progress(size, size)
        return False
    _resumably(client, path, sha256, notes, {}, on_progress, pause)
    return True


def upload_file(
    client: Client, path: str, sha256: str, notes: str, on_progress: Progress, pause: Callable[[float], None]
) -> None:
    """The same for one file of a project, which the farm said it lacks."""
    _resumably(client, path, sha256, notes, {"as": "file"}, on_progress, pause)


def _resumably(
    client: Client,
    path: str,
    sha256: str,
    notes: str,
    what: Dict[str, str],
    on_progress: Progress,
    pause: Callable[[float], None],
) -> None:
    size = os.path.getsize(path)
    key = f"{client.url} {sha256} {what.get('as', '')}"
    note = os.path.join(notes, hashlib.sha256(key.encode()).hexdigest()[:32] + ".json")
    noted = state.read(note)
    place = noted.get("path") if isinstance(noted, dict) else None
    offset = _offset(client, place) if isinstance(place, str) else None
    if not isinstance(place, str) or offset is None:
        place, offset = _begin(client, size, {"filename": os.path.basename(path)[-200:], "sha256": sha256, **what}), 0
        state.write(note, {"path": place})
    try:
        _send(client, place, path, size, offset, on_progress, pause)
    except Refused as error:
        if not error.retry:
            state.remove(note)
        raise
    state.remove(note)


def _begin(client: Client, size: int, what: Dict[str, str]) -> str:
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in what.items())
    headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
    location = client.requests.send("/v1/uploads", "POST", data=b"", headers=headers).headers.get("Location")
    if location is None:
        raise FarmError(
            "bad_answer", "The farm began an upload but did not say where to send it; is it another version?"
        )
    path = urllib.parse.urlsplit(client.requests.absolute(location)).path
    base = urllib.parse.urlsplit(client.url).path
    return path[len(base) :] if base and path.startswith(base + "/") else path


def _send(
    client: Client, place: str, path: str, size: int, offset: int, on_progress: Progress, pause: Callable[[float], None]
) -> None:
    failures = 0
    on_progress(offset, size)
    with open(path, "rb") as file:
        while True:
            try:
                # An upload that is whole still has to be asked for once: the farm may not have taken it in yet.
                if failures > 0 or offset == size:
                    found = _offset(client, place)
                    if found is None:
                        raise FarmError("upload_gone", "The farm dropped the unfinished upload; submit again")
                    failures = 0 if found > offset else failures
                    offset = found
                if offset < size:
                    offset = _part(client, place, file, offset)
                on_progress(offset, size)
                failures = 0
                if offset >= size:
                    return
            except FarmError as error:
                failures += 1
                if failures > _TRIES_MAX or not (error.retry or error.code == "conflict"):
                    raise
                pause(min(_PAUSE_SECONDS[1], _PAUSE_SECONDS[0] * 2 ** (failures - 1)))


def _part(client: Client, place: str, file: object, offset: int) -> int:
    file.seek(offset)  # type: ignore[attr-defined]
    data = file.read(_PART_BYTES)  # type: ignore[attr-defined]
    if not data:
        raise FarmError("upload_cut", "The file shrank while it was sent; submit again when nothing writes to it")
    headers = {**_TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    answer = client.requests.send(place, "PATCH", data=data, headers=headers, seconds=_PART_SECONDS)
    told = answer.headers.get("Upload-Offset", "")
    return int(told) if told.isdigit() else offset + len(data)


def _offset(client: Client, place: str) -> Optional[int]:
    """How many bytes the farm has; None when it knows of no such upload."""
    answer = client.requests.send(
        place, "HEAD", headers=_TUS, seconds=_PART_SECONDS, allow=[400, 403, 404, 410, 422, 503]
    )
    told = answer.headers.get("Upload-Offset", "")
    if answer.status < 300:
        return int(told) if told.isdigit() else None
    if answer.status == 503:
        raise Unreachable(client.url, "it cannot store anything at the moment")
    return None
