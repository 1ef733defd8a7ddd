"""Imports run downwards only, folders keep their private names, and what is light stays light."""

import ast
import builtins
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "fastmlp"

# From the ground up; a module may import from lower floors and, before it, from its own.
FLOORS = {
    "ground": ["kernels", "exceptions"],
    "checks": ["_checks"],
    "words": [
        "background",
        "formulas", "activations", "decisions", "noise", "batched", "losses", "penalties", "initializers",
        "schedules", "optimizer_state", "optimizers", "layers", "sklearn_metrics", "class_metrics", "metrics",
        "graph", "gradient_check", "datasets",
    ],
    "formats": ["formats", "callbacks", "plots"],
    "network": ["network"],
    "estimators": ["many", "estimators", "model_selection"],
    "face": ["__init__"],
    "experiments": ["experiments"],
    "command": ["cli", "__main__"],
}  # fmt: skip
PLACE = {name: (i, j) for i, floor in enumerate(FLOORS.values()) for j, name in enumerate(floor)}
OPENED = {"network", "estimators", "many"}  # folders whose files the design page names one by one
MOST_CODE = 300  # lines of a file that are neither empty nor comment nor docstring


def modules():
    """Return {first-level name: its files}."""
    found = {p.stem: [p] for p in PACKAGE.glob("*.py")}
    return found | {p.parent.name: sorted(p.parent.rglob("*.py")) for p in PACKAGE.glob("*/__init__.py")}


def files():
    """Return {dotted name within the package: its file}; that of a folder is its `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"] = path
    return found


FILES = files()


def imports(path, nodes=None):
    """Yield (module, name) for what a file imports from the package: the name is None for modules."""
    folder = path.relative_to(PACKAGE).parts[:-1]
    for node in nodes or ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name.removeprefix("fastmlp."), None) for a in node.names if "fastmlp." in a.name)
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            start = folder[: len(folder) - node.level + 1]
        elif (node.module or "").split(".")[0] == "fastmlp":
            start = ()
        else:
            continue
        written = (node.module or "").split(".") if node.module else []
        base = ".".join([*start, *(written[1:] if not node.level else written)])
        for name in (a.name for a in node.names):
            whole = f"{base}.{name}" if base else name
            yield (whole, None) if whole in FILES else (base or "__init__", name)


def first(module):
    return module.split(".")[0]


def test_every_module_has_its_place():
    assert sorted(set(modules()) - set(PLACE)) == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_run_downwards(name):
    upwards = {
        f"{path.name} imports {other}"
        for path in modules()[name]
        for other, _ in imports(path)
        if first(other) != name and PLACE[first(other)] >= PLACE[name]
    }
    assert not upwards


def is_run_later(node):
    """Whether a statement is run after its module's import, or by type checkers only."""
    checked = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    return checked or isinstance(node, ast.FunctionDef)


def test_no_circles():
    """No module needs, while it is imported, one that needs it."""
    needs = {}
    for module, path in FILES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {id(n) for f in ast.walk(tree) if is_run_later(f) for n in ast.walk(f)}
        nodes = [node for node in ast.walk(tree) if id(node) not in inner]
        needs[module] = {other for other, _ in imports(path, nodes) if other in FILES} - {module}
    while free := [module for module, others in needs.items() if not others & needs.keys()]:
        for module in free:
            del needs[module]
    assert not needs


def test_private_names_stay_in_their_folder():
    """What begins with an underscore is used where it is written; `_checks` is the whole package's."""
    crossing = {
        f"{module} takes {name or other} of {other}"
        for module, path in FILES.items()
        for other, name in imports(path)
        if first(other) != first(module)
        for part in (*other.split("."), name or "")
        if part.startswith("_") and part not in ("_checks", "__init__", "__version__")
    }
    assert not crossing


def code_lines(path):
    """Return how many lines of a file are code: not empty, no comment, no docstring."""
    text = path.read_text(encoding="utf-8")
    prose = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            prose.update(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in prose and line.strip() and not line.strip().startswith("#"))


