"""Finishing a stitched frame: everything that comes after the render, on the whole image at once."""

from typing import Any

from driver import (
    denoise_frame,
    exr_header,
    render_frame,
    render_passes,
    render_settings,
    scene_file,
    stitched_engine,
    views,
)
from driver.failure import Failure
from driver.overrides import Overrides


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Writes outputs.final (and display, raw) from the passes in command.stitched, as the un-split render would.

    The stitched file has the size of what is rendered: the artist's border, or the whole image.
    Raises `stitched_unreadable`, `stitched_wrong_size` and `stitched_incomplete` (farm), `denoiser_missing` (worker).
    """
    frame, settings, outputs = render_settings.parse(command)
    path = command.get("stitched")
    if not isinstance(path, str) or not isinstance(outputs.get("final"), str):
        raise Failure("bad_command", "farm", "finish needs stitched and outputs.final")
    load_seconds = scene_file.require_open()
    scene = render_settings.choose_scene(settings)
    with Overrides() as overrides:
        render_settings.apply(scene, frame, settings, {}, overrides)
        source = _source(scene, path, overrides)
        stitched_engine.register()
        stitched_engine.use(source)
        overrides.undo_with(lambda: stitched_engine.use(None))
        # The strokes of both are in the stitched passes already.
        overrides.set(scene.render, "use_freestyle", False)
        overrides.set(scene.render, "engine", stitched_engine.ENGINE)
        try:
            answer = render_frame.render_and_write(scene, settings, command, overrides)
        finally:
            failed = stitched_engine.failure()
        if failed is not None:
            raise Failure("stitched_unreadable", "farm", f"the stitched file could not be handed to Blender: {failed}")
        return {"loadSeconds": load_seconds, **answer}


def _source(scene: Any, path: str, overrides: Overrides) -> stitched_engine.Source:
    header = exr_header.read(path)
    region = render_settings.render_region(scene.render)
    if (header.width, header.height) != (region.width, region.height):
        raise Failure(
            "stitched_wrong_size",
            "farm",
            f"the stitched file is {header.width}x{header.height}, the frame renders {region.width}x{region.height}",
        )
    if views.names(scene) and not views.can_be_read_back():
        raise Failure(
            "stitched_unreadable",
            "farm",
            "this Blender cannot read the passes of several views back; stereo scenes are rendered whole",
        )
    for layer in scene.view_layers:
        if layer.use and not any(name.startswith(f"{layer.name}.Combined.") for name in header.channels):
            raise Failure(
                "stitched_incomplete", "farm", f"the stitched file lacks the Combined pass of view layer {layer.name!r}"
            )
    order = {layer.name: render_passes.names(scene, layer) for layer in scene.view_layers}
    path, header = denoise_frame.denoise(scene, path, header, overrides)
    return stitched_engine.Source(scene.name, path, header, region.width, region.height, order)
