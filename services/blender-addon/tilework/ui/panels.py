"""The panel among the output properties, and the same as a popover of the render menu."""

from typing import Any

import bpy

from .. import farms, home, live, texts
from ..farm.errors import FarmError
from ..scene import outputs, settings
from . import draw_checks, draw_jobs, draw_plan


class _InOutput:
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "output"


class TILEWORK_PT_farm(_InOutput, bpy.types.Panel):
    bl_label = "Tilework"

    def draw(self, context: Any) -> None:
        draw_button(self.layout, context)


class TILEWORK_PT_settings(_InOutput, bpy.types.Panel):
    bl_label = "Settings"
    bl_parent_id = "TILEWORK_PT_farm"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        draw_settings(self.layout, context.scene)


class TILEWORK_PT_plan(_InOutput, bpy.types.Panel):
    bl_label = "Plan"
    bl_parent_id = "TILEWORK_PT_farm"

    def draw(self, context: Any) -> None:
        draw_plan.draw(self.layout, context)


class TILEWORK_PT_checks(_InOutput, bpy.types.Panel):
    bl_label = "Checks"
    bl_parent_id = "TILEWORK_PT_farm"

    def draw_header_preset(self, _context: Any) -> None:
        bad = sum(1 for one in live.state.findings if one.bad)
        if bad:
            self.layout.label(text=str(bad), icon="ERROR")

    def draw(self, context: Any) -> None:
        draw_checks.draw(self.layout, context)


class TILEWORK_PT_jobs(_InOutput, bpy.types.Panel):
    bl_label = "Jobs"
    bl_parent_id = "TILEWORK_PT_farm"

    def draw(self, context: Any) -> None:
        draw_jobs.draw(self.layout, context)


class TILEWORK_PT_popover(bpy.types.Panel):
    bl_label = "Tilework"
    bl_space_type = "TOPBAR"
    bl_region_type = "HEADER"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 20

    def draw(self, context: Any) -> None:
        layout = self.layout
        draw_button(layout, context)
        draw_settings(layout, context.scene)
        draw_plan.draw(layout, context)
        layout.separator()
        draw_jobs.draw(layout, context)


def draw_button(layout: Any, _context: Any) -> None:
    known = farms.preferences()
    if not home.online():
        layout.label(text="Blender is set to stay offline", icon="INTERNET_OFFLINE")
    try:
        farm = farms.chosen()
    except FarmError:
        layout.label(text="No farm yet: its address and your token come first", icon="INFO")
        layout.operator("preferences.addon_show", text="Set Up a Farm", icon="PREFERENCES").module = home.PACKAGE
        return
    if known is not None and len(known.farms) > 1:
        row = layout.row(align=True)
        row.label(text=farm.name, icon="URL", translate=False)
        row.prop(known, "active_farm", text="")
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("tilework.submit", icon="RENDER_ANIMATION")
    for status in live.state.works:
        if status.job_id is None and not status.over:
            row = layout.row(align=True)
            draw_jobs.draw_progress(row, None, status)
            row.operator("tilework.work_stop", text="", icon="X").work = status.id


def draw_settings(layout: Any, scene: Any) -> None:
    wanted = scene.tilework
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    step = f":{scene.frame_step}" if scene.frame_step > 1 else ""
    _own(column, wanted, "frames", f"{scene.frame_start}-{scene.frame_end}{step}")
    _own(column, wanted, "job_name", settings.job_name(scene))
    row = column.row(align=True)
    row.prop(wanted, "columns")
    row.prop(wanted, "rows", text="")
    render = scene.render
    _own(column, wanted, "percentage", f"{render.resolution_percentage} %")
    cycles = getattr(scene, "cycles", None)
    if render.engine == "CYCLES" and cycles is not None:
        _own(column, wanted, "samples", str(cycles.samples))
        column.prop(wanted, "sample_ranges")
    column.prop(wanted, "format")
    column.prop(wanted, "video")
    column.prop(wanted, "place")
    column.prop(wanted, "priority")
    column.prop(wanted, "audits")
    column.prop(wanted, "blender")
    column.prop(wanted, "gpu_memory")
    column.prop(wanted, "tags")
    column.row().prop(wanted, "devices")
    column.prop(wanted, "allow_missing")
    if outputs.is_movie(scene):
        column.label(text="The scene writes a movie: it comes, and not its frames", icon="FILE_MOVIE")


def _own(column: Any, wanted: Any, name: str, of_scene: str) -> None:
    """A setting, and what the scene has where it was not changed."""
    row = column.row(align=True)
    if bpy.app.version >= (4, 1, 0) and wanted.bl_rna.properties[name].type == "STRING":
        row.prop(wanted, name, placeholder=of_scene)
        return
    row.prop(wanted, name)
    if not getattr(wanted, name):
        note = row.row()
        note.active = False
        note.label(text=texts.said("scene: {value}", value=of_scene), translate=False)


def draw_menu(self: Any, _context: Any) -> None:
    self.layout.separator()
    self.layout.operator("tilework.submit", icon="RENDER_ANIMATION")
    self.layout.operator("wm.call_panel", text="Tilework…", icon="RENDER_RESULT").name = "TILEWORK_PT_popover"


class TileworkJobRow(bpy.types.PropertyGroup):
    job_id: bpy.props.StringProperty()
    work_id: bpy.props.StringProperty()


_CLASSES = (
    TileworkJobRow,
    draw_jobs.TILEWORK_UL_jobs,
    TILEWORK_PT_farm,
    TILEWORK_PT_settings,
    TILEWORK_PT_plan,
    TILEWORK_PT_checks,
    TILEWORK_PT_jobs,
    TILEWORK_PT_popover,
)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.WindowManager.tilework_jobs = bpy.props.CollectionProperty(type=TileworkJobRow, options={"SKIP_SAVE"})
    bpy.types.WindowManager.tilework_job = bpy.props.IntProperty(options={"SKIP_SAVE"})
    bpy.types.TOPBAR_MT_render.append(draw_menu)
    draw_jobs.register()


def unregister() -> None:
    draw_jobs.unregister()
    bpy.types.TOPBAR_MT_render.remove(draw_menu)
    del bpy.types.WindowManager.tilework_job
    del bpy.types.WindowManager.tilework_jobs
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
