"""Rows of scanline EXR files, read and written one at a time, so that a frame of any size fits into memory."""

import os
import struct
import zlib
from typing import Any, BinaryIO, Callable, Iterator

from driver.exr_header import MAGIC, Attribute, ExrHeader
from driver.failure import Failure

FLOAT = 2
_SAMPLE_BYTES = {0: 4, 1: 2, 2: 4}
# Code of each compression that is read, and the rows in one of its blocks.
_ROWS_PER_BLOCK = {0: 1, 2: 1, 3: 16}
_LONG_NAMES = 0x400

# The bytes of each channel of one row.
Row = dict[str, bytes]


def rows(path: str, header: ExrHeader) -> Iterator[tuple[int, Row]]:
    """Number (0 at the top) and samples of every row; raises `stitched_unreadable` (farm) where it cannot."""
    try:
        with open(path, "rb") as handle:
            yield from _rows(handle, header)
    except (OSError, OverflowError, struct.error, zlib.error, ValueError) as error:
        raise Failure("stitched_unreadable", "farm", f"cannot read the pixels of {path}: {error}") from error


def rewrite(path: str, header: ExrHeader, change: Callable[[Row], None]) -> None:
    """Lets `change` alter the samples of every row of a file, in place; compression and attributes stay."""
    block_rows = _ROWS_PER_BLOCK[_compression(header)]
    beside = f"{path}.rewritten"
    offsets: list[int] = []
    with open(path, "rb") as before, open(beside, "wb") as after:
        after.write(before.read(header.length))
        after.write(bytes(8 * -(-header.height // block_rows)))
        pending: list[bytes] = []
        for number, row in rows(path, header):
            change(row)
            pending.append(b"".join(row[name] for name in header.channels))
            if len(pending) == block_rows or number == header.height - 1:
                raw = b"".join(pending)
                packed = _pack(raw) if _compression(header) != 0 else raw
                offsets.append(after.tell())
                after.write(struct.pack("<ii", header.first_row + number - len(pending) + 1, len(packed)) + packed)
                pending = []
        after.seek(header.length)
        after.write(struct.pack(f"<{len(offsets)}Q", *offsets))
    os.replace(beside, path)


class RowWriter:
    """Writes an uncompressed EXR file, rows in any order; what is kept of `attributes` is all but the layout."""

    def __init__(self, path: str, header: ExrHeader, channels: list[tuple[str, int]]) -> None:
        self._channels = sorted(channels)
        self._row_bytes = sum(_SAMPLE_BYTES[code] for _name, code in channels) * header.width
        self._first_row = header.first_row
        head = _head(header.attributes, self._channels)
        self._start = len(head) + 8 * header.height
        self._handle: BinaryIO = open(path, "wb")  # noqa: SIM115 (closed by __exit__)
        self._handle.write(head)
        for row in range(header.height):
            self._handle.write(struct.pack("<Q", self._position(row)))

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._handle.close()

    def write(self, row: int, samples: Row) -> None:
        """Writes one row; `samples` must have every channel."""
        self._handle.seek(self._position(row))
        self._handle.write(struct.pack("<ii", self._first_row + row, self._row_bytes))
        self._handle.write(b"".join(samples[name] for name, _code in self._channels))

    def _position(self, row: int) -> int:
        return self._start + row * (8 + self._row_bytes)


def _rows(handle: BinaryIO, header: ExrHeader) -> Iterator[tuple[int, Row]]:
    block_rows = _ROWS_PER_BLOCK.get(_compression(header))
    if block_rows is None:
        raise ValueError(f"compression {_compression(header)} is not read here")
    lengths = [(name, _SAMPLE_BYTES[code] * header.width) for name, code in zip(header.channels, header.types)]
    row_bytes = sum(length for _name, length in lengths)
    handle.seek(header.length)
    count = -(-header.height // block_rows)
    for offset in struct.unpack(f"<{count}Q", handle.read(8 * count)):
        handle.seek(offset)
        number, size = struct.unpack("<ii", handle.read(8))
        first = number - header.first_row
        if not 0 <= first < header.height:
            raise ValueError(f"a block says that it holds row {first}")
        raw_bytes = row_bytes * min(block_rows, header.height - first)
        if not 0 <= size <= raw_bytes:
            raise ValueError(f"the block of row {first} says that it has {size} bytes")
        block = handle.read(size)
        raw = block if size == raw_bytes else _unpack(block, raw_bytes)
        if len(raw) != raw_bytes:
            raise ValueError(f"the block of row {first} is damaged")
        for at in range(0, raw_bytes, row_bytes):
            row: Row = {}
            position = at
            for name, length in lengths:
                row[name] = raw[position : position + length]
                position += length
            yield first + at // row_bytes, row


def _compression(header: ExrHeader) -> int:
    for attribute in header.attributes:
        if attribute.name == "compression" and len(attribute.value) == 1:
            return attribute.value[0]
    raise ValueError("its header names no compression")


def _pack(raw: bytes) -> bytes:
    import numpy

    ordered: Any = numpy.frombuffer(raw, numpy.uint8)
    ordered = numpy.concatenate((ordered[0::2], ordered[1::2]))
    ordered[1:] = numpy.diff(ordered) - 128
    packed = zlib.compress(ordered.tobytes(), 1)
    return packed if len(packed) < len(raw) else raw


def _unpack(block: bytes, raw_bytes: int) -> bytes:
    import numpy

    # Deflated differences, 128 added to each; the even bytes first, then the odd ones.
    packed: Any = numpy.frombuffer(zlib.decompressobj().decompress(block, raw_bytes + 1), numpy.uint8).copy()
    if len(packed) != raw_bytes:
        raise ValueError("a block has another length than its rows")
    packed[1:] -= 128
    packed = numpy.add.accumulate(packed, dtype=numpy.uint8)
    raw = numpy.empty(raw_bytes, numpy.uint8)
    half = (raw_bytes + 1) // 2
    raw[0::2], raw[1::2] = packed[:half], packed[half:]
    return bytes(raw.tobytes())


def _head(attributes: list[Attribute], channels: list[tuple[str, int]]) -> bytes:
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iiii", code, 0, 1, 1) for name, code in channels) + b"\0"
    replaced = {"channels": listed, "compression": b"\0", "lineOrder": b"\0"}
    kept = [
        one._replace(value=replaced.get(one.name, one.value))
        for one in attributes
        if one.name not in ("chunkCount", "preview")
    ]
    body = b"".join(
        one.name.encode() + b"\0" + one.kind.encode() + b"\0" + struct.pack("<I", len(one.value)) + one.value
        for one in kept
    )
    return struct.pack("<II", MAGIC, 2 | _LONG_NAMES) + body + b"\0"
