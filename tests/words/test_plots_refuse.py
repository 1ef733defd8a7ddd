"""What displays are given by mistake is refused in a sentence; odd data are drawn."""

import warnings

import numpy as np
import pytest

from fastmlp import Dense, MLPClassifier, MLPRegressor, Network, Perceptron, graph
from fastmlp import plots as p

plt = pytest.importorskip("matplotlib.pyplot")
pd = pytest.importorskip("pandas")

X = np.random.RandomState(0).standard_normal((30, 2))
Y = np.arange(30) % 3
ROWS = np.eye(3)[Y]
LONG = "a very long name " * 15
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def net(y=Y, **options):
    return Network([Dense(4, "tanh"), Dense(3, "softmax")], random_state=0).fit(X, y, epochs=3, **options)


def ends():
    a = graph.Node(1.0, "a")
    return a * a


DRAWN = {
    "loss": p.LossCurveDisplay([2, 1]).plot,
    "runs": p.CompareRunsDisplay({"a": [2, 1]}).plot,
    "bars": p.BarsDisplay({"a": 1}).plot,
    "f1": p.ClassF1Display(np.ones((2, 3))).plot,
    "matrix": lambda ax: p.ConfusionMatrixDisplay(np.eye(2)).plot(ax=ax),
    "boundary": p.DecisionBoundaryDisplay(np.arange(3), np.arange(3), np.eye(3)).plot,
    "weights": p.WeightsDisplay(np.ones((4, 2))).plot,
    "noise": p.NoiseRobustnessDisplay([0, 1], [1, 0]).plot,
    "perceptron": p.PerceptronEvolutionDisplay([[1, 1]], [0], X, Y).plot,
    "film": lambda ax: p.PerceptronEvolutionDisplay([[1, 1]], [0], X, Y).animate(ax=ax),
    "folds": p.CrossValidationDisplay([2, 1], [3, 2]).plot,
    "graph": lambda ax: graph.draw(ends(), ax),
    "network": lambda ax: Network([Dense(2)]).build(2).plot(ax),
    "blocks": lambda ax: Network([Dense(2)]).build(2).plot_graph(ax=ax),
}


def removed():
    ax = plt.figure().add_subplot()
    ax.remove()
    return ax


WRONG = {
    "list": (lambda: [plt.figure().add_subplot()], r": pass one of them, ax=axes\[0\]"),
    "array": (lambda: plt.figure().subplots(2), r"ndarray of shape \(2,\): pass one of them"),
    "figure": (plt.figure, r"a Figure: pass ax=figure.subplots\(\)"),
    "none in a list": (lambda: [None], r"\[None\]: pass one of them"),
    "number": (lambda: 5, "5"),
    "text": (lambda: "ax", "'ax'"),
    "module": (lambda: plt, "<module"),
    "removed": (removed, "Axes that were removed"),
}


@pytest.mark.parametrize("display", DRAWN)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_ax_is_one_error(display, wrong):
    make, said = WRONG[wrong]
    with pytest.raises(
        TypeError, match=f"^ax must be one Axes of matplotlib, or None for a new figure; got .*{said}"
    ):
        DRAWN[display](make())


def test_a_wrong_figure():
    images = p.ImagesDisplay(np.zeros((2, 4)))
    for wrong, said in [
        (plt.figure().add_subplot(), "got Axes: pass ax.figure"),
        ([], r"got \[\]"),
        (1, "got 1"),
    ]:
        with pytest.raises(TypeError, match=f"figure must be a Figure of matplotlib.*{said}"):
            images.plot(wrong)
    assert images.plot(plt.figure().subfigures(2)[0]).axes_.shape == (2,)


