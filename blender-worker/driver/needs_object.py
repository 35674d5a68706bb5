"""What an object brings into the picture: how much of it counts depends on why it was reached."""

from typing import Any

import bpy
from driver import animation, needs_nodes
from driver.needs import FULL, PLACE, SHAPE, Walk, is_on

# Parents whose form their child follows.
_FORM_OF_PARENT = ("VERTEX", "VERTEX_3", "LATTICE", "ARMATURE")


def of_object(walk: Walk, owner: Any, level: int) -> None:
    """Where the object is, from `SHAPE` on its form, and for `FULL` its materials and what it instances."""
    walk.reach(owner.parent, SHAPE if owner.parent_type in _FORM_OF_PARENT else PLACE, owner)
    _constraints(walk, owner, owner.constraints)
    for bone in owner.pose.bones if owner.pose is not None else ():
        _constraints(walk, owner, bone.constraints)
    if owner.type == "EMPTY":
        # Its image is a reference for the eye, in viewports only.
        if level == FULL and owner.instance_type == "COLLECTION" and owner.instance_collection is not None:
            walk.collection(owner.instance_collection, FULL, owner)
    elif level >= SHAPE or owner.type in ("CURVE", "ARMATURE", "LATTICE"):
        walk.reach(owner.data, max(SHAPE, level), owner)
    if level < SHAPE:
        return
    for part in owner.modifiers:
        if is_on(part, "show_render"):
            _modifier(walk, owner, part, level)
    for effect in (*getattr(owner, "grease_pencil_modifiers", ()), *getattr(owner, "shader_effects", ())):
        if is_on(effect, "show_render"):
            walk.part(effect, owner, level)
    if owner.field is not None and owner.field.type != "NONE":
        walk.part(owner.field, owner, level)
    if level == FULL:
        for slot in owner.material_slots:
            walk.reach(slot.material, FULL, owner)


def acts_hidden(owner: Any) -> bool:
    """Whether an object bears on others without being seen: by a force, or as something that others bounce off."""
    return (owner.field is not None and owner.field.type != "NONE") or any(
        part.type == "COLLISION" for part in owner.modifiers
    )


def of_material(walk: Walk, block: Any, _level: int) -> None:
    """The nodes of a material, or the settings of a grease pencil's."""
    if getattr(block, "grease_pencil", None) is not None:
        walk.part(block.grease_pencil, block)
    of_nodes(walk, block, _level)


def of_nodes(walk: Walk, block: Any, _level: int) -> None:
    """The nodes of a material, world, light or texture, where they are switched on."""
    if block.node_tree is not None and (bpy.app.version >= (5, 0, 0) or block.use_nodes):
        needs_nodes.tree(walk, block.node_tree, block)


def of_texture(walk: Walk, block: Any, level: int) -> None:
    """A texture's nodes, or its own image."""
    if getattr(block, "use_nodes", False) and block.node_tree is not None:
        needs_nodes.tree(walk, block.node_tree, block)
    else:
        walk.part(block, block, level)


def _modifier(walk: Walk, owner: Any, part: Any, level: int) -> None:
    if part.type == "NODES":
        needs_nodes.modifier(walk, owner, part)
    walk.part(part, owner, level)


def _constraints(walk: Walk, owner: Any, constraints: Any) -> None:
    for one in constraints:
        if one.mute and not animation.is_moved(owner, one.path_from_id("mute")):
            continue
        if getattr(one, "use_active_clip", False):
            walk.reach(walk.scene.active_clip, FULL, owner)
        walk.part(one, owner, SHAPE)
