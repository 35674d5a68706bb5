"""Image files: the artist's format, a job's other format, the raw float file, the display image."""

from typing import Any, Optional

from driver import scene_file
from driver.failure import Failure
from driver.overrides import Overrides

VIDEO_FORMATS = ("FFMPEG", "AVI_JPEG", "AVI_RAW", "AVI_CODEC", "AVI_FFMPEG", "THEORA", "XVID", "H264", "FRAMESERVER")
MULTILAYER = "OPEN_EXR_MULTILAYER"
# The farm's protocol names formats in its own way; both spellings are taken.
_PROTOCOL_NAMES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "exr": "OPEN_EXR",
    "exr-multilayer": MULTILAYER,
    "tiff": "TIFF",
    "webp": "WEBP",
    "targa": "TARGA",
    "targa-raw": "TARGA_RAW",
    "bmp": "BMP",
    "iris": "IRIS",
    "hdr": "HDR",
    "dpx": "DPX",
    "cineon": "CINEON",
    "jp2": "JPEG2000",
    "j2k": "JPEG2000",
    "avif": "AVIF",
}
_JPEG2000_CODECS = {"jp2": "JP2", "j2k": "J2K"}


def use_final(render: Any, wanted: Optional[dict[str, Any]], overrides: Overrides) -> None:
    """The artist's format, changed where the job asks for another; a video format becomes 8-bit PNG."""
    image_settings = _kept(render, overrides)
    if wanted is None:
        if image_settings.file_format in VIDEO_FORMATS:
            # The colour mode stays where PNG has it, also one that the video format does not offer.
            set_format(image_settings, "PNG")
            _set(image_settings, "color_depth", "8")
        return
    asked = wanted.get("file", "")
    name = _PROTOCOL_NAMES.get(asked, asked)
    if name not in _PROTOCOL_NAMES.values():
        raise Failure("bad_command", "farm", f"format.file is one of {', '.join(_PROTOCOL_NAMES)}, not {name!r}")
    set_format(image_settings, name)
    if asked in _JPEG2000_CODECS:
        _set(image_settings, "jpeg2k_codec", _JPEG2000_CODECS[asked])
    if name == "WEBP" and image_settings.color_mode == "BW":
        # Blender offers it, and then cannot write the file.
        _set(image_settings, "color_mode", "RGB")
    # The mode goes first: it may limit the depths, never the other way round.
    for key, attribute in (("colorMode", "color_mode"), ("colorDepth", "color_depth"), ("quality", "quality")):
        if wanted.get(key) is not None:
            value = wanted[key] if key == "quality" else str(wanted[key])
            try:
                setattr(image_settings, attribute, value)
            except TypeError as error:
                raise Failure(
                    "bad_command", "farm", f"format.{key} {value!r} does not go with {name}: {error}"
                ) from error


def use_raw(render: Any, overrides: Overrides) -> None:
    """Every pass of every view layer and view in one lossless file of one part: 32-bit float multilayer EXR, ZIP."""
    # Color management of the file's own is left alone: passes are written without any, and switching it off
    # and on again would replace what the artist chose for it by the scene's.
    image_settings = _kept(render, overrides)
    set_format(image_settings, MULTILAYER)
    _set(image_settings, "color_depth", "32")
    _set(image_settings, "exr_codec", "ZIP")
    # Blender 5 would write a part for each pass, which only the artist's own file is to have.
    _set(image_settings, "use_exr_interleave", True)
    if getattr(render, "use_multiview", False):
        _set(image_settings, "views_format", "MULTIVIEW")


def use_single_raw(render: Any, overrides: Overrides) -> None:
    """The same for an image without passes: 32-bit float EXR of one layer, ZIP."""
    image_settings = _kept(render, overrides)
    set_format(image_settings, "OPEN_EXR")
    _set(image_settings, "color_mode", "RGBA")
    _set(image_settings, "color_depth", "32")
    _set(image_settings, "exr_codec", "ZIP")
    _set(image_settings, "use_exr_interleave", True)


def use_display(render: Any, overrides: Overrides) -> None:
    """An 8-bit PNG with the view transform of the final file, for people to look at."""
    image_settings = _kept(render, overrides)
    set_format(image_settings, "PNG")
    _set(image_settings, "color_mode", "RGBA" if render.film_transparent else "RGB")
    _set(image_settings, "color_depth", "8")
    _set(image_settings, "compression", 15)


def _kept(render: Any, overrides: Overrides) -> Any:
    """The image settings, to be put back on leaving.

    A file may have a colour mode that its format does not offer (RGBA beside a movie codec without alpha, or JPEG),
    which Blender reads as no mode at all, counts when it writes, and sets to another one for good when the format is
    set. It cannot be put back, so the file is loaded again for the next command.
    """
    image_settings = render.image_settings
    if not image_settings.color_mode:
        overrides.undo_with(scene_file.leave_traces)
    overrides.keep_image_settings(image_settings)
    return image_settings


def set_format(image_settings: Any, name: str) -> None:
    """Sets the file format by Blender's name; raises `format_unsupported` (worker) where this Blender lacks it."""
    if hasattr(image_settings, "media_type"):
        image_settings.media_type = "MULTI_LAYER_IMAGE" if name == MULTILAYER else "IMAGE"
    try:
        image_settings.file_format = name
    except TypeError as error:
        raise Failure("format_unsupported", "worker", f"this Blender was built without {name}: {error}") from error


def _set(image_settings: Any, name: str, value: Any) -> None:
    if hasattr(image_settings, name):
        setattr(image_settings, name, value)
