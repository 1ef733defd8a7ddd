"""How many of a job's threads take part, found out while it runs: results do not depend on it."""

import time
from types import SimpleNamespace

from .job import AT

# what every short run meets: a field of a record takes ten times as long
EPOCH, BATCH, BUDGET, N_ACTIVE = (AT[name] for name in ("epoch", "batch", "budget", "n_active"))
OF_RUN = ("n_threads", "n_epochs", "n_samples", "n_features", "batch_size", "sparse", "optimizer", "regime")
TOLD = [AT[name] for name in OF_RUN]

TRIAL = 0.001  # seconds that are timed at once where threads are tried
ROUNDS = 2  # times that they are timed; the faster counts, as what disturbs comes and goes
PAUSE = 100  # times as long as a trial took, until the next
START = 6e-5  # seconds that other threads may cost: until they are started, and it is known
JOIN = 1.5  # times as long as to start them takes what they cost, as their end is waited for
GAIN = 0.97  # of the time that one thread takes: all must do with less to be preferred
FIRST = 0.01  # seconds of a run's first slice, where the speed is known
MOST_KNOWN = 100

# of work of one kind: `speeds`, samples a second of so many threads, the last ROUNDS times, fewer where they
# are to be tried; `trained`, seconds so far; `enough`, after how many of these one is tried again where all
# are faster, as it is seen when they get slower; `until`, the time from which on all are where one is; and
# `start`, the seconds that the others cost a run
known: dict[tuple[object, ...], SimpleNamespace] = {}


class Pace:
    """Chooses between all threads of a job and the first alone, by what they did in slices of such runs.

    More threads are not always faster: a short run is over before others have begun, another program may be
    on the other core, and where cores have their third-level caches apart, what one has written takes the
    other six times as long to read, so that small steps are done sooner by one.

    Parameters
    ----------
    job : Job
        Prepared, with several threads.
    start : callable
        Starts all threads but the first; called once, when they are to take part.
    clock : callable, optional
        Seconds.

    Attributes
    ----------
    n_active : int
        The threads of the next slice.
    """

    def __init__(self, job, start, clock=time.perf_counter):
        self.counts, self.start, self.clock = job.counts, start, clock
        told = [job.counts[field] for field in TOLD]
        self.n_threads, n_epochs, self.n_samples, _, self.batch_size, *_ = told
        self.total = n_epochs * self.n_samples
        told[1:3] = job.plan.n_params, job.params.dtype.char, self.total.bit_length()
        self.known = known.get(work := tuple(told))
        if self.known is None:
            if len(known) >= MOST_KNOWN:
                known.clear()
            self.known = known[work] = SimpleNamespace(
                speeds={1: (), self.n_threads: ()}, trained=0.0, until=0.0, enough=0.0, start=START
            )
        self.seconds = self.samples = 0
        self._choose(clock())
        if len(speeds := self.known.speeds[self.n_active]) == ROUNDS:
            job.counts[BUDGET] = max(job.counts[BUDGET], int(FIRST * max(speeds) / self.batch_size))

    @property
    def tries(self):
        """Whether the next slice is to tell how fast its threads are."""
        return len(self.known.speeds[self.n_active]) < ROUNDS

    def begin(self):
        """A slice begins."""
        if self.n_active > 1 and self.start:
            before = self.clock()
            self.start()
            self.start, self.known.start = None, JOIN * (self.clock() - before)
        self.began, self.position = self.clock(), self._position()

    def end(self):
        """A slice has ended: choose for the next one."""
        now, position = self.clock(), self._position()
        self.seconds += now - self.began
        self.samples += position - self.position
        # a coarse clock may stand still for all of a short run
        if self.samples and self.seconds > 0 and (self.seconds >= TRIAL / 2 or position >= self.total):
            known, speeds = self.known, self.known.speeds
            known.trained += self.seconds
            pause = PAUSE * ROUNDS * (self.seconds if self.tries else TRIAL)
            if self.n_active == 1:
                known.enough = known.trained + pause
            else:
                known.until = now + pause
            speeds[self.n_active] = (*speeds[self.n_active], self.samples / self.seconds)[-ROUNDS:]
            self.seconds = self.samples = 0
            if position < self.total:
                self._choose(now)

    def _position(self):
        """Samples that the job has been through so far."""
        return self.counts[EPOCH] * self.n_samples + self.counts[BATCH] * self.batch_size

    def _choose(self, now):
        self.n_active = self._fastest()
        known = self.known
        if now >= known.until if self.n_active == 1 else known.trained >= known.enough:
            self.known.speeds[self.n_threads if self.n_active == 1 else 1] = ()
            self.n_active = self._fastest()
        self.counts[N_ACTIVE] = self.n_active

    def _fastest(self):
        """The threads that end the run first; all are taken to be twice as fast as one until tried."""
        alone, together = self.known.speeds[1], self.known.speeds[self.n_threads]
        if len(alone) < ROUNDS:
            return 1
        left = self.total - self._position()
        known = len(together) == ROUNDS
        seconds = left / (max(together) if known else 2 * max(alone))
        if self.start:
            seconds += self.known.start if known else START
        return self.n_threads if seconds < GAIN * left / max(alone) else 1
