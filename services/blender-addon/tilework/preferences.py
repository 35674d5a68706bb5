"""The farms of this user. The token is a preference: no .blend ever holds it."""

from typing import Any, Dict, Tuple

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from . import home, texts

# What a test of the connection came to, by address: (sentence, whether all is well). Not kept over a restart.
answers: Dict[str, Tuple[str, bool]] = {}


def _forget_answer(_self: Any, _context: Any) -> None:
    answers.clear()


class TileworkFarm(bpy.types.PropertyGroup):
    name: StringProperty(name="Name", default="Farm")
    address: StringProperty(
        name="Address", description="https://farm.example or http://127.0.0.1:8470", update=_forget_answer
    )
    token: StringProperty(
        name="Token", description="What the farm knows you by", subtype="PASSWORD", update=_forget_answer
    )


class TILEWORK_UL_farms(bpy.types.UIList):
    def draw_item(self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _of: Any, _name: Any) -> None:
        row = layout.row()
        row.prop(item, "name", text="", emboss=False, icon="URL")
        row.label(text=item.address)


class TileworkPreferences(bpy.types.AddonPreferences):
    bl_idname = home.PACKAGE

    farms: CollectionProperty(type=TileworkFarm)
    active_farm: IntProperty(name="Farm", default=0, min=0)

    def draw(self, context: Any) -> None:
        layout = self.layout
        if not home.online():
            box = layout.box()
            box.label(
                text="Blender is set to stay offline: nothing is sent and nothing is fetched", icon="INTERNET_OFFLINE"
            )
            box.prop(context.preferences.system, "use_online_access", text="Allow Online Access")
        row = layout.row()
        row.template_list("TILEWORK_UL_farms", "", self, "farms", self, "active_farm", rows=2)
        buttons = row.column(align=True)
        buttons.operator("tilework.farm_add", text="", icon="ADD")
        buttons.operator("tilework.farm_remove", text="", icon="REMOVE")
        if not 0 <= self.active_farm < len(self.farms):
            layout.label(text="Add a farm: its address is what its page shows in a browser", icon="INFO")
            return
        farm = self.farms[self.active_farm]
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(farm, "address")
        column.prop(farm, "token")
        layout.operator("tilework.farm_test", icon="LINKED")
        if farm.address in answers:
            said, well = answers[farm.address]
            for number, line in enumerate(texts.wrapped(said, 90)):
                icon = "BLANK1" if number else "CHECKMARK" if well else "ERROR"
                layout.label(text=line, icon=icon, translate=False)


_CLASSES = (TileworkFarm, TILEWORK_UL_farms, TileworkPreferences)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
