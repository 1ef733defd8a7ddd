"""What `train` tells: lines for the terminal, plain data for the model's file, and a page with pictures."""

import numpy as np

from . import report
from .command import printable

MOST_DRAWN = 30  # classes of a confusion matrix


class Told:
    """All that is told of one training.

    Parameters
    ----------
    options : Namespace
        Of the command.
    target : Target
    columns : Columns
    recipe : Recipe
    notes : list of str
    """

    def __init__(self, options, target, columns, recipe, notes):
        self.options, self.target, self.columns = options, target, columns
        self.recipe, self.notes = recipe, notes

    def facts(self):
        """Return sentences about data and network."""
        widths = (self.columns.width, *self.recipe.hidden)
        columns = self.columns.columns
        categories = [len(column["categories"]) for column in columns if column["kind"] == "text"]
        numbers, texts = len(columns) - len(categories), len(categories)
        parts = [f"{numbers} columns of numbers, scaled"] * bool(numbers)
        parts += [f"{texts} of texts, an input for each of {sum(categories)} categories"] * bool(texts)
        return [
            f"{self.options.data.name}: {len(self.target.y)} rows",
            self.target.told,
            f"{'; '.join(parts)}; {widths[0]} inputs together",
        ]

    def before(self):
        """Return what is told before anything is trained."""
        return "\n".join(map(printable, [*self.facts(), *(f"note: {note}" for note in self.notes)]))

    def trained(self, trained):
        """Return a sentence about the training."""
        model, n = (
            trained.model,
            sum(
                w.size + b.size for w, b in zip(trained.model.coefs_, trained.model.intercepts_, strict=True)
            ),
        )
        widths = "-".join(map(str, (self.columns.width, *self.recipe.hidden, model.n_outputs_)))
        best = f", weights of epoch {model.best_iter_}" if model.best_iter_ else ""
        return f"network {widths}, {n} parameters: {model.n_iter_} epochs{best}"

    def rows(self, scores):
        """Return the table of scores, as texts."""
        head = (f"on rows held out, {len(scores.models)} folds", "model", self.target.baseline)
        return [
            head,
            *((name, _shown(ours), _shown(scores.baseline[name])) for name, ours in scores.ours.items()),
        ]

    def verdict(self, scores):
        """Return a sentence where the model is no better than the baseline; else nothing."""
        name, ours = next(iter(scores.ours.items()))
        if ours.mean() - ours.std() > scores.baseline[name].mean():
            return ""
        return (
            f"by {name} this is hardly better than {self.target.baseline}: the columns tell little, or rows "
            "are few"
        )

    def after(self, trained, scores):
        """Return what is told at the end."""
        lines = ["", printable(self.trained(trained))]
        if scores is None:
            return "\n".join([*lines, "no cross-validation: nothing is known of other rows"])
        rows = self.rows(scores)
        widths = [max(len(printable(row[k])) for row in rows) for k in range(3)]
        lines += [
            "  ".join(printable(c).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, printable(self.verdict(scores))]).rstrip()

    def data(self, trained, scores):
        """Return what the model's file is to say, as plain data."""
        kept = (
            {}
            if scores is None
            else {name: [float(v.mean()), float(v.std())] for name, v in scores.ours.items()}
        )
        return {
            "task": "classification" if self.target.classifies else "regression",
            "data": self.options.data.name, "rows": len(self.target.y), "epochs": int(trained.model.n_iter_),
            "scores": kept, "notes": list(self.notes),
        }  # fmt: skip


def write(path, told, trained, scores):
    """Write the page."""
    parts = [report.bullets([*told.facts(), told.trained(trained)])]
    if scores is not None:
        head, *rows = told.rows(scores)
        verdict = told.verdict(scores)
        parts.append(("Score", report.table(head, rows) + (report.bullets([verdict]) if verdict else "")))
    if told.notes:
        parts.append(("What was noticed and done", report.bullets(told.notes)))
    parts.append(
        ("Columns", report.table(("column", "kind", "what was learned"), map(_column, told.columns.columns)))
    )
    pictures = _pictures(told, scores, trained)
    parts.append(("Pictures", "\n".join(report.picture(figure, text) for text, figure in pictures.items())))
    settings = {name: getattr(told.recipe, name) for name in told.recipe.options()}
    parts.append(("Settings", report.table(("option", "value"), settings.items())))
    report.write(path, f"{told.options.target} of {told.options.data.name}", *parts)


def _column(column):
    if column["kind"] == "text":
        said = ", ".join(column["categories"]) + (", missing" if column["may_miss"] else "")
    else:
        said = f"mean {column['mean']:.4g}, standard deviation {column['scale']:.4g}"
        said += f", {column['fill']:.4g} where it is missing"
    return column["name"], column["kind"], said


def _pictures(told, scores, trained):
    """Return {caption: figure}."""
    from ..plots import ConfusionMatrixDisplay, LossCurveDisplay

    models = [trained.model] if scores is None else scores.models
    of = "the model" if scores is None else f"{len(models)} folds, each until it stopped"
    aside = all(model.best_iter_ for model in models)
    on = "rows set aside to stop by" if aside else "rows held out"
    metric = "accuracy" if told.target.classifies else "r2"
    found = {
        f"The loss over the epochs of {of}; validation: {on}.": LossCurveDisplay.from_estimator(
            models
        ).figure_,
        f"The same of {'accuracy' if metric == 'accuracy' else 'R²'}.": LossCurveDisplay.from_estimator(
            models, key=metric, name="R²" if metric == "r2" else None
        ).figure_,
    }
    if scores is None:
        return found
    if not told.target.classifies:
        found["What rows held out are told, against what they are."] = _predicted(scores, told.options.target)
    elif (n := len(np.unique(scores.y_true))) <= MOST_DRAWN:
        shown = ConfusionMatrixDisplay.from_predictions(
            scores.y_true, scores.y_pred, normalize="true", values_format=".0%", cmap="Blues",
            xticks_rotation="vertical" if n > 5 else "horizontal", include_values=n <= 15,
        )  # fmt: skip
        found["Of the rows of each class, held out, the share that was told each class."] = shown.figure_
    return found


def _predicted(scores, name):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(layout="constrained")
    ax.scatter(scores.y_true, scores.y_pred, s=12, alpha=0.6, edgecolors="none")
    ends = [min(scores.y_true.min(), scores.y_pred.min()), max(scores.y_true.max(), scores.y_pred.max())]
    ax.plot(ends, ends, color="0.5", linewidth=1)
    ax.set(xlabel=f"{name}, as it is", ylabel=f"{name}, as it is told")
    return figure


def _shown(values):
    return f"{values.mean():.4g} ± {values.std():.2g}"
