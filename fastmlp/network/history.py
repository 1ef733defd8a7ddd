"""A network's history: curves by epoch."""

from threading import RLock

from ..kernels.memory import insist


class History:
    """Curves by epoch: a list for each name, all of one length; NaN where an epoch did not measure it.

    Those of epochs that no Python saw are kept as they come, until somebody reads them: their lists cost as
    much as a small fit.

    Parameters
    ----------
    lists : dict of list, default=None
        Appended to; None: a new dict.
    """

    def __init__(self, lists=None):
        self._lists, self._unread = {} if lists is None else lists, []
        self._lock = RLock()  # a copy may be made in another thread

    @property
    def lists(self):
        """The curves as a dict of lists."""
        if self._unread:
            with self._lock:
                while self._unread:
                    self._append(self._unread[0].lists())
                    del self._unread[0]  # only now: where there is no memory, or for who else asks meanwhile
        return self._lists

    def copy(self):
        """Return the curves as lists of their own."""
        with self._lock:
            return {name: list(curve) for name, curve in self.lists.items()}

    def extend(self, values):
        """Append the values of some epochs, by name, each a list of one length, after all that is there."""
        with self._lock:
            self.lists  # noqa: B018  # what came before and is unread
            self._append(values)

    def _append(self, values):
        n_before, n_new = (len(next(iter(lists.values()), ())) for lists in (self._lists, values))
        for name in values:
            if name not in self._lists:
                self._lists[name] = [float("nan")] * n_before
        for name, curve in self._lists.items():
            curve.extend(values[name] if name in values else [float("nan")] * n_new)

    def extend_later(self, curves):
        """Append what ``curves.lists()`` returns once it is asked for."""
        self._unread.append(curves)

    def follow(self, run, transaction):
        """Run to the end, and append the run's curves, however it has ended."""
        transaction.commit(run)
        try:
            run.run()
        finally:
            self.extend_later(insist(getattr, run, "curves"))
