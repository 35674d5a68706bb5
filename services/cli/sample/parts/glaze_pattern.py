"""The drawing on one tile: a quarter of a rosette, meant to be laid in four turns.

Corner A (u = v = 0) is the heart of the rosette, corner C (1, 1) the eight-pointed star between
four rosettes, corners B and D the small dots. The drawing is its own mirror image in the diagonal,
so four tiles turned around any corner always meet without a seam.
"""

import math
from array import array

import bpy

SIDE_PX = 256
# Points per pixel and axis: the drawing has hard edges, and this is what makes them smooth.
SUPERSAMPLES = 2

# Scene-referred display values (sRGB); the image node turns them into linear light.
IVORY = (0.95, 0.91, 0.82)
COBALT = (0.06, 0.20, 0.56)
NIGHT = (0.035, 0.085, 0.29)
TURQUOISE = (0.09, 0.58, 0.64)
CORAL = (0.90, 0.36, 0.19)
GOLD = (1.00, 0.78, 0.36)


def _petals(angle_rad, inner, outer, shift):
    """The radius of an eight-petalled outline at an angle; shift 0.5 puts petals between petals."""
    wave = 0.5 + 0.5 * math.cos(8.0 * angle_rad + 2.0 * math.pi * shift)
    return inner + (outer - inner) * wave**0.7


def _star(x, y):
    """How far out (x, y) lies in an eight-pointed star: the 'radius' of two crossed squares."""
    x, y = abs(x), abs(y)
    return min(max(x, y), (x + y) / math.sqrt(2.0))


def _colour_at(u, v):
    """The colour of the drawing at (u, v), and whether it is gilded there."""
    star = _star(1.0 - u, 1.0 - v)
    if star < 0.10:
        return CORAL, False
    if star < 0.135:
        return GOLD, True
    if star < 0.26:
        return IVORY, False
    if star < 0.30:
        return GOLD, True

    dot = min(math.hypot(1.0 - u, v), math.hypot(u, 1.0 - v))
    if dot < 0.08:
        return GOLD, True
    if dot < 0.17:
        return TURQUOISE, False
    if dot < 0.20:
        return IVORY, False

    radius = math.hypot(u, v)
    angle_rad = math.atan2(v, u)
    if radius < 0.09:
        return GOLD, True
    if radius < 0.16:
        return CORAL, False
    if radius < _petals(angle_rad, 0.16, 0.40, 0.5):
        return TURQUOISE, False
    if radius < _petals(angle_rad, 0.20, 0.44, 0.5):
        return NIGHT, False
    petal = _petals(angle_rad, 0.40, 0.72, 0.0)
    if radius < petal - 0.04:
        return IVORY, False
    if radius < petal:
        return GOLD, True
    if radius < 0.79:
        return COBALT, False
    if radius < 0.83:
        return IVORY, False
    if radius < 0.96:
        return NIGHT, False
    return COBALT, False


def _paint(name, pixels, colorspace):
    image = bpy.data.images.new(name, SIDE_PX, SIDE_PX, alpha=False)
    image.colorspace_settings.name = colorspace
    image.pixels.foreach_set(pixels)
    image.update()
    image.pack()
    return image


def build_images():
    """Paint the tile. Gives (glaze, gilding): colour, and 1 where gold leaf lies; both packed."""
    glaze, gilding = array("f"), array("f")
    step = 1.0 / (SIDE_PX * SUPERSAMPLES)
    points = SUPERSAMPLES * SUPERSAMPLES
    for row in range(SIDE_PX):
        for column in range(SIDE_PX):
            red = green = blue = gold = 0.0
            for i in range(points):
                u = (column * SUPERSAMPLES + i % SUPERSAMPLES + 0.5) * step
                v = (row * SUPERSAMPLES + i // SUPERSAMPLES + 0.5) * step
                colour, gilded = _colour_at(u, v)
                red, green, blue = red + colour[0], green + colour[1], blue + colour[2]
                gold += gilded
            glaze.extend((red / points, green / points, blue / points, 1.0))
            gilding.extend((gold / points, gold / points, gold / points, 1.0))
    return _paint("glaze", glaze, "sRGB"), _paint("gilding", gilding, "Non-Color")
