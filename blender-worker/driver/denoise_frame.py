"""Denoises a stitched frame whose tiles were left noisy, as the un-split render would have been.

The denoiser is Cycles' own, with the artist's settings, fed with what it would have had in memory.
"""

import os
import shutil
import tempfile
from typing import Any, NamedTuple, Optional

import bpy
from driver import denoising, devices, exr_header, exr_pixels, region, sample_count
from driver.exr_header import Attribute, ExrHeader
from driver.failure import Failure
from driver.overrides import Overrides

_GUIDES = (
    "Denoising Normal.X",
    "Denoising Normal.Y",
    "Denoising Normal.Z",
    "Denoising Albedo.R",
    "Denoising Albedo.G",
    "Denoising Albedo.B",
)
_MOTION = ("Vector.X", "Vector.Y", "Vector.Z", "Vector.W")
_RGB = ("R", "G", "B")


class _Layer(NamedTuple):
    name: str
    # Names of the passes that the un-split render would have.
    passes: set[str]
    # Factors, each rounded to float32: the noisy image times `before` is what Cycles denoises; the denoised
    # image times each of `after` in turn is what it makes of that.
    before: float
    after: tuple[float, ...]
    # Channel with the number of samples of each pixel, which the denoised image is multiplied by and divided by.
    counts: Optional[str]
    exposure: float


def denoise(scene: Any, path: str, header: ExrHeader, overrides: Overrides) -> tuple[str, ExrHeader]:
    """The stitched file with its noisy layers denoised as the artist set it up; the same file when none is to be.

    Raises `denoiser_missing` (worker), and `stitched_incomplete` and `stitched_unreadable` (farm).
    """
    names = denoising.denoised_layers(scene)
    if not names:
        return path, header
    if not devices.has_denoiser():
        raise Failure(
            "denoiser_missing",
            "worker",
            f"the scene is denoised, and Blender {bpy.app.version_string} here was built without OpenImageDenoise",
        )
    layers = [_layer(scene, header, name) for name in names]
    # Whatever the machine has: every worker finishes with the same pixels.
    overrides.set(scene.cycles, "denoising_use_gpu", False)
    folder = tempfile.mkdtemp(prefix="denoise-")
    overrides.undo_with(lambda: shutil.rmtree(folder, ignore_errors=True))
    clean = {
        layer.name: _run(scene, layer, path, header, os.path.join(folder, str(number)))
        for number, layer in enumerate(layers)
    }
    result = os.path.join(folder, "denoised.exr")
    _replace(path, header, layers, clean, result)
    return result, exr_header.read(result)


def _layer(scene: Any, header: ExrHeader, name: str) -> _Layer:
    from cycles import engine

    wanted = [f"{name}.Combined.{letter}" for letter in _RGB] + [f"{name}.{guide}" for guide in _GUIDES]
    types = dict(zip(header.channels, header.types))
    missing = [channel for channel in wanted if types.get(channel) != exr_pixels.FLOAT]
    if missing:
        raise Failure(
            "stitched_incomplete",
            "farm",
            f"denoising needs {', '.join(missing[:3])} as 32-bit float, which the stitched file does not have",
        )
    exposure = scene.cycles.film_exposure if scene.cycles.film_exposure > 0.0 else 1.0
    passes = {found[0] for found in engine.list_render_passes(scene, scene.view_layers[name])}
    if scene.cycles.use_adaptive_sampling:
        counts = f"{name}.{sample_count.PASS}.X"
        return (
            _Layer(name, passes, 1.0 / exposure, (), counts, exposure)
            if counts in header.channels
            else _Layer(name, passes, 1.0 / exposure, (exposure,), None, exposure)
        )
    before, after = _factors(scene, exposure, _samples_rendered(header, name) or denoising.samples_of(scene, name))
    return _Layer(name, passes, before, after, None, exposure)


def _factors(scene: Any, exposure: float, samples: int) -> tuple[float, tuple[float, ...]]:
    one_sample = region.float32(region.float32(1.0 / samples) * exposure)
    # Cycles denoises the sum of the samples where all pixels have the same number of them. Where it counts them
    # for each pixel, it denoises their mean, and makes a sum of that afterwards.
    if denoising.cut_by_cycles(scene):
        return 1.0 / exposure, (float(samples), one_sample)
    return samples / exposure, (one_sample,)


