"""Scenes whose properties are keyed: one for what all scenes have, one for each light, compositor node and strip."""

import bpy

NEW = bpy.app.version >= (5, 0, 0)
# Properties that mean what they say only while their own switch is left alone.
WITHOUT = ()


def fresh():
    """A cube that moves before a camera, under a sun; 24 x 14 px of Cycles with one sample, frames 1 and 2."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 24, 14, 100
    render.image_settings.file_format = "PNG"
    render.threads_mode, render.threads = "FIXED", 1
    # Farms composite on the processor; on a GPU, which new files of 5.x ask for, bare Blender rounds some nodes
    # otherwise.
    for device in ("compositor_device", "compositor_denoise_device"):
        if hasattr(render, device):
            setattr(render, device, "CPU")
    scene.frame_start, scene.frame_end = 1, 2
    cycles = scene.cycles
    cycles.samples, cycles.use_adaptive_sampling, cycles.use_denoising, cycles.max_bounces = 1, False, False, 2
    scene.world = bpy.data.worlds.new("World")
    if not NEW:
        scene.world.use_nodes = True
    mesh = bpy.data.meshes.new("Cube")
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    mesh.from_pydata(corners, [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    cube = bpy.data.objects.new("Cube", mesh)
    cube.rotation_euler = (0.3, 0.2, 0.5)
    scene.collection.objects.link(cube)
    for frame, x in ((1, -0.3), (2, 0.3)):
        cube.location.x = x
        cube.keyframe_insert("location", frame=frame)
    _light(scene, "SUN")
    eye = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    eye.location, eye.rotation_euler = (0.0, -6.0, 0.0), (1.5707963, 0.0, 0.0)
    scene.collection.objects.link(eye)
    scene.camera = eye
    return scene


def _light(scene, kind):
    light = bpy.data.objects.new(kind, bpy.data.lights.new(kind, kind))
    light.data.energy = 3.0 if kind == "SUN" else 300.0
    light.location, light.rotation_euler = (1.0, -3.0, 3.0), (0.8, 0.1, 0.2)
    scene.collection.objects.link(light)
    return light


def scene_of(scene):
    yield "scene", scene
    yield "view_layer", scene.view_layers[0]


def world_of(scene):
    yield "world", scene.world
    for socket in (
        scene.world.node_tree.nodes["Background"].inputs if "Background" in scene.world.node_tree.nodes else ()
    ):
        if hasattr(socket, "default_value"):
            yield f"background.{socket.identifier}", socket


def camera_of(scene):
    yield "data", scene.camera.data
    yield "object", scene.camera


def light_of(kind):
    def build(scene):
        yield "data", _light(scene, kind).data

    return build


def engine_of(engine):
    """The settings of another engine; the scene's others are tried with Cycles."""

    def build(scene):
        scene.render.engine = engine
        name = "eevee" if "EEVEE" in engine else "display"
        yield name, getattr(scene, name)

    return build


def node_types():
    """The compositor's node types that make an image out of an image."""
    for name in sorted(dir(bpy.types)):
        kind = getattr(bpy.types, name)
        if (
            isinstance(kind, type)
            and issubclass(kind, bpy.types.Node)
            and name.startswith("CompositorNode")
            and name not in ("CompositorNode", "CompositorNodeTree", "CompositorNodeCustomGroup")
        ):
            yield name


def node_of(kind):
    def build(scene):
        if NEW:
            tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
            scene.compositing_node_group = tree
            tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
            end = tree.nodes.new("NodeGroupOutput")
        else:
            scene.use_nodes = True
            tree = scene.node_tree
            tree.nodes.clear()
            end = tree.nodes.new("CompositorNodeComposite")
        layers = tree.nodes.new("CompositorNodeRLayers")
        node = tree.nodes.new(kind)
        tree.links.new(layers.outputs[0], end.inputs[0])
        inputs = [socket for socket in node.inputs if socket.type in ("RGBA", "VALUE") and socket.enabled]
        image = next((socket for socket in inputs if socket.type == "RGBA"), inputs[0] if inputs else None)
        if image is not None:
            tree.links.new(layers.outputs[0], image)
        outputs = [socket for socket in node.outputs if socket.enabled and socket.type in ("RGBA", "VALUE", "VECTOR")]
        if outputs:
            tree.links.new(outputs[0], end.inputs[0])
        yield "node", node
        for socket in node.inputs:
            if socket is not image and hasattr(socket, "default_value"):
                yield f"input.{socket.identifier}", socket

    return build


