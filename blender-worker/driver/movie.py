"""What a scene says of the movie that it writes, and the sound of it."""

import os
from fractions import Fraction
from typing import Any, Optional

import bpy
from driver import compositor, image_format, scene_file
from driver.failure import Failure
from driver.overrides import Overrides

# Constant rate factors by the names that Blender has for them.
_CRF = {
    "LOSSLESS": 0,
    "PERC_LOSSLESS": 17,
    "HIGH": 20,
    "MEDIUM": 23,
    "LOW": 26,
    "VERYLOW": 29,
    "LOWEST": 32,
}


def facts(scene: Any) -> Optional[dict[str, Any]]:
    """The settings of the movie in Blender's own words; None where the scene writes images."""
    render, image = scene.render, scene.render.image_settings
    if image.file_format not in image_format.VIDEO_FORMATS:
        return None
    ffmpeg = render.ffmpeg
    is_avi = image.file_format in ("AVI_RAW", "AVI_JPEG")
    factor = ffmpeg.constant_rate_factor
    crf = int(ffmpeg.custom_constant_rate_factor) if factor == "CUSTOM" else _CRF.get(factor)
    found = {
        "container": "AVI" if is_avi else ffmpeg.format,
        "codec": image.file_format if is_avi else ffmpeg.codec,
        "colorMode": image.color_mode or "RGB",
        "colorDepth": int(image.color_depth),
        "crf": 0 if getattr(ffmpeg, "use_lossless_output", False) else crf,
        "bitrates": {
            "average": ffmpeg.video_bitrate,
            "min": ffmpeg.minrate,
            "max": ffmpeg.maxrate,
            "buffer": ffmpeg.buffersize,
        },
        "preset": ffmpeg.ffmpeg_preset,
        "gop": ffmpeg.gopsize,
        "bFrames": ffmpeg.max_b_frames if ffmpeg.use_max_b_frames else None,
        "quality": image.quality,
        "rate": _rate(render),
        "audio": {
            "codec": "NONE" if is_avi else ffmpeg.audio_codec,
            "kbits": ffmpeg.audio_bitrate,
            "rate": ffmpeg.audio_mixrate,
            "channels": ffmpeg.audio_channels,
        },
        "hasSound": _can_be_heard(scene),
    }
    if hasattr(ffmpeg, "ffmpeg_prores_profile"):
        found["proresProfile"] = ffmpeg.ffmpeg_prores_profile
    return found


def mix(scene: Any, wanted: Any, path: Any, overrides: Overrides) -> None:
    """Mixes the scene's sound from the beginning of frame `first` to the end of `last` into a WAV file of 16 bits.

    Raises `sound_unsupported` (worker) where this Blender was built without sound, `blender_error` where it fails.
    """
    if not isinstance(path, str):
        return
    if not isinstance(wanted, dict) or not all(isinstance(wanted.get(key), int) for key in ("first", "last")):
        raise Failure("bad_command", "farm", "outputs.sound needs sound.first and sound.last")
    # The operator evaluates the scene as a window shows it.
    overrides.undo_with(scene_file.leave_traces)
    overrides.set(scene, "frame_start", max(0, wanted["first"]))
    overrides.set(scene, "frame_end", max(0, wanted["last"]))
    written = f"{path}.wav"
    settings = {"container": "WAV", "codec": "PCM", "format": "S16"}
    operator = bpy.ops.sound.mixdown
    if "mixrate" in operator.get_rna_type().properties:
        ffmpeg = scene.render.ffmpeg
        settings.update(mixrate=ffmpeg.audio_mixrate, channels=ffmpeg.audio_channels)
    try:
        with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
            ended = set(operator(filepath=written, check_existing=False, **settings))
    except (AttributeError, RuntimeError) as error:
        raise Failure("sound_unsupported", "worker", f"this Blender cannot mix sound: {str(error).strip()}") from error
    if "FINISHED" not in ended or not os.path.exists(written):
        raise Failure("blender_error", "worker", f"Blender ended the mixing of sound with {sorted(ended)}")
    os.replace(written, path)


def _rate(render: Any) -> dict[str, int]:
    """Frames per second as Blender writes them into a movie."""
    rate = Fraction(render.fps * 100_000, round(render.fps_base * 100_000))
    return {"numerator": rate.numerator, "denominator": rate.denominator}


def _can_be_heard(scene: Any) -> bool:
    if any(one.type == "SPEAKER" for one in scene.objects):
        return True
    seen: set[Any] = set()
    waiting = [scene]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for strip in compositor.all_strips_of(one):
            if strip.type == "SOUND":
                return True
            if strip.type == "SCENE" and strip.scene is not None:
                waiting.append(strip.scene)
    return False
