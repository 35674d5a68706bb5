"""What this Blender can render with, and choosing it."""

from typing import Any, Optional

import bpy
from driver.failure import Failure
from driver.overrides import Overrides

GPU_KINDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")
_ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")


def probe() -> dict[str, Any]:
    """Version, build, devices as Cycles lists them, engines, and whether OpenImageDenoise is in this build."""
    app = bpy.app
    return {
        "blenderVersion": ".".join(str(part) for part in app.version),
        "buildHash": _text(app.build_hash),
        "buildPlatform": _text(app.build_platform),
        "devices": _devices(),
        "engines": _engines(),
        "hasDenoiser": has_denoiser(),
    }


def choose(scene: Any, kind: Optional[str], overrides: Overrides) -> None:
    """Makes Cycles render on all devices of a kind; `None` leaves the scene and preferences alone.

    Raises `device_missing` when this machine has no device of that kind: Cycles would silently use the CPU.
    """
    if kind is None or not hasattr(scene, "cycles"):
        return
    if kind == "CPU":
        overrides.set(scene.cycles, "device", "CPU")
        return
    preferences = _cycles_preferences()
    if preferences is None or kind not in GPU_KINDS:
        raise Failure("device_missing", "worker", f"this Blender knows no devices of kind {kind!r}")
    devices = _devices_for(preferences, kind)
    wanted = [device for device in devices if device.type == kind]
    if not wanted:
        raise Failure("device_missing", "worker", f"Blender lists no {kind} device on this machine")
    # Preferences are this process's own (factory start-up), so they need no putting back; the choice of
    # every command is made anew.
    preferences.compute_device_type = kind
    for device in devices:
        device.use = device.type == kind
    overrides.set(scene.cycles, "device", "GPU")


def has_denoiser() -> bool:
    """Whether this Blender was built with OpenImageDenoise; Debian's is not."""
    try:
        import _cycles
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))


def _devices() -> list[dict[str, str]]:
    preferences = _cycles_preferences()
    if preferences is None:
        return []
    found: dict[tuple[str, str], dict[str, str]] = {}
    for kind in ("CPU", *_offered_kinds(preferences)):
        for device in _devices_for(preferences, kind):
            found[(device.type, device.id)] = {"kind": device.type, "name": device.name, "id": device.id}
    return list(found.values())


def _offered_kinds(preferences: Any) -> list[str]:
    try:
        return [kind[0] for kind in preferences.get_device_types(bpy.context) if kind[0] in GPU_KINDS]
    except Exception:  # a driver that is installed badly raises all sorts of things; it has no devices then
        return []


def _devices_for(preferences: Any, kind: str) -> list[Any]:
    try:
        return list(preferences.get_devices_for_type(kind))
    except Exception:
        return []


def _cycles_preferences() -> Any:
    addon = bpy.context.preferences.addons.get("cycles")
    return addon.preferences if addon is not None else None


def _engines() -> list[str]:
    scene = bpy.context.scene
    usable: list[str] = []
    with Overrides() as overrides:
        overrides.set(scene.render, "engine", scene.render.engine)
        for engine in _ENGINES:
            try:
                scene.render.engine = engine
            except TypeError:
                continue
            usable.append(engine)
    return usable


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
