"""What the panels show and what keeps it fresh: the pieces of work, the farm's jobs, the plan.

A timer of Blender looks a few times a second. The farm is asked only while a panel that shows its answer is drawn.
"""

import contextlib
import json
import time
from typing import Any, Dict, List, Optional

import bpy

from . import asker, farms, home, texts, works
from .farm import hashing
from .farm.errors import FarmError
from .scene import checks, settings

_TICK_SECONDS = 0.25
_JOBS_SECONDS = 2.0
# A plan is asked for when the artist has stopped changing settings.
_PLAN_REST_SECONDS = 0.4
_SEEN_SECONDS = 5.0
_CHECK_SECONDS = 2.0
# A check that takes longer would be felt while the artist works; then a button asks for it.
_CHECK_QUICK_SECONDS = 0.1
_WORKERS_SECONDS = 60.0


class Live:
    """All of it; one for this Blender."""

    def __init__(self) -> None:
        self.works: List[works.Status] = []
        self.jobs: List[Dict[str, Any]] = []
        self.jobs_complaint: Optional[str] = None
        self.plan: Optional[Dict[str, Any]] = None
        self.plan_complaint: Optional[str] = None
        self.plan_key: Optional[str] = None
        self.plan_wanted: Optional[str] = None
        self.plan_wanted_at = 0.0
        self.seen_at: Dict[str, float] = {}
        self.jobs_at = 0.0
        self.stages: Dict[str, str] = {}
        self.begun = False
        self.findings: List[checks.Finding] = []
        self.workers: List[Dict[str, Any]] = []
        self.workers_at = 0.0
        self.checks_at = 0.0
        self.checks_seconds = 0.0
        self.scene_changed = True

    def seen(self, what: str) -> None:
        """A panel that shows `what` was drawn."""
        self.seen_at[what] = time.monotonic()

    def is_seen(self, what: str) -> bool:
        return time.monotonic() - self.seen_at.get(what, -1e9) < _SEEN_SECONDS


state = Live()


def tick() -> float:
    """Called by Blender's timer. A fault in it must not end the timer for good."""
    with contextlib.suppress(ReferenceError, AttributeError):  # a file is just being loaded
        _tick()
    return _TICK_SECONDS


def _tick() -> None:
    if not state.begun:
        state.begun = True
        if home.online():
            works.resume_all()
    changed = asker.deliver()
    changed = _look_at_works() or changed
    _ask_for_jobs()
    changed = _ask_for_plan() or changed
    changed = look_at_scene() or changed
    if changed:
        fill_list()
        _redraw()


def _look_at_works() -> bool:
    before = [(status.id, status.told.get("updatedAt")) for status in state.works]
    state.works = works.every()
    for status in state.works:
        known = state.stages.get(status.id)
        if known is not None and known != status.stage and status.stage in ("done", "failed"):
            _notify(status)
        state.stages[status.id] = status.stage
    return before != [(status.id, status.told.get("updatedAt")) for status in state.works]


def _notify(status: works.Status) -> None:
    name = status.task.get("request", {}).get("name") or status.job_id or ""
    error = status.error
    if error is None:
        message = texts.said("{name}: done, {files} files are here", name=name, files=status.told.get("files", 0))
    else:
        message = f"{name}: {error['detail']}"
    windows = bpy.context.window_manager.windows
    if windows:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.tilework.notify("INVOKE_DEFAULT", message=message, bad=error is not None)


def _ask_for_jobs() -> None:
    if not state.is_seen("jobs") or time.monotonic() - state.jobs_at < _JOBS_SECONDS or asker.busy("jobs"):
        return
    state.jobs_at = time.monotonic()
    try:
        client = farms.chosen().client()
    except FarmError as error:
        state.jobs, state.jobs_complaint = [], error.detail
        return

    def then(answer: Any, complaint: Optional[str]) -> None:
        state.jobs_complaint = complaint
        if complaint is None:
            state.jobs = answer

    asker.ask("jobs", lambda: client.jobs(50), then)


