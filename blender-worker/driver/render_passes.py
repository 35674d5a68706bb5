"""The passes that a view layer renders."""

from typing import Any


def names(scene: Any, layer: Any) -> list[str]:
    """Names as they stand in a multilayer file where Cycles renders, else the names of the switches that are on."""
    if scene.render.engine == "CYCLES":
        try:
            from cycles import engine

            return [found[0] for found in engine.list_render_passes(scene, layer)]
        except (ImportError, AttributeError):
            pass  # a Cycles that is built otherwise; the settings below still tell most
    owners = [layer, *(getattr(layer, name) for name in ("cycles", "eevee") if hasattr(layer, name))]
    enabled = [
        name.removeprefix("use_pass_")
        for owner in owners
        for name in owner.bl_rna.properties.keys()
        if name.startswith("use_pass_") and getattr(owner, name)
    ]
    return enabled + [aov.name for aov in getattr(layer, "aovs", [])]
