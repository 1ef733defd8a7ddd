"""Every experiment runs at its smallest, tells what it ran on, and draws what can be read."""

import ast
import functools
import json
import re
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

from fastmlp import SGD, Dense, Network, experiments  # noqa: E402 (the backend is chosen first)
from fastmlp.exceptions import DivergenceWarning  # noqa: E402
from fastmlp.experiments import data  # noqa: E402
from fastmlp.experiments.result import Result  # noqa: E402
from fastmlp.experiments.row import IN_PLACE, seconds_of, shown  # noqa: E402
from fastmlp.experiments.training import CURVES, repeated  # noqa: E402

MODULES = sorted(set(experiments.names().values()))


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch, tmp_path):
    """Data that every machine has: the stand-ins."""
    monkeypatch.setenv("FASTMLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    monkeypatch.setattr("fastmlp.datasets._files._find_cached", _nothing)
    yield
    plt.close("all")


def _nothing(*_):
    raise FileNotFoundError("no network here")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("module", MODULES)
def test_every_experiment_runs(module, tmp_path):
    name = next(i for i, known in experiments.names().items() if known == module)
    lesson = experiments.get(name)
    assert lesson.ID == name and lesson.TITLE and lesson.CONCLUSIONS and lesson.__doc__
    result = experiments.run(name, "tiny", n_threads=1)
    assert result.rows and result.figures and result.data
    verdicts = dict(experiments.judge(result))
    assert list(verdicts) == list(lesson.CONCLUSIONS)  # each can be asked
    assert all(verdict in (True, False) for name, verdict in verdicts.items() if name not in only(lesson))
    assert set(only(lesson)) <= set(verdicts)
    paths = result.save(tmp_path / name)
    assert len(paths) == len(result.figures) + 2 and all(path.stat().st_size > 100 for path in paths)
    assert json.loads((tmp_path / name / "result.json").read_text())["id"] == lesson.ID


def only(lesson):
    return getattr(lesson, "ONLY", {})


MOST_LINES = {"run": 15, "a lesson": 27}  # of code proper: a lesson, not a program


@pytest.mark.parametrize("module", MODULES)
def test_a_lesson_is_short(module):
    """`run` has data, network, training and what is told of them; all of a file's functions are few lines."""
    path = Path(experiments.__file__).with_name(f"{module}.py")
    text, found = path.read_text(encoding="utf-8"), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = text.splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
            found[node.name] = sum(bool(re.search(r"[^ ()\[\]{},]", re.sub(r"#.*", "", x))) for x in lines)
    assert 5 <= found["run"] <= MOST_LINES["run"], found
    assert sum(found.values()) <= MOST_LINES["a lesson"], found


def test_what_only_originals_or_the_full_size_show_is_not_judged_elsewhere():
    lesson = experiments.get("C10")
    for size, expected in (("full", True), ("quick", lesson.ONLY[MORE][1])):
        result = Result("C10", "title", "MNIST", size, 0)
        for name in (*lesson.REPORTED, "4-4, weights kept", "4-4, weights drawn again"):
            wide = name == "32-64"
            result.add(name, {"training accuracy": 0.9 + 0.1 * wide, "training loss": [0.1, 0.1]})
        verdicts = dict(experiments.judge(result))
        assert verdicts[MORE] == expected and verdicts["others lead to another"] is False
    noise, lesson = "the large net stands noise of 0.4 better", experiments.get("C5")
    why = lesson.ONLY[noise][1]
    for note, size, expected in (
        ("MNIST", "full", False),
        ("MNIST", "quick", why),
        (f"digits {IN_PLACE} MNIST", "full", why),
    ):
        result = Result("C5", "title", note, size, 0)
        for name in lesson.NETS:
            measured = ("test accuracy", "accuracy with noise 0.2", "accuracy with noise 0.4")
            result.add(name, dict.fromkeys(measured, 0.5))
        assert dict(experiments.judge(result))[noise] == expected
    told = [experiments.told(verdict) for verdict in (True, False, "too few")]
    assert told == ["holds", "does not hold", "not judged (too few)"]


MORE = "more weights fit the training images better"


def test_a_stand_in_has_as_many_steps_but_what_is_set_is_set():
    """10000 of MNIST's images for 3 epochs are 1437 for 18; `epochs=3` is 3."""
    images, epochs = data.digits().at(10000, 2000, 3)
    assert (len(images.X), epochs) == (1437, 18) and "6 times as many epochs" in images.note
    images, epochs = data.digits().at(10000, 2000, 3, 4)
    assert epochs == 4 and "times" not in images.note
    assert data.digits().at(None, None, 1)[1] == 60000 // 1437
    assert data.digits().at(200, 50, 1)[1] == 1  # there are as many as that
    for name, rows in (("C3", "1"), ("C14", "512, sigmoid, 0, a quarter")):
        result = experiments.run(name, "quick" if name == "C3" else "tiny", epochs=2)
        assert "times" not in result.data and rows in result.values("test accuracy")


def test_repetitions_differ_in_their_seed_only():
    images, _ = data.digits().at(100, 50, 1)
    layers = [Dense(4, "tanh"), Dense(10, "softmax")]
    nets = repeated(3, images, layers, 5, epochs=1, n_threads=1)
    alone = Network([Dense(4, "tanh"), Dense(10, "softmax")], random_state=6, input_scale=images.scale)
    alone.fit(images.X, images.y, epochs=1, n_threads=1)
    assert (nets[1].params == alone.params).all() and not (nets[0].params == nets[1].params).all()
    assert all(curve in nets[2].history_ for curve in CURVES.values())


def test_the_smallest_lessons_conclusions_hold():
    for name in ("A1", "A3"):
        result = experiments.run(name, "quick")
        assert all(verdict is True for _, verdict in experiments.judge(result))


def test_settings_are_those_of_the_experiment():
    assert experiments.run("A1", "tiny", epochs=1).value("XOR", "changes of weights") <= 4
    with pytest.raises(ValueError, match=r"the settings of A1 must be one of epochs, rate"):
        experiments.run("A1", momentum=1)
    with pytest.raises(ValueError, match=r"experiment must be one of A1.*; got 'Z9'"):
        experiments.run("Z9")
    with pytest.raises(ValueError, match="size must be one of full, quick, tiny"):
        experiments.run("A1", "huge")


def test_tables():
    told = dict(reported={"a": {"accuracy": "0.9", "loss": "1"}}, why={"a": "<because>"})
    result = Result("X1", "A title", "three | rows", "quick", 7, **told)
    result.add("a", {"accuracy": [0.5, 0.7]}, seconds=[1.0, 1.5])
    result.add("b", {"accuracy": np.nan})
    text = str(result)
    assert "0.6 ± 0.1" in text and "three | rows" in text and "2.5" in text and "nan" in text
    markdown, html = result.to_markdown(), result.to_html()
    assert "| a | accuracy | 0.9 | 0.6 ± 0.1 | 2.5 | <because> |" in markdown
    assert "<td>&lt;because&gt;</td>" in html and html.count("<tr>") == 4
    assert result.value("a", "accuracy") == pytest.approx(0.6) and result.values("accuracy")["a"] == 0.6
    with pytest.raises(KeyError, match="no setting 'c'"):
        result.value("c", "accuracy")
    assert result.to_dict()["rows"][0]["ours"]["accuracy"] == [0.5, 0.7]


def test_stand_ins_say_that_they_are(tmp_path):
    assert "in the place of MNIST" in data.digits().note and data.digits().X.shape[1] == 64
    assert "in the place" in data.pair().note and set(data.pair().y) == {0, 1}
    assert "generated" in data.regression_rows()[2]
    rows = "x1,x2,x3,y\n1,2,3,4\n5,6,7,8\n"
    (tmp_path / data.ROWS_FILE).write_text(rows)
    X, y, note = data.regression_rows()
    assert X.tolist() == [[1, 2, 3], [5, 6, 7]] and y.tolist() == [4, 8] and "of the reports" in note


def test_a_result_comes_back_from_its_data():
    """Table, values and order of the pictures; seconds that were reported have a line, and no column too."""
    reported = {"a": {"accuracy": "0.6"}, "b": {"seconds": "100"}}
    result = Result("X1", "title", "data", "full", 3, reported=reported, why={"a": "why"})
    result.add("a", {"accuracy": [0.5, 0.75]}, seconds=2.5)
    result.add("b", {"loss": 1.0}, seconds=[0.2, 0.3])
    result.figures = {"z": None, "a": None}
    told = json.loads(json.dumps(result.to_dict()))
    again = Result.of_dict(told)
    assert str(again) == str(result) and again.value("a", "accuracy") == 0.625
    assert told["figures"] == ["z", "a"] and told["elapsed"] > 0 and told["backend"]
    assert (again.value("b", "seconds"), again.rows[1].seconds, again.rows[0].seconds) == (0.5, None, 2.5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("C9", {"momentum": "abc"}, "momentum of C9 must be a number; got 'abc'"),
        ("C9", {"rate": 0}, "rate of C9 must be a finite number"),
        ("C9", {"widths": 4}, "widths of C9 must be several numbers, widths=4,4; got 4"),
        ("B1", {"rates": ()}, "rates of B1 must be several numbers"),
        ("B1", {"runs": 0}, "runs of B1 must be at least 1; got 0"),
        ("C2", {"runs": 1.5}, "runs of C2 must be an int"),
        ("B3", {"epochs": 0}, "epochs of B3 must be at least 1; got 0"),
        ("E1", {"x": (1.0,)}, "x of E1 must be 2 numbers, x=2.8,-1.8; got"),
        ("E1", {"x": (1, "a")}, "x of E1 must be a number; got 'a'"),
    ],
)
def test_settings_are_refused_before_anything_is_read(name, settings, message, monkeypatch):
    monkeypatch.setattr(experiments.get(name), "run", _as(experiments.get(name).run))
    with pytest.raises((TypeError, ValueError), match=message):
        experiments.run(name, "tiny", **settings)


