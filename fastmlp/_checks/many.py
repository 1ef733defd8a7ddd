"""Many fits at once: which models, with which options."""


def is_model(value):
    """Return whether `value` is a Network or an estimator: it can be fitted, and is no class."""
    fits = callable(getattr(value, "fit", None)) and not isinstance(value, type)
    return fits and (hasattr(value, "get_params") or hasattr(value, "get_weights"))


def check_model(value, name="model", network=True):
    """Return `value`, an estimator, or a Network where `network` allows that."""
    if not is_model(value) or not (network or hasattr(value, "get_params")):
        kinds = "Network or estimator" if network else "estimator, with fit and get_params"
        what = f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
        remedy = ": pass an instance" if isinstance(value, type) else ""
        raise TypeError(f"{name} must be one {kinds}; got {what}{remedy}")
    return value


def check_as_many(name, values, n):
    """Return a list, which must be `n` long."""
    if len(values) != n:
        raise ValueError(f"{name} must have one entry for each of the {n} fits; got {len(values)}")
    return values


def check_grouped(name, built, tasks):
    """Return the name of the parameter by which repetitions are told apart."""
    if not built:
        raise ValueError(
            "group_by needs a callable that builds the networks from `parameters`; a sequence of models has "
            "no settings to group by"
        )
    known = sorted({key for task in tasks for key in task.parameters})
    if name not in known:
        raise ValueError(f"group_by must name one of the parameters, {', '.join(known)}; got {name!r}")
    return name
