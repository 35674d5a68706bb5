"""One whole frame, as `blender -b file -f N` would write it."""

import os
from typing import Any

from driver import (
    compositor,
    continuity,
    file_outputs,
    image_format,
    memory,
    movie,
    no_image,
    render_settings,
    rendering,
    scene_file,
    views,
)
from driver.failure import Failure
from driver.overrides import Overrides


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Renders once; writes outputs.final, and from the same render outputs.raw and outputs.display if named."""
    frame, settings, outputs = render_settings.parse(command)
    if not isinstance(outputs.get("final"), str) and not isinstance(outputs.get("raw"), str):
        raise Failure("bad_command", "farm", "a frame needs outputs.final or outputs.raw")
    if settings.get("sampleRange") is not None:
        raise Failure(
            "bad_command", "farm", "settings.sampleRange is for tiles: a part of the samples is not a finished frame"
        )
    load_seconds = scene_file.require_open()
    scene = render_settings.choose_scene(settings)
    if continuity.prepare(scene, frame, command.get("fresh") is True):
        scene = render_settings.choose_scene(settings)
    with Overrides() as overrides:
        render_settings.apply(scene, frame, settings, command, overrides)
        return {"loadSeconds": load_seconds, **render_and_write(scene, settings, command, overrides)}


def render_and_write(
    scene: Any, settings: dict[str, Any], command: dict[str, Any], overrides: Overrides
) -> dict[str, Any]:
    """Renders the prepared scene and writes command.outputs; used for whole frames and for finishing."""
    outputs = command["outputs"]
    paths = {name: outputs[name] for name in ("final", "raw", "display", "sound") if isinstance(outputs.get(name), str)}
    compositor.on_processor(overrides)
    redirected = file_outputs.redirect(scene, outputs.get("extraDir"), overrides)
    image_format.use_final(scene.render, settings.get("format"), overrides)
    without_image = no_image.is_so(scene)
    writes = not without_image or no_image.can_be_written(scene)
    seconds = rendering.render_to(scene, paths.get("final") if writes else None, overrides)
    # A file for each view of a stereo scene: the first is the frame's, the others come along.
    beside = _beside(scene, paths["final"]) if "final" in paths else []
    if without_image:
        no_image.write(scene, {name: path for name, path in paths.items() if name != "sound"})
    else:
        if "raw" in paths:
            rendering.save_raw(scene, paths["raw"])
        if "display" in paths:
            rendering.save_display(scene, paths["display"])
    movie.mix(scene, command.get("sound"), paths.get("sound"), overrides)
    return {
        "files": rendering.written(paths),
        **file_outputs.answer(redirected, beside, scene.frame_current),
        "renderSeconds": seconds,
        "peakMemoryBytes": memory.peak_bytes(),
        "size": render_settings.file_size(scene.render),
    }


def _beside(scene: Any, path: str) -> list[dict[str, Any]]:
    """What the render wrote beside its file, each with the name that Blender gives it: the other views, the preview."""
    stem = f"{'m' if scene.frame_current < 0 else ''}{abs(scene.frame_current):04d}"
    before, after = os.path.splitext(path)
    named = [
        {"place": f"{stem}{one[len(before) : len(one) - len(after)]}{scene.render.file_extension}", "path": one}
        for one in views.gather(scene, path)
    ]
    preview = rendering.preview_of(path)
    if os.path.exists(preview):
        named.append({"place": f"{stem}.jpg", "path": preview})
    return named
