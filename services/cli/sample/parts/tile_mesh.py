"""One tile: a rounded slab with a softly domed, painted face and a clay back."""

import math

import bpy

HALF_SIDE = 0.485
THICKNESS = 0.17
CORNER_SEGMENTS = 3

# From the edge of the back to the crown of the face: (inset from the side, height, corner radius).
PROFILE = (
    (0.000, -THICKNESS, 0.050),
    (0.000, -0.040, 0.050),
    (0.006, -0.018, 0.048),
    (0.018, -0.005, 0.042),
    (0.036, 0.000, 0.036),
    (0.160, 0.010, 0.030),
    (0.320, 0.016, 0.020),
)
GLAZE_SLOT, BISCUIT_SLOT = 0, 1
FIRST_GLAZED_BAND = 1


def _ring(inset, height, corner_radius):
    """The points of a rounded square, counter-clockwise."""
    points = []
    reach = HALF_SIDE - inset - corner_radius
    for corner, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for segment in range(CORNER_SEGMENTS + 1):
            angle_rad = math.pi / 2.0 * (corner + segment / CORNER_SEGMENTS)
            points.append(
                (
                    sx * reach + corner_radius * math.cos(angle_rad),
                    sy * reach + corner_radius * math.sin(angle_rad),
                    height,
                )
            )
    return points


def build_tile(glaze, biscuit):
    """The tile as an object linked to no collection; the rim of its face is at height 0."""
    rings = [_ring(*row) for row in PROFILE]
    around = len(rings[0])
    vertices = [point for ring in rings for point in ring]
    faces, slots = [], []
    for band in range(len(rings) - 1):
        low, high = band * around, (band + 1) * around
        for i in range(around):
            after = (i + 1) % around
            faces.append((low + i, low + after, high + after, high + i))
            slots.append(GLAZE_SLOT if band >= FIRST_GLAZED_BAND else BISCUIT_SLOT)
    faces.append(tuple(reversed(range(around))))
    slots.append(BISCUIT_SLOT)
    faces.append(tuple(range((len(rings) - 1) * around, len(rings) * around)))
    slots.append(GLAZE_SLOT)

    mesh = bpy.data.meshes.new("tile")
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(glaze)
    mesh.materials.append(biscuit)
    drawing = mesh.uv_layers.new(name="drawing")
    for polygon, slot in zip(mesh.polygons, slots):
        polygon.material_index = slot
        # The back stays flat; everything else flows into its neighbours.
        polygon.use_smooth = polygon.index != len(faces) - 2
        for loop in polygon.loop_indices:
            x, y, _ = mesh.vertices[mesh.loops[loop].vertex_index].co
            drawing.data[loop].uv = (x / (2.0 * HALF_SIDE) + 0.5, y / (2.0 * HALF_SIDE) + 0.5)
    mesh.validate()
    return bpy.data.objects.new("tile", mesh)
