"""A render engine that renders nothing: it hands Blender the passes of a stitched file.

With it in the place of Cycles or EEVEE, everything after the render runs as the artist set it up:
Render Layers nodes of every view layer, Cryptomatte, compositor, view transform, dithering, metadata and
any file format, multilayer EXR included. Blender cannot tell the stitched passes from rendered ones.
"""

import re
import traceback
from typing import Any, NamedTuple, Optional

import bpy
from driver import views
from driver.exr_header import ExrHeader

ENGINE = "TILEWORK_STITCHED"
# Channel letters of a pass in Blender's order; a file lists them by the alphabet.
_ORDER = "RGBAXYZWUVrgbaxyzwuv"
# What the engine itself noted about the frame as a whole. Its times are those of one tile, so they stay out.
_METADATA = re.compile(r"cryptomatte/|cycles\..*\.(samples|range_start_sample|range_num_samples)$")
_SPECIAL = {frozenset("UVA"): "UVA", frozenset("XYZW"): "XYZW"}


class Pass(NamedTuple):
    """One pass as Blender registers it."""

    name: str
    channel_ids: str

    @property
    def kind(self) -> str:
        if len(self.channel_ids) == 1:
            return "VALUE"
        return "COLOR" if self.channel_ids.upper() in ("RGB", "RGBA") else "VECTOR"


class Source(NamedTuple):
    """What the engine hands over: one stitched file for one scene."""

    scene: str
    path: str
    header: ExrHeader
    width: int
    height: int
    # Names of the passes of each view layer in the order in which its own engine has them.
    order: dict[str, list[str]]


class _State:
    registered: bool = False
    source: Optional[Source] = None
    failed: Optional[str] = None


_state = _State()


class StitchedEngine(bpy.types.RenderEngine):
    """Registered once; what it hands over is set by `use` before each render."""

    bl_idname = ENGINE
    bl_label = "Stitched passes"
    bl_use_preview = False
    bl_use_postprocess = True

    def update_render_passes(self, scene: Any = None, renderlayer: Any = None) -> None:
        source = _state.source
        if source is None or scene is None or renderlayer is None or scene.name != source.scene:
            return
        for one in _in_order(source, renderlayer.name, views.names(scene)):
            self.register_pass(scene, renderlayer, one.name, len(one.channel_ids), one.channel_ids, one.kind)

    def render(self, depsgraph: Any) -> None:
        try:
            self._hand_over(depsgraph)
        except Exception as error:  # Blender prints and forgets what an engine raises
            traceback.print_exc()
            _state.failed = f"{type(error).__name__}: {error}"
            self.error_set(_state.failed)

    def _hand_over(self, depsgraph: Any) -> None:
        source = _state.source
        if source is None or depsgraph.scene.name != source.scene:
            raise RuntimeError(f"no stitched passes for scene {depsgraph.scene.name!r}")
        layer = depsgraph.view_layer.name
        named = views.names(depsgraph.scene)
        for one in _in_order(source, layer, named):
            if one.name != "Combined":
                self.add_pass(one.name, len(one.channel_ids), one.channel_ids, layer=layer)
        for view in named or [""]:
            if view:
                self.active_view_set(view)
            result = self.begin_result(0, 0, source.width, source.height, layer=layer, view=view)
            result.load_from_file(source.path)
            self.end_result(result)
        # What Blender writes into files comes from the whole result, not from this layer's part of it.
        whole = self.get_result()
        for name, value in source.header.strings.items():
            if _METADATA.match(name):
                whole.stamp_data_add_field(name, value)


def register() -> None:
    """Makes the engine known to Blender; harmless when it already is."""
    if not _state.registered:
        bpy.utils.register_class(StitchedEngine)
        _state.registered = True


def use(source: Optional[Source]) -> None:
    """Sets what the next render hands over and forgets the last failure."""
    _state.source = source
    _state.failed = None


def failure() -> Optional[str]:
    """Why the last render could not hand its passes over; None when it could."""
    return _state.failed


def passes_of(channels: list[str], layer: str, view_names: list[str]) -> list[Pass]:
    """The passes that a file has for one view layer, by its channel names `layer.pass[.view].letter`."""
    letters: dict[str, list[str]] = {}
    for channel in channels:
        if not channel.startswith(layer + "."):
            continue
        name, _dot, letter = channel[len(layer) + 1 :].rpartition(".")
        for view in view_names:
            if name.endswith("." + view):
                name = name[: -len(view) - 1]
                break
        known = letters.setdefault(name, [])
        if letter not in known:
            known.append(letter)
    return [Pass(name, _ordered(found)) for name, found in letters.items() if name]


def _in_order(source: Source, layer: str, view_names: list[str]) -> list[Pass]:
    """The passes of a layer as its own engine would have added them: a file of several parts shows the order."""
    known = {name: place for place, name in enumerate(source.order.get(layer, []))}
    passes = passes_of(source.header.channels, layer, view_names)
    return sorted(passes, key=lambda one: known.get(one.name, len(known)))


def _ordered(found: list[str]) -> str:
    special = _SPECIAL.get(frozenset(found))
    if special is not None:
        return special
    return "".join(sorted(found, key=lambda letter: _ORDER.find(letter)))
