"""What a scene has denoised by Cycles, and what that means for its tiles: they stay noisy, and the whole frame is
denoised once (denoise_frame.py). README.md beside this file says for which settings the result is bit-identical.
"""

import math
from typing import Any

import bpy
from driver import compositor, devices, render_settings, sample_count
from driver.overrides import Overrides

# Cycles rounds its tile size up to a multiple of the one, and makes no larger tiles than the other.
_TILE_STEP_PX = 128
_TILE_PX_MAX = 8192


def denoised_layers(scene: Any) -> list[str]:
    """View layers that the scene wants denoised by Cycles, whether this build can or not."""
    if scene.render.engine != "CYCLES" or not getattr(scene.cycles, "use_denoising", False):
        return []
    return [layer.name for layer in scene.view_layers if layer.use and getattr(layer.cycles, "use_denoising", True)]


def denoiser(scene: Any) -> str:
    """Whether the scene needs OpenImageDenoise, and this Blender has it: `unneeded`, `here` or `missing`.

    Scenes that it shows in strips or in Render Layers nodes count too. A Denoise node without it passes the noisy image
    on in silence, which is not what the artist sees.
    """
    nodes = compositor.nodes_of(compositor.trees_of(scene))
    if not any(map(denoised_layers, compositor.reach(scene).scenes)) and not any(
        node.type == "DENOISE" for node in nodes
    ):
        return "unneeded"
    return "here" if devices.has_denoiser() else "missing"


def inexact_reasons(scene: Any) -> list[str]:
    """Why the denoised whole would not be bit-identical to Blender's own, as parts of a sentence; empty where it is."""
    layers = denoised_layers(scene)
    if not layers:
        return []
    cycles = scene.cycles
    reasons: list[str] = []
    # A Blender without the denoiser does not tell which one was chosen.
    if devices.has_denoiser() and cycles.denoiser != "OPENIMAGEDENOISE":
        reasons.append(f"the denoiser {cycles.denoiser} has not been shown to be exact on tiles")
    if cycles.device == "GPU" and getattr(cycles, "denoising_use_gpu", False):
        reasons.append("denoising on a GPU has not been shown to be exact on tiles")
    if getattr(scene.render, "use_multiview", False):
        reasons.append("denoising several views has not been shown to be exact on tiles")
    # Blender says it of every light.
    if any(one.is_shadow_catcher and one.type != "LIGHT" for one in scene.objects):
        reasons.append("the shadow catcher is denoised by itself, which cannot be done on tiles")
    odd = sorted({samples for samples in (samples_of(scene, name) for name in layers) if not _is_power_of_two(samples)})
    if cycles.use_adaptive_sampling:
        if not sample_count.is_told():
            reasons.append(
                "denoising after adaptive sampling rounds by each pixel's number of samples,"
                " which Blender tells from 4.0 on"
            )
        elif _cut_at(scene, _TILE_PX_MAX):
            reasons.append("denoising after adaptive sampling has not been shown to be exact for images this large")
    elif odd and not cut_by_cycles(scene):
        reasons.append(
            f"denoising rounds differently unless the samples are a power of two, not {', '.join(map(str, odd))}"
        )
    if not _is_power_of_two(cycles.film_exposure):
        reasons.append(
            f"denoising rounds differently unless the film exposure is a power of two, not {cycles.film_exposure:.4g}"
        )
    return reasons


def leave_to_finish(scene: Any, overrides: Overrides) -> list[str]:
    """Makes a tile noisy, with the passes that denoising the whole frame needs; answers the layers that are to be
    counted.
    """
    layers = denoised_layers(scene)
    for name in layers:
        overrides.set(scene.view_layers[name].cycles, "denoising_store_passes", True)
    counted = (
        layers
        if scene.cycles.use_adaptive_sampling and sample_count.is_told() and not _cut_at(scene, _TILE_PX_MAX)
        else []
    )
    if counted:
        sample_count.ask(scene, counted, overrides)
        # Else large tiles are cut once more, and each piece is done after samples of its own.
        overrides.set(scene.cycles, "use_auto_tile", False)
        overrides.set(scene.cycles, "tile_size", _TILE_PX_MAX)
    if layers:
        overrides.set(scene.cycles, "use_denoising", False)
    return counted


def cut_by_cycles(scene: Any) -> bool:
    """Whether the image is so large that Cycles renders it in tiles of its own; it counts samples then."""
    # From 5.0 on it always does, and keeps the switch for nothing.
    return (scene.cycles.use_auto_tile or bpy.app.version >= (5, 0, 0)) and _cut_at(scene, scene.cycles.tile_size)


def _cut_at(scene: Any, side: int) -> bool:
    """Whether what is rendered has more pixels than a tile of this side, as Cycles counts it."""
    rendered = render_settings.render_region(scene.render)
    if side > _TILE_STEP_PX:
        side = min(-(-side // _TILE_STEP_PX) * _TILE_STEP_PX, _TILE_PX_MAX)
    return side * side < rendered.width * rendered.height or max(rendered.width, rendered.height) > _TILE_PX_MAX


def samples_of(scene: Any, layer: str) -> int:
    """Samples that a view layer is rendered with, by its own setting or by the scene's."""
    own = getattr(scene.view_layers[layer], "samples", 0)
    every = int(scene.cycles.samples)
    mode = getattr(scene.cycles, "use_layer_samples", "IGNORE")
    if own <= 0 or mode == "IGNORE":
        return every
    return min(own, every) if mode == "BOUNDED" else int(own)


def _is_power_of_two(value: float) -> bool:
    return value > 0 and math.frexp(value)[0] == 0.5
