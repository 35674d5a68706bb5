"""The farms of this user. The token is a preference: no .blend ever holds it."""

from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from . import home


class TileworkFarm(bpy.types.PropertyGroup):
    name: StringProperty(name="Name", default="Farm")
    address: StringProperty(name="Address", description="https://farm.example or http://127.0.0.1:8470")
    token: StringProperty(name="Token", description="What the farm knows you by", subtype="PASSWORD")
    said: StringProperty(options={"SKIP_SAVE"})


class TileworkPreferences(bpy.types.AddonPreferences):
    bl_idname = home.PACKAGE

    farms: CollectionProperty(type=TileworkFarm)
    active_farm: IntProperty(name="Farm", default=0, min=0)

    def draw(self, _context: Any) -> None:
        pass


def register() -> None:
    bpy.utils.register_class(TileworkFarm)
    bpy.utils.register_class(TileworkPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(TileworkPreferences)
    bpy.utils.unregister_class(TileworkFarm)