def _run(scene: Any, layer: _Layer, path: str, header: ExrHeader, base: str) -> str:
    """Denoises one layer; answers a file with its Combined pass, upside down and still scaled."""
    import _cycles
    import numpy

    noisy, clean = f"{base}-noisy.exr", f"{base}-clean.exr"
    combined = [f"{layer.name}.Combined.{letter}" for letter in _RGB]
    guides = [f"{layer.name}.{guide}" for guide in _GUIDES]
    # Cycles asks for motion too, and for the number of samples, and needs neither for a single frame.
    motion = [f"{layer.name}.{letter}" for letter in _MOTION]
    nothing = bytes(4 * header.width)
    plain = [
        one
        for one in header.attributes
        if one.name
        in (
            "channels",
            "compression",
            "lineOrder",
            "dataWindow",
            "displayWindow",
            "pixelAspectRatio",
            "screenWindowCenter",
            "screenWindowWidth",
        )
    ]
    asked = header._replace(attributes=[*plain, Attribute(f"cycles.{layer.name}.samples", "string", b"1")])
    with exr_pixels.RowWriter(
        noisy, asked, [(name, exr_pixels.FLOAT) for name in [*combined, *guides, *motion]]
    ) as writer:
        for number, row in exr_pixels.rows(path, header):
            samples = {
                name: (numpy.frombuffer(row[name], "<f4") * numpy.float32(layer.before)).tobytes() for name in combined
            }
            samples.update({name: row[name] for name in guides})
            samples.update(dict.fromkeys(motion, nothing))
            # Cycles keeps images from the bottom up, and the denoiser does not see the same either way.
            writer.write(header.height - 1 - number, samples)
    try:
        _cycles.denoise(
            bpy.context.preferences.as_pointer(),
            scene.as_pointer(),
            scene.view_layers[layer.name].as_pointer(),
            input=[noisy],
            output=[clean],
        )
    except Exception as error:  # whatever Cycles has to say, it could not denoise
        raise Failure("denoiser_missing", "worker", f"Cycles could not denoise: {error}") from error
    os.unlink(noisy)
    if not os.path.exists(clean):
        raise Failure("output_missing", "worker", "Cycles said that it denoised but wrote nothing; is the disk full?")
    return clean


def _replace(path: str, header: ExrHeader, layers: list[_Layer], clean: dict[str, str], result: str) -> None:
    """Writes the stitched file again as the un-split render would be: denoised, with and without the passes it has."""
    import numpy

    dropped, renamed = _changes(header, layers)
    types = [(name, code) for name, code in zip(header.channels, header.types) if name not in dropped]
    types += [(to, exr_pixels.FLOAT) for _from, to in renamed]
    with tempfile.TemporaryFile() as pixels, exr_pixels.RowWriter(result, header, types) as writer:
        plane = numpy.memmap(pixels, numpy.float32, "w+", shape=(len(layers) * 3, header.height, header.width))
        channels: list[str] = []
        for layer in layers:
            names = [f"{layer.name}.Combined.{letter}" for letter in _RGB]
            for number, row in exr_pixels.rows(clean[layer.name], exr_header.read(clean[layer.name])):
                for at, name in enumerate(names):
                    samples = numpy.frombuffer(row[name], "<f4")
                    for factor in layer.after:
                        samples = samples * numpy.float32(factor)
                    plane[len(channels) + at, header.height - 1 - number] = samples
            channels += names
        for number, row in exr_pixels.rows(path, header):
            row.update({to: row[source] for source, to in renamed})
            for at, name in enumerate(channels):
                layer = layers[at // 3]
                samples = plane[at, number]
                if layer.counts is not None:
                    counts = numpy.frombuffer(row[layer.counts], "<f4")
                    samples = samples * counts * (numpy.float32(1.0) / counts * numpy.float32(layer.exposure))
                row[name] = samples.tobytes()
            writer.write(number, row)
        del plane


def _changes(header: ExrHeader, layers: list[_Layer]) -> tuple[set[str], list[tuple[str, str]]]:
    """Channels that only denoising needed, and those that go on under another name."""
    dropped: set[str] = set()
    renamed: list[tuple[str, str]] = []
    for layer in layers:
        for channel in header.channels:
            if not channel.startswith(layer.name + "."):
                continue
            name, _dot, letter = channel[len(layer.name) + 1 :].rpartition(".")
            if (name.startswith("Denoising ") or name == sample_count.PASS) and name not in layer.passes:
                dropped.add(channel)
            if name == "Combined" and "Noisy Image" in layer.passes:
                renamed.append((channel, f"{layer.name}.Noisy Image.{letter}"))
    return dropped, renamed


def _samples_rendered(header: ExrHeader, layer: str) -> Optional[int]:
    said = header.strings.get(f"cycles.{layer}.samples", "")
    return int(said) if said.isdigit() and int(said) > 0 else None
