"""How many samples each pixel of an adaptively sampled tile has.

Cycles writes that number relative to the samples after which the whole tile was done, and tells those in what it
says while it renders. Both together give the number itself.
"""

import re
from typing import Any

import bpy
from driver import exr_header, exr_pixels
from driver.failure import Failure
from driver.overrides import Overrides

PASS = "Debug Sample Count"
# Said once for each view layer, in their order; only some versions name the layer.
_BEGUN = " | Initializing"
_SAMPLES = re.compile(r" \| Sample (\d+)/\d+")
# A count is a whole number; relative to another one and back it is off by rounding only.
_ROUNDING = 1e-3


class _Said:
    registered: bool = False
    # For each view layer of the last render the most samples that were told.
    samples: list[int] = []


_said = _Said()


def is_told() -> bool:
    """Whether this Blender tells scripts what it says while rendering: from 4.0 on."""
    return bpy.app.version >= (4, 0, 0)


def ask(scene: Any, layers: list[str], overrides: Overrides) -> None:
    """Makes the next render write the counts of these layers, and listens to it. Cycles must not cut the tile again."""
    for name in layers:
        overrides.set(scene.view_layers[name].cycles, "pass_debug_sample_count", True)
    _said.samples = []
    if not _said.registered:
        bpy.app.handlers.render_stats.append(_listen)
        _said.registered = True


def make_absolute(path: str, scene: Any, layers: list[str]) -> None:
    """Writes the counts of these layers into the rendered file; raises `output_missing` (worker) when they were not
    told.
    """
    import numpy

    rendered = [layer.name for layer in scene.view_layers if layer.use]
    if len(_said.samples) != len(rendered) or 0 in _said.samples:
        raise Failure(
            "output_missing",
            "worker",
            f"Cycles did not tell how many samples it rendered, only {_said.samples} for {len(rendered)} view layers",
        )
    totals = {f"{name}.{PASS}.X": total for name, total in zip(rendered, _said.samples) if name in layers}

    def counted(row: exr_pixels.Row) -> None:
        for channel, total in totals.items():
            counts = numpy.frombuffer(row[channel], "<f4") * numpy.float32(total)
            whole = numpy.rint(counts)
            if not (numpy.abs(counts - whole) <= _ROUNDING).all() or whole.min() < 1:
                raise Failure(
                    "output_missing",
                    "worker",
                    f"the number of samples of each pixel does not go with the {total} samples that Cycles told of",
                )
            row[channel] = whole.astype("<f4").tobytes()

    exr_pixels.rewrite(path, exr_header.read(path), counted)


@bpy.app.handlers.persistent
def _listen(*arguments: Any) -> None:
    text = next((argument for argument in arguments if isinstance(argument, str)), "")
    if text.endswith(_BEGUN):
        _said.samples.append(0)
    found = _SAMPLES.search(text)
    if found is not None and _said.samples:
        _said.samples[-1] = max(_said.samples[-1], int(found.group(1)))
