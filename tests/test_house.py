"""Imports run downwards only, and what is light stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fastmlp"

# From the ground up; a module may import from lower floors and, before it, from its own.
FLOORS = [
    ["kernels"],
    ["_checks"],
    ["_formulas", "activations", "noise", "batched"],
    ["losses", "initializers", "schedules", "optimizers", "_memory", "layers", "_sklearn_metrics", "metrics",
     "_reading"],
    ["_in_training", "_compile", "_fit", "_lbfgs", "_preparation", "_monitor",
     "_evaluation", "_describe", "_numpy_code", "persistence", "graph", "gradient_check", "datasets", "plots",
     "_drawing"],
    ["callbacks"],
    ["network", "_task", "_together", "many"],
    ["_sklearn_callbacks", "_scoring", "_fitted", "_decisions", "_class_weights", "_targets", "_solver",
     "_architecture", "_held", "_best", "_full_batch", "_stochastic", "_estimator", "_neuron",
     "model_selection", "mlp", "perceptron", "delta_rule"],
    ["__init__"],
]  # fmt: skip
PLACE = {name: (i, j) for i, floor in enumerate(FLOORS) for j, name in enumerate(floor)}


def modules():
    """Return {first-level name: its files}."""
    found = {p.stem: [p] for p in PACKAGE.glob("*.py")}
    return found | {p.parent.name: sorted(p.parent.rglob("*.py")) for p in PACKAGE.glob("*/__init__.py")}


def imported(path):
    """Yield the first-level names inside the package that a file imports, at any depth of its code."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
            yield from (n for n in names if n in modules())
        elif (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").startswith("fastmlp.")
        ):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("fastmlp."))


def test_every_module_has_its_place():
    assert sorted(set(modules()) - set(PLACE)) == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_run_downwards(name):
    upwards = {
        f"{path.name} imports {other}"
        for path in modules()[name]
        for other in imported(path)
        if other != name and PLACE[other] >= PLACE[name]
    }
    assert not upwards


def test_only_checks_raises_input_errors():
    """Modules between the kernels and the faces leave errors about input to _checks."""
    guilty = []
    for name in (n for floor in FLOORS[2:8] for n in floor if n not in ("persistence", "datasets", "plots")):
        for path in modules().get(name, []):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                raised = node.exc if isinstance(node, ast.Raise) else None
                called = raised.func if isinstance(raised, ast.Call) else raised
                if isinstance(called, ast.Name) and called.id in ("ValueError", "TypeError"):
                    guilty.append(f"{path.name}:{node.lineno}")
    assert guilty == []


def test_import_is_light():
    """The package alone brings neither scikit-learn nor any other heavy library."""
    code = (
        "import sys, fastmlp; heavy = 'sklearn scipy joblib matplotlib numba dill tqdm pandas pooch'.split();"
        "print([m for m in heavy if m in sys.modules])"
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
