"""Pixels and render borders. Pure: no Blender in here.

Pixel rectangles are (x, y, width, height) from the top left corner of the final image; Blender's border
is four floats from the bottom left, which it turns into pixels by truncating float32(border * size).
"""

import struct
from typing import Any, NamedTuple

from driver.failure import Failure


class Rectangle(NamedTuple):
    """Pixels from the top left corner of the full image."""

    x: int
    y: int
    width: int
    height: int

    def contains(self, other: "Rectangle") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def answer(self) -> dict[str, int]:
        return dict(self._asdict())


class Border(NamedTuple):
    """Blender's border_min_x, border_max_x, border_min_y, border_max_y."""

    min_x: float
    max_x: float
    min_y: float
    max_y: float


def full_size(resolution_x: int, resolution_y: int, percentage: int) -> tuple[int, int]:
    """The size of the un-cropped image in pixels; Blender truncates here too."""
    return resolution_x * percentage // 100, resolution_y * percentage // 100


def border_of(window: Rectangle, width: int, height: int) -> Border:
    """The border that makes Blender render exactly this window of a width x height image.

    Inner edges aim at the middle of a pixel, so that neither float32 rounding nor truncation can move
    them; outer edges are exactly 0 and 1.
    """
    return Border(
        _edge(window.x, width),
        _edge(window.x + window.width, width),
        _edge(height - window.y - window.height, height),
        _edge(height - window.y, height),
    )


def pixels_of(border: Border, width: int, height: int) -> Rectangle:
    """The pixels that Blender renders for a border, by its own arithmetic."""
    left, right = _truncate(border.min_x, width), _truncate(border.max_x, width)
    bottom, top = _truncate(border.min_y, height), _truncate(border.max_y, height)
    return Rectangle(left, height - top, right - left, top - bottom)


def parse_window(window: Any) -> Rectangle:
    """Reads a command's window; raises `bad_command` when it is not four whole numbers that make sense."""
    names = ("x", "y", "width", "height")
    if not isinstance(window, dict) or not all(isinstance(window.get(name), int) for name in names):
        raise Failure("bad_command", "farm", "a tile needs window {x, y, width, height} in whole pixels")
    rectangle = Rectangle(*(window[name] for name in names))
    if rectangle.width < 1 or rectangle.height < 1 or rectangle.x < 0 or rectangle.y < 0:
        raise Failure("bad_command", "farm", f"the window {rectangle.answer()} is empty or starts outside the image")
    return rectangle


def _edge(pixel: int, size: int) -> float:
    if pixel <= 0:
        return 0.0
    if pixel >= size:
        return 1.0
    return (pixel + 0.5) / size


def _truncate(edge: float, size: int) -> int:
    return int(float32(float32(edge) * size))


def float32(value: float) -> float:
    """The nearest 32-bit float, which is what Blender computes with."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])
