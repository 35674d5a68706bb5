"""A range of a frame's samples, rendered by itself: for one still that many machines share.

Ranges put together are the un-split render up to the rounding of sums: README.md beside this file has figures.
"""

import re
from typing import Any, Optional

import bpy
from driver import animation, denoising, render_passes, tiling, views
from driver.failure import Failure
from driver.overrides import Overrides

# Their samples come from a table, which has this length or, for more samples, the next power of two.
_TABLED = ("PROGRESSIVE_MULTI_JITTER", "TABULATED_SOBOL")
_TABLE_SAMPLES = 256
# Patterns whose samples do not depend on how many there will be. From 4.2 on Cycles replaces them by blue noise.
_OPEN_ENDED = ("SOBOL", "SOBOL_BURLEY")

# Passes that are neither means of the samples nor those of the first one; the farm's merge-passes.ts knows the same.
_LIGHT = re.compile(r"^(Diff|Gloss|Trans)(Dir|Ind)$|^(Diffuse|Glossy|Transmission) (Direct|Indirect)$")
_NO_MEANS = (
    (re.compile(r"^Crypto"), "Cryptomatte ranks the objects of a pixel by all samples"),
    (re.compile(r"^Vector$"), "motion is a mean over those samples that hit something"),
    (re.compile(r"^(Noisy )?Shadow Catcher"), "a shadow catcher is a quotient of all samples"),
    (re.compile(r"^(Debug|Guiding) |^Render Time$"), "it tells how the render went"),
)


def judge(scene: Any) -> dict[str, Any]:
    """{samples, samplesMax, reasons}: the scene's own number of samples, None where no one number holds; how many can
    be split
    at most, None for any number; and why they cannot be split at all, as parts of a sentence."""
    if scene.render.engine != "CYCLES":
        return {"samples": None, "samplesMax": None, "reasons": obstacles(scene)}
    return {
        "samples": None if animation.is_moved(scene, "cycles.samples") else int(scene.cycles.samples),
        "samplesMax": _samples_max(scene.cycles),
        "reasons": obstacles(scene),
    }


def obstacles(scene: Any) -> list[str]:
    """Why ranges of this scene's samples, however many there are, do not make up the un-split render; empty where they
    do.
    """
    if scene.render.engine != "CYCLES":
        return [f"only Cycles renders ranges of samples, not {scene.render.engine}"]
    cycles = scene.cycles
    reasons: list[str] = []
    if cycles.use_adaptive_sampling:
        reasons.append("adaptive sampling decides the samples of each pixel by those before")
    if denoising.denoised_layers(scene):
        reasons.append("denoising the merged image was not measured")
    if getattr(cycles, "time_limit", 0.0) > 0.0:
        reasons.append("a time limit lets the speed of the machine decide the samples")
    if getattr(cycles, "use_guiding", False):
        reasons.append("path guiding learns from the samples before")
    if tiling.volumes_are_learned(scene):
        reasons.append("this Cycles learns of volumes from the samples before")
    if getattr(cycles, "use_layer_samples", "IGNORE") != "IGNORE" and any(
        layer.use and layer.samples > 0 for layer in scene.view_layers
    ):
        reasons.append("a view layer has samples of its own")
    if getattr(cycles, "auto_scrambling_distance", False):
        reasons.append("automatic scrambling distance depends on the number of samples")
    # Blender says it of every light.
    if any(one.is_shadow_catcher and one.type != "LIGHT" for one in scene.objects):
        reasons.append("a shadow catcher is a quotient of all samples")
    if views.names(scene):
        reasons.append("several views are not merged")
    if not hasattr(cycles, "use_sample_subset"):
        reasons.extend(_of_pattern(cycles))
    elif cycles.use_sample_subset:
        reasons.append("the scene itself renders a subset of its samples")
    return reasons + _of_passes(scene)


def apply(scene: Any, wanted: Any, overrides: Overrides) -> None:
    """Renders samples `wanted.offset` up to, not including, `offset + count` of the scene's; None renders all.

    Must come before anything that changes what `obstacles` looks at. Raises `bad_command` (farm) and, where the ranges
    would not make up the whole, `samples_not_splittable` (scene).
    """
    if wanted is None:
        return
    offset, count = _parse(wanted)
    reasons = obstacles(scene)
    cycles = getattr(scene, "cycles", None)
    total = 0 if cycles is None else int(cycles.samples)
    most = None if reasons else _samples_max(cycles)
    if most is not None and total > most:
        reasons.append(
            f"with more than {most} samples ({total}) this Blender's sampling pattern {cycles.sampling_pattern}"
            " depends on their number"
        )
    if not reasons and animation.is_moved(scene, "cycles.samples"):
        reasons.append("its number of samples is animated")
    if reasons:
        raise Failure("samples_not_splittable", "scene", f"its samples cannot be split: {'; '.join(reasons)}")
    if offset + count > total:
        raise Failure(
            "bad_command", "farm", f"samples {offset} to {offset + count - 1} are asked for, the scene has {total}"
        )
    start = int(cycles.sample_offset)
    if hasattr(cycles, "use_sample_subset"):
        # Newer Blenders keep the total, which some sampling patterns depend on.
        overrides.set(cycles, "use_sample_subset", True)
        overrides.set(cycles, "sample_offset", offset)
        overrides.set(cycles, "sample_subset_length", count)
    else:
        overrides.set(cycles, "sample_offset", start + offset)
        overrides.set(cycles, "samples", count)


def _of_pattern(cycles: Any) -> list[str]:
    pattern = cycles.sampling_pattern
    if pattern in _TABLED or pattern in _OPEN_ENDED and bpy.app.version < (4, 2, 0):
        return []
    return [f"this Blender cannot render a part of the sampling pattern {pattern}; 4.5 and later can"]


def _samples_max(cycles: Any) -> Optional[int]:
    if hasattr(cycles, "use_sample_subset") or cycles.sampling_pattern not in _TABLED:
        return None
    return max(0, _TABLE_SAMPLES - int(cycles.sample_offset))


def _of_passes(scene: Any) -> list[str]:
    reasons: list[str] = []
    for layer in scene.view_layers:
        names = render_passes.names(scene, layer) if layer.use else []
        for name in names:
            why = next((why for pattern, why in _NO_MEANS if pattern.match(name)), None)
            if why is None and _LIGHT.match(name) and _color_of(name) not in names:
                why = f"it is light divided by {_color_of(name)}, which must be on too"
            if why is not None:
                reasons.append(f"pass {name.rstrip('0123456789')} of view layer {layer.name}: {why}")
    return list(dict.fromkeys(reasons))


def _color_of(light: str) -> str:
    return re.sub(r" (Direct|Indirect)$", " Color", re.sub(r"(Dir|Ind)$", "Col", light))


def _parse(wanted: Any) -> tuple[int, int]:
    offset, count = (wanted.get("offset"), wanted.get("count")) if isinstance(wanted, dict) else (None, None)
    if (
        not isinstance(offset, int)
        or not isinstance(count, int)
        or isinstance(offset, bool)
        or isinstance(count, bool)
        or offset < 0
        or count < 1
    ):
        raise Failure(
            "bad_command", "farm", "sampleRange needs a whole offset of 0 or more and a whole count of 1 or more"
        )
    return offset, count
