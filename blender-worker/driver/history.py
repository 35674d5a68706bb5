"""What makes a frame depend on the frames before it: physics and simulations that are not baked."""

from typing import Any, Iterator

import bpy
from driver import idle_scene

_SIMULATION_NODES = ("SIMULATION_INPUT", "SIMULATION_OUTPUT")
_LIMIT = 1000


def unbaked() -> list[dict[str, str]]:
    """{object, kind} of each unbaked simulation that is rendered; empty when every frame stands alone."""
    found = list(_of_scenes())
    for owner in _rendered():
        found.extend({"object": owner.name, "kind": kind} for kind in _of_object(owner))
    return found[:_LIMIT]


def left_out() -> list[dict[str, str]]:
    """{object, kind} of what no render simulates: fluids of the types Modular and All show nothing until they are
    baked.
    """
    domains = [
        (owner.name, modifier.domain_settings)
        for owner in _rendered()
        for modifier in owner.modifiers
        if modifier.show_render and modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN"
    ]
    return [
        {"object": name, "kind": "fluid"}
        for name, domain in domains
        if domain.cache_type != "REPLAY" and not domain.has_cache_baked_data
    ][:_LIMIT]


def _rendered() -> Iterator[Any]:
    return (owner for owner in bpy.data.objects if not owner.hide_render and owner.users > 0)


def _of_scenes() -> Iterator[dict[str, str]]:
    for scene in idle_scene.others():
        world = scene.rigidbody_world
        if world is None or not world.enabled or world.collection is None or len(world.collection.objects) == 0:
            continue
        if not world.point_cache.is_baked:
            yield {"object": scene.name, "kind": "rigid bodies"}


def _of_object(owner: Any) -> Iterator[str]:
    for modifier in owner.modifiers:
        if modifier.show_render:
            yield from _of_modifier(modifier)


def _of_modifier(modifier: Any) -> Iterator[str]:
    kind = modifier.type
    if kind in ("CLOTH", "SOFT_BODY"):
        if not modifier.point_cache.is_baked:
            yield "cloth" if kind == "CLOTH" else "soft body"
    elif kind == "PARTICLE_SYSTEM":
        yield from _of_particles(modifier.particle_system)
    elif kind == "FLUID" and modifier.fluid_type == "DOMAIN":
        # It writes its cache while frames are rendered, and shows what it finds there.
        if modifier.domain_settings.cache_type == "REPLAY":
            yield "replayed fluid"
    elif kind == "DYNAMIC_PAINT" and modifier.canvas_settings is not None:
        if any(
            not surface.point_cache.is_baked and not surface.is_cache_user
            for surface in modifier.canvas_settings.canvas_surfaces
        ):
            yield "dynamic paint"
    elif kind == "NODES" and _simulates(modifier.node_group) and not _nodes_baked(modifier):
        yield "geometry nodes simulation"


def _of_particles(system: Any) -> Iterator[str]:
    if system is None or system.point_cache.is_baked:
        return
    if system.settings.type == "EMITTER":
        yield "particles"
    elif system.settings.type == "HAIR" and system.use_hair_dynamics:
        yield "hair dynamics"


def _simulates(tree: Any) -> bool:
    seen: set[Any] = set()
    waiting = [tree] if tree is not None else []
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for node in one.nodes:
            if node.type in _SIMULATION_NODES or node.bl_idname.startswith("GeometryNodeSimulation"):
                return True
            if getattr(node, "node_tree", None) is not None:
                waiting.append(node.node_tree)
    return False


def _nodes_baked(modifier: Any) -> bool:
    # Blender tells only that a bake is kept inside the file; one in a folder is found by its folder.
    bakes = list(getattr(modifier, "bakes", []))
    if not bakes:
        return False
    return all(_bake_found(modifier, bake) for bake in bakes)


def _bake_found(modifier: Any, bake: Any) -> bool:
    import os

    folder = (
        bake.directory
        if getattr(bake, "use_custom_path", False)
        else os.path.join(modifier.bake_directory, str(bake.bake_id))
        if getattr(modifier, "bake_directory", "")
        else ""
    )
    if getattr(bake, "bake_target", "") == "PACKED":
        return bool(getattr(bake, "data_blocks", []))
    return folder != "" and os.path.isdir(os.path.join(bpy.path.abspath(folder), "meta"))
