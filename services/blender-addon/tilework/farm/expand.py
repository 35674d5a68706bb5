"""From a path in a .blend to the files it stands for: tiles of a UDIM, frames of a sequence, all of a folder."""

import glob
import os
import re
from typing import Iterator, List

_TILE_MARKS = {"<UDIM>": "[0-9][0-9][0-9][0-9]", "<UVTILE>": "u[0-9]*_v[0-9]*"}


def files(path: str, sequence: bool = False) -> List[str]:
    """What is there of it, in the order of names; none where it is missing."""
    path = os.path.normpath(path)
    for mark, pattern in _TILE_MARKS.items():
        if mark in os.path.basename(path):
            before, after = path.split(mark, 1)
            return sorted(glob.glob(glob.escape(before) + pattern + glob.escape(after)))
    if os.path.isdir(path):
        return sorted(_below(path))
    found = set(sequence_files(path)) if sequence else set()
    if os.path.isfile(path):
        found.add(path)
    return sorted(found)


def sequence_files(path: str) -> List[str]:
    """All files that differ from this one in their last number alone: whichever frame the path names is chance."""
    folder, name = os.path.split(path)
    numbers = list(re.finditer(r"\d+", os.path.splitext(name)[0]))
    if not numbers or not os.path.isdir(folder):
        return []
    last = numbers[-1]
    alike = re.compile(re.escape(name[: last.start()]) + r"\d+" + re.escape(name[last.end() :]))
    return sorted(os.path.join(folder, one) for one in os.listdir(folder) if alike.fullmatch(one))


def _below(folder: str) -> Iterator[str]:
    for parent, _folders, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)


def common_root(paths: List[str]) -> str:
    """The deepest folder that holds all of them. Raises ValueError where they lie on different drives."""
    return os.path.commonpath([os.path.dirname(path) for path in paths])


def below(root: str, path: str) -> str:
    """As the farm names it: relative to the root, with forward slashes."""
    return os.path.relpath(path, root).replace(os.sep, "/")
