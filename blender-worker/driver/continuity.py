"""Scenes whose frames depend on earlier ones: rendered in order in one go, or from a freshly loaded file.

Blender keeps unbaked simulations in the open file. Frames that follow one another go on from them, as
`blender -a` does; any other frame starts from the file as it was saved, as `blender -f` does. So what was
rendered before never shows by accident.
"""

from typing import Any, Optional

from driver import history, scene_file


class _Run:
    load_number: int = -1
    depends: bool = False
    last: Optional[tuple[str, int]] = None


_run = _Run()


def prepare(scene: Any, frame: int, fresh: bool = False) -> bool:
    """Loads the scene again when what it has simulated would not lead up to `frame`; True when it did.

    `fresh` begins anew even where the frames lead on: what a task gives must not depend on the task before it.
    Every reference to the scene is void after a load: look it up again.
    """
    if _run.load_number != scene_file.load_number():
        _run.load_number = scene_file.load_number()
        _run.depends = len(history.unbaked()) > 0
        _run.last = None
    last = _run.last
    reload = (
        _run.depends
        and last is not None
        and (fresh or last[0] != scene.name or frame - last[1] not in (0, scene.frame_step))
    )
    name = scene.name
    if reload:
        scene_file.load_again()
        _run.load_number = scene_file.load_number()
    _run.last = (name, frame)
    return reload
