"""Reads the header of a single-part scanline EXR: its channels, its attributes, and where its pixels begin.

Pure Python: Blender has no interface for this. Only the header is read, within bounds.
"""

import struct
from typing import BinaryIO, NamedTuple

from driver.failure import Failure

MAGIC = 20000630
# Headers carry Cryptomatte manifests, which list every object; 64 MiB is a million names.
HEADER_BYTES_MAX = 64 << 20
# Pixels a side: Blender's own maximum.
SIDE_MAX = 65536


class Attribute(NamedTuple):
    """One attribute as it stands in the file."""

    name: str
    kind: str
    value: bytes


class ExrHeader(NamedTuple):
    """Size in pixels of the data window, channel names in file order, and string attributes."""

    width: int
    height: int
    channels: list[str]
    strings: dict[str, str]
    # Sample type of each channel by its code in the format: 0 uint, 1 half, 2 float.
    types: list[int]
    # Number of the first row, which blocks are numbered from.
    first_row: int
    attributes: list[Attribute]
    # Bytes before the table of block offsets.
    length: int


def read(path: str) -> ExrHeader:
    """The header of the file at `path`; raises `stitched_unreadable` (farm) when it is not such a file."""
    try:
        with open(path, "rb") as handle:
            return _parse(handle, path)
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise Failure("stitched_unreadable", "farm", f"cannot read {path} as an EXR image: {error}") from error


def _parse(handle: BinaryIO, path: str) -> ExrHeader:
    magic, version = struct.unpack("<II", handle.read(8))
    if magic != MAGIC or version & 0x0A00:
        raise ValueError("not a scanline EXR")
    if version & 0x1000:
        raise ValueError("it has several parts; raw files are written with one, interleaved")
    window = None
    channels: list[tuple[str, int]] = []
    strings: dict[str, str] = {}
    attributes: list[Attribute] = []
    while True:
        name = _text(handle)
        if not name:
            break
        kind = _text(handle)
        (size,) = struct.unpack("<I", handle.read(4))
        if handle.tell() + size > HEADER_BYTES_MAX:
            raise ValueError(f"its header is larger than {HEADER_BYTES_MAX} bytes")
        value = handle.read(size)
        attributes.append(Attribute(name, kind, value))
        if name == "dataWindow":
            window = struct.unpack("<4i", value)
        elif name == "channels":
            channels = _channels(value)
        elif kind == "string":
            strings[name] = value.decode("utf-8", "replace")
    if window is None or not channels:
        raise ValueError("its header has no data window or no channels")
    if not (1 <= window[2] - window[0] + 1 <= SIDE_MAX and 1 <= window[3] - window[1] + 1 <= SIDE_MAX):
        raise ValueError(f"it says that it has {window[2] - window[0] + 1} x {window[3] - window[1] + 1} pixels")
    if any(code not in (0, 1, 2) for _name, code in channels):
        raise ValueError("a channel of it has an unknown sample type")
    return ExrHeader(
        width=window[2] - window[0] + 1,
        height=window[3] - window[1] + 1,
        channels=[name for name, _type in channels],
        strings=strings,
        types=[code for _name, code in channels],
        first_row=window[1],
        attributes=attributes,
        length=handle.tell(),
    )


def _channels(value: bytes) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    position = 0
    while position < len(value) and value[position] != 0:
        end = value.index(b"\0", position)
        (code,) = struct.unpack_from("<i", value, end + 1)
        found.append((value[position:end].decode("utf-8", "replace"), code))
        position = end + 1 + 16
    return found


def _text(handle: BinaryIO) -> str:
    found = bytearray()
    while True:
        byte = handle.read(1)
        if byte in (b"", b"\0"):
            return found.decode("utf-8")
        found += byte
        if len(found) > 255:
            raise ValueError("a name in its header has no end")
