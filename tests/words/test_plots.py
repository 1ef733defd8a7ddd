"""The displays: what they draw from which data, that they use the axes given, and what they refuse."""

import os
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
    "bars": lambda: plots.BarsDisplay({"a": {"x": [1, 2], "y": 3}, "b": {"x": 2, "y": [3, 4]}}),
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


@pytest.mark.parametrize("suffix", [".gif", ".html"])
def test_a_film_that_cannot_be_written_leaves_the_old_one(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"film{suffix}"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.PerceptronEvolutionDisplay(COEFS, INTERCEPTS, *GATE).animate(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]


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


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_confusion_matrix_of_a_network(n_outputs):
    X, y = GATE
    output = Dense(1, "tanh") if n_outputs == 1 else Dense(2, "softmax")
    y = y if n_outputs == 1 else (y > 0).astype(int)
    model = Network([output], random_state=0).fit(X, y, epochs=3)
    display = plots.ConfusionMatrixDisplay.from_estimator(model, X, y, colorbar=False)
    told = model.predict_classes(X)
    expected = [[np.sum((y == a) & (told == b)) for b in np.unique(y)] for a in np.unique(y)]
    assert display.confusion_matrix.tolist() == expected and display.ax_ is not None
    of_estimator = plots.ConfusionMatrixDisplay.from_estimator(fitted(), *GATE)
    assert of_estimator.confusion_matrix.sum() == len(X)


def test_curves_of_any_metric_on_every_set():
    X, y = GATE
    sets = {"noise 0.3": (X + 0.3, y), "test": (X, y)}
    models = [Network([Dense(1, "tanh")], random_state=s) for s in range(2)]
    for model in models:
        model.fit(X, y, epochs=4, loss="mse", metrics=["accuracy"], validation_data=sets)
    display = plots.LossCurveDisplay.from_estimator(models, key="accuracy")
    assert list(display.set_lines_) == ["noise 0.3", "test"] and display.ax_.get_ylabel() == "accuracy"
    for name, line in display.set_lines_.items():
        expected = np.mean([model.history_[f"{name}_accuracy"] for model in models], axis=0)
        np.testing.assert_allclose(line.get_ydata(), expected)
    with pytest.raises(ValueError, match="recorded no 'f1'"):
        plots.LossCurveDisplay.from_estimator(models, key="f1")


def test_bands_stay_within_what_a_metric_can_be():
    runs = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.4]]
    heights = {}
    for name in ("val_accuracy", "anything"):
        display = plots.CompareRunsDisplay({"a": runs}, name=name).plot()
        heights[name] = display.bands_["a"].get_paths()[0].vertices[:, 1]
    assert heights["val_accuracy"].min() >= 0 and heights["val_accuracy"].max() <= 1
    assert heights["anything"].max() > 1


def test_lines_beyond_ten_are_told_apart_and_infinity_is_harmless():
    curves = {f"setting {k}": [3.0, 2.0 + k] for k in range(25)}
    curves["setting 3"] = [np.inf, 1.0]
    display = plots.CompareRunsDisplay(curves).plot()
    seen = {(line.get_color(), line.get_linestyle()) for line in display.lines_.values()}
    assert len(seen) == 25
    assert display.lines_["setting 3"].get_xdata().tolist() == [2]
    figure = display.figure_
    figure.canvas.draw()
    box, axes = display.ax_.get_legend().get_window_extent(), display.ax_.get_window_extent()
    assert box.x0 >= axes.x1 and box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0 - 1


def test_class_scores_of_models_that_recorded_them():
    from fastmlp.metrics import per_class

    X, y = RNG.normal(size=(60, 4)), np.repeat([0, 1, 2], 20)
    models = [
        Network([Dense(3, "softmax")], random_state=s).fit(
            X, y, epochs=5, metrics=per_class("recall", ["a", "b", "c"]), validation_data=(X[::2], y[::2])
        )
        for s in range(3)
    ]
    display = plots.ClassF1Display.from_estimators(models, kind="recall")
    assert display.f1.shape == (3, 5, 3) and display.classes == ["a", "b", "c"]
    assert display.f1[1, 4, 2] == models[1].history_["val_recall of c"][4]
    training = plots.ClassF1Display.from_estimators(models, kind="recall", on="")
    assert training.f1[0, 0, 1] == models[0].history_["recall of b"][0]
    bars = display.bars([1, 5])
    assert bars.groups == ["a", "b", "c"]
    heights = [bar.get_height() for bar in bars.bars_["epoch 5"]]
    np.testing.assert_allclose(heights, display.f1[:, 4].mean(axis=0))
    with pytest.raises(ValueError, match="within 1 and 5"):
        display.bars([0])
    with pytest.raises(ValueError, match=r"per_class\('f1', n_classes\)"):
        plots.ClassF1Display.from_estimators(models)


def test_bars_stand_in_their_groups():
    display = plots.BarsDisplay({"x": {"a": [1.0, 3.0], "b": 5.0}, "y": {"b": 7.0}}, name="s").plot()
    assert display.groups == ["a", "b"]
    assert [bar.get_height() for bar in display.bars_["x"]] == [2.0, 5.0]
    assert np.isnan(display.bars_["y"][0].get_height()) and display.bars_["y"][1].get_height() == 7
    centres = [[bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in display.bars_.values()]
    assert np.round(np.mean(centres, axis=0), 6).tolist() == [0, 1]
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.BarsDisplay({})


@pytest.mark.parametrize("shape", [(6, 16), (6, 4, 4), (6, 48), (6, 3, 4, 4), (6, 4, 4, 3), (6, 1, 4, 4)])
def test_images_are_drawn_as_they_are(shape):
    images = RNG.random(shape)
    display = plots.ImagesDisplay(images, range(6)).plot()
    assert len(display.axes_) == 6 and [ax.get_title() for ax in display.axes_] == list("012345")
    drawn = display.axes_[4].images[0].get_array()
    whole = images[4].reshape(3, 4, 4) if 48 in shape else images[4]
    expected = np.moveaxis(whole, 0, -1) if whole.shape == (3, 4, 4) else whole
    if expected.shape == (4, 4, 3):  # colours are stretched to the range of all
        expected = (expected - images.min()) / (images.max() - images.min())
        assert drawn.shape == expected.shape
    np.testing.assert_allclose(np.ravel(drawn), np.ravel(expected))


def test_images_that_are_none_are_refused():
    for images, words in ((np.zeros((2, 35)), "make no square"), (np.zeros((2, 3, 4, 5, 6)), "of shape")):
        with pytest.raises(ValueError, match=words):
            plots.ImagesDisplay(images)
    with pytest.raises(ValueError, match="one for each of the 2 images"):
        plots.ImagesDisplay(np.zeros((2, 16)), ["a"])


def test_mistakes_are_named():
    class Wrong:
        def predict(self, X):
            return np.array(["cat", "dog", "cat"])

    X = RNG.random((3, 4))
    display = plots.ImagesDisplay.from_mistakes(Wrong(), X, np.array(["cat", "cat", "dog"]))
    assert [ax.get_title() for ax in display.axes_] == ["cat taken for dog", "dog taken for cat"]
    np.testing.assert_array_equal(display.images[0].ravel(), X[1])
    with pytest.raises(ValueError, match="makes no mistake"):
        plots.ImagesDisplay.from_mistakes(Wrong(), X, np.array(["cat", "dog", "cat"]))


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
