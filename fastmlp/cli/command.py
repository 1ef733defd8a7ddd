"""From arguments to an exit status: 0, 1 where a check failed, 2 for errors, 130 after Ctrl-C."""

import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from importlib import import_module

from .options import parser

ERRORS = (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError, ExceptionGroup)
INTERRUPTED, CLOSED_PIPE = 130, 141  # as shells have them: 128 and the number of the signal


def main(argv=None):
    """Run the command; return its exit status.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None: those of the process.

    Returns
    -------
    int
    """
    for name in ("stdout", "stderr"):  # None where they were closed before
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows its number
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _interruptible() as interrupted, _warnings_in_a_line():
            status = _status(argv, interrupted)
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # whoever reads has seen enough; Python's own flush at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _status(argv, interrupted):
    """Run a subcommand; return the exit status.

    `interrupted` tells Ctrl-C: what was being imported may have caught what it raises, or made another error
    of it.
    """
    status = _run(argv, interrupted)
    if interrupted.is_set() or status == INTERRUPTED:
        print("fastmlp: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def _run(argv, interrupted):
    shows_errors = False
    try:
        options = parser().parse_args(argv)
        shows_errors = options.traceback
        return import_module(f".{options.command}", __package__).run(options) or 0
    except SystemExit as leaving:  # --help, and Ctrl-C
        return leaving.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except ERRORS as error:
        if interrupted.is_set():
            return INTERRUPTED
        if shows_errors:
            raise
        tell("error", _words(error))
        return 2


def tell(kind, message):
    """Write a line about what is going on to standard error."""
    print(f"fastmlp: {kind}: {printable(message)}", file=sys.stderr)


def printable(text):
    """Return a text as one line without characters that would steer a terminal."""
    text = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(values):
    """Return the first three of several values as a text."""
    return ", ".join(f"{str(value)[:40]!r}" for value, _ in zip(values, range(3), strict=False))


def pictures():
    """Import matplotlib, which draws to files only."""
    try:
        import matplotlib
    except ImportError:
        raise ImportError("pictures are drawn by matplotlib: pip install 'fastmlp[cli]'") from None
    matplotlib.use("Agg")


def _words(error):
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ExceptionGroup):
        return f"{error.message}: {_words(error.exceptions[0])}"
    return error if str(error) else f"{type(error).__name__}: there is too little memory for this"


@contextmanager
def _interruptible():
    """Let Ctrl-C end the process: a fit that catches KeyboardInterrupt must not go on as if it were done.

    It is told by the Event that is yielded.
    """
    interrupted = threading.Event()
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield interrupted
        return

    def leave(number, frame):
        interrupted.set()
        raise SystemExit(INTERRUPTED)

    signal.signal(signal.SIGINT, leave)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _warnings_in_a_line():
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: tell("warning", message)
        yield
