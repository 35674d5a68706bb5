"""What a scene renders with: every datablock and file behind its picture, found by following it from one to the next.

Anything that a part points to counts, unless a rule says that no render shows it: so what is not known here is
demanded once too often rather than once too little. How much of an object counts depends on what it is reached by.
"""

from typing import Any, Callable, Iterator, NamedTuple, Optional

import bpy
from driver import animation, rna_links

# How much of a datablock the picture shows.
PRESENT = 0  # it has to be there
PLACE = 1  # where it is
SHAPE = 2  # and its form
FULL = 3  # and its surface


class Use(NamedTuple):
    """A file that the picture needs."""

    # The part whose property names it, the property, and the datablock that both are of.
    struct: Any
    prop: str
    block: Any
    path: str


class Walk:
    """All that was reached so far, and what is left to look at."""

    def __init__(self, scene: Any, rules: dict[str, Callable[["Walk", Any, int], None]]) -> None:
        self.scene = scene
        self.uses: list[Use] = []
        # For each image, the parts that say which of its frames they show.
        self.image_users: dict[Any, list[Any]] = {}
        # The range of frames of the chosen scene in which a strip shows, None where its time is not that scene's.
        self.strip_frames: dict[Any, Optional[tuple[int, int]]] = {}
        # Whether all of it is seen in the chosen scene's own time.
        self.own_time = True
        # Caches of simulations, with the object that each is of.
        self.caches: list[tuple[Any, Any]] = []
        self._rules = rules
        self._levels: dict[Any, int] = {}
        self._by: dict[Any, Any] = {}
        self._waiting: list[Any] = []
        self._parts: set[tuple[int, str, int]] = set()

    def blocks(self) -> Iterator[Any]:
        """Every datablock that was reached."""
        return iter(self._levels)

    def has(self, block: Any) -> bool:
        """Whether a datablock was reached."""
        return block in self._levels

    def owners(self, block: Any) -> list[Any]:
        """By what a datablock was reached first, the nearest first, up to the scene."""
        found: list[Any] = []
        while (block := self._by.get(block)) is not None and block not in found:
            found.append(block)
        return found

    def reach(self, block: Any, level: int, by: Any) -> None:
        """Notes that the picture shows that much of a datablock."""
        if block is None or self._levels.get(block, -1) >= level:
            return
        if block not in self._levels:
            self._by[block] = by
        self._levels[block] = level
        self._waiting.append(block)

    def run(self) -> None:
        """Follows everything that was reached to its end."""
        while self._waiting:
            block = self._waiting.pop()
            level = self._levels[block]
            override = getattr(block, "override_library", None)
            if override is not None:
                self.reach(override.reference, PRESENT, block)
            if level == PRESENT:
                continue
            self._animation(block)
            rule = next((self._rules[name] for name in _line(block) if name in self._rules), None)
            if rule is not None:
                rule(self, block, level)
            else:
                self.part(block, block, level)

    def part(self, struct: Any, block: Any, level: int = FULL) -> None:
        """Follows everything that a part of a datablock points to, and notes the files it names."""
        key = (struct.as_pointer(), struct.bl_rna.identifier, level)
        if key in self._parts:
            return
        self._parts.add(key)
        if isinstance(struct, bpy.types.PointCache):
            self.caches.append((struct, block))
        links = rna_links.links_of(struct)
        for name in links.files:
            if getattr(struct, name, ""):
                self.uses.append(Use(struct, name, block, getattr(struct, name)))
        for name in links.pointers:
            self._follow(struct, name, getattr(struct, name, None), block, level)
        for name in links.collections:
            for one in getattr(struct, name, ()):
                self._follow(struct, name, one, block, level)

    def _follow(self, struct: Any, name: str, value: Any, block: Any, level: int) -> None:
        if value is None or not shown(struct, name):
            return
        if not isinstance(value, bpy.types.ID):
            self.part(value, block, level)
            return
        if isinstance(value, bpy.types.Image):
            self.image_users.setdefault(value, []).append(image_user(struct))
        if isinstance(value, bpy.types.Collection):
            self.collection(value, min(level, level_of(struct)), block, hidden_too=isinstance(struct, _CUTTERS))
        else:
            self.reach(value, min(level, level_of(struct)) if isinstance(value, bpy.types.Object) else level, block)

    def collection(self, collection: Any, level: int, by: Any, hidden_too: bool = False) -> None:
        """The objects of a collection and those inside of it, as they are instanced."""
        self.reach(collection, PRESENT, by)
        hidden_too = hidden_too or level < FULL
        for owner in collection.objects:
            if hidden_too or not is_hidden(owner):
                self.reach(owner, level, collection)
        for child in collection.children:
            if hidden_too or not child.hide_render:
                self.collection(child, level, collection, hidden_too)

    def _animation(self, block: Any) -> None:
        for holder in (block, getattr(block, "node_tree", None), getattr(block, "shape_keys", None)):
            data = getattr(holder, "animation_data", None)
            if data is None:
                continue
            self.reach(data.action, PRESENT, block)
            for track in data.nla_tracks:
                for strip in track.strips:
                    if not track.mute and not strip.mute:
                        self.reach(strip.action, PRESENT, block)
            for curve in data.drivers:
                for variable in curve.driver.variables:
                    for target in variable.targets:
                        is_object = isinstance(target.id, bpy.types.Object)
                        self.reach(target.id, PLACE if is_object else PRESENT, block)


