"""Which cameras rendering a scene needs. Blender asks for them in the same way before it begins."""

from typing import Any, Optional

from driver import compositor


def without(scene: Any) -> Optional[str]:
    """The name of a scene that the picture needs and that has no camera; None where Blender renders."""
    strips = [strip for strip in compositor.strips_of(scene) if _shows(strip)] if scene.render.use_sequencer else []
    if not strips:
        return _without_composited(scene)
    for strip in strips:
        shown = strip.scene if strip.type == "SCENE" and strip.scene_input == "CAMERA" else None
        if shown is None or strip.scene_camera is not None or has_camera(shown):
            continue
        lacking = _without_composited(shown)
        if lacking is not None:
            return lacking
    return None


def has_camera(scene: Any) -> bool:
    """Whether a scene has a camera: its own, one that a marker binds, or, as Blender looks, any in its view layer."""
    if scene.camera is not None or any(marker.camera is not None for marker in scene.timeline_markers):
        return True
    return any(one.type == "CAMERA" for layer in scene.view_layers[:1] for one in layer.objects)


def leaves_it_to_blender(scene: Any) -> bool:
    """Whether the scene itself is rendered, names no camera, and has one that Blender takes instead."""
    edited = scene.render.use_sequencer and any(_shows(strip) for strip in compositor.strips_of(scene))
    named = scene.camera is not None or any(marker.camera is not None for marker in scene.timeline_markers)
    return not edited and not compositor.own_trees(scene) and not named


def _without_composited(scene: Any) -> Optional[str]:
    """A compositor takes the place of the scene's own render: only what its Render Layers show must have a camera."""
    trees = compositor.own_trees(scene)
    if not trees:
        return None if has_camera(scene) else scene.name
    for node in compositor.nodes_of(trees):
        if node.type == "R_LAYERS" and not has_camera(node.scene or scene):
            return (node.scene or scene).name
    return None


def _shows(strip: Any) -> bool:
    return strip.type != "SOUND" and not strip.mute
