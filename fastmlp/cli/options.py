"""What can be asked for on the command line: one parser for each subcommand, with all of its help."""

import argparse
import math
import operator
from pathlib import Path

from .. import __version__
from ..activations import ACTIVATIONS
from ..experiments import SIZES

FORMATTER = argparse.RawDescriptionHelpFormatter
WIDEST, MOST_WEIGHTS = 100_000, 10**8  # of hidden layers: what is larger is a slip of the finger


class Parser(argparse.ArgumentParser):
    """argparse's, whose errors are raised, to be told in one line."""

    def error(self, message):
        raise ValueError(f"{message} (see {self.prog} --help)")


def parser():
    """Return the parser of the whole command."""
    top = Parser(
        prog="fastmlp",
        description="Small and middle-sized neural networks on the CPU.",
        epilog="Exit status: 0, 1 where a check failed, 2 for errors, 130 after Ctrl-C.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"fastmlp {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, required=True)
    for name, (add, text) in COMMANDS.items():
        one = commands.add_parser(
            name, help=text.splitlines()[0], description=text, formatter_class=FORMATTER, allow_abbrev=False
        )
        one.add_argument(
            "--traceback", action="store_true", help="show where in the code an error was raised"
        )
        add(one)
    return top


def demo(one):
    one.add_argument(
        "--output", type=Path, default=Path("demo-output"), metavar="DIR",
        help="folder for pictures and the model (default: demo-output)",
    )  # fmt: skip
    one.add_argument(
        "--epochs", type=_number(int, 1), metavar="N", help="passes over the training images (default: 10)"
    )


def experiment(one):
    one.add_argument("id", nargs="+", metavar="ID", help='of experiments, such as C9; "list"; "all"')
    size = one.add_mutually_exclusive_group()
    size.add_argument("--size", choices=SIZES, default="quick", help="of data and training (default: quick)")
    size.add_argument(
        "--full", dest="size", action="store_const", const="full", help="as the reports have it: --size full"
    )
    one.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value of one of its settings",
    )
    one.add_argument(
        "--seed", type=_number(int, 0, 2**32), default=0, help="of all that is drawn (default: 0)"
    )
    _threads(one)
    one.add_argument(
        "--output", type=Path, default=Path("experiment-output"), metavar="DIR",
        help="folder for pictures, result.json, result.md and report.html (default: experiment-output)",
    )  # fmt: skip


def train(one):
    one.add_argument("data", type=Path, metavar="DATA.csv", help="a table whose first line names the columns")
    one.add_argument("--target", required=True, metavar="COL", help="the column to be told by the others")
    one.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="MODEL",
        help="the model's file, which ends in .safetensors",
    )
    one.add_argument(
        "--report", type=Path, metavar="FILE", help="one HTML file (default: beside the model, by its name)"
    )
    one.add_argument(
        "--task", choices=("auto", "classification", "regression"), default="auto",
        help="what to make of the target: classes (classification), or numbers (regression); auto takes "
        "texts as classes, and whole numbers of at most 20 different values (default: auto)",
    )  # fmt: skip
    one.add_argument(
        "--drop", action="append", default=[], metavar="COL", help="a column to leave out; may come often"
    )
    one.add_argument(
        "--cv",
        type=_number(int, 0),
        default=5,
        metavar="N",
        help="folds of cross-validation, 0 for none (default: 5)",
    )
    recipe = one.add_argument_group("network and training")
    recipe.add_argument(
        "--hidden",
        type=_widths,
        default=(64, 32),
        metavar="N,N",
        help="widths of hidden layers (default: 64,32)",
    )
    names = sorted(ACTIVATIONS)
    recipe.add_argument(
        "--activation", default="relu", choices=names, metavar="NAME",
        help=f"of hidden layers: {', '.join(names)} (default: relu)",
    )  # fmt: skip
    recipe.add_argument(
        "--epochs", type=_number(int, 1), default=200, metavar="N", help="at most (default: 200)"
    )
    recipe.add_argument(
        "--patience", type=_number(int, 0), default=20, metavar="N",
        help="15 %% of the rows are set aside; stop where their loss has not fallen for so many epochs, and "
        "take the best weights. 0: set none aside, train all epochs (default: 20)",
    )  # fmt: skip
    recipe.add_argument(
        "--learning-rate",
        type=_number(float, 0, above=True),
        default=0.003,
        metavar="X",
        help="(default: 0.003)",
    )
    recipe.add_argument("--batch-size", type=_number(int, 1), default=32, metavar="N", help="(default: 32)")
    recipe.add_argument(
        "--dropout", type=_number(float, 0, 1), default=0.1, metavar="X", help="(default: 0.1)"
    )
    recipe.add_argument(
        "--weight-decay", type=_number(float, 0), default=0.0, metavar="X", help="(default: 0)"
    )
    recipe.add_argument("--balanced", action="store_true", help="classes count alike, however rare they are")
    recipe.add_argument(
        "--seed", type=_number(int, 0, 2**32), default=0, help="of all that is drawn (default: 0)"
    )
    _threads(recipe)
    _reading(one)