_CUTTERS = (bpy.types.BooleanModifier,)
_SURFACE_TOO = tuple(
    getattr(bpy.types, name)
    for name in ("BooleanModifier", "NodesModifier", "ParticleInstanceModifier", "ArrayModifier", "ParticleSettings")
    if hasattr(bpy.types, name)
)
_PLACE_ONLY = (bpy.types.Constraint, bpy.types.ConstraintTarget, bpy.types.ShaderNode, bpy.types.CameraDOFSettings)
_FORM = (bpy.types.Modifier, bpy.types.Curve, bpy.types.EffectorWeights, bpy.types.ShrinkwrapConstraint)
# Settings of a part that say whether another of its properties counts.
_ONLY_IF: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("ParticleSettings", "instance_object"): lambda part: part.render_type == "OBJECT",
    ("ParticleSettings", "instance_collection"): lambda part: part.render_type == "COLLECTION",
    ("ParticleSettings", "instance_weights"): lambda part: part.render_type == "COLLECTION",
    ("ParticleSettings", "active_instanceweight"): lambda _part: False,
    ("MaterialGPencilStyle", "fill_image"): lambda part: part.fill_style == "TEXTURE",
    ("MaterialGPencilStyle", "stroke_image"): lambda part: part.stroke_style == "TEXTURE",
    ("Camera", "background_images"): lambda _part: False,
    ("CompositorNodeCryptomatteV2", "image"): lambda part: part.source == "IMAGE",
    ("CompositorNodeCryptomatteV2", "scene"): lambda part: part.source == "RENDER",
    # Its inputs have types of their own, made for its node group.
    ("NodesModifier", "properties"): lambda _part: False,
    ("PoseBone", "custom_shape"): lambda _part: False,
    ("TextCurve", "font_bold"): lambda part: any(each.use_bold and not each.use_italic for each in part.body_format),
    ("TextCurve", "font_italic"): lambda part: any(each.use_italic and not each.use_bold for each in part.body_format),
    ("TextCurve", "font_bold_italic"): lambda part: any(each.use_italic and each.use_bold for each in part.body_format),
}


def shown(struct: Any, name: str) -> bool:
    """Whether a render looks at that property, as the part is set."""
    rule = _ONLY_IF.get((struct.bl_rna.identifier, name))
    return rule is None or rule(struct)


def level_of(struct: Any) -> int:
    """How much of an object counts that this part points to."""
    if isinstance(struct, _FORM):
        return FULL if isinstance(struct, _SURFACE_TOO) else SHAPE
    return PLACE if isinstance(struct, _PLACE_ONLY) else FULL


def image_user(struct: Any) -> Any:
    """What says which frames of an image are shown; compositor nodes say it themselves. None if nothing does."""
    own = getattr(struct, "image_user", None)
    return own if own is not None else struct if hasattr(struct, "frame_duration") else None


def is_hidden(owner: Any) -> bool:
    """Whether no frame shows an object."""
    return bool(owner.hide_render) and not animation.is_moved(owner, "hide_render")


def is_on(owner: Any, name: str) -> bool:
    """Whether a switch of a part is on, or animated."""
    return bool(getattr(owner, name)) or animation.is_moved(owner.id_data, owner.path_from_id(name))


def _line(block: Any) -> Iterator[str]:
    rna: Any = block.bl_rna
    while rna is not None:
        yield rna.identifier
        rna = rna.base
