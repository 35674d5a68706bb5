"""The compositor tree: glow, a touch of lens, a vignette, and a warm and cool balance."""


def build_finishing(scene):
    """Put the tree into the scene."""
    scene.use_nodes = True
    nodes, links = scene.node_tree.nodes, scene.node_tree.links
    nodes.clear()
    rendered = nodes.new("CompositorNodeRLayers")

    glow = nodes.new("CompositorNodeGlare")
    glow.glare_type = "FOG_GLOW"
    glow.quality = "HIGH"
    glow.threshold = 1.1
    glow.size = 6
    glow.mix = -0.82

    balance = nodes.new("CompositorNodeColorBalance")
    balance.correction_method = "LIFT_GAMMA_GAIN"
    balance.lift = (0.985, 0.995, 1.03)
    balance.gamma = (1.0, 1.0, 1.0)
    balance.gain = (1.04, 1.0, 0.96)

    mask = nodes.new("CompositorNodeEllipseMask")
    mask.width, mask.height = 0.92, 0.86
    soft = nodes.new("CompositorNodeBlur")
    soft.filter_type = "FAST_GAUSS"
    soft.use_relative = True
    soft.aspect_correction = "NONE"
    soft.factor_x, soft.factor_y = 22.0, 22.0
    vignette = nodes.new("CompositorNodeMixRGB")
    vignette.blend_type = "MULTIPLY"
    vignette.inputs[0].default_value = 0.45

    lens = nodes.new("CompositorNodeLensdist")
    lens.use_fit = True
    lens.inputs["Distort"].default_value = 0.006
    lens.inputs["Dispersion"].default_value = 0.008

    output = nodes.new("CompositorNodeComposite")
    links.new(rendered.outputs["Image"], glow.inputs["Image"])
    links.new(glow.outputs["Image"], balance.inputs["Image"])
    links.new(mask.outputs["Mask"], soft.inputs["Image"])
    links.new(balance.outputs["Image"], vignette.inputs[1])
    links.new(soft.outputs["Image"], vignette.inputs[2])
    links.new(vignette.outputs["Image"], lens.inputs["Image"])
    links.new(lens.outputs["Image"], output.inputs["Image"])
    for column, node in enumerate((rendered, glow, balance, vignette, lens, output)):
        node.location = (column * 240.0, 0.0)
    mask.location, soft.location = (240.0, -420.0), (480.0, -420.0)
