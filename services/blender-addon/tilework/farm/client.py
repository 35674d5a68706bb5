"""What the add-on asks of a farm's REST side. Every method raises Refused or Unreachable."""

import time
import urllib.parse
from typing import Any, Iterator, List, Optional

from .errors import FarmError, Refused, Unreachable
from .http import Requests
from .messages import Artifact, Farm, Job, JobRequest, Plan, Scene, Worker

_PAGE = 200
_SUBMIT_TRIES = 5


class Client:
    """One farm, by its address and a token."""

    def __init__(self, url: str, token: str) -> None:
        self.requests = Requests(url, token)

    @property
    def url(self) -> str:
        return self.requests.url

    def info(self, seconds: float = 10.0) -> Farm:
        found = self.requests.json("/v1", seconds=seconds)
        if not isinstance(found, dict) or found.get("name") != "tilework":
            raise Unreachable(self.url, "what answers there is not a Tilework farm", "not_a_farm")
        return found  # type: ignore[return-value]

    def has_scene(self, sha256: str) -> bool:
        answer = self.requests.send(f"/v1/scenes/{sha256}", "HEAD", allow=[401, 403, 404, 429, 500, 503])
        if answer.status >= 400 and answer.status != 404:
            self.scene(sha256)  # an answer to HEAD has no words; asking in full tells why
        return answer.status != 404

    def scene(self, sha256: str) -> Scene:
        return self.requests.json(f"/v1/scenes/{sha256}")

    def plan(self, request: JobRequest) -> Plan:
        return self.requests.json("/v1/plans", "POST", body=request)

    def submit(self, request: JobRequest, key: str) -> Job:
        """One job, however often the same is sent with this key."""
        for tries in range(1, _SUBMIT_TRIES + 1):
            try:
                return self.requests.json("/v1/jobs", "POST", body=request, headers={"Idempotency-Key": key})
            except FarmError as error:
                if not error.retry or tries == _SUBMIT_TRIES:
                    raise
                time.sleep(min(10.0, getattr(error, "wait_seconds", None) or 2.0**tries / 2))
        raise AssertionError("unreachable")

    def job(self, job_id: str) -> Job:
        return self.requests.json(_job(job_id))

    def jobs(self, limit: int = 50) -> List[Job]:
        """Newest first."""
        return self.requests.json(f"/v1/jobs?limit={limit}")["items"]

    def workers(self) -> List[Worker]:
        return self.requests.json("/v1/workers?limit=200")["items"]

    def act(self, job_id: str, act: str, **body: Any) -> Job:
        """`pause`, `resume`, `cancel` or `retry`."""
        return self.requests.json(f"{_job(job_id)}/{act}", "POST", body=body)

    def change(self, job_id: str, **change: Any) -> Job:
        return self.requests.json(_job(job_id), "PATCH", body=change)

    def artifacts(self, job_id: str, cursor: Optional[str] = None) -> Iterator[Artifact]:
        """All that was delivered so far, with signed addresses."""
        while True:
            more = "" if cursor is None else f"&cursor={urllib.parse.quote(cursor)}"
            page = self.requests.json(f"{_job(job_id)}/artifacts?urls=true&limit={_PAGE}{more}")
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def artifact_url(self, job_id: str, path: str) -> str:
        answer = self.requests.send(f"{_job(job_id)}/artifacts/{urllib.parse.quote(path)}", allow=[302])
        location = answer.headers.get("Location")
        if location is None:
            raise Refused(404, "not_found", f"the farm does not say where {path} lies")
        return self.requests.absolute(location)


def _job(job_id: str) -> str:
    return f"/v1/jobs/{urllib.parse.quote(job_id, safe='')}"
