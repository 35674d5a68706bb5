"""`bpy.ops.tilework.submit`: sends the scene, makes a job of it, and fetches its frames as they finish."""

import os
import uuid
from typing import Any, Dict, Set

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import farms, home, works
from ..farm.errors import FarmError
from ..scene import collect, outputs, settings

WAITS = (
    ("AUTO", "Automatic", "In background mode until it is sent, else not at all"),
    ("NO", "No", "Go on at once"),
    ("SENT", "Until Sent", "Until the farm has made a job of it"),
    ("DONE", "Until Done", "Until the job has ended and its frames are here"),
)
_UNSAVED = (
    ("AUTO", "Automatic", "As open, with unsaved changes; the file itself where a window shows none"),
    ("COPY", "As Open", "With all that was changed since it was saved"),
    ("FILE", "As Saved", "The file on disk"),
)
# A script waits this long for a farm that does not answer.
PATIENCE_SECONDS = 600.0


class TILEWORK_OT_submit(bpy.types.Operator):
    """Send this scene to the farm and fetch the frames as they finish"""

    bl_idname = "tilework.submit"
    bl_label = "Render on the Farm"

    farm: StringProperty(
        name="Farm", description="Name or address; empty: the one that is active", options={"SKIP_SAVE"}
    )
    frames: StringProperty(name="Frames", description="1-10, 15, 20-40:2", options={"SKIP_SAVE"})
    job_name: StringProperty(name="Name", options={"SKIP_SAVE"})
    wait: EnumProperty(name="Wait", items=WAITS, default="AUTO", options={"SKIP_SAVE"})
    unsaved: EnumProperty(name="Unsaved Changes", items=_UNSAVED, default="AUTO", options={"SKIP_SAVE"})
    download: BoolProperty(
        name="Fetch the Frames", description="Off: the frames stay on the farm", default=True, options={"SKIP_SAVE"}
    )
    only_send: BoolProperty(
        name="Only Send", description="Make no job: the farm then knows the file and can plan", options={"SKIP_SAVE"}
    )

    def execute(self, context: Any) -> Set[str]:
        try:
            farm = farms.chosen(self.farm)
            home.require_online()
            work_id = works.begin(self._task(context, farm))
            works.start(work_id, farm.token)
            if wait_for(self.wait) == "NO":
                self.report({"INFO"}, f"Sending to {farm.name}")
                return {"FINISHED"}
            return finish(self, work_id)
        except FarmError as error:
            self.report({"ERROR"}, error.detail)
            return {"CANCELLED"}

    def _task(self, context: Any, farm: farms.Farm) -> Dict[str, Any]:
        scene = context.scene
        request: Dict[str, Any] = {**settings.request(scene)}
        if self.frames:
            request["frames"] = self.frames
        if self.job_name:
            request["name"] = self.job_name
        file, copy = _file_to_send(self.unsaved)
        place = scene.tilework.place if self.download else "NONE"
        return {
            "kind": "submit",
            "farm": farm.url,
            "farmName": farm.name,
            "file": file,
            "original": bpy.data.filepath,
            **(collect.task_files(bpy.data.filepath, file, collect.collect()) if bpy.data.filepath else {}),
            "copy": copy,
            "key": str(uuid.uuid4()),
            "request": request,
            "download": None if place == "NONE" else outputs.where(scene, place.lower(), request["name"]),
            "until": "known" if self.only_send else "sent" if wait_for(self.wait) == "SENT" else "ended",
            **({"patienceSeconds": PATIENCE_SECONDS} if bpy.app.background else {}),
        }


class TILEWORK_OT_download(bpy.types.Operator):
    """Fetch what a job has delivered into the output path of this scene"""

    bl_idname = "tilework.download"
    bl_label = "Fetch Frames"

    job: StringProperty(name="Job", description="Its id, as the farm names it", options={"SKIP_SAVE"})
    farm: StringProperty(name="Farm", options={"SKIP_SAVE"})
    folder: StringProperty(name="Folder", description="Instead of the output path of the scene", options={"SKIP_SAVE"})
    follow: BoolProperty(
        name="Until Done", description="Also fetch what is still to come", default=True, options={"SKIP_SAVE"}
    )
    wait: EnumProperty(name="Wait", items=WAITS, default="AUTO", options={"SKIP_SAVE"})

    def execute(self, context: Any) -> Set[str]:
        try:
            farm = farms.chosen(self.farm)
            home.require_online()
            where = outputs.where(context.scene, "beside" if self.folder else "output", self.job)
            if self.folder:
                where["folder"] = os.path.abspath(bpy.path.abspath(self.folder))
            task = {
                "kind": "download",
                "farm": farm.url,
                "farmName": farm.name,
                "jobId": self.job,
                "download": where,
                "once": not self.follow,
                **({"patienceSeconds": PATIENCE_SECONDS} if bpy.app.background else {}),
            }
            work_id = works.begin(task)
            works.start(work_id, farm.token)
            if wait_for(self.wait) == "NO":
                return {"FINISHED"}
            return finish(self, work_id)
        except FarmError as error:
            self.report({"ERROR"}, error.detail)
            return {"CANCELLED"}


def wait_for(wait: str) -> str:
    return ("SENT" if bpy.app.background else "NO") if wait == "AUTO" else wait


def finish(operator: Any, work_id: str) -> Set[str]:
    """Waits for the child and tells what came of it; an error raises in the script that called."""
    code = works.wait(work_id)
    status = works.Status(works.folder_of(work_id))
    context = bpy.context.window_manager
    context.tilework_last_job = status.job_id or ""
    context.tilework_exit_code = code
    if code != 0:
        error = status.error or {"detail": f"The program that talks to the farm ended with {code}; see {status.folder}"}
        operator.report({"ERROR"}, error["detail"])
        return {"CANCELLED"}
    files = status.told.get("files", 0)
    operator.report({"INFO"}, f"{status.job_id}: {status.stage}" + (f", {files} files" if files else ""))
    return {"FINISHED"}


def _file_to_send(unsaved: str) -> Any:
    """(path, whether it is a copy to be removed). A script's changes do not mark a file as changed."""
    path = bpy.data.filepath
    if unsaved == "AUTO":
        unsaved = "COPY" if bpy.app.background or bpy.data.is_dirty or not os.path.isfile(path) else "FILE"
    if unsaved == "FILE":
        if not os.path.isfile(path):
            raise FarmError("not_saved", "This file was never saved; save it, or send it as it is open")
        return path, False
    folder = os.path.join(home.folder(), "copies", uuid.uuid4().hex)
    os.makedirs(folder, mode=0o700)
    copy = os.path.join(folder, os.path.basename(path) or "untitled.blend")
    # Relative paths stay as they are: the copy takes the place of the original.
    bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, relative_remap=False, compress=False)
    return copy, True


def register() -> None:
    bpy.types.WindowManager.tilework_last_job = StringProperty()
    bpy.types.WindowManager.tilework_exit_code = bpy.props.IntProperty()
    for one in (TILEWORK_OT_submit, TILEWORK_OT_download):
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in (TILEWORK_OT_download, TILEWORK_OT_submit):
        bpy.utils.unregister_class(one)
    del bpy.types.WindowManager.tilework_exit_code
    del bpy.types.WindowManager.tilework_last_job
