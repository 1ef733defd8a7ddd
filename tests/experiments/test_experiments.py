"""Every experiment runs at its smallest, tells what it ran on, and draws what can be read."""

import functools
import json

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

from fastmlp import SGD, Dense, Network, experiments  # noqa: E402 (the backend is chosen first)
from fastmlp.exceptions import DivergenceWarning  # noqa: E402
from fastmlp.experiments import data  # noqa: E402
from fastmlp.experiments.result import Result, seconds_of, shown  # noqa: E402

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
    for holds in lesson.CONCLUSIONS.values():
        assert bool(holds(result)) in (True, False)  # it can be asked
    paths = result.save(tmp_path / name)
    assert len(paths) == len(result.figures) + 2 and all(path.stat().st_size > 100 for path in paths)
    assert json.loads((tmp_path / name / "result.json").read_text())["id"] == lesson.ID


def test_the_smallest_lessons_conclusions_hold():
    for name in ("A1", "A3"):
        result = experiments.run(name, "quick")
        assert all(holds(result) for holds in experiments.get(name).CONCLUSIONS.values())


def test_settings_are_those_of_the_experiment():
    assert experiments.run("A1", "tiny", epochs=1).value("XOR", "changes of weights") <= 4
    with pytest.raises(ValueError, match=r"the settings of A1 must be one of epochs, rate"):
        experiments.run("A1", momentum=1)
    with pytest.raises(ValueError, match=r"experiment must be one of A1.*; got 'Z9'"):
        experiments.run("Z9")
    with pytest.raises(ValueError, match="size must be one of full, quick, tiny"):
        experiments.run("A1", "huge")


def test_tables():
    result = Result("X1", "A title", "three | rows", "quick", 7)
    result.add(
        "a", {"accuracy": [0.5, 0.7]}, reported={"accuracy": "0.9", "loss": "1"}, seconds=2.5, why="<because>"
    )
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
    assert "in MNIST's place" in data.digits().note and data.digits().X.shape[1] == 64
    assert "in the place" in data.pair().note and set(data.pair().y) == {0, 1}
    assert "generated" in data.regression_rows()[2]
    rows = "x1,x2,x3,y\n1,2,3,4\n5,6,7,8\n"
    (tmp_path / data.ROWS_FILE).write_text(rows)
    X, y, note = data.regression_rows()
    assert X.tolist() == [[1, 2, 3], [5, 6, 7]] and y.tolist() == [4, 8] and "of the reports" in note


def test_a_result_comes_back_from_its_data():
    """Table, values and order of the pictures; seconds that were reported have a line, and no column too."""
    result = Result("X1", "title", "data", "full", 3)
    result.add("a", {"accuracy": [0.5, 0.75]}, reported={"accuracy": "0.6"}, seconds=2.5, why="why")
    result.add("b", {"loss": 1.0}, reported={"seconds": "100"}, seconds=0.5)
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


def test_a_large_spread_is_written_plainly():
    assert shown(np.array([650.0, 950.0])) == "800 ± 150" and shown(np.array([0.1, 0.2])) == "0.15 ± 0.05"


def test_each_net_of_a_pair_has_a_rate():
    with pytest.raises(ValueError, match="rates must have one entry for each of the 2 fits; got 1"):
        experiments.run("F1", "tiny", rates=(0.1,))


def test_a_net_that_diverged_at_once_took_no_seconds():
    net, far = Network([Dense(1)], random_state=0), (np.full((9, 2), 1e10), np.zeros(9))
    with pytest.warns(DivergenceWarning):
        net.fit(*far, batch_size=1, loss="mse", optimizer=SGD(1e250), validation_data=far)
    assert seconds_of([net]) == 0.0
