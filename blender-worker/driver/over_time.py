"""What an inspection says of a scene whose own settings are animated: what holds at some frame holds for the job."""

from typing import Any

from driver import animation

# Enough to meet every key of most scenes, and to look between them; each costs a fraction of a second at most.
_FRAMES_MAX = 120
_DENOISER_ORDER = ("unneeded", "here", "missing")


def frames(scene: Any) -> list[int]:
    """The frames to look at besides the present one: those with keys, and some across the scene's range; none where
    nothing moves.
    """
    curves = animation.curves(scene)
    if not curves:
        return []
    keyed = {int(key.co[0]) for curve in curves for key in getattr(curve, "keyframe_points", ())}
    step = max(1, (scene.frame_end - scene.frame_start) // (_FRAMES_MAX // 2))
    spread = [*range(scene.frame_start, scene.frame_end + 1, step), scene.frame_end]
    wanted = sorted(frame for frame in keyed if frame >= 0)[: _FRAMES_MAX // 2] + spread
    return sorted(set(wanted) - {scene.frame_current})


def joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What holds for both frames: every reason of either, the larger overscan, what either switches on."""
    ranges = _judged(one["sampleRanges"], other["sampleRanges"])
    ranges["samplesMax"] = min(
        (most for most in (one["sampleRanges"]["samplesMax"], other["sampleRanges"]["samplesMax"]) if most is not None),
        default=None,
    )
    tiling = _judged(one["tiling"], other["tiling"])
    tiling["overscanPx"] = max(one["tiling"]["overscanPx"], other["tiling"]["overscanPx"])
    tiling["exact"] = not tiling["reasons"]
    sampling = {**one["sampling"]}
    for key in ("adaptive", "denoising", "timeLimitSeconds"):
        if key in sampling:
            sampling[key] = max(sampling[key], other["sampling"].get(key, sampling[key]))
    return {
        **{key: one[key] or other[key] for key in ("usesSequencer", "stereo", "motionBlur", "burnsStamp")},
        "denoiser": max(one["denoiser"], other["denoiser"], key=_DENOISER_ORDER.index),
        "sampling": sampling,
        "tiling": tiling,
        "sampleRanges": ranges,
    }


def _judged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, "reasons": list(dict.fromkeys([*one["reasons"], *other["reasons"]]))}