def predict(one):
    one.add_argument("model", type=Path, metavar="MODEL", help="a file that `fastmlp train` wrote")
    one.add_argument("data", type=Path, metavar="DATA.csv", help="a table with the columns of the training")
    one.add_argument("--out", type=Path, metavar="FILE", help="where to (default: standard output)")
    one.add_argument("--probabilities", action="store_true", help="those of all classes, too")
    _reading(one)


def bench(one):
    one.add_argument(
        "--repeats", type=_number(int, 1), default=3, metavar="N", help="the best of so many (default: 3)"
    )
    _threads(one)


def info(one):
    one.add_argument("model", type=Path, metavar="MODEL", help="a .safetensors file that fastmlp wrote")
    one.add_argument("--json", action="store_true", help="all of it, for programs to read")


def _reading(one):
    how = one.add_argument_group("how the file is read")
    how.add_argument(
        "--separator", type=_sign, metavar="SIGN", help="between columns (default: found in the first lines)"
    )
    how.add_argument(
        "--encoding", metavar="NAME", help="such as latin-1 (default: UTF-8, or UTF-16 with its mark)"
    )


def _widths(text):
    try:
        widths = (
            tuple(_number(int, 1)(part) for part in text.split(",")) if text.strip() not in ("", "0") else ()
        )
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"takes widths with commas between, such as 64,32, or 0 for no hidden layer; got {text!r}"
        ) from None
    if max(widths, default=0) > WIDEST or sum(map(operator.mul, widths, widths[1:])) > MOST_WEIGHTS:
        raise argparse.ArgumentTypeError(
            f"takes widths of at most {WIDEST} each, with at most {MOST_WEIGHTS} weights between them; "
            f"got {text!r}"
        )
    return widths


def _sign(text):
    sign = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(sign) != 1 or sign in '"\r\n':
        raise argparse.ArgumentTypeError(f"must be one sign, such as ; or tab; got {text!r}")
    return sign


def _number(kind, low, below=None, above=False):
    """Return a check of numbers from `low` (above it) to what is below `below`."""
    name = "a whole number" if kind is int else "a number"
    bounds = f"{'above' if above else 'of at least'} {low}" + ("" if below is None else f" and below {below}")

    def number(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (low < value if above else low <= value) or not value < (below or math.inf):
            raise argparse.ArgumentTypeError(f"must be {name} {bounds}; got {text!r}")
        return value

    return number


def _threads(one):
    one.add_argument(
        "--threads", type=_number(int, 1), metavar="N", help="at most (default: the cores that may be used)"
    )


COMMANDS = {
    "train": (
        train,
        "train a network on a table (CSV), and say how well it does\n\n"
        "  fastmlp train passengers.csv --target survived --out passengers.safetensors\n\n"
        "Numbers are scaled, texts become one input for each category, missing values are filled in:\n"
        "whatever is decided is told. The score is that of rows held out, beside that of telling all rows\n"
        "the same. The report has curves and a confusion matrix (or values told against true ones).",
    ),
    "predict": (
        predict,
        "tell a column by a model that `train` made\n\n"
        "  fastmlp predict passengers.safetensors new.csv --out told.csv --probabilities\n\n"
        "Columns are found by their names. What is missing or unknown is told on standard error.",
    ),
    "bench": (bench, "compare the speed of training with scikit-learn's, on this machine"),
    "demo": (
        demo,
        "train on handwritten digits, show what was learned\n\n"
        "MNIST where it can be had (FASTMLP_DATA, the cache, a download), else scikit-learn's digits.",
    ),
    "experiment": (
        experiment,
        "run an experiment that people do with neural networks, and compare\n\n"
        "  fastmlp experiment list\n"
        "  fastmlp experiment C9 --set momentum=0.5 --output found\n"
        "  fastmlp experiment all              every one, in some minutes\n\n"
        "Prints a table of reported figures and ours, and whether the conclusions hold (with --set\n"
        "and at tiny size they are not asked). Status 1 where one does not.",
    ),
    "info": (info, "say what a model's file holds, without loading it\n\nNo code of the file is run."),
}
