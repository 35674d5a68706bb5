"""A range of a frame's samples, rendered by itself: for one still that many machines share.

Ranges put together are the un-split render up to the rounding of sums: README.md beside this file has figures.
"""

from typing import Any

from driver.failure import Failure
from driver.overrides import Overrides, fcurves

# Patterns whose samples do not depend on how many there will be.
_OPEN_ENDED = ("SOBOL", "SOBOL_BURLEY")
# The others but blue noise take theirs from a table, which has this length or, for more samples, the next power of two.
_TABLE_SAMPLES = 256


def obstacles(scene: Any) -> list[str]:
    """Why ranges of this scene's samples do not make up the un-split render, as parts of a sentence; empty where they do."""
    if scene.render.engine != "CYCLES":
        return [f"only Cycles renders ranges of samples, not {scene.render.engine}"]
    cycles = scene.cycles
    reasons: list[str] = []
    if cycles.use_adaptive_sampling:
        reasons.append("adaptive sampling decides the samples of each pixel by those before")
    if getattr(cycles, "time_limit", 0.0) > 0.0:
        reasons.append("a time limit lets the speed of the machine decide the samples")
    if getattr(cycles, "use_guiding", False):
        reasons.append("path guiding learns from the samples before")
    if getattr(cycles, "use_layer_samples", "IGNORE") != "IGNORE" and any(layer.use and layer.samples > 0 for layer in scene.view_layers):
        reasons.append("a view layer has samples of its own")
    if getattr(cycles, "auto_scrambling_distance", False):
        reasons.append("automatic scrambling distance depends on the number of samples")
    if scene.animation_data is not None and any(curve.data_path == "cycles.samples" and not curve.mute for curve in fcurves(scene.animation_data)):
        reasons.append("its number of samples is animated")
    if not hasattr(cycles, "use_sample_subset"):
        reasons.extend(_of_pattern(cycles))
    elif cycles.use_sample_subset:
        reasons.append("the scene itself renders a subset of its samples")
    return reasons


def apply(scene: Any, wanted: Any, overrides: Overrides) -> None:
    """Renders samples `wanted.offset` up to, not including, `offset + count` of the scene's; None renders all.

    Raises `bad_command` (farm) and, where the ranges would not make up the whole, `samples_not_splittable` (scene).
    """
    if wanted is None:
        return
    offset, count = _parse(wanted)
    reasons = obstacles(scene)
    if reasons:
        raise Failure("samples_not_splittable", "scene", f"its samples cannot be split: {'; '.join(reasons)}")
    cycles = scene.cycles
    total = int(cycles.samples)
    if offset + count > total:
        raise Failure("bad_command", "farm", f"samples {offset} to {offset + count - 1} are asked for, the scene has {total}")
    start = int(cycles.sample_offset)
    if hasattr(cycles, "use_sample_subset"):
        # Blender 5.0 keeps the total, which some sampling patterns depend on.
        overrides.set(cycles, "use_sample_subset", True)
        overrides.set(cycles, "sample_offset", offset)
        overrides.set(cycles, "sample_subset_length", count)
    else:
        overrides.set(cycles, "sample_offset", start + offset)
        overrides.set(cycles, "samples", count)


def _of_pattern(cycles: Any) -> list[str]:
    pattern = cycles.sampling_pattern
    total = int(cycles.samples) + int(cycles.sample_offset)
    if pattern in _OPEN_ENDED:
        return []
    if "BLUE_NOISE" in pattern:
        return [f"this Blender cannot render a part of the sampling pattern {pattern}; 5.0 can"]
    if total > _TABLE_SAMPLES:
        return [f"with more than {_TABLE_SAMPLES} samples ({total}) this Blender's sampling pattern {pattern} depends on their number; 5.0 can split them"]
    return []


def _parse(wanted: Any) -> tuple[int, int]:
    offset, count = (wanted.get("offset"), wanted.get("count")) if isinstance(wanted, dict) else (None, None)
    if not isinstance(offset, int) or not isinstance(count, int) or isinstance(offset, bool) or isinstance(count, bool) or offset < 0 or count < 1:
        raise Failure("bad_command", "farm", "sampleRange needs a whole offset of 0 or more and a whole count of 1 or more")
    return offset, count
