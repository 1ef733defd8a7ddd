"""``python docs/make_formulas.py``: write formulas.md, tables of the formulas as the code declares them."""

import ast
import inspect
from pathlib import Path
from textwrap import dedent

from fastmlp import activations, losses, optimizers

PAGE = Path(__file__).with_name("formulas.md")
HEAD = """# Formulas

Each formula stands once in the code, in NumPy: the kernels are tested against it, the `numpy` backend and
`Network.to_numpy` work by it, and this page is written from it, by `docs/make_formulas.py`. What is yours
looks the same; `check_gradient` compares its derivative with differences.

z are weighted sums, a what is made of them, y targets, w parameters, g their gradient; `state` is what an
optimizer keeps between steps, and t counts them from 1.
"""


PARTS = [  # that formulas call
    activations.logistic, activations.softmax, activations.log_sum_exp, activations._erf, losses._inside,
    losses.BinaryCrossentropy._targets, losses.CategoricalCrossentropy._targets, losses.Hinge._violations,
    optimizers.Adam._descend, activations.Softmax.backward,
]  # fmt: skip


def formula(function):
    """Return a function's code on one line, without ``self.`` and its docstring."""
    tree = ast.parse(dedent(inspect.getsource(function))).body[0]
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    text = "; ".join(ast.unparse(statement) for statement in body).replace("self.", "")
    return text.replace("return ", "").replace("\n    ", " ").replace("|", "\\|")


def names_of(cls, table):
    return ", ".join(f"`{name}`" for name, one in table.items() if one is cls)


def table(title, columns, rows):
    lines = [f"## {title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def page():
    """Return the page."""
    of_activations = [
        (names_of(cls, activations.ACTIVATIONS), f"`{formula(cls.value)}`", f"`{formula(cls.derivative)}`")
        for cls in activations.BUILT_IN
    ]
    of_losses = []
    for cls in losses.BUILT_IN:
        of_logits = f"`{formula(cls.logits_value)}`" if cls.from_logits else ""
        row = names_of(cls, losses.LOSSES), f"`{formula(cls.value)}`", f"`{formula(cls.derivative)}`"
        of_losses.append((*row, of_logits))
    of_optimizers = [
        (names_of(cls, optimizers.OPTIMIZERS), f"`{formula(cls.update)}`") for cls in optimizers.BUILT_IN
    ]
    of_parts = [(f"`{f.__qualname__}`", f"`{formula(f)}`") for f in PARTS]
    parts = [
        HEAD,
        table("Activations", ("name", "value", "derivative"), of_activations),
        "",
        table("Losses of each sample", ("name", "value", "derivative", "by logits"), of_losses),
        "",
        "The last column takes the others' place behind the output activations that `from_logits` names.",
        "",
        table("Optimizers", ("name", "update"), of_optimizers),
        "",
        "`adamw` is `adam` with decay. Decay comes before the update: `w *= 1 - rate * weight_decay`.",
        "",
        table("What they call", ("name", "code"), of_parts),
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
