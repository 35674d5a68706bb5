"""The stage: a big warm key light, a cool sky to reflect, and a camera that breathes."""

import math

import bpy
from mathutils import Vector

SUN_DIRECTION = (-0.24, 1.0, 0.06)


def build_sky():
    """A dusk sky: a warm glow where the key stands, deep blue above. Smooth, so low in noise."""
    world = bpy.data.worlds.new("dusk")
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    where = nodes.new("ShaderNodeTexCoord")
    axes = nodes.new("ShaderNodeSeparateXYZ")
    ramp = nodes.new("ShaderNodeValToRGB")
    stops = ramp.color_ramp.elements
    stops[0].position, stops[0].color = 0.0, (0.84, 0.29, 0.20, 1.0)
    stops[1].position, stops[1].color = 1.0, (0.05, 0.14, 0.36, 1.0)
    stops.new(0.12).color = (0.34, 0.19, 0.36, 1.0)
    stops.new(0.22).color = (0.30, 0.32, 0.48, 1.0)
    stops.new(0.55).color = (0.14, 0.28, 0.54, 1.0)
    links.new(where.outputs["Generated"], axes.inputs[0])
    links.new(axes.outputs["Z"], ramp.inputs["Fac"])

    # The setting sun: how nearly a direction points at it, steepened into a soft disc.
    toward = nodes.new("ShaderNodeVectorMath")
    toward.operation = "DOT_PRODUCT"
    toward.inputs[1].default_value = Vector(SUN_DIRECTION).normalized()
    disc = nodes.new("ShaderNodeMapRange")
    disc.interpolation_type = "SMOOTHERSTEP"
    disc.inputs["From Min"].default_value = 0.974
    glow = nodes.new("ShaderNodeMixRGB")
    glow.blend_type = "ADD"
    glow.inputs["Color2"].default_value = (2.2, 1.25, 0.40, 1.0)
    links.new(where.outputs["Generated"], toward.inputs[0])
    links.new(toward.outputs["Value"], disc.inputs["Value"])
    links.new(disc.outputs["Result"], glow.inputs["Fac"])
    links.new(ramp.outputs["Color"], glow.inputs["Color1"])
    links.new(glow.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = 0.75
    # A smooth sky is found well enough by the surface's own samples: leave the light's to the key.
    world.cycles.sampling_method = "NONE"
    return world


def _aimed(thing, location, target):
    thing.location = location
    thing.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    return thing


def build_key():
    """One large light, low at the back, to rake over the waves."""
    light = bpy.data.lights.new("key", "AREA")
    light.shape = "RECTANGLE"
    light.size, light.size_y = 5.0, 4.0
    light.energy = 3000.0
    light.color = (1.0, 0.80, 0.58)
    return _aimed(bpy.data.objects.new("key", light), (-10.0, -1.0, 9.0), (0.5, 3.0, 0.0))


def build_camera(first_frame, frame_count):
    """Looks across the field, in focus on the leaping tile; sways once per loop."""
    lens = bpy.data.cameras.new("camera")
    lens.lens = 40.0
    lens.dof.use_dof = True
    lens.dof.aperture_fstop = 1.0
    camera = bpy.data.objects.new("camera", lens)

    target = bpy.data.objects.new("camera target", None)
    target.location = (0.4, 2.0, 0.75)
    track = camera.constraints.new("TRACK_TO")
    track.target = target
    track.track_axis, track.up_axis = "TRACK_NEGATIVE_Z", "UP_Y"
    lens.dof.focus_object = target

    # One key per frame of a circle: no easing to go wrong, and frame 25 would equal frame 1.
    for i in range(frame_count):
        angle_rad = 2.0 * math.pi * i / frame_count
        camera.location = (
            0.4 + 0.22 * math.sin(angle_rad),
            -8.2,
            4.0 + 0.10 * math.cos(angle_rad),
        )
        camera.keyframe_insert("location", frame=first_frame + i)
    return camera, target
