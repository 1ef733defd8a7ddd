"""The displays: what they draw from which data, that they use the axes given, and what they refuse."""

import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)

from fastmlp import Dense, MLPClassifier, Network, datasets, plots  # noqa: E402

RNG = np.random.default_rng(0)
GATE = datasets.load_logic_gate("and")
COEFS, INTERCEPTS = np.array([[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]), np.array([0.0, -0.1, -0.1])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fitted(seed=0, max_iter=4):
    model = MLPClassifier((5,), max_iter=max_iter, tol=0.0, random_state=seed)
    with pytest.warns(match="Maximum iterations"):
        return model.fit(*GATE)


class Recorded:
    """What a model leaves behind that recorded its epochs."""

    def __init__(self, **history):
        self.history_ = history


DISPLAYS = {
    "loss": lambda: plots.LossCurveDisplay([[3, 2, 1], [3, 1]], [3, 2, 2]),
    "compare": lambda: plots.CompareRunsDisplay({"a": [3, 2, 1], "b": [[3, 2], [2, 1]]}),
    "cross-validation": lambda: plots.CrossValidationDisplay([[3, 2], [3, 1]], [[4, 3], [4, 4]], every=5),
    "f1": lambda: plots.ClassF1Display(RNG.random((2, 4, 3))),
    "noise": lambda: plots.NoiseRobustnessDisplay([0, 1], [[0.9, 0.8], [0.5, 0.4]]),
    "weights": lambda: plots.WeightsDisplay(RNG.normal(size=(35, 10)), (7, 5)),
    "evolution": lambda: plots.PerceptronEvolutionDisplay(COEFS, INTERCEPTS, *GATE),
    "boundary": lambda: plots.DecisionBoundaryDisplay(
        np.arange(3), np.arange(3), np.arange(9).reshape(3, 3) % 2, classes=np.array([0, 1])
    ),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_convention(name):
    display = DISPLAYS[name]()
    assert not hasattr(display, "ax_") and not plt.get_fignums()
    figure, ax = plt.subplots()
    assert display.plot(ax) is display
    assert display.ax_ is ax and display.figure_ is figure and len(plt.get_fignums()) == 1
    assert display.plot().figure_ is not figure
    display.figure_.canvas.draw()


@pytest.mark.parametrize("name", DISPLAYS)
def test_nothing_is_cut(name):
    figure = DISPLAYS[name]().plot().figure_
    figure.canvas.draw()
    inside, whole = figure.get_tightbbox(), figure.bbox_inches
    assert inside.x0 >= -0.01 and inside.y0 >= -0.01
    assert inside.x1 <= whole.x1 + 0.01 and inside.y1 <= whole.y1 + 0.01


def test_matplotlib_is_imported_when_drawing():
    code = "import sys, fastmlp.plots as p; p.LossCurveDisplay([1, 2]); sys.exit('matplotlib' in sys.modules)"
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install fastmlp\[plot\]"):
        plots.LossCurveDisplay([1, 2]).plot()


def test_loss_curve_of_an_estimator():
    model = fitted()
    display = plots.LossCurveDisplay.from_estimator(model)
    assert display.line_.get_ydata().tolist() == model.loss_curve_
    assert display.line_.get_xdata().tolist() == [1, 2, 3, 4]
    assert display.val_line_ is None and display.band_ is None


def test_loss_curve_of_several_runs_with_validation():
    runs = [Recorded(loss=[4.0, 2.0], val_loss=[5.0, 3.0]), Recorded(loss=[2.0], val_loss=[3.0])]
    display = plots.LossCurveDisplay.from_estimator(runs, log=True)
    assert display.line_.get_ydata().tolist() == [3.0, 2.0]  # the shorter run no longer counts
    assert display.val_line_.get_ydata().tolist() == [4.0, 3.0]
    heights = display.val_band_.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (3.0, 5.0)
    assert display.ax_.get_yscale() == "log"


def test_loss_curve_of_predictions():
    display = plots.LossCurveDisplay.from_predictions(
        [0, 1], [[0, 0], [0, 1]], loss=lambda y, p: float(np.sum((np.array(y) - p) ** 2))
    )
    assert display.line_.get_ydata().tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.LossCurveDisplay.from_estimator(MLPClassifier()),
        lambda: plots.LossCurveDisplay([]),
        lambda: plots.CompareRunsDisplay.from_estimators({"a": Recorded(loss=[1.0])}, key="val_loss"),
        lambda: plots.PerceptronEvolutionDisplay.from_estimator(MLPClassifier(), *GATE),
    ],
)
def test_unfitted_models_are_refused(draw):
    with pytest.raises(ValueError, match="fit"):
        draw()


def test_compare_runs():
    models = {"few": [fitted(0), fitted(1)], "many": fitted(0, max_iter=9)}
    display = plots.CompareRunsDisplay.from_estimators(models, title="epochs")
    mean = np.mean([model.loss_curve_ for model in models["few"]], axis=0)
    assert np.allclose(display.lines_["few"].get_ydata(), mean)
    assert len(display.lines_["many"].get_ydata()) == 9
    assert display.bands_["few"] is not None and display.bands_["many"] is None


def test_class_f1_of_predictions():
    from sklearn.metrics import f1_score

    y = RNG.integers(0, 3, 30)
    predictions = RNG.integers(0, 3, (4, 30))
    display = plots.ClassF1Display.from_predictions(y, predictions, first_epoch=0)
    expected = [f1_score(y, p, average=None) for p in predictions]
    assert np.allclose([line.get_ydata() for line in display.lines_], np.transpose(expected))
    assert display.lines_[0].get_xdata().tolist() == [0, 1, 2, 3]


