"""Whole frames of stereo scenes, whose passes Blender cannot write beside the image."""

from typing import Any

from driver import finish, render_frame, render_settings, render_tile, scene_file, views
from driver.overrides import Overrides


def run(command: dict[str, Any]) -> dict[str, Any]:
    """A whole frame, stereo or not; answers as `render_frame.run` does.

    From the render in memory Blender saves the passes of one view only. So a stereo frame is rendered as one
    tile into outputs.raw, both eyes in one file, and finished from there, as tiles are.
    """
    _frame, settings, outputs = render_settings.parse(command)
    load_seconds = scene_file.require_open()
    scene = render_settings.choose_scene(settings)
    if "raw" not in outputs or not views.names(scene) or not views.can_be_read_back():
        return render_frame.run(command)
    with Overrides() as overrides:
        render_settings.apply(scene, scene.frame_current, settings, {}, overrides)
        window = render_settings.render_region(scene.render).answer()
    passes = render_tile.run({**command, "window": window, "outputs": {"raw": outputs["raw"]}})
    if "final" not in outputs:
        return {**passes, "loadSeconds": load_seconds + passes["loadSeconds"]}
    others = {name: path for name, path in outputs.items() if name != "raw"}
    image = finish.run({**command, "stitched": outputs["raw"], "outputs": others})
    return {
        **image,
        "files": {**image["files"], **passes["files"]},
        "loadSeconds": load_seconds + passes["loadSeconds"] + image["loadSeconds"],
        "renderSeconds": passes["renderSeconds"] + image["renderSeconds"],
        "peakMemoryBytes": max(passes["peakMemoryBytes"], image["peakMemoryBytes"]),
    }
