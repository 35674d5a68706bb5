"""Deep facts about the open scene, told before anything is rendered, so that the plan can be right."""

from typing import Any, Optional

import bpy
from driver import (
    cameras,
    chosen,
    compositor,
    denoising,
    file_outputs,
    file_sets,
    history,
    idle_scene,
    inspect_files,
    movie,
    needs_scene,
    over_time,
    render_passes,
    render_settings,
    sample_range,
    scene_file,
    tiling,
)
from driver.overrides import Overrides

# A farm renders at most so many frames in one job.
_FRAMES_MAX = 100_000


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Facts about the scene that would be rendered with command.settings; renders nothing."""
    settings = command.get("settings") or {}
    load_seconds = scene_file.require_open()
    scene = render_settings.choose_scene(settings)
    with Overrides() as overrides:
        render_settings.apply(scene, scene.frame_current, settings, {}, overrides)
        found = {**facts(scene), **_files(scene, command.get("frames"))}
    for frame in over_time.frames(scene):
        with Overrides() as overrides:
            render_settings.apply(scene, frame, settings, {}, overrides)
            found.update(over_time.joined(found, _changing(scene)))
    return {"loadSeconds": load_seconds, **found}


def facts(scene: Any) -> dict[str, Any]:
    """All that `inspect` answers about one scene as it is set up now."""
    return {
        "blenderVersion": ".".join(str(part) for part in bpy.app.version),
        "fileVersion": ".".join(str(part) for part in bpy.data.version),
        "scene": scene.name,
        "engine": scene.render.engine,
        "frames": _frames(scene),
        "image": _image(scene),
        "output": _output(scene.render),
        "movie": movie.facts(scene),
        "scenes": [_outline(one) for one in idle_scene.others()],
        "hasCamera": cameras.without(scene) is None,
        "cameras": chosen.cameras_of(scene),
        "viewLayers": [layer.name for layer in scene.view_layers],
        "compositor": _compositor(scene),
        "history": history.unbaked(),
        "leftOut": history.left_out(),
        "blockedScripts": blocked_scripts(),
        **_changing(scene),
    }


def _files(scene: Any, asked: Any) -> dict[str, Any]:
    """What of the files behind the picture is not here, looked at for the frames asked for and the scene's own."""
    frames = set(range(scene.frame_start, scene.frame_end + 1)[:_FRAMES_MAX])
    for first, last, step in asked or []:
        frames.update(range(first, last + 1, step)[:_FRAMES_MAX])
    looked = sorted(frames)
    walk = needs_scene.needs_of(scene)
    return {
        "missingFiles": inspect_files.missing(walk, looked),
        "framesLooked": file_sets.text_of(looked) if inspect_files.has_sets(walk) else None,
        "unknownColorSpaces": inspect_files.without_color_space(walk),
    }


def _changing(scene: Any) -> dict[str, Any]:
    """The facts that animation of the scene's own settings changes from frame to frame."""
    return {
        "sampling": _sampling(scene),
        "usesSequencer": tiling.uses_sequencer(scene),
        "denoiser": denoising.denoiser(scene),
        "stereo": bool(getattr(scene.render, "use_multiview", False)),
        "motionBlur": bool(scene.render.use_motion_blur),
        "burnsStamp": bool(scene.render.use_stamp),
        "tiling": tiling.judge(scene),
        "sampleRanges": sample_range.judge(scene),
    }


def blocked_scripts() -> list[str]:
    """What a scene brings along that does not run on a farm: scripts that start by themselves, Python drivers."""
    found = [f"text {text.name} starts by itself" for text in bpy.data.texts if text.use_module]
    for name in dir(bpy.data):
        collection = getattr(bpy.data, name)
        if not isinstance(collection, bpy.types.bpy_prop_collection):
            continue
        for block in collection:
            for holder in (block, getattr(block, "node_tree", None)):
                animation = getattr(holder, "animation_data", None)
                for curve in animation.drivers if animation is not None else ():
                    if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                        found.append(f"driver of {block.name} {curve.data_path}: {curve.driver.expression}")
    return [one[:300] for one in found[:1000]]


def _frames(scene: Any) -> dict[str, Any]:
    render = scene.render
    return {
        "start": scene.frame_start,
        "end": scene.frame_end,
        "step": scene.frame_step,
        "current": scene.frame_current,
        "fps": render.fps / render.fps_base,
    }


def _image(scene: Any) -> dict[str, Any]:
    render = scene.render
    width, height = render_settings.image_size(render)
    return {
        "width": width,
        "height": height,
        "percentage": render.resolution_percentage,
        "pixelAspect": render.pixel_aspect_x / render.pixel_aspect_y,
        # What is rendered of it, in its pixels from the top left: tiles must lie inside, and a stitched
        # file has this size. The final file has it too when cropped, else it is black around it.
        "region": render_settings.render_region(render).answer(),
        "usesBorder": bool(render.use_border),
        "cropsToBorder": bool(render.use_border and render.use_crop_to_border),
    }


def _output(render: Any) -> dict[str, Any]:
    image_settings = render.image_settings
    return {
        "fileFormat": image_settings.file_format,
        "colorMode": image_settings.color_mode,
        "colorDepth": image_settings.color_depth,
        "quality": image_settings.quality,
        "path": render.filepath,
    }


def _outline(scene: Any) -> dict[str, Any]:
    return {
        "name": scene.name,
        "engine": scene.render.engine,
        "hasCamera": cameras.has_camera(scene),
        "viewLayers": [
            {"name": layer.name, "use": bool(layer.use), "passes": render_passes.names(scene, layer)}
            for layer in scene.view_layers
        ],
    }


def _sampling(scene: Any) -> dict[str, Any]:
    cycles: Optional[Any] = getattr(scene, "cycles", None)
    if scene.render.engine == "CYCLES" and cycles is not None:
        return {
            "samples": cycles.samples,
            "adaptive": bool(cycles.use_adaptive_sampling),
            "denoising": denoising.denoised_layers(scene) != [],
            "seed": cycles.seed,
            "animatedSeed": bool(cycles.use_animated_seed),
            "timeLimitSeconds": tiling.time_limit_seconds(scene),
        }
    eevee = getattr(scene, "eevee", None)
    samples = (
        eevee.taa_render_samples if scene.render.engine.startswith("BLENDER_EEVEE") and eevee is not None else None
    )
    return {
        "samples": samples,
        "adaptive": False,
        "denoising": False,
        "timeLimitSeconds": tiling.time_limit_seconds(scene),
    }


def _compositor(scene: Any) -> dict[str, Any]:
    return {
        "used": compositor.trees_of(scene) != [],
        "layers": compositor.layers_used(scene),
        "asksForGpu": compositor.asks_for_gpu(scene),
        "fileOutputs": [node.name for node in compositor.file_output_nodes(scene)],
        "extraFiles": sum(_files_of(node) for node in compositor.file_output_nodes(scene)),
        "unknownTemplates": file_outputs.unknown_templates(scene),
    }


def _files_of(node: Any) -> int:
    """Files that a File Output node writes for a frame and view: one for each input that is linked, or one for all."""
    linked = sum(1 for socket in node.inputs if socket.is_linked)
    return min(linked, 1) if node.format.file_format == "OPEN_EXR_MULTILAYER" else linked
