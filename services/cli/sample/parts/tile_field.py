"""The sea of tiles: where each lies, and the node tree that moves them all.

Three travelling waves lift and tilt the tiles; each wave goes round a whole number of times in the
loop, so the last frame leads into the first. A few tiles leap out, turn over once and settle.
"""

import math
import random

import bpy

from .graph import Graph

COLUMNS, ROWS = 36, 30
FIRST_ROW = -7
SEED = 1503

# (height in tiles, wave vector in radians per tile, turns per loop)
WAVES = (
    (0.42, (0.28, 0.60), 1),
    (0.20, (-0.55, 0.36), 1),
    (0.05, (1.05, 0.95), 2),
)
BED_HEIGHT = -1.0

# Which tiles leap: (column, row) of their lower left corner, and when, as a share of the loop.
LEAPS = {
    (1, 0): 0.20,
    (-4, 3): 0.53,
    (5, 4): 0.87,
    (-1, 7): 0.03,
    (8, 8): 0.36,
    (-8, 9): 0.70,
}
LEAP_SHARE = 0.85
LEAP_HEIGHT = 1.9
# Below 1 the tile is highest early in its turn, when its face looks at the camera.
LEAP_EARLINESS = 0.55

ATTRIBUTES = {
    "turn": "FLOAT_VECTOR",
    "lean": "FLOAT_VECTOR",
    "leaps": "FLOAT",
    "leap_start": "FLOAT",
}


def _points_mesh():
    """A vertex per tile, with what is the tile's own: quarter turn, lean, and when it leaps."""
    dice = random.Random(SEED)
    cells = [
        (column, row) for row in range(FIRST_ROW, FIRST_ROW + ROWS) for column in range(-COLUMNS // 2, COLUMNS // 2)
    ]
    mesh = bpy.data.meshes.new("cells")
    mesh.from_pydata([(c + 0.5, r + 0.5, 0.0) for c, r in cells], [], [])
    for name, kind in ATTRIBUTES.items():
        mesh.attributes.new(name, kind, "POINT")
    # Adding a layer moves the ones before it, so they are looked up only when all are there.
    turn, lean, leaps, leap_start = (mesh.attributes[name].data for name in ATTRIBUTES)
    # The quarter turn that brings corner A of the drawing to the even crossing the tile touches.
    quarter = {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}
    for i, (column, row) in enumerate(cells):
        turn[i].vector = (0.0, 0.0, quarter[(column % 2, row % 2)] * math.pi / 2.0)
        lean[i].vector = (dice.gauss(0.0, 0.012), dice.gauss(0.0, 0.012), 0.0)
        leaps[i].value = 1.0 if (column, row) in LEAPS else 0.0
        leap_start[i].value = LEAPS.get((column, row), 0.0)
    return mesh


def _motion(tile, first_frame, frame_count):
    """The node tree: cells in, tiles out, moved by the scene's own time."""
    g = Graph(bpy.data.node_groups.new("tile waves", "GeometryNodeTree"))
    cells = g.group_input("NodeSocketGeometry", "Cells")
    loop = g.math("DIVIDE", g.math("SUBTRACT", g.scene_frame(), first_frame), frame_count)
    x, y, _ = g.separate(g.position())

    height = slope_x = slope_y = None
    for size, (kx, ky), turns in WAVES:
        along = g.math("ADD", g.math("MULTIPLY", x, kx), g.math("MULTIPLY", y, ky))
        phase = g.math("SUBTRACT", along, g.math("MULTIPLY", loop, 2.0 * math.pi * turns))
        rise, steep = g.math("SINE", phase), g.math("COSINE", phase)
        height = g.add(height, g.math("MULTIPLY", rise, size))
        slope_x = g.add(slope_x, g.math("MULTIPLY", steep, size * kx))
        slope_y = g.add(slope_y, g.math("MULTIPLY", steep, size * ky))

    # How far each leap has come: 0 before, 1 after; one turn about the tile's own axis.
    since = g.math("FRACT", g.math("SUBTRACT", loop, g.attribute("leap_start", "FLOAT")))
    done = g.math("MINIMUM", g.math("DIVIDE", since, LEAP_SHARE), 1.0)
    leaps = g.attribute("leaps", "FLOAT")
    eased = g.smoothstep(done)
    flight = g.math("MULTIPLY", g.math("POWER", eased, LEAP_EARLINESS), math.pi)
    arc = g.math("MULTIPLY", g.math("SINE", flight), LEAP_HEIGHT)
    height = g.add(height, g.math("MULTIPLY", arc, leaps))
    spin = g.math("MULTIPLY", g.math("MULTIPLY", eased, 2.0 * math.pi), leaps)

    lay = g.combine(0.0, 0.0, height)
    tilt = g.combine(slope_y, g.math("MULTIPLY", slope_x, -1.0), 0.0)
    rotation = g.rotate(g.attribute("turn", "FLOAT_VECTOR"), g.combine(spin, 0.0, 0.0))
    rotation = g.rotate(rotation, g.attribute("lean", "FLOAT_VECTOR"))
    rotation = g.rotate(rotation, tilt)
    g.group_output(g.instances(g.moved(cells, lay), tile, rotation))
    return g.tree


def build_field(tile, first_frame, frame_count):
    """The field as an object linked to no collection; it repeats every frame_count frames."""
    field = bpy.data.objects.new("tiles", _points_mesh())
    field.modifiers.new("waves", "NODES").node_group = _motion(tile, first_frame, frame_count)
    return field


def build_bed(glow):
    """The glowing floor, just under the deepest trough and no larger than the field."""
    left, right = -COLUMNS / 2.0, COLUMNS / 2.0
    front, back = float(FIRST_ROW), FIRST_ROW + ROWS - 1.0
    mesh = bpy.data.meshes.new("bed")
    corners = ((left, front), (right, front), (right, back), (left, back))
    mesh.from_pydata([(x, y, BED_HEIGHT) for x, y in corners], [], [(0, 1, 2, 3)])
    mesh.materials.append(glow)
    return bpy.data.objects.new("bed", mesh)
