"""A process of its own for what takes long: `python -c BOOT FOLDER_OF_ADDON FOLDER_OF_TASK FOLDER_OF_STATE`.

The token comes as the first line of standard input, so that neither a list of processes nor a file shows it. When
standard input ends, Blender is gone or wants the work to stop: it stops within a second and can be gone on with.
"""

import json
import os
import subprocess
import sys
import threading
from typing import List

from . import lock
from .errors import INTERRUPTED, USAGE, FarmError
from .work import Work

# Nothing of the environment or of the user's Python is taken in, and nothing is written beside the add-on's files.
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from farm import child; child.main()"


def command(python: str, folder: str, home: str) -> List[str]:
    addon = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [python, "-I", "-B", "-c", _BOOT, addon, folder, home]


def start(python: str, folder: str, home: str, token: str) -> "subprocess.Popen[bytes]":
    """Starts the work of a folder. It ends by itself when it is done, or soon after its standard input was closed."""
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    else:
        flags = {"start_new_session": True}
    with open(os.path.join(folder, "child.log"), "wb") as log:
        process = subprocess.Popen(
            command(python, folder, home), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, **flags
        )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps({"token": token}).encode() + b"\n")
        process.stdin.flush()
    except OSError:
        pass  # it ended at once; its log says why
    return process


def main() -> None:
    folder, home = sys.argv[1:3]
    if sys.platform != "win32":
        os.nice(10)  # Blender's window comes first
    stop = threading.Event()
    first = sys.stdin.readline()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    try:
        token = json.loads(first)["token"]
        held = lock.take(lock.beside(folder))
        if held is None:
            os._exit(INTERRUPTED)  # another Blender does this work
        code = Work(folder, home, token, stop).run()
    except (ValueError, KeyError, FarmError) as error:
        print(error, file=sys.stderr)
        code = USAGE
    sys.stderr.flush()
    # Threads may still wait for the farm; what they were doing is begun again.
    os._exit(code)


def _wait_for_end(stop: threading.Event) -> None:
    while sys.stdin.readline():
        pass
    stop.set()
    # A request that hangs must not keep the process.
    threading.Timer(3.0, os._exit, (INTERRUPTED,)).start()