def _ask_for_plan() -> bool:
    if not state.is_seen("plan"):
        return False
    try:
        farm = farms.chosen()
        home.require_online()
    except FarmError as error:
        changed = state.plan_complaint != error.detail
        state.plan, state.plan_key, state.plan_complaint = None, None, error.detail
        return changed
    path = bpy.data.filepath
    request = settings.request(bpy.context.scene)
    sent = next((one.told.get("sha256") for one in state.works if one.task.get("original") == path), None)
    key = json.dumps([farm.url, path, request, sent, [one.stage for one in state.works if not one.over]])
    if key == state.plan_key:
        return False
    now = time.monotonic()
    if key != state.plan_wanted:
        state.plan_wanted, state.plan_wanted_at = key, now
    if now - state.plan_wanted_at < _PLAN_REST_SECONDS or asker.busy("plan"):
        return False
    state.plan_key = key
    client = farm.client()
    cache = f"{home.folder()}/hashes.json"

    def question() -> Any:
        # The hash of the last sending where there is one; else the file itself, if it is all there is.
        sha256 = sent
        if sha256 is None:
            hashes = hashing.Hashes(cache)
            sha256 = hashes.of(path)[0]
            hashes.save()
        if not client.has_scene(sha256):
            return None
        return client.plan({**request, "scene": sha256})  # type: ignore[typeddict-item]

    def then(answer: Any, complaint: Optional[str]) -> None:
        state.plan, state.plan_complaint = answer, complaint

    asker.ask("plan", question, then)
    return True


def look_at_scene(force: bool = False) -> bool:
    """Checks the scene when it has changed, at most every few seconds, and by itself only while that is quick."""
    now = time.monotonic()
    if not force and not (
        state.is_seen("checks")
        and state.scene_changed
        and now - state.checks_at > max(_CHECK_SECONDS, 50 * state.checks_seconds)
        and (state.checks_seconds < _CHECK_QUICK_SECONDS or state.checks_at == 0.0)
    ):
        return False
    _ask_for_workers()
    state.scene_changed = False
    before = state.findings
    state.findings = checks.findings(bpy.context.scene, state.workers)
    state.checks_at = time.monotonic()
    state.checks_seconds = state.checks_at - now
    return before != state.findings


def _ask_for_workers() -> None:
    if time.monotonic() - state.workers_at < _WORKERS_SECONDS or asker.busy("workers"):
        return
    state.workers_at = time.monotonic()
    try:
        client = farms.chosen().client()
    except FarmError:
        return

    def then(answer: Any, complaint: Optional[str]) -> None:
        if complaint is None:
            state.workers, state.scene_changed = answer, True

    asker.ask("workers", client.workers, then)


@bpy.app.handlers.persistent
def _on_change(*_args: Any) -> None:
    state.scene_changed = True


@bpy.app.handlers.persistent
def _on_load(*_args: Any) -> None:
    state.scene_changed, state.checks_at, state.findings = True, 0.0, []


def fill_list() -> None:
    """The rows of the job list: what is on its way first, then the farm's jobs."""
    rows = bpy.context.window_manager.tilework_jobs
    by_job = {status.job_id: status for status in reversed(state.works) if status.job_id}
    wanted = [("", status.id) for status in state.works if status.job_id is None and not _is_old(status)]
    wanted += [(job["id"], by_job[job["id"]].id if job["id"] in by_job else "") for job in state.jobs]
    if [(row.job_id, row.work_id) for row in rows] == wanted:
        return
    manager = bpy.context.window_manager
    chosen = rows[manager.tilework_job].job_id if 0 <= manager.tilework_job < len(rows) else ""
    known = {row.work_id for row in rows}
    rows.clear()
    for job_id, work_id in wanted:
        row = rows.add()
        row.job_id, row.work_id = job_id, work_id
    # What was just begun is what the artist wants to see.
    places = [place for place, (_job, work_id) in enumerate(wanted) if work_id and work_id not in known]
    places += [place for place, (job_id, _work) in enumerate(wanted) if job_id == chosen and job_id]
    manager.tilework_job = places[0] if places else 0


def job(job_id: str) -> Optional[Dict[str, Any]]:
    return next((one for one in state.jobs if one["id"] == job_id), None)


def work(work_id: str) -> Optional[works.Status]:
    return next((one for one in state.works if one.id == work_id), None)


def _is_old(status: works.Status) -> bool:
    return status.over and time.time() - status.told.get("updatedAt", 0) > 24 * 3600


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("PROPERTIES", "TOPBAR", "PREFERENCES"):
                area.tag_redraw()


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
        for handlers in (bpy.app.handlers.depsgraph_update_post, bpy.app.handlers.save_post):
            handlers.append(_on_change)
        bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    for handlers in (bpy.app.handlers.depsgraph_update_post, bpy.app.handlers.save_post, bpy.app.handlers.load_post):
        for mine in (_on_change, _on_load):
            if mine in handlers:
                handlers.remove(mine)
    asker.forget()