def test_rows_of_0_and_1_are_classes():
    """A network that learned by one-hot rows is shown by them as by numbers."""
    model = net(ROWS)
    told = model.predict_classes(X)
    for y in (Y, ROWS, Y[:, None]):
        matrix = p.ConfusionMatrixDisplay.from_estimator(model, X, y).confusion_matrix
        assert np.trace(matrix) == (told == Y).sum()
        mistakes = p.ImagesDisplay.from_mistakes(model, X, y, image_shape=(1, 2), n_most=100)
        assert len(mistakes.images) == (told != Y).sum()
        ax = p.DecisionBoundaryDisplay.from_estimator(model, X, y, grid_resolution=9).ax_
        assert [len(drawn.get_offsets()) for drawn in ax.collections[-3:]] == [10, 10, 10]


REFUSED = [
    (lambda: p.LossCurveDisplay(3.0), TypeError, "loss must be numbers, one for each epoch"),
    (lambda: p.LossCurveDisplay(["a"]), TypeError, "loss must be numbers"),
    (lambda: p.LossCurveDisplay(np.zeros((2, 3, 4))), TypeError, r"got ndarray of shape \(2, 3, 4\)"),
    (lambda: p.LossCurveDisplay([1, 2], every=0), ValueError, "every must be at least 1"),
    (lambda: p.LossCurveDisplay.from_estimator([]), ValueError, "estimator is empty"),
    (
        lambda: p.CrossValidationDisplay.from_cv_results({}),
        TypeError,
        "result must be what cross_validate returned",
    ),
    (lambda: p.CrossValidationDisplay([1], [1], every="a"), TypeError, "every must be an int"),
    (lambda: p.ClassF1Display([["a"]]), ValueError, "f1 must hold numbers"),
    (lambda: p.ConfusionMatrixDisplay(np.zeros((0, 0))).plot(), ValueError, "confusion_matrix is empty"),
    (
        lambda: p.ConfusionMatrixDisplay.from_estimator(net(), X, Y[:5]),
        ValueError,
        "y must have one entry for each",
    ),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator(net(), X[:0]),
        ValueError,
        "X must have numbers in both",
    ),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator(net(), [["a", "b"]]),
        ValueError,
        "X must hold numbers",
    ),
    (lambda: p.DecisionBoundaryDisplay.from_estimator(net(), X, Y[:5]), ValueError, "y must have one entry"),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator(net(), X, grid_resolution=1),
        ValueError,
        "grid_resolution",
    ),
    (lambda: p.DecisionBoundaryDisplay.from_estimator(net(), X, margin=np.nan), ValueError, "margin must be"),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator([net()], X),
        TypeError,
        "estimator must be one fitted model",
    ),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator(MLPClassifier((2,), max_iter=2).fit(X, ROWS), X),
        ValueError,
        "several labels of a sample",
    ),
    (
        lambda: p.DecisionBoundaryDisplay.from_estimator(MLPRegressor(max_iter=2).fit(X, Y), X, ["a"] * 30),
        ValueError,
        "y must hold numbers",
    ),
    (lambda: p.ImagesDisplay([["a"]]), ValueError, "images must hold numbers"),
    (lambda: p.ImagesDisplay(np.ones((2, 4)), limits=1), ValueError, "limits must be two numbers"),
    (lambda: p.ImagesDisplay(np.ones((2, 4)), limits="ab"), ValueError, "limits must hold numbers"),
    (lambda: p.ImagesDisplay(np.ones((2, 4)), 3), TypeError, "titles must be a sequence"),
    (
        lambda: p.ImagesDisplay(np.ones((2, 4)), image_shape=(2, "a")),
        TypeError,
        "image_shape must be a tuple",
    ),
    (lambda: p.ImagesDisplay.from_mistakes(net(), X, Y[:4]), ValueError, "y must have one entry"),
    (lambda: p.WeightsDisplay(None), ValueError, "weights must have 2 dimensions"),
    (lambda: p.WeightsDisplay(np.zeros((0, 3))), ValueError, "weights is empty"),
    (lambda: p.WeightsDisplay(np.ones((4, 2)), "ab"), TypeError, "image_shape must be a tuple"),
    (lambda: p.WeightsDisplay(np.ones((4, 2))).plot(max_units=0), ValueError, "max_units must be at least 1"),
    (
        lambda: p.WeightsDisplay.from_estimator(MLPClassifier()),
        TypeError,
        "estimator must be one fitted model",
    ),
    (lambda: p.NoiseRobustnessDisplay(["a"], [1]), ValueError, "sigmas must hold numbers"),
    (lambda: p.NoiseRobustnessDisplay([0], ["a"]), ValueError, "scores must hold numbers"),
    (
        lambda: p.NoiseRobustnessDisplay.from_estimator([net()], X, Y),
        TypeError,
        "estimator must be one fitted",
    ),
    (lambda: p.NoiseRobustnessDisplay.from_estimator({}, X, Y), ValueError, "estimator is empty"),
    (lambda: p.PerceptronEvolutionDisplay([["a", 1]], [0], X, Y), ValueError, "coefs must hold numbers"),
    (lambda: p.PerceptronEvolutionDisplay([[1, 1]], [0], X, 5), ValueError, "y must have one entry"),
    (lambda: p.PerceptronEvolutionDisplay([[1, 1]], [0], X[:0], []), ValueError, "X must have numbers"),
    (
        lambda: p.PerceptronEvolutionDisplay([[1, 1]], [0], X, Y).plot(max_lines=0),
        ValueError,
        "max_lines must be",
    ),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_refused(k):
    call, kind, message = REFUSED[k]
    with pytest.raises(kind, match=message):
        call()


