"""Words for people: translated by Blender, with values in them; sizes and times as people read them."""

from typing import Any, Dict, List

import bpy


def said(message: str, **values: Any) -> str:
    """The message in the language of Blender, with its values."""
    return bpy.app.translations.pgettext_iface(message).format(**values)


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def wrapped(text: str, width: int) -> List[str]:
    """Lines of at most so many characters: Blender's labels do not break."""
    lines: List[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def progress(told: Dict[str, Any]) -> float:
    return told.get("done", 0) / told["total"] if told.get("total") else 0.0


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
