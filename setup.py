"""Builds the kernels: one source, one extension module per instruction-set level and dtype.

FASTMLP_REQUIRE_EXT=1   a failed compilation fails the install (otherwise it is a warning: Numba can serve)
FASTMLP_LEVELS=...      the levels to build: "all", "native" (those that this CPU can run), or names such as
                        "base,avx2". Unset: native where the build serves this machine only (editable and
                        in-place builds), all in wheels
FASTMLP_SANITIZE=...    "address" (memory and undefined behaviour) or "thread" (races): with the compiler's
                        checks, and Cython's; `make sanitize` runs tests on such builds
"""

import multiprocessing
import os
import platform
import runpy
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

STRICT = os.environ.get("FASTMLP_REQUIRE_EXT") == "1"
SANITIZE = os.environ.get("FASTMLP_SANITIZE", "")
SANITIZERS = {"": [], "address": ["-fsanitize=address,undefined"], "thread": ["-fsanitize=thread"]}[SANITIZE]
X86 = platform.machine().lower() in ("x86_64", "amd64")
GNU = sys.platform != "win32"

# level: (bytes of a vector, compiler flags, what Linux calls the CPU features it needs)
LEVELS = {"base": (16, [], "")}
if X86 and GNU:
    v3 = "avx avx2 bmi1 bmi2 f16c fma abm movbe"
    v4 = f"{v3} avx512f avx512bw avx512cd avx512dq avx512vl"
    LEVELS["avx2"] = (32, ["-march=x86-64-v3"], v3)
    LEVELS["avx512"] = (64, ["-march=x86-64-v4", "-mprefer-vector-width=512"], v4)


def cpu_features():
    """Features of this CPU by their names in Linux; None where they are not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), None)


def chosen_levels():
    for_this_machine = {"editable_wheel", "develop", "--inplace", "-i"} & set(sys.argv)
    asked = os.environ.get("FASTMLP_LEVELS") or ("native" if for_this_machine else "all")
    if asked == "native" and (features := cpu_features()) is not None:
        return [level for level, (_, _, needs) in LEVELS.items() if features.issuperset(needs.split())]
    if asked in ("all", "native"):
        return list(LEVELS)
    names = asked.replace(",", " ").split()
    if unknown := [name for name in names if name not in LEVELS]:
        sys.exit(f"FASTMLP_LEVELS names {unknown}; here there are {', '.join(LEVELS)}, or 'all', or 'native'")
    return names


# No -ffast-math: sums keep their order, and loading a module must not change the process's rounding mode.
FLAGS = ["/O2", "/std:c11"]
if GNU:
    FLAGS = ["-O3", "-g0"]
    if SANITIZE:
        FLAGS = ["-O1", "-g", *SANITIZERS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
    FLAGS += [
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fno-signed-zeros",
        "-ffp-contract=fast",
        "-Wno-psabi",
    ]
    if not SANITIZE:  # register tiles are functions of constants: they must be inlined
        FLAGS += ["-DCYTHON_INLINE=inline __attribute__((always_inline))"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": bool(SANITIZE),
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": bool(SANITIZE),
    "nonecheck": bool(SANITIZE),
    "freethreading_compatible": True,
}


def extension(name, vector_bytes, flags):
    return Extension(
        f"fastmlp.kernels.native.{name}",
        [f"fastmlp/kernels/native/{name}.pyx"],
        depends=["setup.py", "fastmlp/kernels/records.py"],
        include_dirs=[numpy.get_include()],
        define_macros=[("VEC_BYTES", str(vector_bytes)), ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=[*FLAGS, *flags],
        extra_link_args=SANITIZERS,
    )


BUILD = Path("build/sanitized", SANITIZE) if SANITIZE else Path("build")


def write_records():
    """Write codes and structs for Cython, from where they are declared; an unchanged file keeps its date."""
    found = runpy.run_path("fastmlp/kernels/records.py")["as_cython"]()
    target = BUILD / "records.pxi"
    if not target.exists() or target.read_text() != found:
        BUILD.mkdir(parents=True, exist_ok=True)
        target.write_text(found)


write_records()
extensions = [extension("cpu", 16, [])]
for level in chosen_levels():
    vector_bytes, flags, _ = LEVELS[level]
    extensions += [extension(f"_{level}_{dtype}", vector_bytes, flags) for dtype in ("f32", "f64")]

# Processes that are not forked would run this file again.
forks = multiprocessing.get_start_method() == "fork"
extensions = cythonize(
    extensions,
    nthreads=(os.cpu_count() or 0) if forks else 0,
    include_path=[str(BUILD)],
    build_dir=str(BUILD),
    compiler_directives=DIRECTIVES,
)
for ext in extensions:
    ext.optional = not STRICT  # set here: cythonize drops it

# compilers side by side: the modules do not depend on one another
setup(ext_modules=extensions, options={"build_ext": {"parallel": os.cpu_count()}})
