"""One HTTP request to the farm: its token, its deadline, and what becomes of an answer that is not a success."""

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence

from .errors import UNAUTHORIZED, FarmError, Refused, Unreachable

_ANSWER_SECONDS = 60.0
# Problems are short; what is longer comes from something that is not a farm.
_PROBLEM_BYTES_MAX = 100_000
_PART_BYTES = 256 * 1024


class Answer:
    """Status, headers and bytes of an answer that was waited for."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data

    def json(self, url: str) -> Any:
        try:
            return json.loads(self.data)
        except ValueError:
            raise Unreachable(url, "what answers there is not a Tilework farm", "not_a_farm") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the farm's own address and nowhere else."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class Requests:
    """Requests to one farm. `url` has no slash at its end. May be used by several threads."""

    def __init__(self, url: str, token: str, agent: str = "tilework-addon") -> None:
        self.url = normal_url(url)
        self._token = token
        self._agent = agent
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=_tls()))

    def send(
        self,
        path: str,
        method: str = "GET",
        body: Optional[Any] = None,
        data: Optional[bytes] = None,
        headers: Optional[Dict[str, str]] = None,
        seconds: float = _ANSWER_SECONDS,
        allow: Sequence[int] = (),
    ) -> Answer:
        """Raises Refused or Unreachable; statuses in `allow` are given back as they are."""
        if body is not None:
            data = json.dumps(body).encode()
        sent = {"User-Agent": self._agent, "Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, data=data, headers=sent, method=method)
        try:
            with self._opener.open(request, timeout=seconds) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as refused:
            with refused:
                text = b"" if method == "HEAD" else refused.read(_PROBLEM_BYTES_MAX)
            if refused.code in allow:
                return Answer(refused.code, refused.headers, text)
            raise _refusal(self.url, refused.code, refused.headers, text) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(self.url, network_words(error, self.url)) from None

    def json(self, path: str, method: str = "GET", **more: Any) -> Any:
        return self.send(path, method, **more).json(self.url)

    def stream(self, url: str, start: int, seconds: float = _ANSWER_SECONDS) -> "Stream":
        """The bytes at a signed address, from `start` on. No token is sent: the address is enough."""
        headers = {"User-Agent": self._agent, **({"Range": f"bytes={start}-"} if start > 0 else {})}
        try:
            response = self._opener.open(urllib.request.Request(url, headers=headers), timeout=seconds)
        except urllib.error.HTTPError as refused:
            refused.close()
            raise FarmError("store_refused", f"The object store answered {refused.code}", retry=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(url.split("?", 1)[0], network_words(error, url)) from None
        return Stream(response)

    def absolute(self, url: str) -> str:
        return urllib.parse.urljoin(self.url + "/", url)


class Stream:
    """The bytes of an answer, part by part; `partial` tells whether it begins where it was asked to."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self.partial = response.status == 206

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_error: Any) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                part = self._response.read(_PART_BYTES)
                if not part:
                    return
                yield part
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("the object store", network_words(error)) from None


def normal_url(text: str) -> str:
    """The address of a farm as it is used. Raises FarmError where it is none."""
    text = text.strip()
    if text and "://" not in text:
        text = ("http://" if _is_loopback(text.split("/")[0].rsplit(":", 1)[0]) else "https://") + text
    try:
        parts = urllib.parse.urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole:
        raise FarmError(
            "address_invalid",
            f"“{text}” is not the address of a farm; it looks like https://farm.example or http://127.0.0.1:8470",
        )
    # What was pasted may be the address of the add-on's repository on the farm.
    path = parts.path.split("/addon")[0].rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def network_words(error: BaseException, url: str = "") -> str:
    """What went wrong on the network, for a person."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({reason.verify_message}). Ask whoever runs the farm whether the address "
            "is right"
        )
    if isinstance(reason, ssl.SSLError):
        return "it does not speak TLS there; if the farm has none, its address begins with http://"
    if isinstance(reason, socket.gaierror):
        host = urllib.parse.urlsplit(url).hostname
        return f"there is no host named {host}; check the spelling" if host else "the name of the host is unknown"
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return "it did not answer in time"
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens there; check the port, and whether the farm is running"
    if isinstance(reason, (ConnectionError, http.client.HTTPException)):
        return "the connection was cut"
    return str(reason) or type(reason).__name__


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "[::1]") or host.startswith("127.")


def _refusal(url: str, status: int, headers: Mapping[str, str], data: bytes) -> FarmError:
    try:
        problem = json.loads(data)
        wait = headers.get("Retry-After", "")
        detail = "; ".join([problem["detail"], *(f"{e['path']}: {e['message']}" for e in problem.get("errors", []))])
        return Refused(status, problem["code"], detail, float(wait) if wait.isdigit() else None)
    except (ValueError, KeyError, TypeError):
        pass
    if status in (401, 403):
        return FarmError("unauthorized", f"The farm answered {status}: it wants another token", UNAUTHORIZED)
    if status == 404 and not data:
        return Refused(404, "not_found", "the farm has nothing of this name")
    return Unreachable(url, f"what answers there (with {status}) is not a Tilework farm", "not_a_farm")


def _tls() -> ssl.SSLContext:
    """Blender's own Python does not always know where the system keeps its certificates."""
    context = ssl.create_default_context()
    if not context.get_ca_certs():
        try:
            import certifi

            context.load_verify_locations(certifi.where())
        except (ImportError, OSError):
            pass
    return context