def test_odd_data_are_drawn():
    """NaN, infinity, one point, very long names, a Series whose rows are numbered otherwise; no warning."""
    odd = np.where(np.arange(30)[:, None] == 3, [np.nan, np.inf], X)
    series = pd.Series(Y, index=range(5, 35))
    regressor = MLPRegressor(max_iter=2).fit(X, Y)
    neuron = Perceptron(max_iter=3).fit(X, Y)
    model = net()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        displays = [
            p.LossCurveDisplay(pd.Series([3.0, 2.0], index=[7, 9]), name=None).plot(),
            p.LossCurveDisplay(pd.DataFrame([[3.0, 2.0], [2.0, 1.0]])).plot(),
            p.CompareRunsDisplay({LONG: [1, np.inf], "b": [np.nan, np.nan]}).plot(title=LONG),
            p.BarsDisplay({LONG: 1, LONG + "2": [1, 2]}).plot(),
            p.ClassF1Display(np.ones((2, 2)), [LONG, "b"]).plot(),
            p.NoiseRobustnessDisplay([0, 1], {LONG: [1, 0]}).plot(),
            p.ImagesDisplay(np.zeros((2, 4)), [LONG, "b"]).plot(),
            p.DecisionBoundaryDisplay.from_estimator(model, odd, series),
            p.DecisionBoundaryDisplay.from_estimator(model, pd.DataFrame(X, columns=[LONG, 1]), series),
            p.DecisionBoundaryDisplay.from_estimator(regressor, pd.DataFrame(X, columns=["a", "b"])),
            p.DecisionBoundaryDisplay.from_estimator(regressor, X, np.full(30, np.nan)),
            p.PerceptronEvolutionDisplay([[1, 1]], [0], odd, Y).plot(),
            p.WeightsDisplay.from_estimator(neuron, image_shape=(1, 2)),
            p.ConfusionMatrixDisplay.from_estimator(model, X, series),
        ]
        for display in displays:
            display.figure_.canvas.draw()
    labels = [text.get_text() for text in displays[2].ax_.get_legend().get_texts()]
    assert labels[0] == LONG[:59] + "…" and labels[1] == "b"
    assert displays[12].weights.tolist() == neuron.coef_.T.tolist()


def test_the_unit_of_bytes_is_asked_for_once():
    levels = np.arange(60, dtype=np.uint8).reshape(30, 2) * 4
    with pytest.warns(UserWarning, match="unit=255") as told:
        p.NoiseRobustnessDisplay.from_estimator(net(), levels, Y, sigmas=[0, 0.2, 0.4])
    assert len(told) == 1
