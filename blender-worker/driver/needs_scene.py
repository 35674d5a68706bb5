"""What a scene renders: its strips where the sequencer makes the picture, else its objects, world and compositor."""

from typing import Any, Iterator, Optional

from driver import animation, compositor, needs_nodes
from driver.needs import FULL, PRESENT, SHAPE, Use, Walk, is_hidden, is_on
from driver.needs_object import acts_hidden, of_material, of_nodes, of_object, of_texture

Span = Optional[tuple[int, int]]


def needs_of(scene: Any) -> Walk:
    """Everything behind the picture of a scene."""
    walk = Walk(
        scene,
        {
            "Object": of_object,
            "Material": of_material,
            "World": of_nodes,
            "Light": of_nodes,
            "Texture": of_texture,
            "NodeTree": needs_nodes.of_group,
            # Reached by a Render Layers node: rendered, not composited.
            "Scene": lambda found, one, _level: _render(found, one),
            "Collection": lambda _found, _one, _level: None,
            "Action": lambda _found, _one, _level: None,
            "Image": _image,
            "MovieClip": _own_path,
            "Text": lambda _found, _one, _level: None,
        },
    )
    _picture(walk, scene, own=True)
    walk.run()
    return walk


def _image(walk: Walk, block: Any, _level: int) -> None:
    if block.filepath and block.source in ("FILE", "SEQUENCE", "MOVIE", "TILED"):
        walk.uses.append(Use(block, "filepath", block, block.filepath))


def _own_path(walk: Walk, block: Any, _level: int) -> None:
    if block.filepath:
        walk.uses.append(Use(block, "filepath", block, block.filepath))


def _picture(walk: Walk, scene: Any, own: bool = False) -> None:
    """A scene with all that it goes through before it is written, or shown by a strip."""
    walk.reach(scene, PRESENT, None)
    strips = list(_visible(scene)) if own and scene.render.use_sequencer else []
    if strips:
        _strips(walk, scene, own)
    if not any(strip.type != "SOUND" and not is_on(strip, "mute") for strip in strips):
        _render(walk, scene)
        for tree in compositor.own_trees(scene):
            if tree.is_embedded_data:
                needs_nodes.tree(walk, tree, scene)
            else:
                walk.reach(tree, FULL, scene)


def _render(walk: Walk, scene: Any) -> None:
    """What Blender draws of a scene by itself."""
    for curve in animation.curves(scene):
        for variable in getattr(getattr(curve, "driver", None), "variables", ()):
            for target in variable.targets:
                walk.reach(target.id, PRESENT, scene)
    if scene.background_set is not None:
        _layers(walk, scene.background_set)
    walk.reach(scene.world, FULL, scene)
    _layers(walk, scene)
    for camera in (scene.camera, *(marker.camera for marker in scene.timeline_markers)):
        walk.reach(camera, FULL, scene)
    bodies = scene.rigidbody_world
    if bodies is not None and bodies.enabled:
        walk.part(bodies.point_cache, scene)


def _layers(walk: Walk, scene: Any) -> None:
    for layer in scene.view_layers:
        if not is_on(layer, "use"):
            continue
        for name in ("material_override", "world_override"):
            walk.reach(getattr(layer, name, None), FULL, scene)
        if scene.render.use_freestyle and layer.use_freestyle:
            for lines in layer.freestyle_settings.linesets:
                if lines.show_render:
                    walk.reach(lines.linestyle, FULL, scene)
        if layer.layer_collection is None:
            # Not worked out by Blender yet, so that what it leaves out is not known.
            walk.collection(scene.collection, FULL, scene)
        else:
            _collection(walk, scene, layer.layer_collection)


def _collection(walk: Walk, scene: Any, branch: Any) -> None:
    if branch.exclude or branch.collection.hide_render:
        return
    for owner in branch.collection.objects:
        if not is_hidden(owner):
            walk.reach(owner, FULL, scene)
        elif acts_hidden(owner):
            walk.reach(owner, SHAPE, scene)
    for child in branch.children:
        _collection(walk, scene, child)


def _visible(scene: Any) -> Iterator[Any]:
    """The strips that make the picture: neither muted nor sound, on a channel that is switched on."""
    return (strip for strip, _span in _shown_strips(scene) if strip.type != "SOUND")


def _shown_strips(scene: Any) -> Iterator[tuple[Any, tuple[int, int]]]:
    editor = scene.sequence_editor
    if editor is not None:
        yield from _unmuted(compositor.strips_of(scene), getattr(editor, "channels", ()))


def _unmuted(strips: Any, channels: Any) -> Iterator[tuple[Any, tuple[int, int]]]:
    off = {index for index, channel in enumerate(channels) if channel.mute}
    for strip in strips:
        if (strip.mute and not _mute_moves(strip)) or strip.channel in off:
            continue
        span = (int(strip.frame_final_start), int(strip.frame_final_end) - 1)
        yield strip, span
        if strip.type == "META":
            inner = strip.strips if hasattr(strip, "strips") else strip.sequences
            for one, its in _unmuted(inner, getattr(strip, "channels", ())):
                yield one, (max(its[0], span[0]), min(its[1], span[1]))


def _mute_moves(strip: Any) -> bool:
    """Whether a strip is muted for a part of the frames only."""
    return animation.is_moved(strip.id_data, strip.path_from_id("mute"))


def _strips(walk: Walk, scene: Any, own: bool) -> None:
    for strip, span in _shown_strips(scene):
        walk.strip_frames[strip] = span if own else None
        if strip.type == "SCENE" and strip.scene is not None:
            _scene_strip(walk, strip)
            continue
        _strip(walk, scene, strip)


def _scene_strip(walk: Walk, strip: Any) -> None:
    # What is in there has another time.
    walk.own_time = False
    either = animation.is_moved(strip.id_data, strip.path_from_id("scene_input"))
    if walk.has(strip.scene):
        return
    if either or strip.scene_input == "CAMERA":
        _picture(walk, strip.scene)
        walk.reach(strip.scene_camera, FULL, strip.id_data)
    if either or strip.scene_input == "SEQUENCER":
        walk.reach(strip.scene, PRESENT, strip.id_data)
        _strips(walk, strip.scene, own=False)


def _strip(walk: Walk, scene: Any, strip: Any) -> None:
    if strip.type == "IMAGE":
        walk.uses.append(Use(strip, "directory", scene, strip.directory))
    elif strip.type == "MOVIE":
        walk.uses.append(Use(strip, "filepath", scene, strip.filepath))
    for name in ("clip", "mask", "sound", "font", "node_group"):
        walk.reach(getattr(strip, name, None), FULL, scene)
    for part in strip.modifiers:
        if part.mute and not animation.is_moved(strip.id_data, part.path_from_id("mute")):
            continue
        for name in ("node_group", "input_mask_id"):
            walk.reach(getattr(part, name, None), FULL, scene)
