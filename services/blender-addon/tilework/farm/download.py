"""Fetches delivered files. A file is written beside its name, checked against its hash, and only then gets its name.

So whatever bears a name is whole, and a second run fetches what is missing and nothing else.
"""

import os
from typing import Any, Callable, Dict

from . import hashing, state
from .client import Client
from .errors import FarmError

_TRIES_MAX = 5


def fetch(client: Client, job_id: str, artifact: Dict[str, Any], target: str, check: Callable[[], None]) -> bool:
    """False when the file was there already. `check` is called often, and raises to stop."""
    if hashing.matches(target, artifact["bytes"], artifact["sha256"]):
        return False
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _fetch(client, job_id, artifact, target, check)
    except OSError as error:
        raise FarmError("disk", f"{target} cannot be written: {error.strerror or error}") from None
    return True


def _fetch(client: Client, job_id: str, artifact: Dict[str, Any], target: str, check: Callable[[], None]) -> None:
    # With the hash in its name, so that nothing of an older file of this name is gone on with.
    part = f"{target}.{artifact['sha256'][:8]}.part"
    url = (
        client.requests.absolute(artifact["url"])
        if "url" in artifact
        else client.artifact_url(job_id, artifact["path"])
    )
    why = ""
    for _try in range(_TRIES_MAX):
        check()
        try:
            _rest(client, url, part, artifact["bytes"], check)
        except FarmError as error:
            why = error.detail
            if error.code == "store_refused":  # the address may have expired
                url = client.artifact_url(job_id, artifact["path"])
            continue
        if hashing.matches(part, artifact["bytes"], artifact["sha256"]):
            os.replace(part, target)
            return
        why = "The bytes that came are not those that the farm told of"
        state.remove(part)
    raise FarmError("download_failed", f"{artifact['path']} could not be fetched: {why}", retry=True)


def _rest(client: Client, url: str, part: str, size: int, check: Callable[[], None]) -> None:
    have = os.path.getsize(part) if os.path.exists(part) else 0
    if have >= size > 0:
        return
    with client.requests.stream(url, have) as stream, open(part, "ab" if stream.partial else "wb") as file:
        for data in stream:
            check()
            file.write(data)
