"""Displays given numbers in other units, names of metrics, too little, or what is no data of theirs."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)
from sklearn.metrics import f1_score  # noqa: E402

from fastmlp import L1L2, Dense, MLPClassifier, Network, plots  # noqa: E402
from fastmlp.network.block_graph import parts_of  # noqa: E402
from fastmlp.plots._axes import within  # noqa: E402

PERCENT = np.array([[95.0, 97.0], [90.0, 96.0]])
X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", ["accuracy", "val_f1", "score"])
def test_a_share_in_percent_keeps_its_band(name):
    low, high = within(name, np.array([94.0]), np.array([101.0]), PERCENT)
    assert (low, high) == (94.0, 101.0)


def test_shares_in_percent_are_drawn():
    bars = plots.BarsDisplay({"a": {"x": [95.0, 97.0]}}, name="accuracy").plot()
    assert bars.bars_["a"].patches[0].get_height() == 96.0
    plots.NoiseRobustnessDisplay([0, 1], PERCENT).plot()
    by_class = plots.ClassF1Display([PERCENT, PERCENT])
    assert by_class.plot().ax_.get_ylim()[1] > 97.0
    by_class.bars([1])
    band = plots.CompareRunsDisplay({"a": PERCENT}, name="accuracy").plot().bands_["a"]
    assert band.get_paths()[0].vertices[:, 1].min() == 90.0  # 92.5 - 2.5


@pytest.mark.parametrize("name", ["f1_macro", "accuracy"])
def test_noise_is_scored_by_a_metrics_name(name):
    network = Network([Dense(1, "sigmoid")], random_state=0).fit(X, Y)
    classifier = MLPClassifier((2,), solver="lbfgs", random_state=0).fit(X, Y)
    models = {"network": network, "classifier": classifier}
    display = plots.NoiseRobustnessDisplay.from_estimator(
        models, X, Y, sigmas=[0.0], n_repeats=1, scoring=name
    )
    answers = {"network": network.predict_classes(X), "classifier": classifier.predict(X)}
    for model, told in answers.items():
        want = (Y == told).mean() if name == "accuracy" else f1_score(Y, told, average="macro")
        np.testing.assert_allclose(display.scores[model], want)
    assert display.ax_.get_ylabel() == name


def test_one_sigma_may_stand_by_itself():
    network = Network([Dense(1, "sigmoid")], random_state=0).fit(X, Y)
    assert plots.NoiseRobustnessDisplay.from_estimator(network, X, Y, sigmas=0.3).sigmas.tolist() == [0.3]


def noise(**options):
    network = Network([Dense(1, "sigmoid")], random_state=0).fit(X, Y)
    return plots.NoiseRobustnessDisplay.from_estimator(network, X, Y, **options)


def mistakes(**options):
    network = Network([Dense(1, "sigmoid")], random_state=0).fit(X, Y)
    return plots.ImagesDisplay.from_mistakes(network, X, 1 - Y, image_shape=(1, 2), **options)


def images(**options):
    return plots.ImagesDisplay(np.zeros((3, 16)), **options)


REFUSED = {
    "no sigmas": (lambda: noise(sigmas=[]), "sigmas is empty"),
    "no repeats": (lambda: noise(n_repeats=0), "n_repeats must be at least 1; got 0"),
    "no metric": (lambda: noise(scoring="f2"), "f2"),
    "scores of other sigmas": (
        lambda: plots.NoiseRobustnessDisplay([0, 1, 2], PERCENT),
        r"scores must hold one row for each of the 3 sigmas; got shape \(2, 2\)",
    ),
    "bars of a list": (lambda: plots.BarsDisplay([1, 2]), r"values must be a dict, .*got \[1, 2\]"),
    "bars of nothing": (lambda: plots.BarsDisplay({"a": {}}), r"values\['a'\] holds nothing to draw"),
    "bars of texts": (
        lambda: plots.BarsDisplay({"a": {"x": "q"}}),
        r"values\['a'\]\['x'\] must hold numbers; got 'q'",
    ),
    "runs in a list": (lambda: plots.CompareRunsDisplay.from_estimators([1]), "must be a dict, by"),
    "curves in a list": (lambda: plots.CompareRunsDisplay([1]), "curves must be a dict, by"),
    "no curves": (lambda: plots.CompareRunsDisplay({}), "curves holds nothing to draw"),
    "nothing recorded": (lambda: plots.LossCurveDisplay([]), "no epoch: .* at a rate that does not diverge"),
    "no epochs of bars": (lambda: plots.ClassF1Display(PERCENT / 100).bars([]), "epochs is empty"),
    "images of another shape": (
        lambda: images(image_shape=(3, 5)),
        r"image_shape must have as many pixels as each image, 16; got \(3, 5\)",
    ),
    "images of one side": (lambda: images(image_shape=16), "image_shape must be"),
    "images of several shapes": (
        lambda: plots.ImagesDisplay([np.zeros((4, 4)), np.zeros((5, 5))]),
        "images must all have one shape",
    ),
    "no columns": (lambda: images(n_columns=0), "n_columns must be at least 1"),
    "no mistakes": (lambda: mistakes(n_most=0), "n_most must be at least 1"),
    "too few names": (lambda: mistakes(class_names=["a"]), "must name every class; it has 1 names"),
    "no such layer": (
        lambda: plots.WeightsDisplay.from_estimator(Network([Dense(1)]).build(4), layer=9),
        "layer must be between 0 and 0; got 9",
    ),
    "texts for a network": (
        lambda: plots.ConfusionMatrixDisplay.from_estimator(
            Network([Dense(1, "sigmoid")], random_state=0).fit(X, Y), X, np.array(["a", "b"])[Y]
        ),
        "y must hold the numbers of classes.* display_labels",
    ),
    "names of other classes": (
        lambda: plots.ConfusionMatrixDisplay(np.eye(2), display_labels=["a"]).plot(),
        "display_labels must be one for each of the 2 classes; got 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_its_name(case):
    draw, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=message):
        draw()


def test_a_layers_penalties_are_drawn_with_what_they_are_divided_by():
    network = Network([Dense(2, l1=0.1, l2=0.2)], reg=L1L2(0.3, 0.4)).build(3)
    texts = [part.text for part in parts_of(network.topology, loss="mse")]
    assert [text for text in texts if "Σ" in text] == [
        "l1/n Σ|·| W1", "l2/2n Σ ·² W1", "λ Σ|·| W1", "λ Σ ·² W1",
    ]  # fmt: skip
