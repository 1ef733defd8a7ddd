"""What can be asked for on the command line: one parser for each subcommand, with all of its help."""

import argparse
from pathlib import Path

from .. import __version__
from ..experiments import SIZES

FORMATTER = argparse.RawDescriptionHelpFormatter


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
    one.add_argument("--epochs", type=int, metavar="N", help="passes over the training images (default: 10)")


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
    one.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    _threads(one)
    one.add_argument(
        "--output", type=Path, default=Path("experiment-output"), metavar="DIR",
        help="folder for pictures, result.json, result.md and report.html (default: experiment-output)",
    )  # fmt: skip


def info(one):
    one.add_argument("model", type=Path, metavar="MODEL", help="a .safetensors file that fastmlp wrote")
    one.add_argument("--json", action="store_true", help="all of it, for programs to read")


def _threads(one):
    one.add_argument("--threads", type=int, metavar="N", help="at most (default: the cores that may be used)")


COMMANDS = {
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
        "Prints a table of reported figures and ours, and whether the conclusions hold (with --set they\n"
        "are not asked). Status 1 where one does not.",
    ),
    "info": (info, "say what a model's file holds, without loading it\n\nNo code of the file is run."),
}
