"""Whether tiles of a scene, stitched and finished, are bit-identical to the un-split render, and why not."""

from typing import Any

import bpy
from driver import animation, compositor, denoising, history, render_settings, views

# With adaptive sampling a pixel goes on while a neighbour has not converged, so pixels next to a seam
# need theirs; and theirs need their own neighbours', each time Cycles looks (every 16 samples). Measured in
# README.md: 80 samples need 2 px, 200 need 3, 1024 need 4. Each doubling of the samples adds less than
# one; 8 leaves room for thousands.
ADAPTIVE_OVERSCAN_PX = 8
# Measured with 4.5.0, of its own files: 12 x 5 fails, 11 x 6 does not. 4.2.0 and 5.0.1 read 11 x 5.
_PIXELS_READ_BACK_BY_4_5 = 64


def judge(scene: Any) -> dict[str, Any]:
    """{exact, overscanPx, reasons}: reasons say what makes tiles inexact, as parts of a sentence."""
    reasons = [*_always(scene), *_of_engine(scene)]
    return {"exact": not reasons, "overscanPx": _overscan(scene), "reasons": reasons}


def uses_sequencer(scene: Any) -> bool:
    """Whether the image comes from the video sequencer instead of the render: strips of sound alone show nothing."""
    return bool(scene.render.use_sequencer) and any(one.type != "SOUND" for one in compositor.strips_of(scene))


def time_limit_seconds(scene: Any) -> float:
    """The longest render time that Cycles or EEVEE (from 5.3 on) is allowed in any scene of the picture; 0 without a
    limit.
    """
    return max(_time_limit(one) for one in compositor.reach(scene).scenes)


def _time_limit(scene: Any) -> float:
    engine = scene.render.engine
    settings = (
        getattr(scene, "cycles", None)
        if engine == "CYCLES"
        else scene.eevee
        if engine.startswith("BLENDER_EEVEE")
        else None
    )
    return float(getattr(settings, "time_limit", 0.0))


def _always(scene: Any) -> list[str]:
    render = scene.render
    reasons: list[str] = []
    if uses_sequencer(scene):
        reasons.append("its image comes from the video sequencer")
    if render.use_freestyle and any(layer.use_freestyle for layer in scene.view_layers):
        reasons.append("Freestyle draws its lines over the whole image")
    if any(data_object.type in ("GPENCIL", "GREASEPENCIL") for data_object in scene.objects):
        reasons.append("grease pencil is drawn over the whole image")
    if any(node.type == "STABILIZE2D" for node in compositor.nodes_of(compositor.trees_of(scene))):
        # Measured: now and then one pixel, which is read beside the image; whole frames were always the same.
        reasons.append("a Stabilize node reads beside its image")
    others = sorted({used["scene"] for used in compositor.layers_used(scene)} - {scene.name})
    if others:
        reasons.append(f"its compositor uses renders of other scenes: {', '.join(others)}")
    if history.unbaked():
        reasons.append("its frames depend on earlier frames: simulations are not baked")
    if views.names(scene) and not views.can_be_read_back():
        reasons.append("this Blender cannot read the passes of several views back")
    rendered = render_settings.render_region(render)
    if bpy.app.version[:2] == (4, 5) and rendered.width * rendered.height < _PIXELS_READ_BACK_BY_4_5:
        reasons.append(f"Blender 4.5 cannot read images of fewer than {_PIXELS_READ_BACK_BY_4_5} pixels back")
    if animation.is_moved(scene, "render.use_multiview"):
        reasons.append("stereo is switched on or off from frame to frame")
    if any(animation.is_moved(scene, layer.path_from_id("use")) for layer in scene.view_layers):
        reasons.append("view layers are switched on or off from frame to frame")
    if time_limit_seconds(scene) > 0.0:
        reasons.append("a time limit lets the speed of the machine decide the samples")
    if render.use_stamp:
        reasons.append("metadata such as the render time is burned into the image")
    return reasons


def _of_engine(scene: Any) -> list[str]:
    engine = scene.render.engine
    if engine == "CYCLES":
        return _of_cycles(scene)
    if engine == "BLENDER_EEVEE" and hasattr(scene.eevee, "use_bloom") or engine == "BLENDER_WORKBENCH":
        # Both draw the whole image for any border and keep that part of it: exact with every effect, but no faster in
        # tiles.
        return []
    if engine.startswith("BLENDER_EEVEE"):
        # From 4.2 on: even a cube without shadows, rays and with one sample differs, whatever the overscan (README.md).
        return ["this EEVEE draws a part of the image with a camera of its own, which rounds otherwise"]
    return [f"tiles of {engine} have not been shown to be exact"]


def _of_cycles(scene: Any) -> list[str]:
    cycles = scene.cycles
    reasons = denoising.inexact_reasons(scene)
    if cycles.use_adaptive_sampling and any(
        layer.use and getattr(layer.cycles, "pass_debug_sample_count", False) for layer in scene.view_layers
    ):
        reasons.append("its pass of sample counts is relative to all samples that the whole image needs")
    if getattr(cycles, "use_guiding", False):
        reasons.append("path guiding learns from the whole image")
    if volumes_are_learned(scene):
        reasons.append("this Cycles learns from neighbouring pixels where volumes scatter")
    if getattr(cycles, "feature_set", "") == "EXPERIMENTAL" and _dices_adaptively():
        reasons.append("adaptive subdivision depends on what is in view")
    if (
        getattr(scene.render, "use_persistent_data", False)
        and getattr(scene.render, "use_simplify", False)
        and getattr(cycles, "use_camera_cull", False)
    ):
        reasons.append("camera culling with persistent data depends on what was rendered before")
    return reasons


def volumes_are_learned(scene: Any) -> bool:
    """Whether Cycles guesses how dense volumes are by what it rendered before: from 5.0 on, unless told otherwise."""
    return not getattr(scene.cycles, "volume_biased", True) and _has_volumes()


def _has_volumes() -> bool:
    trees = [
        block.node_tree
        for block in (*bpy.data.materials, *bpy.data.worlds)
        if block.users > 0 and block.node_tree is not None
    ]
    outputs = [node for tree in trees for node in tree.nodes if node.type in ("OUTPUT_MATERIAL", "OUTPUT_WORLD")]
    return (
        any("Volume" in node.inputs and node.inputs["Volume"].is_linked for node in outputs)
        or len(getattr(bpy.data, "volumes", ())) > 0
    )


def _dices_adaptively() -> bool:
    return any(getattr(getattr(one, "cycles", None), "use_adaptive_subdivision", False) for one in bpy.data.objects)


def _overscan(scene: Any) -> int:
    if scene.render.engine == "CYCLES" and scene.cycles.use_adaptive_sampling:
        return ADAPTIVE_OVERSCAN_PX
    return 0
