"""Settings changed for one command and put back after it, so that no task can change another's pixels."""

from typing import Any, Optional

from driver import animation

# Image settings that must come first when put back: the others are only accepted where these allow them.
_FORMAT_FIRST = ("media_type", "file_format", "format", "codec", "color_mode", "color_depth")


class Overrides:
    """Use as a context manager; everything set through it is undone on leaving, latest first."""

    def __init__(self) -> None:
        self._undo: list[Any] = []

    def __enter__(self) -> "Overrides":
        return self

    def __exit__(self, *_exception: object) -> None:
        while self._undo:
            self._undo.pop()()

    def undo_with(self, action: Any) -> None:
        """Runs `action` on leaving."""
        self._undo.append(action)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Sets a property if this Blender has it, and silences animation that would set it back."""
        if not hasattr(owner, name):
            return
        before = getattr(owner, name)
        self._silence_animation(owner, name)
        self._undo.append(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def keep_image_settings(self, image_settings: Any) -> None:
        """Remembers a whole ImageFormatSettings: setting its file format also changes depth, mode and codec, and where
        a movie is set again all of the movie's own settings.
        """
        before = _values_of(image_settings)
        movie = getattr(getattr(image_settings.id_data, "render", None), "ffmpeg", None)
        of_movie = None if movie is None else _values_of(movie)

        def put_back() -> None:
            put_image_settings(image_settings, before)
            if movie is not None and of_movie is not None and _values_of(movie) != of_movie:
                put_image_settings(movie, of_movie)
                # Which colour modes there are depends on the codec; setting the format once more would set that again.
                after = {name: before[name] for name in before if name not in ("media_type", "file_format")}
                put_image_settings(image_settings, after)

        self._undo.append(put_back)

    def _silence_animation(self, owner: Any, name: str) -> None:
        found = animation.curves(getattr(owner, "id_data", None))
        path = _data_path(owner, name) if found else None
        if path is None:
            return
        for curve in found:
            if curve.data_path == path and not curve.mute:
                curve.mute = True
                self._undo.append(lambda curve=curve: setattr(curve, "mute", False))


def _values_of(settings: Any) -> dict[str, Any]:
    return {
        name: getattr(settings, name)
        for name, kind in settings.bl_rna.properties.items()
        if not kind.is_readonly and kind.type != "POINTER"
    }


def put_image_settings(image_settings: Any, values: dict[str, Any]) -> None:
    """Sets image settings in an order in which Blender accepts them."""
    rest = [name for name in values if name not in _FORMAT_FIRST]
    for name in [name for name in _FORMAT_FIRST if name in values] + rest:
        try:
            setattr(image_settings, name, values[name])
        except (TypeError, AttributeError):
            # An enumeration that the present format does not offer: the value was never in force.
            continue


def _data_path(owner: Any, name: str) -> Optional[str]:
    try:
        return str(owner.path_from_id(name))
    except (AttributeError, ValueError, TypeError):
        return name if owner == getattr(owner, "id_data", None) else None
