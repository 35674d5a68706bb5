"""Which properties of Blender's types lead on: to a datablock, to a file, or to a part that has such a property.

Asked of RNA itself, so that a modifier, constraint or node of a Blender to come is looked into like those of today.
"""

from typing import Any, NamedTuple

import bpy

# Back to where one came from, or about a datablock and not of it.
_NEVER = {
    "rna_type", "original", "id_data", "library", "preview", "asset_data", "override_library", "library_weak_reference",
    "animation_data", "materials", "point_caches", "motion_path", "depsgraph", "parent",
    "inputs", "outputs", "links", "internal_links",
}  # fmt: skip


class Links(NamedTuple):
    """The names of a type's properties that lead on."""

    files: tuple[str, ...]
    pointers: tuple[str, ...]
    collections: tuple[str, ...]


_known: dict[str, Links] = {}
_leading: set[str] = set()


def links_of(struct: Any) -> Links:
    """What leads on from this part, by its own type and not only by that of the property it was found in."""
    rna = struct.bl_rna
    found = _known.get(rna.identifier)
    if found is None:
        _learn_once()
        found = _known[rna.identifier] = _links(rna)
    return found


def file_properties() -> list[str]:
    """`Type.property` of every property of RNA that holds the path of a file or folder, but for those of operators."""
    found = []
    for rna in _all_types():
        own = set(rna.properties.keys()) - set(rna.base.properties.keys() if rna.base else ())
        found.extend(f"{rna.identifier}.{name}" for name in sorted(own) if _is_file(rna.properties[name]))
    return sorted(found)


def _links(rna: Any) -> Links:
    files, pointers, collections = [], [], []
    for prop in rna.properties:
        if prop.identifier in _NEVER:
            continue
        if _is_file(prop):
            files.append(prop.identifier)
        elif prop.type in ("POINTER", "COLLECTION") and _leads(prop):
            (pointers if prop.type == "POINTER" else collections).append(prop.identifier)
    return Links(tuple(files), tuple(pointers), tuple(collections))


def _is_file(prop: Any) -> bool:
    return bool(prop.type == "STRING" and prop.subtype in ("FILE_PATH", "DIR_PATH"))


def _leads(prop: Any) -> bool:
    return prop.fixed_type is not None and prop.fixed_type.identifier in _leading


def _learn_once() -> None:
    """Fills the set of types that lead on, themselves or by one of the kinds that may stand in their place."""
    if _leading:
        return
    types = _all_types()
    leading = {rna.identifier for rna in types if "ID" in _line(rna)}
    size = -1
    while size != len(leading):
        size = len(leading)
        for rna in types:
            if any(
                _is_file(prop)
                or (
                    prop.type in ("POINTER", "COLLECTION")
                    and prop.fixed_type is not None
                    and prop.fixed_type.identifier in leading
                )
                for prop in rna.properties
                if prop.identifier not in _NEVER
            ):
                # A property of a general type may hold any special one.
                leading.update(_line(rna))
    _leading.update(leading)


def _line(rna: Any) -> list[str]:
    line = [rna.identifier]
    while rna.base is not None:
        rna = rna.base
        line.append(rna.identifier)
    return line


def _all_types() -> list[Any]:
    found = (getattr(getattr(bpy.types, name, None), "bl_rna", None) for name in dir(bpy.types))
    return [rna for rna in found if rna is not None and "_OT_" not in rna.identifier]
