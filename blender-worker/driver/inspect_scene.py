"""Deep facts about the open scene, before anything is rendered."""

from typing import Any


def run(command: dict[str, Any]) -> dict[str, Any]:
    return {}
