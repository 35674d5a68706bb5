"""Every property that Blender lets one animate on what a scene renders with, and scenes in which one of them is keyed.

    blender -b --factory-startup -P properties.py -- list                 prints {name, kind, type} lines
    blender -b --factory-startup -P properties.py -- make NAME FILE...    builds and saves a scene for each name
    blender -b --factory-startup -P properties.py -- bare OUT FILE...     renders frames 1 and 2 of each as `-a` does

(or `python properties.py ...` with the bpy module). A name is `subject/path`. Properties come from RNA, never from a
list.
"""

import json
import os
import re
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import subjects  # noqa: E402

# What a property is set to when numbers run from here to there: within a range that renders in no time.
_INT_SPAN, _FLOAT_SPAN = 3, 0.75


def walk(struct, prefix="", depth=0):
    """(path, owner, RNA property) of every animatable property of a struct and of the structs inside it, not of other
    blocks.
    """
    # What all nodes and sockets share is how they are drawn in the editor; `mute` alone changes pictures.
    general = next((kind for kind in (bpy.types.Node, bpy.types.NodeSocket) if isinstance(struct, kind)), None)
    ignored = set() if general is None else set(general.bl_rna.properties.keys()) - {"mute"}
    for prop in struct.bl_rna.properties:
        name = prop.identifier
        if name == "rna_type" or name in ignored:
            continue
        path = f"{prefix}.{name}" if prefix else name
        if prop.type in ("BOOLEAN", "INT", "FLOAT", "ENUM"):
            if prop.is_animatable and not prop.is_readonly and not (prop.type == "ENUM" and prop.is_enum_flag):
                yield path, struct, prop
        elif prop.type == "POINTER" and depth < 3:
            inner = getattr(struct, name, None)
            if (
                inner is not None
                and not isinstance(inner, bpy.types.ID)
                and inner.id_data == struct.id_data
                and not _leads_away(inner)
            ):
                yield from walk(inner, path, depth + 1)


def _leads_away(inner):
    """Whether a pointer leads to another node, socket or strip, each of which is a subject of its own, or to tools of
    the viewport.
    """
    kinds = [
        getattr(bpy.types, name, None)
        for name in ("Node", "NodeSocket", "NodeLink", "Sequence", "Strip", "ToolSettings", "AnimData")
    ]
    return any(kind is not None and isinstance(inner, kind) for kind in kinds)


def values(owner, prop):
    """Two values that differ, the first the present one where it can be; None where there are no two."""
    name = prop.identifier
    present = getattr(owner, name)
    if prop.type == "BOOLEAN":
        return ([not one for one in present], list(present)) if prop.is_array else (not present, present)
    if prop.type == "ENUM":
        others = [one for one in _choices(owner, prop) if one != present]
        for other in others:
            try:
                setattr(owner, name, other)
                setattr(owner, name, present)
                return other, present
            except TypeError:
                continue
        return None
    span = _INT_SPAN if prop.type == "INT" else _FLOAT_SPAN

    def moved(value):
        up = min(value + span, prop.soft_max, prop.hard_max)
        return up if up != value else max(value - span, prop.soft_min, prop.hard_min)

    if prop.is_array:
        other = [moved(value) for value in present]
        return (other, list(present)) if other != list(present) else None
    other = moved(present)
    return (other, present) if other != present else None


def _choices(owner, prop):
    """The items of an enumeration; where they are made at run time RNA lists none, but Blender names them when one is
    wrong.
    """
    items = [item.identifier for item in prop.enum_items]
    if len(items) > 1:
        return items
    try:
        setattr(owner, prop.identifier, "no such item")
    except TypeError as error:
        return re.findall(r"'([^']*)'", str(error).rpartition("not found in (")[2])
    return []


def listed():
    """What all strips or all lights share is listed with the first of them alone."""
    known = set()
    for subject, build in subjects.all_of():
        scene = subjects.fresh()
        family = subject.partition("-")[0] if subject.startswith(("strip-", "light-")) else subject
        for root_name, root in build(scene):
            for path, owner, prop in walk(root):
                if (family, root_name, path) not in known:
                    known.add((family, root_name, path))
                    yield {"name": f"{subject}/{root_name}.{path}", "kind": type(owner).__name__, "type": prop.type}


def make(name):
    """Builds and keys; answers why it could not be keyed, or None."""
    subject, _slash, rest = name.partition("/")
    build = subjects.builder(subject)
    scene = subjects.fresh()
    roots = dict(build(scene))
    root_name = next(one for one in sorted(roots, key=len, reverse=True) if rest.startswith(one + "."))
    path = rest[len(root_name) + 1 :]
    owner, prop = next((owner, prop) for one, owner, prop in walk(roots[root_name]) if one == path)
    if prop.identifier not in subjects.WITHOUT:
        subjects.enable(scene, roots[root_name], path)
    pair = values(owner, prop)
    if pair is None:
        return "has only one value here"
    try:
        for frame, value in ((1, pair[0]), (2, pair[1])):
            setattr(owner, prop.identifier, value)
            if not _insert(roots[root_name], path, owner, prop.identifier, frame):
                return "Blender inserts no key"
    except (TypeError, RuntimeError, AttributeError) as error:
        return f"Blender inserts no key: {str(error).strip().splitlines()[-1][:120]}"
    scene.frame_current = 2
    return None


def _insert(root, path, owner, name, frame):
    """As a user does it; else from the block that holds it, by the whole path, which scripts can."""
    try:
        return owner.keyframe_insert(name, frame=frame)
    except TypeError:
        block = root.id_data
        from_block = path if block == root else f"{root.path_from_id()}.{path}"
        return block.keyframe_insert(from_block, frame=frame)


def main():
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    verb, rest = arguments[0], arguments[1:]
    if verb == "list":
        for one in listed():
            print("PROPERTY " + json.dumps(one), flush=True)
        return
    for name, file in zip(rest[::2], rest[1::2]) if verb == "make" else ():
        why = make(name)
        if why is None:
            bpy.ops.wm.save_as_mainfile(filepath=file, check_existing=False)
        print("MADE " + json.dumps({"why": why}), flush=True)
    for file in rest[1:] if verb == "bare" else ():
        bpy.ops.wm.open_mainfile(filepath=file)
        scene = bpy.context.scene
        scene.render.filepath = os.path.join(rest[0], os.path.splitext(os.path.basename(file))[0] + "-####")
        why = None
        try:
            bpy.ops.render.render(animation=True)
        except RuntimeError as error:
            why = str(error).strip().splitlines()[-1][:200]
        print("BARE " + json.dumps({"why": why}), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
