"""Farms in the preferences: add, remove, test."""

from typing import Any, Optional, Set

import bpy
from bpy.props import StringProperty

from .. import asker, farms, home, texts
from ..farm.errors import FarmError
from ..preferences import answers

VERSION = "0.1.0"


class TILEWORK_OT_farm_add(bpy.types.Operator):
    """Add a farm"""

    bl_idname = "tilework.farm_add"
    bl_label = "Add Farm"

    address: StringProperty(name="Address", options={"SKIP_SAVE"})
    token: StringProperty(name="Token", subtype="PASSWORD", options={"SKIP_SAVE"})

    def execute(self, _context: Any) -> Set[str]:
        known = farms.preferences()
        farm = known.farms.add()
        farm.name = f"Farm {len(known.farms)}" if len(known.farms) > 1 else "Farm"
        farm.address, farm.token = self.address, self.token
        known.active_farm = len(known.farms) - 1
        return {"FINISHED"}


class TILEWORK_OT_farm_remove(bpy.types.Operator):
    """Remove this farm from the preferences. Its jobs go on"""

    bl_idname = "tilework.farm_remove"
    bl_label = "Remove Farm"

    def execute(self, _context: Any) -> Set[str]:
        known = farms.preferences()
        known.farms.remove(known.active_farm)
        known.active_farm = max(0, min(known.active_farm, len(known.farms) - 1))
        return {"FINISHED"}


class TILEWORK_OT_farm_test(bpy.types.Operator):
    """Ask the farm who it is, with this address and this token"""

    bl_idname = "tilework.farm_test"
    bl_label = "Test Connection"

    def execute(self, _context: Any) -> Set[str]:
        known = farms.preferences()
        if not 0 <= known.active_farm < len(known.farms):
            self.report({"ERROR"}, "There is no farm to test; add one")
            return {"CANCELLED"}
        entry = known.farms[known.active_farm]
        address = entry.address
        try:
            home.require_online()
            client = farms.of(entry).client()
        except FarmError as error:
            answers[address] = (error.detail, False)
            self.report({"ERROR"}, error.detail)
            return {"CANCELLED"}

        def then(info: Any, complaint: Optional[str]) -> None:
            answers[address] = (complaint, False) if complaint is not None else (_welcome(info), True)

        if bpy.app.background:
            try:
                then(client.info(), None)
            except FarmError as error:
                then(None, error.detail)
                self.report({"ERROR"}, error.detail)
                return {"CANCELLED"}
            self.report({"INFO"}, answers[address][0])
        else:
            answers[address] = (texts.said("Asking …"), True)
            asker.ask("test", client.info, then)
        return {"FINISHED"}


def _welcome(info: Any) -> str:
    count = info["workersConnected"]
    said = texts.said("This is Tilework {version}; {count} workers are connected", version=info["version"], count=count)
    if info["version"].split(".")[:2] != VERSION.split(".")[:2]:
        said += ". " + texts.said("The add-on is {own}: get the one that the farm offers under /addon/", own=VERSION)
    return said


_CLASSES = (TILEWORK_OT_farm_add, TILEWORK_OT_farm_remove, TILEWORK_OT_farm_test)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
