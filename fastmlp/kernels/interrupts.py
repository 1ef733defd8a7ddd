"""Ctrl-C: raised where a run can stop, never where it would tear something apart.

Python calls a signal's handler in the main thread, between any two of its instructions. What the handler
raises there (KeyboardInterrupt, or a time limit's exception) could lose a step's bookkeeping, or leave
threads without anyone to stop them. So a run holds it back, and looks for it between slices of native work.
Other threads meet no signals: theirs is a flag.
"""

import signal
from contextlib import contextmanager
from threading import current_thread, local, main_thread

try:  # the C functions that `signal` wraps, ten times as fast
    from _signal import getsignal
    from _signal import signal as set_handler
except ImportError:
    from signal import getsignal
    from signal import signal as set_handler

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]


class Here(local):
    """What one thread's runs heed.

    Attributes
    ----------
    stop : Stop or None
        Ends them by a KeyboardInterrupt. Whoever set it says what has happened, once all has stopped.
    held : Handlers or None
        Holds back what signal handlers raise.
    is_main : bool
        Whether it is known to be the main thread, which it then stays.
    """

    stop = None
    held = None
    is_main = False


here = Here()


def check_stop():
    """Raise KeyboardInterrupt where this thread's runs were told to stop, or what was held back."""
    if here.stop is not None and here.stop.is_set():
        raise KeyboardInterrupt
    held = here.held
    if held is not None and held.error is not None:
        held.release()


def raise_first(errors):
    """Raise the first of a list of errors, if there is one, and empty the list.

    An error keeps the frames that it has come through, and they what they hold: one that holds the error is
    in a circle with it, and all data of a fit with them, until garbage is collected.
    """
    try:
        if errors:
            raise errors[0]
    finally:
        errors.clear()


def in_main_thread():
    """Return whether this is the main thread, the only one that meets signals."""
    if not here.is_main and current_thread() is main_thread():
        here.is_main = True
    return here.is_main


class Stop:
    """Tells runs in several threads to end; set, too, where the run that began them was told so.

    Parameters
    ----------
    line : object, default=None
        The user's line that began them, which their warnings name; as in the run that began them where None.
    """

    def __init__(self, line=None):
        self._is_set, self._outer = False, here.stop
        self.line = self._outer.line if line is None and self._outer is not None else line

    def set(self):
        self._is_set = True

    def is_set(self):
        return self._is_set or (self._outer is not None and self._outer.is_set())

    @contextmanager
    def heeded(self):
        """A block whose runs, those of this thread, heed it."""
        before, here.stop = here.stop, self
        try:
            yield
        finally:
            here.stop = before


class Handlers:
    """Signal handlers around those that are set: they learn of what these raise, and hold it back or not.

    Parameters
    ----------
    stop : Stop, default=None
        Set when a handler raises.
    hold : bool, default=True
        Whether what it raises is kept for `release`.
    """

    error, active = None, False

    def __init__(self, stop=None, hold=True):
        self.stop, self.hold, self.before = stop, hold, {}

    def set(self):
        """Take the place of all handlers that are written in Python."""
        self.active = True
        try:
            for number in SIGNALS:
                before = getsignal(number)
                if callable(before):
                    self.before[number] = before
                    set_handler(number, self)
        except ValueError:  # subinterpreters cannot set handlers
            self.before.clear()
        except BaseException:  # a signal arrived while the handlers were being replaced
            self.unset()
            raise

    def unset(self):
        """Put the handlers back, but for those that somebody has changed meanwhile."""
        try:
            for number, before in self.before.items():
                if getsignal(number) is self:
                    set_handler(number, before)
        finally:
            # if a signal interrupts this, handlers that are still ours only pass signals on
            self.active = False

    def __call__(self, number, frame):
        try:
            self.before[number](number, frame)
        except BaseException as error:
            if self.active and self.stop is not None:
                self.stop.set()
            if not (self.active and self.hold):
                raise
            self.error = error

    def release(self):
        """Raise what was held back, if anything was."""
        if self.error is not None:
            kept, self.error = [self.error], None
            raise_first(kept)


class held(Handlers):
    """A block in which signals raise nothing but at `check_stop`, in `let_through`, and at its end.

    Only in the main thread, and where no such block is around it; elsewhere nothing is done.

    Parameters
    ----------
    stop : Stop, default=None
        Set as soon as a signal's handler raises.
    """

    outermost = False

    def __enter__(self):
        if here.held is None and (here.is_main or in_main_thread()):
            self.set()
            self.outermost, here.held = True, self

    def __exit__(self, *error):
        if self.outermost:
            here.held = None
            self.unset()
            if self.error is not None:
                self.release()


@contextmanager
def let_through():
    """In a block that is held, run users' code: what a signal's handler raises is raised at once."""
    handlers = here.held
    if handlers is None:
        yield
        return
    here.held = None
    handlers.unset()
    try:
        handlers.release()
        yield
    finally:
        handlers.set()
        here.held = handlers


@contextmanager
def told(stop):
    """In the main thread, set `stop` when a signal's handler raises, whoever catches that."""
    handlers = Handlers(stop, hold=False)
    try:
        if here.held is None and in_main_thread():
            handlers.set()
        yield
    finally:
        handlers.hold = True  # an exception raised by a handler would stop `unset` halfway
        handlers.unset()
        handlers.release()
