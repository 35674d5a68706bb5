"""A farm of one file for tests: scenes, projects, uploads by tus, one job, its artifacts. It cuts lines if told to."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List

TOKEN = "secret-token"


class FakeFarm:
    """Listens on a port of its own; `close` ends it."""

    def __init__(self) -> None:
        self.scenes: Dict[str, bytes] = {}
        self.blobs: Dict[str, bytes] = {}
        self.manifests: Dict[str, Dict[str, Any]] = {}
        self.uploads: Dict[str, Dict[str, Any]] = {}
        self.jobs: Dict[str, Dict[str, Any]] = {}
        self.keys: Dict[str, str] = {}
        self.files: Dict[str, bytes] = {}
        self.asked: List[str] = []
        self.received = 0
        # Parts of uploads that are read by half and then cut.
        self.cuts = 0
        self.state = "completed"
        self.held = threading.Event()
        self.held.set()
        farm = self

        class Handler(_Handler):
            fake = farm

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()

    def artifacts(self) -> List[Dict[str, Any]]:
        return [
            {
                "path": path,
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "contentType": "image/png",
                "url": f"/files/{path}",
                **({"frame": int(path[7:11])} if path.startswith("frames/") else {}),
            }
            for path, data in self.files.items()
        ]

    def job(self, job_id: str) -> Dict[str, Any]:
        failure = {"failure": {"code": "poison_scene", "message": "no camera"}} if self.state == "failed" else {}
        counts = {"frames": {"delivered": len(self.files)}}
        return {"id": job_id, "state": self.state, "counts": counts, "files": [], **failure}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeFarm
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        pass

    def _answer(self, status: int, body: Any = None, **headers: str) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        self._answer(status, {"type": "", "title": "", "status": status, "code": code, "detail": detail})

    def _allowed(self) -> bool:
        self.fake.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self._body()
        self._refuse(401, "unauthorized", "this farm does not know the token")
        return False

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def do_HEAD(self) -> None:
        if not self._allowed():
            return
        kind, name = self.path.split("/")[-2:]
        if kind == "scenes":
            self._answer(200 if name in self.fake.scenes else 404)
        elif name in self.fake.uploads:
            self._answer(200, Upload_Offset=str(len(self.fake.uploads[name]["data"])))
        else:
            self._answer(404)

    def do_POST(self) -> None:
        if not self._allowed():
            return
        body = self._body()
        if self.path == "/v1/uploads":
            name = f"u{len(self.fake.uploads)}"
            told = dict(one.split(" ") for one in self.headers["Upload-Metadata"].split(","))
            self.fake.uploads[name] = {"size": int(self.headers["Upload-Length"]), "data": b"", "file": "as" in told}
            self._answer(201, Location=f"/v1/uploads/{name}")
            return
        request = json.loads(body)
        if self.path.startswith("/v1/projects"):
            self._project(request)
            return
        if request["scene"] not in self.fake.scenes:
            self._refuse(422, "scene_unknown", "no scene with this hash was uploaded")
            return
        job_id = self.fake.keys.setdefault(self.headers["Idempotency-Key"], f"job{len(self.fake.jobs)}")
        self.fake.jobs[job_id] = request
        self._answer(201, self.fake.job(job_id))

    def _project(self, request: Dict[str, Any]) -> None:
        files = sorted(request["files"], key=lambda one: one["path"])
        sha256 = hashlib.sha256(json.dumps([request["main"], files]).encode()).hexdigest()
        lacking = {one["sha256"]: one["bytes"] for one in files if one["sha256"] not in self.fake.blobs}
        if self.path.endswith("/missing"):
            missing = [{"sha256": name, "bytes": count} for name, count in lacking.items()]
            answer = {"sha256": sha256, "known": False, "missing": missing, "missingBytes": sum(lacking.values())}
            self._answer(200, answer)
        elif lacking:
            self._refuse(422, "project_incomplete", f"{len(lacking)} files are missing")
        else:
            self.fake.scenes[sha256] = b""
            self.fake.manifests[sha256] = request
            self._answer(201, {"sha256": sha256})

    def do_PUT(self) -> None:
        if self._allowed():
            data = self._body()
            self.fake.received += len(data)
            self.fake.blobs[hashlib.sha256(data).hexdigest()] = data
            self._answer(204)

    def do_PATCH(self) -> None:
        if not self._allowed():
            return
        upload = self.fake.uploads[self.path.rsplit("/", 1)[1]]
        assert int(self.headers["Upload-Offset"]) == len(upload["data"])
        size = int(self.headers["Content-Length"])
        if self.fake.cuts > 0:
            self.fake.cuts -= 1
            upload["data"] += self.rfile.read(size // 2)
            self.fake.received += size // 2
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.fake.held.wait()
        upload["data"] += self.rfile.read(size)
        self.fake.received += size
        if len(upload["data"]) == upload["size"]:
            kept = self.fake.blobs if upload["file"] else self.fake.scenes
            kept[hashlib.sha256(upload["data"]).hexdigest()] = upload["data"]
        self._answer(204, Upload_Offset=str(len(upload["data"])))

    def do_GET(self) -> None:
        if self.path.startswith("/files/"):
            self.fake.asked.append(f"GET {self.path} {self.headers.get('Range', '')}".strip())
            data = self.fake.files[self.path[7:]]
            start = int(self.headers.get("Range", "bytes=0-")[6:-1])
            self._answer(206 if start else 200, data[start:])
        elif self._allowed():
            if self.path == "/v1":
                self._answer(200, {"name": "tilework", "version": "0.1.0", "workersConnected": 2, "jobsOpen": 0})
            elif "/artifacts" in self.path:
                self._answer(200, {"items": self.fake.artifacts(), "next": None})
            elif self.path.split("/")[-1] in self.fake.jobs:
                self._answer(200, self.fake.job(self.path.split("/")[-1]))
            else:
                self._refuse(404, "not_found", "there is no such job")
