"""What a case tells the harness; every suite has its own kind."""

from dataclasses import dataclass
from typing import ClassVar

# float32 rounds at 6e-8; an error in a formula moves what is compared by 1e-2 and more
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something that several libraries can do, each in a process of its own.

    Attributes
    ----------
    name, title : str
        What the command line selects, and what is printed.
    goal : float, dict of float by level, or None
        How often fastmlp's time should fit into the fastest peer's; see `measure`.
    measure : {"ratio", "share", "seconds"}
        What the goal is of: that ratio, the share of the cores' peak, or seconds at most.
    one_core : bool
        Nobody gets a second thread.
    peers : tuple of str
        Only these are timed; all of PEERS without.
    """

    name: str
    title: str
    goal: float | dict | None = None
    measure: str = "ratio"
    one_core: bool = False
    peers: tuple = ()

    PEERS: ClassVar[dict] = {}  # name: module and class in `bench.peers`
    reference: ClassVar[str] = ""  # the peer whose result all others must have; it is timed too
    unit: ClassVar[str] = "run"  # what times are printed of: "run" or "sample"
    shortest: ClassVar[float] = 0.1  # seconds that a repeat should take: shorter runs are repeated, averaged
    rest: ClassVar[float] = (
        0.15  # seconds between repeats: idle BLAS threads spin for 0.1 on the next one's cores
    )
    repeats: ClassVar[int | None] = None  # where the harness's choice does not fit
    warm: ClassVar[bool] = True  # whether a first run is not timed
    levels: ClassVar[str] = "all"  # of fastmlp's: also "compiled", without Numba, and "best", one of them
    baseline: ClassVar[str | None] = None  # the peer whose seconds are subtracted before a goal is judged
    n_samples: ClassVar[int] = 1  # of a run
    serial: ClassVar[bool] = False  # whether a floor has to count with one core
    flops: ClassVar[float] = 0.0  # of a sample, as if the input were dense; 0 where nobody counts them

    def small(self):
        """Return the case that is run to compare results."""
        return self

    def sized(self, seconds, quick=False):
        """Return the case to be timed by a peer that takes `seconds` a sample."""
        return self

    def compare(self, peer, found, expected):
        """Return what differs between a peer's result and the reference's.

        Returns
        -------
        dict
            Numbers by name, and in "problem" what is wrong in words; empty where they agree.
        """
        raise NotImplementedError

    def final(self, result):
        """Return what a peer's timed runs show together, with "problem" as `compare` does; None: nothing."""
        return None

    def floor(self, ceilings):
        """Return the seconds of a sample below which nobody can be, by what takes them; None: not counted.

        Parameters
        ----------
        ceilings : Ceilings
        """
        return None

    def goal_at(self, level):
        """Return the goal at one instruction-set level."""
        return self.goal.get(level) if isinstance(self.goal, dict) else self.goal


def judged(differences, tolerance=TOLERANCE):
    """Return the differences with what is wrong about them in words: the first one beyond the tolerance."""
    wrong = [name for name, value in differences.items() if not value <= tolerance]
    problem = f"{wrong[0]} differ by {differences[wrong[0]]:.2g} (tolerance {tolerance:g})" if wrong else ""
    return differences | {"problem": problem}
