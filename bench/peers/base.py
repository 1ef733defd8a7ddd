"""What every peer implements."""


class Peer:
    """One library's way to carry out a case.

    A run starts from the initial weights: `reset` restores them, untimed, and `run` is timed.
    Rows come in a fixed order, nothing is shuffled, every layer has a bias, all is float32.
    """

    n_threads = None  # that its library may use; the environment has been set for it already

    def refuse(self, case):
        """Return why this library has no such case, or None."""
        return None

    def setup(self, case, x, y, weights):
        """Take the rows, the targets and the initial weights [W, b, ...], and allocate everything."""
        self.case, self.x, self.y, self.start = case, x, y, weights

    def reset(self):
        """Go back to the initial weights and an optimizer that has not stepped."""

    def run(self):
        """Train `case.epochs` epochs, or predict every row: the timed unit."""
        raise NotImplementedError

    def result(self):
        """Return what the run computed: weights [W, b, ...] after training, else the predictions."""
        raise NotImplementedError

    def versions(self):
        """Return {library: version}, and whatever else identifies what ran."""
        raise NotImplementedError
