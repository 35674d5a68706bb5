"""The plan: what the farm would do, what is exact and why not, what it refuses."""

from typing import Any, Dict

import bpy

from .. import asker, live, texts


def draw(layout: Any, context: Any) -> None:
    live.state.seen("plan")
    column = layout.column(align=True)
    state = live.state
    width = columns_of(context)
    if state.plan_complaint is not None:
        lines(column, "ERROR", state.plan_complaint, width)
        return
    if state.plan is None:
        if asker.busy("plan"):
            column.label(text="Asking …", icon="SORTTIME")
        elif not bpy.data.filepath:
            column.label(text="The farm plans what it has: save the file and send it", icon="INFO")
        else:
            lines(column, "INFO", texts.said("The farm has not seen this file yet"), width)
            column.operator("tilework.submit", text="Send It for a Plan", icon="EXPORT").only_send = True
        return
    _draw(column, state.plan, width)
    if bpy.data.is_dirty:
        lines(column, "INFO", texts.said("This is the plan of the file as it was sent; it has changed since"), width)


def _draw(column: Any, found: Dict[str, Any], width: int) -> None:
    plan, tasks = found["plan"], found["tasks"]
    if "refusal" in found:
        lines(column, "CANCEL", texts.sentence(found["refusal"]["detail"]), width)
    lines(
        column,
        "RENDER_ANIMATION",
        texts.said(
            "{frames} frames of {width} x {height}, {format}: {render} tasks to render, {audits} checked again",
            frames=plan["frameCount"],
            width=plan["width"],
            height=plan["height"],
            format=plan["format"].upper(),
            render=tasks["render"],
            audits=tasks["audits"],
        ),
        width,
    )
    exactness = found["exactness"]
    if exactness["exact"]:
        lines(column, "CHECKMARK", texts.said("The same pixels as one machine would write"), width)
    for why in exactness["why"]:
        lines(column, "INFO" if exactness["exact"] else "ERROR", texts.sentence(why), width)
    tiles = exactness["tiles"]
    if not tiles["exact"]:
        reasons = "; ".join(tiles["reasons"])
        lines(column, "MESH_GRID", texts.said("Tiles would not be exact: {why}", why=reasons), width)
    for note in plan["notes"]:
        lines(column, "INFO", texts.sentence(note), width)
    for missing in found["missingFiles"][:5]:
        lines(column, "LIBRARY_DATA_BROKEN", f"{missing['path']}: {missing['reason']}", width)
    estimate = found["estimate"]
    if estimate is not None and estimate["seconds"] is not None:
        lines(column, "SORTTIME", texts.said("About {time}", time=texts.duration(estimate["seconds"])), width)


def columns_of(context: Any) -> int:
    """Characters that fit into the width of the region."""
    scale = context.preferences.system.ui_scale
    return max(24, int((context.region.width / scale - 60) / 6.3))


def lines(column: Any, icon: str, text: str, width: int) -> None:
    for number, line in enumerate(texts.wrapped(text, width)):
        column.label(text=line, icon="BLANK1" if number else icon, translate=False)
