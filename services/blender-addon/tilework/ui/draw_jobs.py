"""The list of jobs, and what there is to see and to do of the one that is chosen."""

import os
from typing import Any, Dict, Optional

import bpy
import bpy.utils.previews

from .. import live, works
from ..farm.follow import ENDED, THUMBNAIL
from . import job_rows
from .draw_plan import columns_of, lines

_pictures: Any = None


class TILEWORK_UL_jobs(bpy.types.UIList):
    def draw_item(self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _of: Any, _name: Any) -> None:
        job, status = live.job(item.job_id), live.work(item.work_id)
        row = layout.row()
        row.label(text=job_rows.name_of(job, status), icon=job_rows.icon_of(job, status), translate=False)
        end = row.row()
        end.alignment = "RIGHT"
        end.label(text=job_rows.short(job, status), translate=False)


def draw(layout: Any, context: Any) -> None:
    live.state.seen("jobs")
    width = columns_of(context)
    if live.state.jobs_complaint is not None:
        lines(layout.column(align=True), "ERROR", live.state.jobs_complaint, width)
    manager = context.window_manager
    if len(manager.tilework_jobs) == 0:
        layout.label(text="No jobs yet", icon="INFO")
        return
    layout.template_list("TILEWORK_UL_jobs", "", manager, "tilework_jobs", manager, "tilework_job", rows=4)
    if 0 <= manager.tilework_job < len(manager.tilework_jobs):
        row = manager.tilework_jobs[manager.tilework_job]
        _draw_one(layout, live.job(row.job_id), live.work(row.work_id), width)


def _draw_one(layout: Any, job: Optional[Dict[str, Any]], status: Optional[works.Status], width: int) -> None:
    box = layout.box()
    picture = _picture(status)
    if picture:
        box.template_icon(icon_value=picture, scale=7.0)
    if job is None or job["state"] not in ENDED:
        draw_progress(box.row(), job, status)
    column = box.column(align=True)
    for icon, sentence in job_rows.sentences(job, status):
        lines(column, icon, sentence, width - 4)
    _draw_files(box, status)
    if job is None:
        if status is not None and not status.running and status.stage in ("stopped", "failed"):
            row = box.row(align=True)
            row.operator("tilework.work_start", icon="PLAY").work = status.id
            row.operator("tilework.work_stop", text="Forget", icon="TRASH").work = status.id
        return
    _draw_acts(box.row(align=True), job, status)


def _draw_files(box: Any, status: Optional[works.Status]) -> None:
    last = None if status is None else status.told.get("lastFrame")
    movie = None if status is None else status.told.get("movie")
    if last is None and movie is None:
        return
    row = box.row(align=True)
    if last is not None:
        row.operator("tilework.show_image", text="Show", icon="IMAGE_DATA").path = last["path"]
        row.operator("render.play_rendered_anim", text="Play", icon="PLAY")
        row.operator("wm.path_open", text="Folder", icon="FILE_FOLDER").filepath = os.path.dirname(last["path"])
    if movie is not None:
        row.operator("wm.path_open", text="Movie", icon="FILE_MOVIE").filepath = movie


def _draw_acts(row: Any, job: Dict[str, Any], status: Optional[works.Status]) -> None:
    def act(name: str, text: str, icon: str) -> None:
        button = row.operator("tilework.job_act", text=text, icon=icon)
        button.job, button.act = job["id"], name

    if job["state"] in ENDED:
        if job["state"] != "completed":
            act("retry", "Try Again", "FILE_REFRESH")
    else:
        if "pausedAt" in job:
            act("resume", "Resume", "PLAY")
        else:
            act("pause", "Pause", "PAUSE")
        act("cancel", "Cancel", "X")
        priority = row.operator("tilework.job_priority", text=str(job["priority"]), icon="SORT_DESC")
        priority.job, priority.priority = job["id"], job["priority"]
    if status is None or (status.stage in ("stopped", "failed") and not status.running):
        fetch = row.operator("tilework.download", text="Fetch Frames", icon="IMPORT")
        fetch.job = job["id"]


def draw_progress(row: Any, job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> None:
    text = job_rows.short(job, status)
    if hasattr(row, "progress"):  # Blender 4.0 and later
        row.progress(factor=job_rows.progress(job, status), text=text, type="BAR")
    else:
        row.label(text=text, translate=False)


def _picture(status: Optional[works.Status]) -> int:
    path = "" if status is None else os.path.join(status.folder, THUMBNAIL)
    if _pictures is None or not os.path.isfile(path):
        return 0
    key = f"{path} {os.path.getmtime(path)}"
    if key not in _pictures:
        _pictures.load(key, path, "IMAGE")
    return _pictures[key].icon_id


def register() -> None:
    global _pictures
    if not bpy.app.background:
        _pictures = bpy.utils.previews.new()


def unregister() -> None:
    global _pictures
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
