"""Which nodes of a tree a render runs: those that lead to its output."""

from typing import Any, Iterator

import bpy
from driver import animation
from driver.needs import FULL, Use, Walk

_OUTPUTS = {
    "OUTPUT_MATERIAL", "OUTPUT_WORLD", "OUTPUT_LIGHT", "OUTPUT_AOV", "OUTPUT_LINESTYLE", "GROUP_OUTPUT", "COMPOSITE",
    "OUTPUT_FILE", "OUTPUT",
}  # fmt: skip


def of_group(walk: Walk, block: Any, _level: int) -> None:
    """A node group, by itself a datablock."""
    tree(walk, block, block)


def tree(walk: Walk, tree_of: Any, owner: Any) -> None:
    """Everything that the nodes which lead to an output point to; `owner`: the datablock that the tree is of."""
    for node in _running(tree_of):
        if not node.mute or animation.is_moved(tree_of, node.path_from_id("mute")):
            _node(walk, owner, node)


def _running(block: Any) -> Iterator[Any]:
    arriving: dict[Any, list[Any]] = {}
    for link in block.links:
        if link.is_valid and not getattr(link, "is_muted", False):
            arriving.setdefault(link.to_node, []).append(link.from_node)
    # Both ends of a zone (simulation, repeat, for each) run with either.
    pairs = [(node, node.paired_output_node) for node in block.nodes if getattr(node, "paired_output_node", None)]
    waiting = _outputs(block)
    seen: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        waiting.extend(arriving.get(node, ()))
        waiting.extend(start for start, end in pairs if end == node)


def _outputs(block: Any) -> list[Any]:
    """The nodes whose result is used: of several outputs of one kind that which is switched on."""
    found = [node for node in block.nodes if node.type in _OUTPUTS]
    on = {node.type for node in found if getattr(node, "is_active_output", False)}
    return [
        node
        for node in found
        if node.type not in on or node.is_active_output or getattr(node, "target", "ALL") != "ALL"
    ]


def _node(walk: Walk, block: Any, node: Any) -> None:
    linked = {socket.as_pointer() for socket in node.inputs if socket.is_linked}
    for socket in node.inputs:
        if socket.as_pointer() not in linked:
            walk.part(socket, block)
    walk.part(node, block)


def modifier(walk: Walk, owner: Any, part: Any) -> None:
    """A geometry nodes modifier: its tree, and the datablocks and files that are set at the modifier itself."""
    group = part.node_group
    walk.reach(group, FULL, owner)
    if group is None:
        return
    for _name, value, is_file in _inputs(part, group):
        if isinstance(value, bpy.types.Image):
            walk.image_users.setdefault(value, []).append(None)
        if isinstance(value, bpy.types.Collection):
            walk.collection(value, FULL, owner)
        elif isinstance(value, bpy.types.ID):
            walk.reach(value, FULL, owner)
        elif is_file and isinstance(value, str) and value:
            walk.uses.append(Use(part, "inputs", owner, value))


def _inputs(part: Any, group: Any) -> Iterator[tuple[str, Any, bool]]:
    """Name and value of each input that a modifier sets, and whether it is the path of a file."""
    inputs = getattr(getattr(part, "properties", None), "inputs", None)
    if inputs is not None:  # from 5.2 on
        for name in inputs.bl_rna.properties.keys():
            one = getattr(inputs, name, None)
            known = getattr(one, "bl_rna", None)
            if known is not None and "value" in known.properties:
                yield name, one.value, getattr(known.properties["value"], "subtype", "") == "FILE_PATH"
    elif hasattr(group, "interface"):
        for item in group.interface.items_tree:
            if item.item_type == "SOCKET" and item.in_out == "INPUT":
                yield item.identifier, part.get(item.identifier), getattr(item, "subtype", "") == "FILE_PATH"
    else:
        for item in group.inputs:
            yield item.identifier, part.get(item.identifier), False
