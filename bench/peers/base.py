"""What every peer implements."""


class Peer:
    """One library's way to carry out a case.

    A run begins at the case's start: `reset` restores it, untimed, and `run` is timed.
    """

    n_threads = None  # that its library may use; the environment has been set for it already

    def refuse(self, case):
        """Return why this library has no such case, or None."""
        return None

    def setup(self, case):
        """Make the data and allocate everything."""
        self.case = case

    def reset(self):
        """Go back to the start."""

    def run(self):
        """Do the case once: the timed unit."""
        raise NotImplementedError

    def after(self):
        """Look at what a timed run has made, untimed."""

    def result(self):
        """Return what is compared with the other peers': after training the weights [W, b, ...]."""
        raise NotImplementedError

    def versions(self):
        """Return {library: version}, and whatever else identifies what ran."""
        raise NotImplementedError
