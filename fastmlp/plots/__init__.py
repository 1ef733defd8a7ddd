"""Pictures of training and of what was learnt.

Every display follows scikit-learn's convention: the constructor takes data, ``from_estimator`` and
``from_predictions`` compute it and draw, ``plot(ax=None)`` draws again, ``ax_`` and ``figure_`` hold
the result. Nothing calls ``plt.show()``. Matplotlib is imported when something is drawn. All are drawn in one
style, for light and dark backgrounds: see `style`.
"""

from .bars import BarsDisplay
from .class_f1 import ClassF1Display
from .compare_runs import CompareRunsDisplay
from .cross_validation import CrossValidationDisplay
from .decision_boundary import DecisionBoundaryDisplay
from .images import ImagesDisplay
from .loss_curve import LossCurveDisplay
from .noise_robustness import NoiseRobustnessDisplay
from .perceptron_evolution import PerceptronEvolutionDisplay
from .themes import style
from .weights import WeightsDisplay

__all__ = [
    "BarsDisplay",
    "ClassF1Display",
    "CompareRunsDisplay",
    "ConfusionMatrixDisplay",
    "CrossValidationDisplay",
    "DecisionBoundaryDisplay",
    "ImagesDisplay",
    "LossCurveDisplay",
    "NoiseRobustnessDisplay",
    "PerceptronEvolutionDisplay",
    "WeightsDisplay",
    "style",
]


def __getattr__(name):
    if name == "ConfusionMatrixDisplay":  # which brings scikit-learn
        from .confusion_matrix import ConfusionMatrixDisplay

        return ConfusionMatrixDisplay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
