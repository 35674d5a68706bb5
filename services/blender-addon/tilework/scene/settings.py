"""What the artist wants otherwise than the scene has it. Only what was changed is kept in the scene."""

import os
from typing import Any, Dict, List, Tuple

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..farm.messages import JobRequest
from . import outputs

DEVICES = ("CPU", "CUDA", "OPTIX", "HIP", "METAL", "ONEAPI")
_FORMATS = (
    ("SCENE", "As the Scene", "The file format of the scene"),
    ("png", "PNG", "8 or 16 bits for each channel"),
    ("jpeg", "JPEG", "Small, with losses"),
    ("exr", "OpenEXR", "Floats"),
    ("exr-multilayer", "OpenEXR MultiLayer", "Floats, every pass"),
    ("tiff", "TIFF", ""),
    ("webp", "WebP", ""),
)
_VIDEOS = (
    ("SCENE", "As the Scene", "A movie where the scene writes one"),
    ("none", "No Movie", "Frames alone"),
    ("mp4", "MP4", "A movie of all frames, H.264"),
    ("webm", "WebM", "A movie of all frames, VP9"),
)
_BLENDERS = (
    ("ANY", "Any That Can Open It", "The farm chooses one version for the whole job"),
    ("SAME", "As Here", "Only workers with the version that is running here"),
)
_PLACES = (
    ("OUTPUT", "Output Path", "Under the names that Blender itself would have used"),
    ("BESIDE", "Folder Beside It", "In a folder named after the job, beside the output path"),
    ("NONE", "Not at All", "The frames stay on the farm"),
)


class TileworkSettings(bpy.types.PropertyGroup):
    """One for each scene; a property that was not touched is not stored."""

    job_name: StringProperty(name="Name", description="Name of the job; empty: the name of the file")
    frames: StringProperty(name="Frames", description="1-10, 15, 20-40:2; empty: the range of the scene")
    columns: IntProperty(name="Tiles", description="Tiles of a frame side by side", default=1, min=1, max=64)
    rows: IntProperty(name="Rows", description="Tiles of a frame one above the other", default=1, min=1, max=64)
    sample_ranges: IntProperty(
        name="Sample Ranges",
        description="Tasks that the samples of a frame are split into. More than 1 is not bit-identical",
        default=1,
        min=1,
        max=64,
    )
    samples: IntProperty(name="Samples", description="0: as the scene has it", default=0, min=0, max=1 << 20)
    percentage: IntProperty(
        name="Size", description="In percent; 0: as the scene has it", default=0, min=0, max=1000, subtype="PERCENTAGE"
    )
    format: EnumProperty(name="Format", items=_FORMATS, default="SCENE")
    video: EnumProperty(name="Movie", items=_VIDEOS, default="SCENE")
    audits: IntProperty(
        name="Checked Again",
        description="Share of the tasks that another worker renders again to check them. Unset: as the farm does it",
        default=-1,
        min=-1,
        max=100,
        subtype="PERCENTAGE",
    )
    priority: IntProperty(name="Priority", description="Higher goes first", default=50, min=0, max=100)
    devices: EnumProperty(
        name="Devices",
        description="Only workers with one of these; none chosen: any",
        items=[(kind, kind, "") for kind in DEVICES],
        options={"ENUM_FLAG"},
        default=set(),
    )
    gpu_memory: FloatProperty(name="GPU Memory", description="In GiB; 0: any", default=0, min=0, max=1024, precision=1)
    blender: EnumProperty(name="Blender", items=_BLENDERS, default="ANY")
    tags: StringProperty(name="Tags", description="Only workers with all of these tags, separated by commas")
    allow_missing: BoolProperty(
        name="Render Without Missing Files", description="Blender shows them in pink", default=False
    )
    place: EnumProperty(name="Frames Go To", items=_PLACES, default="OUTPUT")


def job_name(scene: Any) -> str:
    wanted = scene.tilework.job_name.strip()
    own = os.path.splitext(os.path.basename(bpy.data.filepath))[0]
    return (wanted or own or "untitled")[:200]


def request(scene: Any) -> JobRequest:
    """The wish as the farm takes it, without the file. What is left out comes from the scene."""
    wanted = scene.tilework
    settings: Dict[str, Any] = {"scene": scene.name}
    if wanted.samples > 0:
        settings["samples"] = wanted.samples
    if wanted.percentage > 0:
        settings["resolution"] = {"percentage": wanted.percentage}
    if wanted.format != "SCENE":
        settings["format"] = {"file": wanted.format}
    found: Dict[str, Any] = {"name": job_name(scene), "settings": settings}
    if wanted.frames.strip():
        found["frames"] = wanted.frames.strip()
    if (wanted.columns, wanted.rows) != (1, 1):
        found["tiles"] = {"columns": wanted.columns, "rows": wanted.rows}
    if wanted.sample_ranges > 1:
        found["sampleRanges"] = wanted.sample_ranges
    if wanted.video != "SCENE":
        found["video"] = wanted.video
    elif not outputs.is_movie(scene):
        found["video"] = "none"
    if wanted.audits >= 0:
        found["auditRate"] = wanted.audits / 100
    if wanted.is_property_set("priority"):
        found["priority"] = wanted.priority
    if wanted.allow_missing:
        found["allowMissingFiles"] = True
    requirement = _requirement(wanted)
    if requirement:
        found["requirement"] = requirement
    return found  # type: ignore[return-value]


def _requirement(wanted: Any) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    if wanted.devices:
        found["deviceKinds"] = [kind for kind in DEVICES if kind in wanted.devices]
    if wanted.gpu_memory > 0:
        found["gpuMemoryBytesMin"] = int(wanted.gpu_memory * 2**30)
    if wanted.blender == "SAME":
        version = "%d.%d" % bpy.app.version[:2]
        found.update(blenderVersionMin=version, blenderVersionMax=version)
    tags: List[str] = [tag.strip().lower() for tag in wanted.tags.split(",") if tag.strip()]
    if tags:
        found["tags"] = tags
    return found


def changed(scene: Any) -> Tuple[str, ...]:
    """Names of the settings that the scene keeps."""
    return tuple(name for name in TileworkSettings.__annotations__ if scene.tilework.is_property_set(name))


def register() -> None:
    bpy.utils.register_class(TileworkSettings)
    bpy.types.Scene.tilework = bpy.props.PointerProperty(type=TileworkSettings)


def unregister() -> None:
    del bpy.types.Scene.tilework
    bpy.utils.unregister_class(TileworkSettings)
