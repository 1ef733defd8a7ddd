"""How many of a job's threads take part, found out while it runs: results do not depend on it."""

import time
from collections import deque

TRIAL = 0.002  # seconds that are timed at once
AGAIN = 1.0  # seconds after which a choice is looked at anew
GAIN = 0.93  # of the time that all threads take: one must do with less to be preferred
ROUNDS = 2  # times that each is tried; the faster counts, as what disturbs comes and goes
MOST_KNOWN = 100

# what was chosen for work of one size, and until when that holds
known: dict[tuple[object, ...], tuple[int, float]] = {}


class Pace:
    """Chooses between all threads of a job and the first alone, by what they did in slices of its run.

    More threads are not always faster: another program may be on the other core, and where cores have their
    third-level caches apart, what one has written takes the other six times as long to read, so that small
    steps are done sooner by one.

    Parameters
    ----------
    job : Job
        Prepared, with several threads.
    clock : callable, optional
        Seconds.

    Attributes
    ----------
    n_active : int
        The threads of the next slice.
    """

    def __init__(self, job, clock=time.perf_counter):
        self.job, self.clock = job, clock
        self.n_threads = job.option("n_threads")
        fields = ("n_features", "batch_size", "sparse", "optimizer", "n_threads")
        self.work = (job.plan.n_params, job.params.dtype.char, *map(job.option, fields))
        self.trials = deque()  # threads to be timed, one after another
        self.chosen, self.until = known.get(self.work, (self.n_threads, 0.0))
        self._set(self.chosen)

    def _set(self, n_active):
        self.n_active = n_active
        self.job.run["n_active"] = n_active

    def begin(self):
        """A slice begins."""
        self.began, self.position = self.clock(), self._samples()

    def end(self):
        """A slice has ended: choose for the next one."""
        now = self.clock()
        if self.trials:
            self.seconds += now - self.began
            self.samples += self._samples() - self.position
            if self.seconds < TRIAL / 2:
                return
            n = self.trials.popleft()
            self.speeds[n] = max(self.speeds[n], self.samples / self.seconds)
            if not self.trials:
                self._choose(now)
        elif now >= self.until:
            self.trials.extend([self.n_threads, 1] * ROUNDS)
            self.speeds = {self.n_threads: 0.0, 1: 0.0}
        self.seconds, self.samples = 0.0, 0
        self._set(self.trials[0] if self.trials else self.chosen)

    def _samples(self):
        """Samples that the job has been through so far."""
        epoch, batch = self.job.option("epoch"), self.job.option("batch")
        return epoch * self.job.option("n_samples") + batch * self.job.option("batch_size")

    def _choose(self, now):
        alone = self.speeds[self.n_threads] < GAIN * self.speeds[1]
        self.chosen, self.until = 1 if alone else self.n_threads, now + AGAIN
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[self.work] = (self.chosen, self.until)