def strip_types():
    """Effects that need no file, with how many strips they work on; and the scene itself as a strip."""
    yield from (("COLOR", 0), ("TEXT", 0), ("SCENE", 0), ("ADJUSTMENT", 0))
    yield from (("TRANSFORM", 1), ("SPEED", 1), ("GLOW", 1), ("GAUSSIAN_BLUR", 1))
    yield from (
        ("CROSS", 2),
        ("GAMMA_CROSS", 2),
        ("ADD", 2),
        ("SUBTRACT", 2),
        ("MULTIPLY", 2),
        ("WIPE", 2),
        ("ALPHA_OVER", 2),
        ("ALPHA_UNDER", 2),
        ("COLORMIX", 2),
    )


def strip_of(kind, count):
    def build(scene):
        editor = scene.sequence_editor_create() or scene.sequence_editor
        strips = editor.strips if hasattr(editor, "strips") else editor.sequences

        def effect(name, effect_kind, channel, **inputs):
            span = {} if inputs else ({"length": 5} if NEW else {"frame_end": 6})
            if inputs and not NEW:
                inputs = {name.replace("input", "seq"): strip for name, strip in inputs.items()}
            return strips.new_effect(name=name, type=effect_kind, channel=channel, frame_start=1, **span, **inputs)

        below = [effect(f"Below {number}", "COLOR", number + 1) for number in range(count)]
        for number, strip in enumerate(below):
            strip.color = (0.9 - 0.5 * number, 0.3, 0.2 + 0.5 * number)
        if kind == "SCENE":
            made = strips.new_scene(name="Strip", scene=scene, channel=8, frame_start=1)
        else:
            made = effect("Strip", kind, 8, **{f"input{number + 1}": strip for number, strip in enumerate(below)})
        if kind == "COLOR":
            made.color = (0.4, 0.6, 0.8)
        yield "strip", made

    return build


_PLAIN = (("scene", scene_of), ("world", world_of), ("camera", camera_of))


def all_of():
    """(name, builder) of every subject that this Blender has; a builder yields (name, struct) of what is walked."""
    yield from _PLAIN
    for kind in ("POINT", "SUN", "SPOT", "AREA"):
        yield f"light-{kind}", light_of(kind)
    for engine in ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH"):
        try:
            fresh().render.engine = engine
        except TypeError:
            continue
        yield f"engine-{engine}", engine_of(engine)
    for kind in node_types():
        try:
            list(node_of(kind)(fresh()))
        except (RuntimeError, TypeError):
            continue  # listed, but only for other trees or not to be made
        yield f"node-{kind}", node_of(kind)
    for kind, count in strip_types():
        try:
            list(strip_of(kind, count)(fresh()))
        except (RuntimeError, TypeError):
            continue  # an effect of other versions
        yield f"strip-{kind}", strip_of(kind, count)


def builder(name):
    return next(build for one, build in all_of() if one == name) if name.startswith("engine-") else _builder(name)


def _builder(name):
    head, _dash, kind = name.partition("-")
    if head == "light":
        return light_of(kind)
    if head == "node":
        return node_of(kind)
    if head == "strip":
        return strip_of(kind, dict(strip_types())[kind])
    return dict(_PLAIN)[name]


def enable(scene, root, path):
    """Switches on what the property belongs to, so that it shows."""
    name = path.rpartition(".")[2]
    if "motion_blur" in path or "shutter" in path:
        scene.render.use_motion_blur = True
    if path.startswith("dof.") and name != "use_dof":
        root.dof.use_dof = True
    if "simplify" in name:
        scene.render.use_simplify = True
    if name in ("white_balance_temperature", "white_balance_tint"):
        scene.view_settings.use_white_balance = True
    if name.startswith(("denois", "adaptive_threshold", "adaptive_min")):
        for switch in ("use_denoising" if name.startswith("denois") else "use_adaptive_sampling",):
            if hasattr(scene.cycles, switch) and name != switch:
                setattr(scene.cycles, switch, True)
