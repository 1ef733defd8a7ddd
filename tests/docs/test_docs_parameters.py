"""docs/parameters.md names every parameter, method and fitted attribute, with the defaults that hold."""

import inspect
import re
from pathlib import Path

import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

import fastmlp

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"
if not PAGE.is_file():
    pytest.skip("the documentation is not part of this installation", allow_module_level=True)
NAMES = ["MLPClassifier", "MLPRegressor"]


def rows(*titles):
    """Return {name: the other cells} of the tables under these headings."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if title in titles:
            for line in re.findall(r"^\| `.*\|$", body, flags=re.MULTILINE):
                first, *others = (cell.strip() for cell in line.strip("|").split(" | "))
                found |= dict.fromkeys(re.findall(r"`(\w+)`", first), others)
    assert found, titles
    return found


def parameters(cls):
    return {p.name: p.default for p in inspect.signature(cls).parameters.values()}


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


def attributes(names):
    """Return those names that scikit-learn's convention has for what `fit` sets."""
    return {name for name in names if name.endswith("_") and not name.startswith("_")}


def test_parameters_have_rows_with_their_defaults():
    shared, ours = rows("Parameters"), rows("Parameters beyond scikit-learn's")
    all_of = {name: parameters(getattr(fastmlp, name)) for name in NAMES}
    assert set(shared) | set(ours) == {p for of in all_of.values() for p in of}
    for of in all_of.values():
        wrong = {p: default for p, default in of.items() if f"`{default!r}`" not in (shared | ours)[p][0]}
        assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_scikit_learns_parameters_are_the_shared_ones(name):
    shared = set(rows("Parameters"))
    classes = {parameter for n in NAMES for parameter in parameters(getattr(theirs, n))}
    assert classes <= shared
    given, own = parameters(getattr(theirs, name)), parameters(getattr(fastmlp, name))
    assert {p: own.get(p) for p in given} == given
    assert list(own)[: len(given)] == list(given)


@pytest.mark.parametrize("name", NAMES)
def test_methods_have_rows(name):
    found = public(getattr(theirs, name)) | public(getattr(fastmlp, name))
    assert found - attributes(found) <= set(rows("Methods"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_fitted_attributes_have_rows(name, early_stopping):
    x, y = load_iris(return_X_y=True, as_frame=True)
    for package in (theirs, fastmlp):
        model = getattr(package, name)(max_iter=1, early_stopping=early_stopping)
        with pytest.warns(ConvergenceWarning):
            model.fit(x, y)
        assert attributes(dir(model)) <= set(rows("Fitted attributes"))
