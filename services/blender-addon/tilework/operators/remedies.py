"""One click for what a check found, where Blender has no operator of its own for it."""

from typing import Any, Set

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import live


class TILEWORK_OT_fix(bpy.types.Operator):
    """Change the scene so that the farm renders it as it is meant"""

    bl_idname = "tilework.fix"
    bl_label = "Correct"
    bl_options = {"UNDO"}

    kind: EnumProperty(
        items=[(kind, kind, "") for kind in ("camera", "cycles", "allow_missing", "repack", "whole", "tag")],
        options={"SKIP_SAVE"},
    )
    name: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Any) -> Set[str]:
        scene = context.scene
        if self.kind == "camera":
            scene.camera = next((one for one in scene.objects if one.type == "CAMERA"), None)
        elif self.kind == "cycles":
            scene.render.engine = "CYCLES"
        elif self.kind == "allow_missing":
            scene.tilework.allow_missing = True
        elif self.kind == "repack":
            image = bpy.data.images[self.name]
            image.unpack(method="USE_ORIGINAL")
            image.reload()
            image.pack()
        elif self.kind == "whole":
            scene.tilework.property_unset("columns")
            scene.tilework.property_unset("rows")
        else:
            tags = [tag.strip() for tag in scene.tilework.tags.split(",") if tag.strip()]
            scene.tilework.tags = ", ".join([*tags, self.name])
        live.state.checks_at = 0.0
        return {"FINISHED"}


class TILEWORK_OT_show(bpy.types.Operator):
    """Select what this is about"""

    bl_idname = "tilework.show"
    bl_label = "Show Me"
    bl_options = {"UNDO"}

    name: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Any) -> Set[str]:
        wanted = context.view_layer.objects.get(self.name)
        if wanted is None:
            self.report({"WARNING"}, f"{self.name} is not in this view layer")
            return {"CANCELLED"}
        for one in context.selected_objects:
            one.select_set(False)
        wanted.hide_set(False)
        wanted.select_set(True)
        context.view_layer.objects.active = wanted
        return {"FINISHED"}


class TILEWORK_OT_check(bpy.types.Operator):
    """Look at the scene again"""

    bl_idname = "tilework.check"
    bl_label = "Check Again"

    def execute(self, _context: Any) -> Set[str]:
        live.state.checks_at = 0.0
        live.look_at_scene(force=True)
        return {"FINISHED"}


_CLASSES = (TILEWORK_OT_fix, TILEWORK_OT_show, TILEWORK_OT_check)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
