"""What things are made of: glazed tile faces, bare clay backs, and the glowing bed below."""

import bpy

# Distances from the camera, in tiles, between which the drawing fades, and what it fades to.
HAZE_FROM, HAZE_TO = 14.0, 34.0
HAZE_COLOUR = (0.17, 0.22, 0.42, 1.0)


def _surface(name):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    return material, nodes, material.node_tree.links, nodes["Principled BSDF"]


def build_glaze(glaze_image, gilding_image):
    """The painted face: colour varies a little from tile to tile, gold leaf is metal."""
    material, nodes, links, principled = _surface("glaze")
    colour = nodes.new("ShaderNodeTexImage")
    colour.image = glaze_image
    colour.extension = "EXTEND"
    gilding = nodes.new("ShaderNodeTexImage")
    gilding.image = gilding_image
    gilding.extension = "EXTEND"

    # No two tiles leave the kiln alike: each has its own lightness, from the instance's own number.
    instance = nodes.new("ShaderNodeObjectInfo")
    lightness = nodes.new("ShaderNodeMapRange")
    lightness.inputs["To Min"].default_value = 0.82
    lightness.inputs["To Max"].default_value = 1.12
    kiln = nodes.new("ShaderNodeHueSaturation")
    links.new(instance.outputs["Random"], lightness.inputs["Value"])
    links.new(lightness.outputs["Result"], kiln.inputs["Value"])
    links.new(colour.outputs["Color"], kiln.inputs["Color"])

    # Far away the drawing is finer than a pixel and would flicker: fade to its mean colour, as haze
    # would.
    view = nodes.new("ShaderNodeCameraData")
    distance = nodes.new("ShaderNodeMapRange")
    distance.inputs["From Min"].default_value = HAZE_FROM
    distance.inputs["From Max"].default_value = HAZE_TO
    haze = nodes.new("ShaderNodeMixRGB")
    haze.inputs["Color2"].default_value = HAZE_COLOUR
    links.new(view.outputs["View Z Depth"], distance.inputs["Value"])
    links.new(distance.outputs["Result"], haze.inputs["Fac"])
    links.new(kiln.outputs["Color"], haze.inputs["Color1"])

    roughness = nodes.new("ShaderNodeMapRange")
    roughness.inputs["To Min"].default_value = 0.20
    roughness.inputs["To Max"].default_value = 0.30
    links.new(gilding.outputs["Color"], roughness.inputs["Value"])

    links.new(haze.outputs["Color"], principled.inputs["Base Color"])
    links.new(gilding.outputs["Color"], principled.inputs["Metallic"])
    links.new(roughness.outputs["Result"], principled.inputs["Roughness"])
    return material


def build_biscuit():
    """Fired, unglazed clay, for the sides and the back of a tile."""
    material, _, _, principled = _surface("biscuit")
    principled.inputs["Base Color"].default_value = (0.80, 0.20, 0.06, 1.0)
    principled.inputs["Roughness"].default_value = 0.55
    return material


def build_glow():
    """The warm light below the tiles: yellow under a tile's middle, ember red under joints."""
    material = bpy.data.materials.new("glow")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    where = nodes.new("ShaderNodeNewGeometry")
    in_cell = nodes.new("ShaderNodeVectorMath")
    in_cell.operation = "FRACTION"
    from_middle = nodes.new("ShaderNodeVectorMath")
    from_middle.operation = "DISTANCE"
    from_middle.inputs[1].default_value = (0.5, 0.5, 0.0)
    flat = nodes.new("ShaderNodeVectorMath")
    flat.operation = "MULTIPLY"
    flat.inputs[1].default_value = (1.0, 1.0, 0.0)
    heat = nodes.new("ShaderNodeValToRGB")
    stops = heat.color_ramp.elements
    stops[0].position, stops[0].color = 0.0, (1.0, 0.62, 0.20, 1.0)
    stops[1].position, stops[1].color = 0.62, (0.62, 0.06, 0.01, 1.0)
    stops.new(0.30).color = (1.0, 0.34, 0.05, 1.0)
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Strength"].default_value = 1.2
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(where.outputs["Position"], in_cell.inputs[0])
    links.new(in_cell.outputs["Vector"], flat.inputs[0])
    links.new(flat.outputs["Vector"], from_middle.inputs[0])
    links.new(from_middle.outputs["Value"], heat.inputs["Fac"])
    links.new(heat.outputs["Color"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], output.inputs["Surface"])
    # Hidden below the tiles it would only waste light samples; rays that reach it see it anyway.
    material.cycles.sample_as_light = False
    return material
