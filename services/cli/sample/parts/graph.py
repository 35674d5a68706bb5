"""Writing a geometry node tree as if it were formulas: each call adds a node, gives its output."""

import bpy


class Graph:
    """A geometry node tree under construction. An argument is a socket, or a constant."""

    def __init__(self, tree):
        self.tree = tree

    def _node(self, kind, **settings):
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        return node

    def _feed(self, socket, source):
        if isinstance(source, bpy.types.NodeSocket):
            self.tree.links.new(source, socket)
        else:
            socket.default_value = source

    def group_input(self, kind, name):
        self.tree.inputs.new(kind, name)
        return self._node("NodeGroupInput").outputs[name]

    def group_output(self, geometry):
        self.tree.outputs.new("NodeSocketGeometry", "Tiles")
        self._feed(self._node("NodeGroupOutput").inputs["Tiles"], geometry)

    def scene_frame(self):
        return self._node("GeometryNodeInputSceneTime").outputs["Frame"]

    def position(self):
        return self._node("GeometryNodeInputPosition").outputs["Position"]

    def attribute(self, name, kind):
        node = self._node("GeometryNodeInputNamedAttribute", data_type=kind)
        node.inputs["Name"].default_value = name
        return next(socket for socket in node.outputs if socket.enabled)

    def math(self, operation, a, b=None):
        node = self._node("ShaderNodeMath", operation=operation)
        self._feed(node.inputs[0], a)
        if b is not None:
            self._feed(node.inputs[1], b)
        return node.outputs[0]

    def add(self, total, term):
        return term if total is None else self.math("ADD", total, term)

    def smoothstep(self, value):
        node = self._node("ShaderNodeMapRange", interpolation_type="SMOOTHSTEP")
        self._feed(node.inputs["Value"], value)
        return node.outputs["Result"]

    def separate(self, vector):
        node = self._node("ShaderNodeSeparateXYZ")
        self._feed(node.inputs[0], vector)
        return tuple(node.outputs)

    def combine(self, x, y, z):
        node = self._node("ShaderNodeCombineXYZ")
        for socket, source in zip(node.inputs, (x, y, z)):
            self._feed(socket, source)
        return node.outputs[0]

    def rotate(self, rotation, by):
        """A rotation, then another about the axes of the field."""
        node = self._node("FunctionNodeRotateEuler", space="OBJECT")
        self._feed(node.inputs["Rotation"], rotation)
        self._feed(node.inputs["Rotate By"], by)
        return node.outputs["Rotation"]

    def moved(self, geometry, offset):
        node = self._node("GeometryNodeSetPosition")
        self._feed(node.inputs["Geometry"], geometry)
        self._feed(node.inputs["Offset"], offset)
        return node.outputs["Geometry"]

    def instances(self, points, what, rotation):
        """The object, set on every point; the points may be the vertices of a mesh."""
        source = self._node("GeometryNodeObjectInfo")
        source.inputs["Object"].default_value = what
        source.inputs["As Instance"].default_value = True
        node = self._node("GeometryNodeInstanceOnPoints")
        self._feed(node.inputs["Points"], points)
        self._feed(node.inputs["Instance"], source.outputs["Geometry"])
        self._feed(node.inputs["Rotation"], rotation)
        return node.outputs["Instances"]
