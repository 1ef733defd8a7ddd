"""Cross-validation: splits, metrics, what failed."""

from .values import check_made, check_not_empty, shown


def check_splitter(cv):
    """Return `cv`, a splitter or an iterable of (train, test) as a list."""
    cv = check_made("cv", cv)
    several = hasattr(cv, "__iter__") and getattr(cv, "shape", None) != ()  # which an array of one number has
    if isinstance(cv, str) or not (hasattr(cv, "split") or several):
        raise TypeError(
            "cv must be an int, a splitter of sklearn.model_selection, or an iterable of (train, test) row "
            f"numbers; got {shown(cv)}"
        )
    if hasattr(cv, "split"):
        return cv
    cv = list(cv)
    for k, split in enumerate(cv):
        if not hasattr(split, "__len__") or len(split) != 2:
            raise ValueError(f"cv must hold pairs (train, test); fold {k} is {shown(split)}")
    return cv


def check_splits(splits, n_samples, n_expected=None):
    """Raise where folds are missing, empty, or name rows that are not there."""
    check_not_empty("cv", splits, "its splitter yielded no fold")
    if n_expected is not None and len(splits) != n_expected:
        raise ValueError(
            f"cv must yield as many folds in each repetition; got {n_expected}, then {len(splits)}"
        )
    for k, split in enumerate(splits):
        for name, rows in zip(("training", "test"), split, strict=True):
            if not len(rows):
                raise ValueError(f"cv yielded no {name} rows in fold {k}; choose other sizes or fewer folds")
            if rows.min() < 0 or rows.max() >= n_samples:
                raise ValueError(
                    f"cv yielded row {rows.min() if rows.min() < 0 else rows.max()} among the {name} rows of "
                    f"fold {k}; X has rows 0 to {n_samples - 1}"
                )


def check_any_method(name, value, estimator, methods):
    """Raise where an estimator has none of the methods that a metric asks for."""
    if not any(hasattr(estimator, method) for method in methods):
        raise ValueError(
            f"{name}: {value!r} needs an estimator with {' or '.join(methods)}, which {estimator!r} has not "
            "with these parameters; choose a metric of predictions, such as 'accuracy'"
        )
