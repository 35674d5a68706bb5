"""Finding a scene's compositor, which moved to node groups in Blender 5.0."""

from typing import Any, Iterator, Optional


def tree_of(scene: Any) -> Optional[Any]:
    """The node tree the compositor runs for this scene; None when it runs none."""
    if not scene.render.use_compositing:
        return None
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def nodes_of(tree: Optional[Any]) -> Iterator[Any]:
    """All nodes of a tree and of the groups in it, each once; muted ones are left out."""
    seen: set[Any] = set()
    waiting = [tree] if tree is not None else []
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for node in one.nodes:
            if node.mute:
                continue
            yield node
            if getattr(node, "node_tree", None) is not None:
                waiting.append(node.node_tree)


def layers_used(scene: Any) -> list[dict[str, str]]:
    """Scene and view layer of every Render Layers node, each pair once."""
    found: list[dict[str, str]] = []
    for node in nodes_of(tree_of(scene)):
        if node.type != "R_LAYERS":
            continue
        used = {"scene": (node.scene or scene).name, "viewLayer": node.layer}
        if used not in found:
            found.append(used)
    return found
