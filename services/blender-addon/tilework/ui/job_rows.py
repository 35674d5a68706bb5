"""What is said of a job: one line for the list, and the sentences below it."""

from typing import Any, Dict, List, Optional, Tuple

from .. import texts, works

_ICONS = {
    "inspecting": "VIEWZOOM",
    "planning": "PRESET",
    "active": "RENDER_ANIMATION",
    "encoding": "FILE_MOVIE",
    "completed": "CHECKMARK",
    "failed": "CANCEL",
    "canceled": "X",
    "deleting": "TRASH",
}
_STATES = {
    "inspecting": "A worker looks at the scene",
    "planning": "Its tasks are written down",
    "active": "Rendering",
    "encoding": "The movie is made",
    "completed": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
    "deleting": "Being deleted",
}
_STAGES = {
    "begun": "Beginning",
    "hashing": "Reading files",
    "sending": "Sending",
    "submitting": "Handing in",
    "stopped": "Cut off",
    "failed": "Failed",
    "sent": "Sent",
}


def name_of(job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> str:
    if job is not None:
        return job["name"]
    return "" if status is None else status.task.get("request", {}).get("name", status.job_id or "")


def icon_of(job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> str:
    if job is not None:
        return "PAUSE" if "pausedAt" in job and job["state"] in ("active", "planning") else _ICONS[job["state"]]
    return "ERROR" if status is not None and status.stage == "failed" else "EXPORT"


def short(job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> str:
    """A few words for the list."""
    if job is None:
        if status is None:
            return ""
        done = texts.progress(status.told)
        stage = texts.said(_STAGES.get(status.stage, status.stage))
        return f"{stage} {done:.0%}" if status.stage in ("hashing", "sending") else stage
    if job["state"] in ("active", "encoding", "planning"):
        left = job.get("secondsLeft")
        words = texts.said("Paused") if "pausedAt" in job else f"{job['progress']:.0%}"
        return words + (f", {texts.duration(left)}" if left is not None and "pausedAt" not in job else "")
    return texts.said(_STATES[job["state"]])


def progress(job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> float:
    return job["progress"] if job is not None else texts.progress(status.told) if status is not None else 0.0


def sentences(job: Optional[Dict[str, Any]], status: Optional[works.Status]) -> List[Tuple[str, str]]:
    """(icon, sentence): stages, what waits and why, what went wrong."""
    found: List[Tuple[str, str]] = []
    if status is not None and status.stage in ("hashing", "sending"):
        told = status.told
        found.append(
            (
                "EXPORT",
                texts.said(
                    "{stage}: {done} of {total}, {speed}/s",
                    stage=texts.said(_STAGES[status.stage]),
                    done=texts.size(told.get("done", 0)),
                    total=texts.size(told.get("total", 0)),
                    speed=texts.size(told.get("speed", 0)),
                ),
            )
        )
    if job is not None:
        frames = job["counts"]["frames"]
        left = job.get("secondsLeft")
        line = texts.said(
            "{state}: {done} of {count} frames",
            state=texts.said("Paused" if "pausedAt" in job else _STATES[job["state"]]),
            done=frames.get("delivered", 0),
            count=job["plan"]["frameCount"],
        )
        if left is not None and job["state"] == "active":
            line += ", " + texts.said("about {time} left", time=texts.duration(left))
        found.append((icon_of(job, status), line))
        found += [("SORTTIME", texts.sentence(reason)) for reason in job["waiting"]]
        found += [("QUESTION", texts.sentence(dispute)) for dispute in job["disputes"][:3]]
        if "failure" in job:
            found.append(("ERROR", texts.sentence(job["failure"]["message"])))
    if status is not None:
        if status.told.get("trouble"):
            found.append(("UNLINKED", status.told["trouble"]))
        error = status.error
        if error is not None and (job is None or "failure" not in job):
            found.append(("ERROR", error["detail"]))
        files = status.told.get("files", 0)
        if files:
            found.append(("IMPORT", texts.said("{files} files are here", files=files)))
    return found
