"""What a job chooses by name instead of the scene: its engine, its camera, its view layer."""

from typing import Any

from driver.failure import Failure
from driver.overrides import Overrides

_ENGINES = {
    "cycles": ("CYCLES",),
    # One name in all Blenders but 4.2 to 4.5, which have a second one for it.
    "eevee": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"),
    "workbench": ("BLENDER_WORKBENCH",),
}


def set_all(scene: Any, settings: dict[str, Any], overrides: Overrides) -> None:
    """Sets what the job names; raises `blender_error` for a name that the scene does not have."""
    if settings.get("engine") is not None:
        _set_engine(scene, settings["engine"], overrides)
    if settings.get("camera") is not None:
        _set_camera(scene, settings["camera"], overrides)
    if settings.get("viewLayer") is not None:
        _set_view_layer(scene, settings["viewLayer"], overrides)


def cameras_of(scene: Any) -> list[str]:
    """Names of the cameras in a scene."""
    return [one.name for one in scene.objects if one.type == "CAMERA"]


def _set_engine(scene: Any, name: str, overrides: Overrides) -> None:
    for identifier in _ENGINES.get(name, ()):
        try:
            overrides.set(scene.render, "engine", identifier)
        except TypeError:
            continue
        return
    raise Failure("blender_error", "scene", f"this Blender has no engine {name!r}; it has {', '.join(_ENGINES)}")


def _set_camera(scene: Any, name: str, overrides: Overrides) -> None:
    """All frames show it: markers that would switch to another one bind none meanwhile."""
    camera = next((one for one in scene.objects if one.type == "CAMERA" and one.name == name), None)
    if camera is None:
        known = ", ".join(cameras_of(scene)) or "none"
        raise Failure("blender_error", "scene", f"scene {scene.name!r} has no camera {name!r}; it has {known}")
    for marker in scene.timeline_markers:
        overrides.set(marker, "camera", None)
    overrides.set(scene, "camera", camera)


def _set_view_layer(scene: Any, name: str, overrides: Overrides) -> None:
    if name not in scene.view_layers:
        known = ", ".join(layer.name for layer in scene.view_layers)
        raise Failure("blender_error", "scene", f"scene {scene.name!r} has no view layer {name!r}; it has {known}")
    for layer in scene.view_layers:
        overrides.set(layer, "use", layer.name == name)
