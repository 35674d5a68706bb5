"""Short questions to the farm from a thread, so that the window never waits. The thread touches nothing of bpy."""

import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

from .farm.errors import FarmError

Question = Callable[[], Any]
Then = Callable[[Any, Optional[str]], None]

_condition = threading.Condition()
_waiting: Dict[str, Tuple[Question, Then]] = {}
_answers: List[Tuple[Then, Any, Optional[str]]] = []
_asked: Dict[str, bool] = {}
_thread: Optional[threading.Thread] = None


def ask(key: str, question: Question, then: Then) -> None:
    """Runs `question` in the thread and `then(answer, complaint)` in `deliver`. A newer one of its key replaces it."""
    global _thread
    with _condition:
        _waiting[key] = (question, then)
        if _thread is None or not _thread.is_alive():
            # A daemon: it never keeps Blender from quitting.
            _thread = threading.Thread(target=_run, name="tilework-asker", daemon=True)
            _thread.start()
        _condition.notify()


def busy(key: str) -> bool:
    with _condition:
        return key in _waiting or key in _asked


def deliver() -> bool:
    """In the main thread: hands over what was answered; whether there was anything."""
    with _condition:
        ready, _answers[:] = list(_answers), []
    for then, answer, complaint in ready:
        then(answer, complaint)
    return bool(ready)


def forget() -> None:
    with _condition:
        _waiting.clear()
        _answers.clear()


def _run() -> None:
    while True:
        with _condition:
            while not _waiting:
                _condition.wait()
            key = next(iter(_waiting))
            question, then = _waiting.pop(key)
            _asked[key] = True
        answer, complaint = None, None
        try:
            answer = question()
        except FarmError as error:
            complaint = error.detail
        except OSError as error:
            complaint = f"{error.filename or 'A file'}: {error.strerror or error}"
        with _condition:
            _asked.pop(key, None)
            _answers.append((then, answer, complaint))
