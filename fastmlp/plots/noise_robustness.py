"""How a model's score falls as noise is added to its inputs."""

import warnings

import numpy as np

from .. import _checks
from ..noise import add_gaussian_noise
from ._axes import readable, within
from .legends import axes_or_new, legend
from .themes import MARKERS, of_line, styled


class NoiseRobustnessDisplay:
    """The score on noisy inputs against the noise's standard deviation.

    Parameters
    ----------
    sigmas : array-like of shape (n_sigmas,)
    scores : array-like of shape (n_sigmas,) or (n_sigmas, n_repeats), or a dict of them by name
        Several are drawn as mean ± standard deviation.
    score_name : str, default="accuracy"

    Attributes
    ----------
    ax_, figure_
        Matplotlib's axes and figure.
    lines_ : dict of ErrorbarContainer
        By name.
    """

    def __init__(self, sigmas, scores, *, score_name="accuracy"):
        self.sigmas = np.atleast_1d(_checks.check_drawable("sigmas", sigmas))
        named = scores if isinstance(scores, dict) else {"": scores}
        _checks.check_scores_of_sigmas(self.sigmas, named)
        self.scores = {
            name: _checks.check_drawable("scores", s).reshape(len(self.sigmas), -1)
            for name, s in named.items()
        }
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sigmas=(0.0, 0.2, 0.4, 0.6, 0.8),
        unit=None,
        n_repeats=5,
        random_state=0,
        scoring=None,
        score_name=None,
        ax=None,
    ):
        """Score fitted models on copies of `X` with Gaussian noise added.

        Parameters
        ----------
        estimator : Network or estimator, or a dict of these by name
        X : array-like of shape (n_samples, n_features)
            Clean inputs.
        y : array-like of shape (n_samples,)
        sigmas : float or sequence of float, default=(0.0, 0.2, 0.4, 0.6, 0.8)
            Standard deviations, in the units of `X`.
        unit : float, default=None
            What 1 of them stands for: 255 for bytes of grey levels, see `fastmlp.noise`.
        n_repeats : int, default=5
            Noisy copies of `X` per sigma; every estimator sees the same ones.
        random_state : int, RandomState, Generator or None, default=0
        scoring : str or callable, default=None
            A metric's name (of estimators scikit-learn's), or ``scoring(estimator, X, y)``, which returns
            a number; None: the estimator's `score`.
        score_name : str, default=None
            None: the metric's name; "accuracy" where `scoring` is none.
        ax : Axes, default=None

        Returns
        -------
        NoiseRobustnessDisplay
        """
        models = estimator if isinstance(estimator, dict) else {"": estimator}
        _checks.check_not_empty("estimator", models, "pass a fitted model, or a dict of them by name")
        for model in () if callable(scoring) else models.values():
            _checks.check_one_model(model, "predict")
        if score_name is None:
            score_name = scoring if isinstance(scoring, str) else "accuracy"
        score = scoring if callable(scoring) else _by_name(scoring)
        sigmas = np.atleast_1d(sigmas)
        _checks.check_not_empty("sigmas", sigmas, "standard deviations, such as [0, 0.2]")
        n_repeats = _checks.check_int("n_repeats", n_repeats)
        if not isinstance(random_state, np.random.Generator):
            random_state = _checks.check_random_state(random_state)
        scores = {name: np.empty((len(sigmas), n_repeats)) for name in models}
        with warnings.catch_warnings():
            for i, j in np.ndindex(len(sigmas), n_repeats):
                noisy = add_gaussian_noise(X, sigmas[i], unit=unit, random_state=random_state)
                for name, model in models.items():
                    scores[name][i, j] = score(model, noisy, y)
                if sigmas[i] > 0:  # of the unit, once is enough
                    warnings.filterwarnings("ignore", "sigma=.* is in the units of")
        return cls(sigmas, scores, score_name=score_name).plot(ax)

    @styled
    def plot(self, ax=None, **line_options):
        """Draw into `ax`, or into a new figure, and return self."""
        self.ax_ = ax = axes_or_new(ax)
        self.figure_ = ax.figure
        self.lines_ = {}
        for k, (name, scores) in enumerate(self.scores.items()):
            scores = np.ma.masked_invalid(scores)
            mean, std = (values.filled(np.nan) for values in (scores.mean(axis=1), scores.std(axis=1)))
            low, high = within(self.score_name, mean - std, mean + std, scores)
            spread = (mean - low, high - mean) if scores.shape[1] > 1 else None
            options = of_line(k, ax) | {"marker": MARKERS[k % len(MARKERS)], "capsize": 4} | line_options
            self.lines_[name] = ax.errorbar(self.sigmas, mean, spread, label=name or None, **options)
        ax.set(xlabel="standard deviation of the noise", ylabel=readable(self.score_name))
        ax.grid(True)
        legend(ax)
        return self


def _by_name(name):
    """Return the function of (model, X, y) that computes a metric by its name, or the model's score."""

    def score(model, X, y):
        if name is None:
            return model.score(X, y)
        if hasattr(model, "evaluate"):
            return model.evaluate(X, y, metrics=[name])[name]
        from sklearn.metrics import get_scorer

        return get_scorer(name)(model, X, y)

    return score
