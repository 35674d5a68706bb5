"""What a job may change in a scene, and what every render needs set, for one command."""

from typing import Any

import bpy
from driver import chosen, devices, frame_time, idle_scene, texture_cache, views
from driver.failure import Failure
from driver.overrides import Overrides
from driver.region import Border, Rectangle, full_size, pixels_of


def choose_scene(settings: dict[str, Any]) -> Any:
    """The scene that settings.scene names, or the one that was active when the file was saved."""
    name = settings.get("scene")
    if name is None:
        return bpy.context.scene
    scene = bpy.data.scenes.get(name)
    if scene is None:
        known = ", ".join(scene.name for scene in idle_scene.others())
        raise Failure("scene_not_found", "scene", f"the file has no scene {name!r}; it has {known}")
    return scene


def parse(command: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Frame, settings and outputs of a render or finish command; raises `bad_command`."""
    frame, settings, outputs = command.get("frame"), command.get("settings") or {}, command.get("outputs")
    if not isinstance(frame, int) or isinstance(frame, bool):
        raise Failure("bad_command", "farm", "frame must be a whole number")
    if not isinstance(settings, dict) or not isinstance(outputs, dict):
        raise Failure("bad_command", "farm", "settings and outputs must be objects")
    return frame, settings, outputs


def apply(scene: Any, frame: int, settings: dict[str, Any], command: dict[str, Any], overrides: Overrides) -> None:
    """Sets frame, samples, seed, resolution, device and threads, and what must not depend on the artist."""
    render = scene.render
    frame_time.bring(scene, frame, overrides)
    texture_cache.keep_apart(scene)
    # The path a command names is written, whatever lies there. Persistent data would let one render see what
    # another left in memory; it saves little beside the render, and order must not count.
    for name, value in (
        ("use_overwrite", True),
        ("use_placeholder", False),
        ("use_render_cache", False),
        ("use_persistent_data", False),
    ):
        overrides.set(render, name, value)
    chosen.set_all(scene, settings, overrides)
    _set_resolution(render, settings.get("resolution"), overrides)
    _set_samples(scene, settings.get("samples"), overrides)
    if settings.get("seed") is not None and hasattr(scene, "cycles"):
        overrides.set(scene.cycles, "seed", int(settings["seed"]))
    devices.choose(scene, command.get("device"), overrides)
    if command.get("threads") is not None:
        overrides.set(render, "threads_mode", "FIXED")
        overrides.set(render, "threads", int(command["threads"]))


def image_size(render: Any) -> tuple[int, int]:
    """Width and height in pixels of the whole image, before any border."""
    return full_size(render.resolution_x, render.resolution_y, render.resolution_percentage)


def render_region(render: Any) -> Rectangle:
    """The pixels of the whole image that are rendered: the artist's border, or all of them."""
    width, height = image_size(render)
    if not render.use_border:
        return Rectangle(0, 0, width, height)
    border = Border(render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y)
    return pixels_of(border, width, height)


def file_size(render: Any) -> dict[str, int]:
    """The size of the file that is written: the border's when it crops, else the image's; both eyes may share it."""
    if render.use_border and render.use_crop_to_border:
        _x, _y, width, height = render_region(render)
    else:
        width, height = image_size(render)
    across, down = views.in_one_file(render)
    return {"width": width * across, "height": height * down}


def _set_resolution(render: Any, wanted: Any, overrides: Overrides) -> None:
    if wanted is None:
        return
    if "percentage" in wanted:
        overrides.set(render, "resolution_percentage", int(wanted["percentage"]))
        return
    overrides.set(render, "resolution_x", int(wanted["width"]))
    overrides.set(render, "resolution_y", int(wanted["height"]))
    overrides.set(render, "resolution_percentage", 100)


def _set_samples(scene: Any, samples: Any, overrides: Overrides) -> None:
    if samples is None:
        return
    engine = scene.render.engine
    if engine == "CYCLES":
        overrides.set(scene.cycles, "samples", int(samples))
    elif engine.startswith("BLENDER_EEVEE"):
        overrides.set(scene.eevee, "taa_render_samples", int(samples))
