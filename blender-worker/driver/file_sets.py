"""Files that are members of a set, of a sequence or of the tiles of a UDIM image: which of them are shown when."""

import os
import re
from typing import Any, Iterable, NamedTuple, Optional

# The last digits of a file's name, before its ending.
_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)


class Pattern(NamedTuple):
    """The name of a member, taken apart around its number."""

    folder: str
    before: str
    digits: str
    after: str

    @property
    def number(self) -> int:
        """That of the member which was taken apart."""
        return int(self.digits)

    def name(self, number: int) -> str:
        """The path of another member."""
        text = f"{number:0{len(self.digits)}d}" if number >= 0 else f"-{-number:0{len(self.digits) - 1}d}"
        return self.folder + self.before + text + self.after


def pattern_of(path: str) -> Optional[Pattern]:
    """How the members of a path's sequence are called; None for a name without a number."""
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    stem, ending = os.path.splitext(path[cut:])
    found = _NUMBER.match(stem)
    return None if found is None else Pattern(path[:cut], found[1], found[2], found[3] + ending)


def tile_path(path: str, number: int) -> str:
    """The file of one UDIM tile."""
    u, v = (number - 1001) % 10 + 1, (number - 1001) // 10 + 1
    return path.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{u}_v{v}")


def of_image(user: Any, frame: int) -> Optional[int]:
    """The number of the file that an image sequence shows at a frame; None if it shows none."""
    length = user.frame_duration
    if length == 0:
        return None
    at = frame - user.frame_start + 1
    if user.use_cyclic:
        at = at % length or length
    return min(max(at, 0), length) + user.frame_offset


def of_volume(volume: Any, frame: int) -> Optional[int]:
    """The number of the file that a sequence of volumes shows at a frame; None if it shows none."""
    length, mode = volume.frame_duration, volume.sequence_mode
    at = frame - volume.frame_start + 1
    if length == 0 or (mode == "CLIP" and not 1 <= at <= length):
        return None
    if mode == "EXTEND":
        at = min(max(at, 1), length)
    elif mode == "REPEAT":
        at = at % length or length
    elif mode == "PING_PONG":
        there_and_back = max(1, length * 2 - 2)
        at = at % there_and_back or there_and_back
        at = length * 2 - at if at > length else at
    return at + volume.frame_offset


def text_of(numbers: Iterable[int]) -> str:
    """`1-3, 7`."""
    parts = []
    for first, last in runs(numbers):
        parts.append(str(first) if first == last else f"{first}-{last}")
    return ", ".join(parts)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers that follow one another, as first and last."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
