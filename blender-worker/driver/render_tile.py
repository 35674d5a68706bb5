"""One tile: all passes as floats, before compositing, of exactly the pixels asked for."""

from typing import Any

from driver import (
    continuity,
    denoising,
    image_format,
    memory,
    region,
    render_settings,
    rendering,
    sample_count,
    sample_range,
    scene_file,
)
from driver.failure import Failure
from driver.overrides import Overrides


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Renders command.window (pixels of the whole image, from the top left) into outputs.raw.

    Raises `window_outside_region` (farm) when a pixel of it is not rendered in the un-split frame:
    outside the image, or outside the artist's own render border. With settings.sampleRange {offset, count} only
    those samples are rendered; raises `samples_not_splittable` (scene) where such parts would not make up the whole.
    """
    frame, settings, outputs = render_settings.parse(command)
    window = region.parse_window(command.get("window"))
    path = outputs.get("raw")
    if not isinstance(path, str):
        raise Failure("bad_command", "farm", "a tile needs outputs.raw")
    load_seconds = scene_file.require_open()
    scene = render_settings.choose_scene(settings)
    if continuity.prepare(scene, frame, command.get("fresh") is True):
        scene = render_settings.choose_scene(settings)
    with Overrides() as overrides:
        render_settings.apply(scene, frame, settings, command, overrides)
        _frame_window(scene.render, window, overrides)
        sample_range.apply(scene, settings.get("sampleRange"), overrides)
        counted = denoising.leave_to_finish(scene, overrides)
        overrides.set(scene.render, "use_compositing", False)
        overrides.set(scene.render, "use_sequencer", False)
        image_format.use_raw(scene.render, overrides)
        seconds = rendering.render_to(scene, path, overrides)
        if counted:
            sample_count.make_absolute(path, scene, counted)
        return {
            "files": rendering.written({"raw": path}),
            "loadSeconds": load_seconds,
            "renderSeconds": seconds,
            "peakMemoryBytes": memory.peak_bytes(),
            "size": render_settings.file_size(scene.render),
        }


def _frame_window(render: Any, window: region.Rectangle, overrides: Overrides) -> None:
    width, height = render_settings.image_size(render)
    rendered = render_settings.render_region(render)
    if not rendered.contains(window):
        raise Failure(
            "window_outside_region",
            "farm",
            f"the window {window.answer()} is not inside {rendered.answer()},"
            f" which is what is rendered of the {width}x{height} image",
        )
    border = region.border_of(window, width, height)
    assert region.pixels_of(border, width, height) == window
    overrides.set(render, "use_border", True)
    overrides.set(render, "use_crop_to_border", True)
    # Blender keeps each minimum below its maximum while they are set one by one, so open up first.
    for name, value in (("border_min_x", 0.0), ("border_max_x", 1.0), ("border_min_y", 0.0), ("border_max_y", 1.0)):
        overrides.set(render, name, value)
    for name, value in zip(("border_min_x", "border_max_x", "border_min_y", "border_max_y"), border):
        setattr(render, name, value)
