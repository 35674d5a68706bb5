"""The command loop: one command in, its answer out. Nothing a command does may end the loop."""

import json
import os
import sys
import traceback
from typing import Any, Callable, TextIO

from driver import failure, leash, printed
from driver.failure import Failure

# A command is a few paths and numbers. More than this is not a command.
COMMAND_BYTES_MAX = 1 << 20

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def serve(argv: list[str]) -> None:
    """Answers commands until `quit` or the end of input, then leaves Blender without its exit chatter."""
    leash.end_with_parent()
    answers = os.fdopen(_answer_descriptor(argv), "w", encoding="utf-8", newline="\n")
    handlers = _handlers()
    from driver import progress  # needs bpy

    progress.report_to(lambda text: _send(answers, {"event": "progress", "text": text}))
    _send(answers, {"event": "ready"})
    while True:
        line = sys.stdin.readline(COMMAND_BYTES_MAX)
        if not line:
            break
        if not line.strip():
            continue
        command_id, answer = _answer(line, handlers)
        printed.flush()  # before the answer, so that whoever reads it has read what was printed
        _send(answers, {"id": command_id, **answer})
        if answer.get("quit"):
            break
    answers.flush()
    sys.stdout.flush()
    # Blender's own exit frees every datablock of a big scene one by one; nothing is left to save.
    os._exit(0)


def _answer(line: str, handlers: dict[str, Handler]) -> tuple[Any, dict[str, Any]]:
    command_id: Any = None
    try:
        command = _parse(line)
        command_id = command.get("id")
        handler = handlers.get(command.get("command", ""))
        if handler is None:
            known = ", ".join(sorted(handlers))
            raise Failure("bad_command", "farm", f"unknown command {command.get('command')!r}; known are {known}")
        return command_id, {"ok": True, **handler(command)}
    except Exception as error:  # every fault of one command becomes its answer
        if not isinstance(error, Failure):
            traceback.print_exc()
        typed = failure.from_exception(error)
        return command_id, {"ok": False, "code": typed.code, "blame": typed.blame, "message": typed.message[:4000]}


def _parse(line: str) -> dict[str, Any]:
    if len(line) >= COMMAND_BYTES_MAX:
        raise Failure("bad_command", "farm", f"a command line is at most {COMMAND_BYTES_MAX} bytes long")
    try:
        command = json.loads(line)
    except ValueError as error:
        raise Failure("bad_command", "farm", f"a command is one line of JSON: {error}") from error
    if not isinstance(command, dict):
        raise Failure("bad_command", "farm", "a command is a JSON object")
    return command


def _handlers() -> dict[str, Handler]:
    # Imported late so that a broken import is seen on standard error with its traceback, after `bpy` is there.
    from driver import devices, finish, inspect_scene, render_tile, render_views, scene_file

    scene_file.prepare_blender()

    def render(command: dict[str, Any]) -> dict[str, Any]:
        mode = command.get("mode")
        if mode == "frame":
            return render_views.run(command)
        if mode == "tile":
            return render_tile.run(command)
        raise Failure("bad_command", "farm", f"mode is 'frame' or 'tile', not {mode!r}")

    return {
        "probe": lambda _command: devices.probe(),
        "open": scene_file.open_scene,
        "inspect": inspect_scene.run,
        "render": render,
        "finish": finish.run,
        "quit": lambda _command: {"quit": True},
    }


def _answer_descriptor(argv: list[str]) -> int:
    own = argv[argv.index("--") + 1 :] if "--" in argv else []
    if "--fd-out" in own:
        return int(own[own.index("--fd-out") + 1])
    raise SystemExit("main.py needs `-- --fd-out N`: the descriptor that answers are written to")


def _send(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False) + "\n")
    answers.flush()
