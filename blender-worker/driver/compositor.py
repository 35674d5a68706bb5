"""What compositors run to make a scene's picture: its own, which moved to node groups in Blender 5.0 and became a stack
of
effects in 5.3, and those of the strips and scenes that its sequencer shows."""

from typing import Any, Iterable, Iterator, NamedTuple

import bpy
from driver import animation
from driver.overrides import Overrides


class Reach(NamedTuple):
    """What makes one picture, each once. What may be switched on by an animation counts as on."""

    # Scenes that are rendered for it or whose strips are shown, its own first.
    scenes: list[Any]
    # (scene, tree) that its compositor runs. File Output nodes in them write, for scene strips too.
    trees: list[tuple[Any, Any]]
    # (scene, tree) of compositor strips and modifiers of strips. File Output nodes in them write nothing.
    strip_trees: list[tuple[Any, Any]]


def reach(scene: Any) -> Reach:
    """All scenes and compositor trees behind the picture of this scene."""
    found = Reach([], [], [])
    _add_picture(scene, found)
    if scene.render.use_sequencer:
        _add_strips(scene, found)
    return found


def trees_of(scene: Any) -> list[Any]:
    """Every compositor tree that is run for the picture of this scene; groups inside of them are not listed."""
    found = reach(scene)
    return [tree for _owner, tree in (*found.trees, *found.strip_trees)]


def nodes_of(trees: Iterable[Any]) -> Iterator[Any]:
    """All nodes of these trees and of the groups in them, each once; muted ones are left out."""
    seen: set[Any] = set()
    waiting = list(trees)[::-1]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for node in one.nodes:
            if node.mute and not _is_animated(node, "mute"):
                continue
            yield node
            if getattr(node, "node_tree", None) is not None:
                waiting.append(node.node_tree)


def file_output_nodes(scene: Any) -> list[Any]:
    """The File Output nodes that write when this scene is rendered."""
    return [node for node in nodes_of(tree for _owner, tree in reach(scene).trees) if node.type == "OUTPUT_FILE"]


def all_file_output_nodes() -> list[Any]:
    """Every File Output node of the file, whether it would write or not."""
    own = [scene.node_tree for scene in bpy.data.scenes if getattr(scene, "node_tree", None) is not None]
    groups = [tree for tree in bpy.data.node_groups if tree.bl_idname == "CompositorNodeTree"]
    return [node for tree in dict.fromkeys([*own, *groups]) for node in tree.nodes if node.type == "OUTPUT_FILE"]


def layers_used(scene: Any) -> list[dict[str, str]]:
    """Scene and view layer of every Render Layers node, each pair once."""
    found: list[dict[str, str]] = []
    for owner, tree in reach(scene).trees:
        for node in nodes_of([tree]):
            used = {"scene": (node.scene or owner).name, "viewLayer": node.layer} if node.type == "R_LAYERS" else None
            if used is not None and used not in found:
                found.append(used)
    return found


def on_processor(overrides: Overrides) -> None:
    """Makes every scene's compositor, and its Denoise nodes, run on the processor: machines must agree about the
    pixels.
    """
    for scene in bpy.data.scenes:
        overrides.set(scene.render, "compositor_device", "CPU")
        overrides.set(scene.render, "compositor_denoise_device", "CPU")


def asks_for_gpu(scene: Any) -> bool:
    """Whether a compositor behind the picture is set to run on a GPU: files of Blender 5.3 are by default."""
    return any(getattr(owner.render, "compositor_device", "CPU") == "GPU" for owner, _tree in reach(scene).trees)


def own_trees(scene: Any) -> list[Any]:
    """The trees that the scene's own compositor runs: one, or from 5.3 on one for each effect of its stack."""
    if not scene.render.use_compositing:
        return []
    if hasattr(scene, "compositor_effects"):
        return [
            one.node_group
            for one in scene.compositor_effects
            if one.node_group is not None and _is_on(one, "enable_for_render")
        ]
    if hasattr(scene, "compositing_node_group"):
        return [scene.compositing_node_group] if scene.compositing_node_group is not None else []
    return [scene.node_tree] if scene.use_nodes and scene.node_tree is not None else []


def _add_picture(scene: Any, found: Reach) -> None:
    """A scene that is rendered and goes through its own compositor."""
    _add_once(found.scenes, scene)
    for tree in own_trees(scene):
        _add_once(found.trees, (scene, tree))
        for node in nodes_of([tree]):
            # Those are rendered, but not composited.
            if node.type == "R_LAYERS" and node.scene is not None:
                _add_once(found.scenes, node.scene)


def _add_strips(scene: Any, found: Reach) -> None:
    editing = [scene]
    for one in editing:
        _add_once(found.scenes, one)
        for strip in all_strips_of(one):
            if strip.mute and not _is_animated(strip, "mute"):
                continue
            for tree in _strip_trees(strip):
                _add_once(found.strip_trees, (one, tree))
            shown = strip.scene if strip.type == "SCENE" else None
            if shown is None:
                continue
            either = _is_animated(strip, "scene_input")
            if either or strip.scene_input == "CAMERA":
                _add_picture(shown, found)
            if either or strip.scene_input == "SEQUENCER":
                _add_once(editing, shown)


def strips_of(scene: Any) -> list[Any]:
    """The strips of a scene's sequencer, but for those inside of meta strips; empty without a sequencer."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips if hasattr(editor, "strips") else editor.sequences)


def all_strips_of(scene: Any) -> list[Any]:
    """The strips of a scene's sequencer, those inside of meta strips too; empty without a sequencer."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def _strip_trees(strip: Any) -> list[Any]:
    modifiers = [one for one in strip.modifiers if not one.mute or _is_animated(one, "mute")]
    return [tree for tree in (getattr(one, "node_group", None) for one in (strip, *modifiers)) if tree is not None]


def _is_on(owner: Any, name: str) -> bool:
    return bool(getattr(owner, name)) or _is_animated(owner, name)


def _is_animated(owner: Any, name: str) -> bool:
    return animation.is_moved(owner.id_data, owner.path_from_id(name))


def _add_once(known: list[Any], one: Any) -> None:
    if one not in known:
        known.append(one)
