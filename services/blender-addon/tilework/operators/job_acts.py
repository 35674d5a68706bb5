"""What can be done with a job of the list."""

import os
from typing import Any, Optional, Set

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from .. import asker, farms, live, works
from ..farm.errors import FarmError

_ACTS = (
    ("pause", "Pause", "Nothing more of it is handed out; what is being rendered is finished"),
    ("resume", "Resume", "Go on"),
    ("cancel", "Cancel", "End it; what was delivered stays"),
    ("retry", "Try Again", "Try again what failed or was canceled"),
)


class TILEWORK_OT_job_act(bpy.types.Operator):
    """Change what the farm does with this job"""

    bl_idname = "tilework.job_act"
    bl_label = "Change Job"

    job: StringProperty(options={"SKIP_SAVE"})
    act: EnumProperty(items=_ACTS, options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        return next(text for name, _label, text in _ACTS if name == properties.act)

    def invoke(self, context: Any, event: Any) -> Set[str]:
        if self.act == "cancel":
            return context.window_manager.invoke_confirm(self, event)
        return self.execute(context)

    def execute(self, _context: Any) -> Set[str]:
        job, act = self.job, self.act
        return _ask(self, f"act {job}", lambda client: client.act(job, act))


class TILEWORK_OT_job_priority(bpy.types.Operator):
    """Higher goes first; jobs of equal priority share the farm"""

    bl_idname = "tilework.job_priority"
    bl_label = "Priority"

    job: StringProperty(options={"SKIP_SAVE"})
    priority: IntProperty(name="Priority", min=0, max=100, default=50, options={"SKIP_SAVE"})

    def invoke(self, context: Any, _event: Any) -> Set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, _context: Any) -> Set[str]:
        job, priority = self.job, self.priority
        return _ask(self, f"act {job}", lambda client: client.change(job, priority=priority))


class TILEWORK_OT_work_stop(bpy.types.Operator):
    """Stop sending. What the farm has already need not be sent again"""

    bl_idname = "tilework.work_stop"
    bl_label = "Stop Sending"

    work: StringProperty(options={"SKIP_SAVE"})

    def execute(self, _context: Any) -> Set[str]:
        works.forget(self.work)
        return {"FINISHED"}


class TILEWORK_OT_work_start(bpy.types.Operator):
    """Go on with what was cut off"""

    bl_idname = "tilework.work_start"
    bl_label = "Go On"

    work: StringProperty(options={"SKIP_SAVE"})

    def execute(self, _context: Any) -> Set[str]:
        try:
            status = works.Status(works.folder_of(self.work))
            works.start(self.work, farms.by_url(status.task["farm"]).token)
        except FarmError as error:
            self.report({"ERROR"}, error.detail)
            return {"CANCELLED"}
        return {"FINISHED"}


class TILEWORK_OT_notify(bpy.types.Operator):
    """Say something in the status bar"""

    bl_idname = "tilework.notify"
    bl_label = "Tilework"
    bl_options = {"INTERNAL"}

    message: StringProperty(options={"SKIP_SAVE"})
    bad: BoolProperty(options={"SKIP_SAVE"})

    def invoke(self, context: Any, _event: Any) -> Set[str]:
        return self.execute(context)

    def execute(self, _context: Any) -> Set[str]:
        self.report({"WARNING" if self.bad else "INFO"}, self.message)
        return {"FINISHED"}


class TILEWORK_OT_show_image(bpy.types.Operator):
    """Show the newest frame in an image editor"""

    bl_idname = "tilework.show_image"
    bl_label = "Show in Image Editor"

    path: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Any) -> Set[str]:
        if not os.path.isfile(self.path):
            self.report({"ERROR"}, f"{self.path} is not there any more")
            return {"CANCELLED"}
        image = bpy.data.images.load(self.path, check_existing=True)
        image.reload()
        area = next((one for one in context.screen.areas if one.type == "IMAGE_EDITOR"), None)
        if area is None:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = "IMAGE_EDITOR"
        area.spaces.active.image = image
        return {"FINISHED"}


def _ask(operator: Any, key: str, question: Any) -> Set[str]:
    try:
        client = farms.chosen().client()
    except FarmError as error:
        operator.report({"ERROR"}, error.detail)
        return {"CANCELLED"}

    def then(_answer: Any, complaint: Optional[str]) -> None:
        live.state.jobs_at = 0.0
        live.state.jobs_complaint = complaint

    asker.ask(key, lambda: question(client), then)
    return {"FINISHED"}


_CLASSES = (
    TILEWORK_OT_job_act,
    TILEWORK_OT_job_priority,
    TILEWORK_OT_work_stop,
    TILEWORK_OT_work_start,
    TILEWORK_OT_notify,
    TILEWORK_OT_show_image,
)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
