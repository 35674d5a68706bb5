"""The one exception that carries a typed failure to the worker."""

import re

BLAMES = ("scene", "worker", "farm")


class Failure(Exception):
    """A command failed for a reason that has a code; blame says who can do something about it."""

    def __init__(self, code: str, blame: str, message: str) -> None:
        super().__init__(message)
        assert blame in BLAMES
        self.code = code
        self.blame = blame
        self.message = message


# What Blender and Cycles say when they give up, in the order in which it is looked for: a GPU that is
# out of memory says both, and the memory is what the farm can act on.
_SPOKEN = (
    (
        re.compile(r"out of (gpu |host |system )?memory|bad_alloc|memoryerror|cannot allocate", re.I),
        "out_of_memory",
        "worker",
    ),
    (
        re.compile(r"(cuda|optix|hip|metal|oneapi|gpu)\b.*(error|fail|illegal|invalid)|no compatible gpus", re.I),
        "gpu_error",
        "worker",
    ),
    (re.compile(r"no space left on device", re.I), "disk_full", "worker"),
    (re.compile(r"without openimagedenois", re.I), "denoiser_missing", "worker"),
    (re.compile(r"render engine .* not found", re.I), "engine_missing", "worker"),
    (re.compile(r"no (active )?camera|camera is missing|without a camera", re.I), "no_camera", "scene"),
)


def from_exception(error: BaseException) -> Failure:
    """The failure that an exception out of Blender means; `blender_error` when nothing better is known."""
    if isinstance(error, Failure):
        return error
    said = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError):
        return Failure("out_of_memory", "worker", said)
    for pattern, code, blame in _SPOKEN:
        if pattern.search(said):
            return Failure(code, blame, said)
    return Failure("blender_error", "scene", f"{type(error).__name__}: {said}")
