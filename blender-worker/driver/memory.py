"""Peak memory of this Blender during one command."""

import sys


def reset_peak() -> None:
    """Lets the peak start again from now, where the system can (Linux)."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as handle:
            handle.write("5")
    except OSError:
        return  # the peak is then that of the whole life of the process, which is still an upper bound


def peak_bytes() -> int:
    """Highest resident memory in bytes since `reset_peak`, or of the whole process; 0 where unknown."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as handle:
            for line in handle:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
