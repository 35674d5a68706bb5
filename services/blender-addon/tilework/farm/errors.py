"""What can go wrong, as sentences for a person and exit codes for scripts."""

from typing import Optional

# The same as those of the command `tilework`.
FAILED = 1
USAGE = 2
NOT_FOUND = 3
UNAUTHORIZED = 4
UNREACHABLE = 5
INTERRUPTED = 130


class FarmError(Exception):
    """Something ended what was being done: a stable code, a sentence, and the exit code for it."""

    def __init__(self, code: str, detail: str, exit_code: int = FAILED, retry: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.exit_code = exit_code
        # The same may succeed later.
        self.retry = retry


class Unreachable(FarmError):
    """No answer came, or none that a farm gives."""

    def __init__(self, url: str, why: str, code: str = "unreachable") -> None:
        super().__init__(code, f"The farm at {url} cannot be reached: {why}", UNREACHABLE, retry=True)


class Refused(FarmError):
    """The farm said no, in its own words."""

    def __init__(self, status: int, code: str, detail: str, wait_seconds: Optional[float] = None) -> None:
        exit_code = {"not_found": NOT_FOUND, "unauthorized": UNAUTHORIZED, "forbidden": UNAUTHORIZED}.get(code, FAILED)
        super().__init__(code, sentence(detail), exit_code, retry=status in (429, 503) or code == "upload_cut")
        self.status = status
        self.wait_seconds = wait_seconds


class Stopped(Exception):
    """Blender went away, or the artist stopped it; what was done so far is kept."""


def sentence(text: str) -> str:
    """With a capital letter, as Blender shows messages."""
    return text[:1].upper() + text[1:]
