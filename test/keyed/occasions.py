"""Scenes in which time itself is odd: `blender -b --factory-startup -P occasions.py -- NAME FILE`, or python with bpy.

... -- set FILE FRAME IMAGE            brings a file to a frame with scene.frame_set and renders it, for frames that -f
cannot name ... -- other FILE FRAME IMAGE SCENE    renders a frame of another scene of the file, as -S and -f do
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import subjects  # noqa: E402


def key_exposure(scene, first=-2.0, last=2.0):
    for frame, value in ((1, first), (6, last)):
        scene.view_settings.exposure = value
        scene.view_settings.keyframe_insert("exposure", frame=frame)


def drive(owner, path, expression, scene, target):
    """A driver whose one variable reads a setting of the scene."""
    driver = owner.driver_add(path).driver
    variable = driver.variables.new()
    variable.name, variable.type = "value", "SINGLE_PROP"
    variable.targets[0].id_type, variable.targets[0].id, variable.targets[0].data_path = "SCENE", scene, target
    driver.expression = expression


def driven(scene):
    scene.view_settings.driver_add("exposure").driver.expression = "frame - 3"


def nla(scene):
    key_exposure(scene)
    action = scene.animation_data.action
    track = scene.animation_data.nla_tracks.new()
    strip = track.strips.new("later", 2, action)
    strip.extrapolation = "NOTHING"
    if hasattr(strip, "action_slot") and strip.action_slot is None:
        strip.action_slot = action.slots[0]
    scene.animation_data.action = None
    scene.view_settings.exposure = 0.5


def range_driver(scene):
    """What it is at a frame depends on the scene's range: 6 frames."""
    drive(scene.view_settings, "exposure", "frame / value", scene, "frame_end")
    drive(bpy.data.lights["SUN"], "energy", "1 + frame / value", scene, "frame_end")


def object_driver(scene):
    """Reads a value of an object that is animated: what Blender itself shows is that of the file."""
    driver = scene.view_settings.driver_add("exposure").driver
    variable = driver.variables.new()
    variable.name, variable.type = "value", "SINGLE_PROP"
    variable.targets[0].id, variable.targets[0].data_path = bpy.data.objects["Cube"], "location.x"
    driver.expression = "value * 4"


def markers(scene):
    other = scene.camera.copy()
    other.location.x = 2.0
    scene.collection.objects.link(other)
    for frame, camera in ((1, scene.camera), (3, other), (5, scene.camera)):
        scene.timeline_markers.new(f"from {frame}", frame=frame).camera = camera


def remapped(scene):
    key_exposure(scene)
    scene.render.frame_map_old, scene.render.frame_map_new = 100, 200


def subframe(scene):
    key_exposure(scene)
    scene.frame_set(2, subframe=0.5)


def below_zero(scene):
    bpy.context.preferences.edit.use_negative_frames = True
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((-4, 0.0), (6, 2.0)):
        cube.rotation_euler.z = angle
        cube.keyframe_insert("rotation_euler", frame=frame)
    for frame, value in ((-4, -1.0), (6, 1.0)):
        scene.view_settings.exposure = value
        scene.view_settings.keyframe_insert("exposure", frame=frame)


def second_scene(scene):
    """The scene to render is not the one that the file opens with; the other's settings are keyed too."""
    key_exposure(scene, 0.0, -3.0)
    other = scene.copy()
    other.name = "Second"
    other.use_fake_user = True  # a scene that no window shows is not saved otherwise
    other.animation_data_clear()
    key_exposure(other)


def strip_over_time(scene):
    list(subjects.strip_of("COLOR", 0)(scene))
    editor = scene.sequence_editor
    strip = (editor.strips if hasattr(editor, "strips") else editor.sequences)[0]
    for frame, value in ((1, 0.0), (6, 1.0)):
        strip.blend_alpha = value
        strip.keyframe_insert("blend_alpha", frame=frame)


OCCASIONS = {
    "driven": driven,
    "nla": nla,
    "range-driver": range_driver,
    "object-driver": object_driver,
    "markers": markers,
    "remapped": remapped,
    "subframe": subframe,
    "below-zero": below_zero,
    "second-scene": second_scene,
    "strip": strip_over_time,
}


def main():
    name, file, *rest = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if name == "set":
        frame, image = int(rest[0]), rest[1]
        bpy.context.preferences.edit.use_negative_frames = True
        bpy.ops.wm.open_mainfile(filepath=file)
        bpy.context.scene.frame_set(frame)
        bpy.context.scene.render.filepath = image
        bpy.ops.render.render(write_still=True)
        return
    if name == "other":
        bpy.ops.wm.open_mainfile(filepath=file)
        scene = bpy.data.scenes[rest[2]]
        scene.frame_start = scene.frame_end = int(rest[0])
        scene.render.filepath = rest[1]
        bpy.ops.render.render(animation=True, scene=scene.name)
        return
    scene = subjects.fresh()
    scene.frame_start, scene.frame_end = 1, 6
    scene.frame_current = 4
    OCCASIONS[name](scene)
    bpy.ops.wm.save_as_mainfile(filepath=file, check_existing=False)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