def test_files_are_short():
    """Half of the files can be read on two screens, and none has grown beyond one subject."""
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES.values())
    assert lengths[len(lengths) // 2] <= 130
    assert {name: n for name, path in FILES.items() if (n := code_lines(path)) > MOST_CODE} == {}


def test_design_page_names_every_module():
    """The table of the house in the design page names the modules of each floor, and no others."""
    page = PACKAGE.parent / "docs" / "design.md"
    if not page.exists():
        pytest.skip("the documentation is not part of an installation")
    section = page.read_text(encoding="utf-8").split("## The house")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z]+) \| ([^|]+) \|", section, re.MULTILINE)
    for floor, names in FLOORS.items():
        named = {
            name for of, cell in rows if of == floor for name in re.findall(r"`([\w/]+(?:\.py|/))`", cell)
        }
        opened = (path for name in OPENED & set(names) for path in modules()[name])
        there = {str(path.relative_to(PACKAGE)) for path in opened if path.stem != "__init__"}
        there |= {f"{name}/" if (PACKAGE / name).is_dir() else f"{name}.py" for name in set(names) - OPENED}
        assert named == there, floor


def test_networks_functions_are_short():
    """What a network does can be read function by function, on one screen each."""
    path = PACKAGE / "network" / "network.py"
    text = path.read_text(encoding="utf-8")
    long = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            prose = sum(
                part.end_lineno - part.lineno + 1
                for part in ast.walk(node)
                if isinstance(part, ast.Expr) and isinstance(getattr(part.value, "value", None), str)
            )
            if (n := node.end_lineno - node.lineno + 1 - prose) > 40:
                long[node.name] = n
    assert long == {}


def test_only_checks_raises_input_errors():
    """Modules between the kernels and the faces leave errors about input to _checks."""
    guilty = []
    own = ("formats", "datasets", "plots")  # files, downloads and pictures raise their own
    for name in (n for floor in ("words", "network", "estimators") for n in FLOORS[floor] if n not in own):
        for path in modules().get(name, []):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                raised = node.exc if isinstance(node, ast.Raise) else None
                called = raised.func if isinstance(raised, ast.Call) else raised
                if isinstance(called, ast.Name) and called.id in ("ValueError", "TypeError"):
                    guilty.append(f"{path.name}:{node.lineno}")
    assert guilty == []


def test_own_exceptions_are_in_one_module():
    """Classes of errors and warnings are defined in `exceptions.py` and documented there."""
    from fastmlp import exceptions

    own = {name for name, value in vars(exceptions).items() if isinstance(value, type)}
    assert all(getattr(exceptions, name).__doc__ for name in own)
    kinds = own | {name for name, value in vars(builtins).items() if isinstance(value, type)}
    kinds = {name for name in kinds if name.endswith(("Error", "Warning", "Exception", "ExceptionGroup"))}
    elsewhere = {
        f"{module}.{node.name}"
        for module, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and module != "exceptions"
        for base in node.bases
        if ast.unparse(base).split(".")[-1] in kinds
    }
    assert elsewhere == set()


def test_import_is_light():
    """The package alone brings neither scikit-learn nor any other heavy library."""
    code = (
        "import sys, fastmlp; heavy = 'sklearn scipy joblib matplotlib numba dill tqdm pandas pooch'.split();"
        "print([m for m in heavy if m in sys.modules]"
        " + [m for m in sys.modules if m in ('fastmlp.formats.keras', 'fastmlp.formats.onnx_graph')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_network_needs_no_scikit_learn():
    """A network is trained and used without scikit-learn."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import numpy as np; from fastmlp import Dense, Network\n"
        "x = np.eye(4); m = Network([Dense(3, 'tanh'), Dense(1)]).fit(x, x[:, :1], epochs=2)\n"
        "assert m.predict(x).shape == (4, 1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_there():
    import fastmlp

    for name in fastmlp.__all__:
        assert getattr(fastmlp, name) is not None
    assert set(fastmlp.__all__) <= set(dir(fastmlp))
    with pytest.raises(AttributeError, match="no attribute 'Perceptrom'"):
        fastmlp.Perceptrom  # noqa: B018
