"""Build the sample scene, a sea of glazed tiles:

    blender -b --factory-startup --python-exit-code 1 --python build-scene.py -- sample.blend

Written for Blender 3.4; the file it writes also opens in later versions.
"""

import sys
from pathlib import Path

import bpy

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from parts.finishing import build_finishing  # noqa: E402
from parts.glaze_pattern import build_images  # noqa: E402
from parts.materials import build_biscuit, build_glaze, build_glow  # noqa: E402
from parts.stage import build_camera, build_key, build_sky  # noqa: E402
from parts.tile_field import build_bed, build_field  # noqa: E402
from parts.tile_mesh import build_tile  # noqa: E402

FIRST_FRAME, FRAME_COUNT, FRAMES_PER_SECOND = 1, 24, 24
WIDTH_PX, HEIGHT_PX = 480, 270
SAMPLES = 8


def _set_render(scene):
    """Fixed samples and a fixed seed: a tile of a frame then has the very pixels of the frame."""
    scene.frame_start = FIRST_FRAME
    scene.frame_end = FIRST_FRAME + FRAME_COUNT - 1
    render = scene.render
    render.engine = "CYCLES"
    render.fps = FRAMES_PER_SECOND
    render.resolution_x, render.resolution_y = WIDTH_PX, HEIGHT_PX
    render.resolution_percentage = 100
    render.filepath = "//frames/####"
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.color_depth = "8"

    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = SAMPLES
    cycles.seed = 7
    cycles.use_animated_seed = False
    cycles.use_adaptive_sampling = False
    cycles.filter_width = 2.0
    cycles.use_denoising = False
    # One bounce carries the glow out of the joints; more would cost time and add only noise.
    cycles.max_bounces = 1
    cycles.diffuse_bounces = 1
    cycles.glossy_bounces = 1
    cycles.transmission_bounces = 0
    cycles.sample_clamp_direct = 4.0
    cycles.sample_clamp_indirect = 1.5
    cycles.caustics_reflective = False
    cycles.caustics_refractive = False
    cycles.blur_glossy = 1.0

    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    scene.view_settings.exposure = 0.35


def _build(scene):
    glaze_image, gilding_image = build_images()
    tile = build_tile(build_glaze(glaze_image, gilding_image), build_biscuit())

    camera, target = build_camera(FIRST_FRAME, FRAME_COUNT)
    field = build_field(tile, FIRST_FRAME, FRAME_COUNT)
    for thing in (field, build_bed(build_glow()), build_key(), camera, target):
        scene.collection.objects.link(thing)
    scene.camera = camera
    scene.world = build_sky()
    build_finishing(scene)


def main():
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if len(arguments) != 1:
        sys.exit("build-scene: give one path to write, after --, such as: -- sample.blend")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = "sea of tiles"
    _set_render(scene)
    _build(scene)
    scene.frame_set(FIRST_FRAME)
    path = Path(arguments[0]).resolve()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    print(f"build-scene: wrote {path} ({path.stat().st_size} bytes)")


main()