def _as(function):
    @functools.wraps(function)
    def run(**_):
        raise AssertionError("was run")

    return run


@pytest.mark.parametrize("epochs", [2, 255])
def test_the_bars_stand_at_epochs_that_were_measured(epochs):
    (ax,) = experiments.run("B3", "tiny", epochs=epochs, runs=1).figures["f1_bars"].axes
    assert all(np.isfinite(bar.get_height()) for bars in ax.containers for bar in bars)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("F1", {"hidden_rate": 50.0}),
        ("C5", {"rate": 1e300}),
        ("C11", {"rate": 1e300}),
        ("D1", {"penalty": 1e300}),
    ],
)
def test_nets_that_diverge_at_once_are_told_and_not_drawn(name, settings):
    result = experiments.run(name, "tiny", n_threads=1, **settings)
    assert "nan" in str(result) and result.rows and len(result.figures) >= 1


def test_a_large_spread_is_written_plainly():
    assert shown(np.array([650.0, 950.0])) == "800 ± 150" and shown(np.array([0.1, 0.2])) == "0.15 ± 0.05"
    assert (
        shown(np.array([1.0, np.nan, 3.0, np.inf])) == "2 ± 1 (2 of 4)" and shown(np.full(2, np.nan)) == "nan"
    )


def test_a_net_that_diverged_at_once_took_no_seconds():
    net, far = Network([Dense(1)], random_state=0), (np.full((9, 2), 1e10), np.zeros(9))
    with pytest.warns(DivergenceWarning):
        net.fit(*far, batch_size=1, loss="mse", optimizer=SGD(1e250), validation_data=far)
    assert seconds_of([net]) == [0.0]
