"""What the benchmark ran on."""

import os
import platform
import re
from pathlib import Path


def cpu_name():
    """Return the CPU's model name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if names:
            return " ".join(names[0].replace("(R)", "").replace("(TM)", "").split())
    return platform.processor() or platform.machine()


def n_cpus():
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load():
    """Return the machine's load average over the last minute; None where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def describe():
    """Return the CPU, its usable cores, the load, the system and the Python version."""
    return {
        "cpu": cpu_name(),
        "n_cpus": n_cpus(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def slug(text):
    """Return `text` as a part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
