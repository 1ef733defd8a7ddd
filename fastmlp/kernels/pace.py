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

# of work of one kind, by its number of threads: `speeds`, samples a second, the last ROUNDS times, fewer
# where they are to be tried; `parts`, seconds and samples that do not tell yet; `again`, the time from which
# on they are to be tried again where they are not the fastest. `trained`, seconds so far; `enough`, after how
# many of these one is tried again, for it is seen when all get slower; `cost`, seconds of the trial in hand;
# and `start`, the seconds that other threads cost a run
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
            both = 1, self.n_threads
            self.known = known[work] = SimpleNamespace(
                speeds=dict.fromkeys(both, ()),
                parts={n: [0.0, 0] for n in both},
                again=dict.fromkeys(both, 0.0),
                trained=0.0,
                enough=0.0,
                cost=0.0,
                start=START,
            )
        self.told = False
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
        now, position, known = self.clock(), self._position(), self.known
        part, speeds = known.parts[self.n_active], known.speeds
        if now > self.began:  # a coarse clock may stand still for all of a short run
            part[0] += now - self.began
            part[1] += position - self.position
        seconds, samples = part
        # a run that is over tells what it can, but for the short rest of one that has told
        over = position >= self.total
        if not samples or seconds <= 0 or (seconds < TRIAL / 2 and (self.told or not over)):
            return
        pause = PAUSE * ROUNDS * TRIAL
        if self.tries:
            known.cost = seconds + (known.cost if speeds[self.n_active] else 0)
            pause = PAUSE * known.cost
        known.trained += seconds
        # not sooner: other fits that began during a trial end after it
        known.again[self.n_active] = max(known.again[self.n_active], now + pause)
        if self.n_active == 1:
            known.enough = max(known.enough, known.trained + pause)
        speeds[self.n_active] = (*speeds[self.n_active], samples / seconds)[-ROUNDS:]
        known.parts[self.n_active] = [0.0, 0]
        self.told = True
        if not over:
            self._choose(now)

    def _position(self):
        """Samples that the job has been through so far."""
        return self.counts[EPOCH] * self.n_samples + self.counts[BATCH] * self.batch_size

    def _choose(self, now):
        self.n_active, known = self._fastest(), self.known
        other = self.n_threads if self.n_active == 1 else 1
        # fits of several threads train together for more seconds than go by
        if now >= known.again[other] and (other > 1 or known.trained >= known.enough):
            known.speeds[other] = ()
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
