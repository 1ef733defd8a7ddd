"""How pictures look: colours on light and dark, legends, ticks, limits, and what is harmless to them."""

from itertools import pairwise

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)
from matplotlib.colors import to_rgb  # noqa: E402

from fastmlp import Dense, MLPRegressor, Network, datasets, plots  # noqa: E402
from fastmlp.graph import Node  # noqa: E402
from fastmlp.plots.themes import ON_DARK, ON_LIGHT, PAPER, of_line  # noqa: E402

# what Machado, Oliveira and Fernandes (2009) have for each kind of colour-blindness, on linear RGB
BLIND = {
    "none": np.eye(3),
    "protan": [[0.15229, 1.05258, -0.20487], [0.11450, 0.78628, 0.09922], [-0.00388, -0.04812, 1.05200]],
    "deutan": [[0.36732, 0.86065, -0.22797], [0.28009, 0.67250, 0.04741], [-0.01182, 0.04294, 0.96888]],
    "tritan": [[1.25553, -0.07675, -0.17878], [-0.07841, 0.93081, 0.14760], [0.00473, 0.69137, 0.30390]],
}  # fmt: skip
CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
FALLING = np.linspace(1, 0.1, 30)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def linear(colours):
    rgb = np.array([to_rgb(colour) for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """Return the ratio of luminances, as WCAG 2 defines it."""
    low, high = sorted(linear([one, other]) @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme, colours", [("light", ON_LIGHT), ("dark", ON_DARK)])
def test_colours_stand_out_and_are_told_apart_by_the_colour_blind(theme, colours):
    assert min(contrast(colour, PAPER[theme]) for colour in colours) >= 2.95
    for kind, matrix in BLIND.items():
        seen = np.clip(linear(colours) @ np.transpose(matrix), 0, 1)
        lab = np.cbrt(seen @ CONES.T) @ OKLAB.T
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 9 * np.eye(len(colours))
        assert apart.min() >= 0.095, kind


def test_440_lines_are_told_apart():
    _, ax = plt.subplots()
    assert len({tuple(of_line(k, ax).items()) for k in range(440)}) == 440


GATE = datasets.load_logic_gate("and")
DRAWN = {
    "curves": lambda: plots.CompareRunsDisplay({"a": [3, 2, 1], "b": [[3, 2], [2, 1]]}).plot().ax_,
    "bars": lambda: plots.BarsDisplay({"a": {"x": [1, 2]}, "b": {"x": 2}}, name="s").plot().ax_,
    "confusion": lambda: plots.ConfusionMatrixDisplay.from_predictions([0, 1, 1], [0, 1, 0]).ax_,
    "evolution": lambda: plots.PerceptronEvolutionDisplay([[0.1, 0.1]], [0.0], *GATE).plot().ax_,
    "network": lambda: Network([Dense(20, "tanh", 3), Dense(1)]).plot(),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("how", ["style light", "style dark", "dark_background", "default"])
def test_texts_and_lines_stand_out(name, how):
    """In either theme, and in matplotlib's own styles."""
    chosen = plots.style(how.split()[1]) if " " in how else plt.style.context(how)
    with chosen:
        ax = DRAWN[name]()
    paper = ax.figure.get_facecolor()
    assert (sum(to_rgb(paper)) < 0.5) == ("dark" in how)
    texts = [*ax.texts, ax.xaxis.label, ax.yaxis.label, ax.title, *ax.get_xticklabels()]
    if name == "confusion":
        texts = texts[len(ax.texts) :]  # these stand on cells
    assert min(contrast(text.get_color(), paper) for text in texts if text.get_text()) >= 4.5
    lines = [line.get_color() for line in ax.lines]
    assert min([contrast(colour, paper) for colour in lines] or [21]) >= 2.5


def test_style_lasts_for_a_while_and_knows_its_themes():
    before = dict(plt.rcParams)
    with plots.style("dark"):
        assert plt.rcParams["figure.facecolor"] == PAPER["dark"] and plt.rcParams["lines.linewidth"] == 1.8
    assert dict(plt.rcParams) == before
    with (
        pytest.raises(ValueError, match="theme must be 'light', 'dark' or None; got 'grey'"),
        plots.style("grey"),
    ):
        pass


def test_a_theme_follows_the_axes_not_the_moment():
    with plots.style("dark"):
        _, ax = plt.subplots()
    dark = plots.LossCurveDisplay([2, 1]).plot(ax).line_
    light = plots.LossCurveDisplay([2, 1]).plot().line_
    assert dark.get_color() == ON_DARK[0] and light.get_color() == ON_LIGHT[0]
    assert dark.get_linewidth() == light.get_linewidth() == 1.8
    whole = plt.figure(facecolor="black")
    inner = whole.subfigures(1, 2)[0].add_subplot()
    inner.set_facecolor("none")
    assert plots.LossCurveDisplay([2, 1]).plot(inner).line_.get_color() == ON_DARK[0]


def test_the_graph_of_a_node_keeps_its_own_paper():
    with plots.style("dark"):
        ax = Node(2.0, "x").draw()
    boxes = [patch for patch in ax.patches if patch.get_facecolor()[0] > 0.8]
    assert len(boxes) == 1 and all(
        contrast(text.get_color(), boxes[0].get_facecolor()) >= 3 for text in ax.texts
    )


LONG = {f"momentum 0.{k}, rate 0.07, batch 1000, 100 epochs": FALLING + k for k in range(9)}


def boxes_of(ax):
    """Return where a legend, its axes and the figure are, in pixels."""
    ax.figure.canvas.draw()
    return ax.get_legend().get_window_extent(), ax.get_window_extent(), ax.figure.bbox


def test_a_long_legend_stands_below_and_the_axes_keep_their_size():
    usual = plots.CompareRunsDisplay({"a": FALLING}).plot().ax_
    ax = plots.CompareRunsDisplay(LONG).plot().ax_
    box, axes, figure = boxes_of(ax)
    labels = ax.xaxis.get_tightbbox(ax.figure.canvas.get_renderer())
    assert box.y1 <= labels.y0 and box.y0 >= -1 and box.x0 >= 0 and box.x1 <= figure.x1
    usual.figure.canvas.draw()
    assert axes.height >= 0.9 * usual.get_window_extent().height
    assert axes.width >= 0.8 * figure.width


@pytest.mark.parametrize("curves", [LONG, {"a": FALLING, "b": FALLING + 1}])
@pytest.mark.parametrize("layout", ["constrained", None])
def test_a_legend_covers_no_neighbour(curves, layout):
    _, axes = plt.subplots(2, 2, figsize=(11, 9), layout=layout)
    for ax in axes.flat:
        plots.CompareRunsDisplay(curves).plot(ax)
    for ax in axes.flat:
        box, own, whole = boxes_of(ax)
        others = [other.get_window_extent() for other in axes.flat if other is not ax]
        assert not any(box.overlaps(other) for other in others)
        if layout is None:  # no room is made: it stays within its axes, or covers them where it is larger
            assert abs((box.x0 + box.x1 - own.x0 - own.x1) / 2) <= own.width
        else:
            assert not box.overlaps(own)
            assert box.x0 >= whole.x0 and box.x1 <= whole.x1 and box.y0 >= whole.y0 and box.y1 <= whole.y1


def test_drawing_twice_does_not_grow_the_figure_twice():
    display = plots.CompareRunsDisplay(LONG).plot()
    size = display.figure_.get_size_inches().tolist()
    display.plot(display.ax_)
    grown = display.figure_.get_size_inches()
    assert grown[0] == size[0] and grown[1] <= 1.9 * size[1]


def test_what_runs_are_drawn_is_said_once():
    display = plots.LossCurveDisplay([FALLING, FALLING + 1], [FALLING, FALLING]).plot()
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    assert legend.get_title().get_text() == "mean of 2 runs ± std"
    mixed = plots.CompareRunsDisplay({"a": [FALLING] * 3, "b": FALLING}).plot(title="rate")
    assert mixed.ax_.get_legend().get_title().get_text() == "rate\nmean of 1 to 3 runs ± std"
    single = plots.CompareRunsDisplay({"a": FALLING}).plot()
    assert single.ax_.get_legend().get_title().get_text() == ""


@pytest.mark.parametrize("width", [2.5, 6.4])
def test_the_epochs_below_do_not_run_into_each_other(width):
    _, ax = plt.subplots(figsize=(width, 3), layout="constrained")
    plots.CompareRunsDisplay({"a": np.linspace(1, 0, 5000)}).plot(ax)
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert len(boxes) > 2 and all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert all(
        float(label.get_text().replace("\N{MINUS SIGN}", "-")) % 100 == 0 for label in ax.get_xticklabels()
    )


SHARES = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.4]]  # whose mean ± std leaves 0 and 1


@pytest.mark.parametrize(
    "name, runs, low, high",
    [
        ("loss", SHARES, 0, None),
        ("test SSE", SHARES, 0, None),
        ("loss", [[-1.0, 0.5], [1.0, 0.0], [-1.0, 0.0]], None, None),  # of Poisson's, say
        ("f1 of odd", SHARES, 0, 1),
        ("test_accuracy", SHARES, 0, 1),
        ("precision_macro", SHARES, 0, 1),
        ("r2", [[-3.0, 1.0], [1.0, 0.4], [1.0, 1.0]], None, 1),
    ],
)
def test_bands_and_whiskers_keep_within_the_metric(name, runs, low, high):
    runs = np.array(runs)
    band = plots.CompareRunsDisplay({"a": runs}, name=name).plot().bands_["a"].get_paths()[0].vertices[:, 1]
    free = [runs.mean(0) - runs.std(0), runs.mean(0) + runs.std(0)]
    assert np.isclose(band.min(), np.min(free) if low is None else max(low, np.min(free)))
    assert np.isclose(band.max(), np.max(free) if high is None else min(high, np.max(free)))
    bars = plots.BarsDisplay({"a": runs[:, 0]}, name=name).plot().bars_[""]
    ends = bars.errorbar.lines[2][0].get_segments()[0][:, 1]
    assert low is None or ends.min() >= low
    assert high is None or ends.max() <= high


def test_axes_are_named_in_words():
    for name, words in (
        ("val_accuracy", "validation accuracy"),
        ("noise 0.3_loss", "noise 0.3 loss"),
        ("sse", "sse"),
    ):
        assert plots.CompareRunsDisplay({"a": FALLING}, name=name).plot().ax_.get_ylabel() == words


def test_a_run_that_diverged_leaves_the_others_visible():
    gone = np.concatenate([FALLING[:10], np.full(20, 1e268)])
    ax = plots.CompareRunsDisplay({"a": FALLING, "b": FALLING, "gone": gone}).plot().ax_
    low, high = ax.get_ylim()
    assert 0 < low < 0.1 and 1 < high < 1.1


def test_epochs_of_predictions_made_now_and_then():
    y, told = [0, 1, 1], [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    scores = plots.ClassF1Display.from_predictions(y, told, first_epoch=0, every=50)
    assert scores.lines_[0].get_xdata().tolist() == [0, 50, 100]
    bars = scores.bars([0, 100])
    assert [bar.get_height() for bar in bars.bars_["epoch 100"]] == [1, 1]
    with pytest.raises(ValueError, match="within 0 and 100 in steps of 50; got \\[1\\]"):
        scores.bars([1])
    loss = plots.LossCurveDisplay.from_predictions(
        y, told, loss=lambda y, p: np.not_equal(y, p).sum(), first_epoch=10, every=10
    )
    assert loss.line_.get_xdata().tolist() == [10, 20, 30] and loss.line_.get_ydata().tolist() == [2, 1, 0]


@pytest.mark.parametrize("n", [3, 25, 60])
def test_names_of_groups_do_not_run_into_each_other(n):
    ax = plots.BarsDisplay({f"split {k}": k for k in range(n)}, name="x").plot().ax_
    ax.figure.canvas.draw()
    labels = [label for label in ax.get_xticklabels() if label.get_visible()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) >= min(n, 25)
    if labels[0].get_rotation() in (0, 90):
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))
    assert {label.get_rotation() for label in labels} == ({0} if n == 3 else {90})


def test_a_hundred_classes():
    y = np.repeat(np.arange(100), 2)
    ax = plots.ConfusionMatrixDisplay.from_predictions(y, y).ax_
    assert not ax.texts and [label.get_text() for label in ax.get_xticklabels()] == [
        str(k) for k in range(0, 100, 10)
    ]
    few = plots.ConfusionMatrixDisplay.from_predictions(y % 12, y % 12).ax_
    assert len(few.texts) == 144 and len(few.get_xticklabels()) == 12
    sizes = [text.get_window_extent().width for text in few.texts]
    assert max(sizes) < few.get_window_extent().width / 12
    plane = np.random.default_rng(0).normal(size=(200, 2))
    shown = plots.DecisionBoundaryDisplay(
        [0, 1], [0, 1], np.zeros((2, 2)), classes=np.arange(100), X=plane, y=y
    ).plot()
    marks = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in shown.ax_.collections[1:]
    }
    assert len(marks) == 100
    curves = plots.ClassF1Display(np.random.default_rng(0).random((4, 100))).plot()
    assert len({(c.get_color(), c.get_linestyle(), c.get_marker()) for c in curves.lines_}) == 100
    box, axes, figure = boxes_of(curves.ax_)
    assert not box.overlaps(axes) and box.x1 <= figure.x1 and box.y0 >= -1


