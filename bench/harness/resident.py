"""Resident memory of this process, on Linux."""

from pathlib import Path


def status(field):
    """Return a field of /proc/self/status in bytes: "VmRSS" is resident now, "VmHWM" at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def rise_of(run):
    """Return by how many bytes a function raises the resident memory at most.

    Raises
    ------
    OSError
        The system has no /proc/self/clear_refs that can be written.
    """
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again at what is resident now
    before = status("VmRSS")
    run()
    return status("VmHWM") - before
