"""What the benchmark runs on, and how to hold a library to an older CPU's instructions."""

import os
import platform
import re
from pathlib import Path

# What makes the peers' libraries take AVX2 on a newer CPU. onnxruntime's products ask the CPU themselves.
HELD_TO_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt",  # else this CPU's
}


def cpu_name():
    """Return the CPU's model name."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.is_file() else []
    if not names:
        return platform.processor() or platform.machine()
    return " ".join(names[0].replace("(R)", "").replace("(TM)", "").split())


def n_cpus():
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load():
    """Return the machine's load average over the last minute; None where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def backends():
    """Return fastmlp's backends that can be measured here, best first."""
    from fastmlp.kernels import dispatch

    return dispatch.available()


def levels():
    """Return the compiled instruction-set levels that this CPU can run and that are built, best first."""
    from fastmlp.kernels import dispatch

    return tuple(name for name in backends() if name in dispatch.COMPILED)


def describe():
    """Return the CPU, its usable cores, the load, the system and the Python version."""
    return {
        "cpu": cpu_name(),
        "n_cpus": n_cpus(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def kind_of(level, best, held):
    """Return in words what kind of machine a level's figures are of."""
    if level == "numba":
        return "numba, held to avx2" if held else level
    if level == best:
        return level
    peers = "and the peers too, but onnxruntime" if held else "the peers as they come"
    return f"{level} on an {best} machine, {peers}"


def slug(text):
    """Return `text` as a part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
