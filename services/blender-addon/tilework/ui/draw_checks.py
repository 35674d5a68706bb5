"""What the checks found, each with its buttons."""

from typing import Any

from .. import live
from .draw_plan import columns_of, lines


def draw(layout: Any, context: Any) -> None:
    live.state.seen("checks")
    width = columns_of(context)
    row = layout.row()
    if not live.state.findings:
        row.label(text="Nothing to object to", icon="CHECKMARK")
    row.operator("tilework.check", icon="FILE_REFRESH")
    for found in live.state.findings:
        box = layout.box()
        lines(box.column(align=True), "ERROR" if found.bad else "INFO", found.sentence, width - 2)
        if found.remedies or found.shows:
            buttons = box.row(align=True)
            for remedy in found.remedies:
                button = buttons.operator(remedy.operator, text=remedy.label)
                for name, value in remedy.arguments.items():
                    setattr(button, name, value)
            if found.shows:
                buttons.operator("tilework.show", icon="RESTRICT_SELECT_OFF").name = found.shows
