"""The animation of a scene's own settings: which there are, and keeping what they were."""

import re
from typing import Any, Iterator

# The last step of a path is a name, or a key in brackets.
_LAST_KEY = re.compile(r'^(.*)\[("(?:[^"\\]|\\.)*")\]$')


def curves(block: Any) -> list[Any]:
    """All F-curves and drivers that act on a block: of its action, of actions in its NLA strips, and its drivers."""
    data = getattr(block, "animation_data", None)
    if data is None:
        return []
    found = [*_of_action(data), *data.drivers]
    for track in data.nla_tracks:
        for strip in track.strips:
            found.extend(_of_action(strip))
            # The strip's own influence and time, which say what of the action counts.
            found.extend(getattr(strip, "fcurves", ()))
    return found


def is_moved(block: Any, path: str) -> bool:
    """Whether a setting of the block is animated, and no override has muted that."""
    return any(curve.data_path == path and not curve.mute for curve in curves(block))


class Stored:
    """What a block's animated settings are now, as the file has them."""

    def __init__(self, block: Any) -> None:
        self._kept = [(path, owner, name, _copy(getattr(owner, name))) for path, owner, name in _settings(block)]
        self._block = block

    def put_back(self) -> None:
        """Sets all of them back."""
        self._set({path for path, _owner, _name, _value in self._kept})

    def put_back_animated(self) -> None:
        """Sets those back that an evaluation would set again: not the ones whose animation is muted."""
        self._set({curve.data_path for curve in curves(self._block) if not curve.mute})

    def _set(self, paths: set[str]) -> None:
        for path, owner, name, value in self._kept:
            if path not in paths:
                continue
            try:
                setattr(owner, name, value)
            except (AttributeError, TypeError):
                continue  # an enumeration that is narrower now, or a setting that is only read


def _settings(block: Any) -> Iterator[tuple[str, Any, str]]:
    for path in dict.fromkeys(curve.data_path for curve in curves(block)):
        if _LAST_KEY.match(path):
            continue  # a custom property: only drivers read it, and they are evaluated anew
        owner_path, _dot, name = path.rpartition(".")
        try:
            owner = block.path_resolve(owner_path) if owner_path else block
        except ValueError:
            continue  # animates something that is not there any more
        if hasattr(owner, name):
            yield path, owner, name


def _copy(value: Any) -> Any:
    return value[:] if hasattr(value, "__getitem__") and not isinstance(value, (str, bytes)) else value


def _of_action(owner: Any) -> list[Any]:
    """The F-curves of an owner's action that are its own: from 4.4 on an action has slots, each for another owner."""
    action = owner.action
    if action is None:
        return []
    if not getattr(action, "layers", ()):
        return list(getattr(action, "fcurves", ()))
    bags = [bag for layer in action.layers for strip in layer.strips for bag in getattr(strip, "channelbags", ())]
    return [curve for bag in bags if bag.slot_handle == owner.action_slot_handle for curve in bag.fcurves]