def test_noise_robustness_scores_every_model_on_the_same_copies():
    seen = []

    def scoring(model, X, y):
        seen.append((model, X.copy()))
        return float(np.abs(X - GATE[0]).mean())

    display = plots.NoiseRobustnessDisplay.from_estimator(
        {"a": 1, "b": 2}, *GATE, sigmas=(0.0, 0.5, 1.0), n_repeats=3, scoring=scoring
    )
    assert np.array_equal(display.scores["a"], display.scores["b"])
    assert np.all(display.scores["a"][0] == 0) and np.all(np.diff(display.scores["a"].mean(axis=1)) > 0)
    assert len(seen) == 18


def test_noise_robustness_uses_the_score():
    model = fitted()
    display = plots.NoiseRobustnessDisplay.from_estimator(model, *GATE, sigmas=(0.0,), n_repeats=1)
    assert display.scores[""].tolist() == [[model.score(*GATE)]]


def test_weights_stand_in_their_places():
    weights = np.arange(12.0).reshape(6, 2)
    image = plots.WeightsDisplay(weights, (2, 3)).plot().image_.get_array()
    assert np.array_equal(image[:2, :3], weights[:, 0].reshape(2, 3))
    second = image[:2, 4:] if image.shape[1] == 7 else image[3:, :3]
    assert np.array_equal(second, weights[:, 1].reshape(2, 3))
    model = fitted()
    drawn = plots.WeightsDisplay.from_estimator(model, image_shape=(1, 2))
    assert np.array_equal(drawn.weights, model.coefs_[0])


def test_weights_of_no_image_are_refused():
    with pytest.raises(ValueError, match=r"image_shape=\(rows, columns\)"):
        plots.WeightsDisplay(np.zeros((35, 10)))


def test_evolution_lines_lie_where_the_neuron_is_undecided():
    display = plots.PerceptronEvolutionDisplay(COEFS, INTERCEPTS, *GATE).plot()
    assert len(display.lines_) == 2  # the start's weights are 0: no line
    for line, w, b in zip(display.lines_, COEFS[1:], INTERCEPTS[1:], strict=True):
        assert np.allclose(np.stack(line.get_data()).T @ w + b, 0)


@pytest.mark.parametrize("suffix", [".gif", ".html"])
def test_evolution_film(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    plots.PerceptronEvolutionDisplay(COEFS, INTERCEPTS, *GATE).animate(path, interval=100)
    if suffix == ".gif":
        from PIL import Image

        with Image.open(path) as film:
            assert film.n_frames == 3
    else:
        assert path.read_text(encoding="utf-8").count("data:image/png") == 3


def test_evolution_refuses_other_shapes(tmp_path):
    with pytest.raises(ValueError, match="needs two inputs"):
        plots.PerceptronEvolutionDisplay(np.zeros((3, 4)), np.zeros(3), *GATE)
    with pytest.raises(ValueError, match=r"\.gif or \.html"):
        plots.PerceptronEvolutionDisplay(COEFS, INTERCEPTS, *GATE).animate(tmp_path / "film.mp4")


def test_decision_boundary_asks_the_model_over_the_plane():
    class RightHalf:
        classes_ = np.array(["left", "right"])

        def predict(self, X):
            return self.classes_[(X[:, 0] > 0.25).astype(int)]

    X, y = GATE
    display = plots.DecisionBoundaryDisplay.from_estimator(RightHalf(), X, np.where(y > 0, "right", "left"))
    assert display.response.shape == (200, 200)
    assert np.array_equal(display.response, np.broadcast_to(display.x0 > 0.25, (200, 200)))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["left", "right"]


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_decision_boundary_of_outputs(n_outputs):
    class Slopes:
        def predict(self, X):
            return X @ np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])[:, :n_outputs]

    display = plots.DecisionBoundaryDisplay.from_estimator(Slopes(), *GATE, grid_resolution=20)
    x0, x1 = np.meshgrid(display.x0, display.x1)
    expected = x0 if n_outputs == 1 else np.argmax([x0, x1, -x0], axis=0)
    assert np.array_equal(display.response, expected)


def test_decision_boundary_needs_a_plane():
    with pytest.raises(ValueError, match="two columns"):
        plots.DecisionBoundaryDisplay.from_estimator(None, np.zeros((4, 3)))


def test_confusion_matrix_is_scikit_learns():
    from sklearn.metrics import ConfusionMatrixDisplay

    assert plots.ConfusionMatrixDisplay is ConfusionMatrixDisplay


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_runs", [1, 3])
def test_curves_stand_at_the_epochs_that_measured_them(n_runs):
    """Validation data came with the second of three fits: its curve begins at epoch 3 and ends at 4."""
    models = []
    for seed in range(n_runs):
        models.append(Network([Dense(1, "tanh")], random_state=seed))
        for asked in ({}, dict(validation_data=GATE), {}):
            models[-1].fit(*GATE, epochs=2, loss="mse", **asked)
    for log in (False, True):
        display = plots.LossCurveDisplay.from_estimator(models, log=log).plot()
        epochs, values = display.ax_.lines[1].get_data()
        np.testing.assert_array_equal(epochs[np.isfinite(values)], [3, 4])
        expected = np.mean([model.history_["val_loss"][2:4] for model in models], axis=0)
        np.testing.assert_allclose(values[np.isfinite(values)], expected)
