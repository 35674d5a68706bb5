"""What is asked of bare Blender besides the frame: cheaper settings, and a still image format.

    blender -b FILE --python bare.py -o OUT -f N -- SETTINGS       sets them; the rest is Blender's own
    python bare.py FILE OUT FIRST LAST SETTINGS                    the same with the bpy module, which has no -f

SETTINGS is JSON: percentage, samples, and `still`, a format for a scene that is set to one that is not wanted.
"""

import json
import os
import sys

import bpy


def set_up(settings):
    scene = bpy.context.scene
    if "percentage" in settings:
        scene.render.resolution_percentage = settings["percentage"]
    if "samples" in settings:
        if scene.render.engine == "CYCLES":
            scene.cycles.samples = settings["samples"]
        elif scene.render.engine.startswith("BLENDER_EEVEE"):
            scene.eevee.taa_render_samples = settings["samples"]
    if "still" in settings:
        image = scene.render.image_settings
        mode = image.color_mode
        if hasattr(image, "media_type"):
            image.media_type = "MULTI_LAYER_IMAGE" if settings["still"] == "OPEN_EXR_MULTILAYER" else "IMAGE"
        image.file_format = settings["still"]
        image.color_mode = mode
        image.color_depth = "8"


if __name__ == "__main__":
    if bpy.app.binary_path:
        set_up(json.loads(sys.argv[sys.argv.index("--") + 1]))
    else:
        path, out, first, last, settings = sys.argv[1:]
        bpy.ops.wm.open_mainfile(filepath=path)
        set_up(json.loads(settings))
        scene = bpy.context.scene
        scene.render.filepath = out
        if "frame_start" in bpy.ops.render.render.get_rna_type().properties:
            # As -f: the scene keeps its own range, which simulations begin with.
            bpy.ops.render.render(animation=True, frame_start=int(first), frame_end=int(last))
        else:
            scene.frame_start, scene.frame_end = int(first), int(last)
            bpy.ops.render.render(animation=True)
        sys.stdout.flush()
        os._exit(0)