@pytest.mark.filterwarnings("error", "ignore:Stochastic Optimizer|Maximum")
def test_a_regressor_of_a_data_frame():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["height", "weight"])
    y = X["height"] ** 2
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
    with pytest.warns(match="Maximum"):
        model.fit(X, y)
    display = plots.DecisionBoundaryDisplay.from_estimator(model, X, y)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("height", "weight")
    (samples,) = [c for c in display.ax_.collections if c.get_offsets().shape == (50, 2)]
    np.testing.assert_array_equal(samples.get_array(), y)
    assert samples.get_clim() == display.surface_.get_clim() or np.allclose(
        samples.get_clim(), [display.surface_.levels[0], display.surface_.levels[-1]]
    )
    assert display.ax_.get_legend() is None and len(display.figure_.axes) == 2  # a colour bar, no classes
    assert display.surface_.levels[0] <= min(y.min(), display.response.min())
    assert plots.PerceptronEvolutionDisplay([[1, 1]], [0], X, y > 1).plot().ax_.get_ylabel() == "weight"


@pytest.mark.filterwarnings("error")
def test_one_nan_and_an_empty_layer_are_harmless():
    weights = np.arange(8.0).reshape(4, 2)
    weights[1, 1] = np.nan
    image = plots.WeightsDisplay(weights).plot().image_
    assert image.get_clim() == (-7, 7) and np.nanmax(image.get_array()) == 7
    assert plots.WeightsDisplay(np.zeros((4, 0))).plot().ax_.get_title() == "weights of 0 units"
    bars = plots.BarsDisplay({"a": [1.0, np.nan, 3.0], "b": [np.nan]}).plot().bars_[""]
    assert bars[0].get_height() == 2 and np.isnan(bars[1].get_height())
    noise = plots.NoiseRobustnessDisplay([0, 1], [[0.9, np.nan], [np.nan, np.nan]]).plot().lines_[""]
    np.testing.assert_array_equal(noise.lines[0].get_ydata(), [0.9, np.nan])
    lines = plots.PerceptronEvolutionDisplay([[1, 1], [np.nan, 1], [1, 0]], [0, 0, 0], *GATE).plot().lines_
    assert len(lines) == 2
    response = np.array([[np.nan, 1.0], [-3.0, 0.0]])
    surface = plots.DecisionBoundaryDisplay([0, 1], [0, 1], response).plot().surface_
    assert (surface.levels[0], surface.levels[-1]) == (-3, 3)
    for curves in ({"a": [np.nan, 1.0], "b": [np.nan, np.nan]}, {"a": [[1.0, np.nan], [np.inf, 2.0]]}):
        plots.CompareRunsDisplay(curves).plot().figure_.canvas.draw()
    plt.close("all")


def test_images_are_framed():
    display = plots.ImagesDisplay(np.ones((3, 4, 4)), ["a", "b", "c"], n_columns=2).plot()
    assert all(spine.get_visible() for ax in display.axes_ for spine in ax.spines.values())
    assert not any(len(ax.get_xticks()) for ax in display.axes_)
