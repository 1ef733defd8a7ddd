# One call of `train`: take parameters over, run until there is a reason to return, hand them back.

cdef Regime regime_of(const Run *run) noexcept nogil:
    """The functions of a regime: a new one is a file, and a line here."""
    if run.regime == TINY:
        return tiny_regime()
    if run.regime == ONLINE:
        return halves_regime() if run.halves else online_regime()
    return batch_regime()


cdef void train_slice(Job *job) noexcept nogil:
    """Thread 0's part of one call."""
    cdef unsigned int control = fm_flush_denormals()
    cdef Run *run = job.run
    run.status = RUNNING
    job.regime.load(job)
    if run.epoch >= run.n_epochs:
        run.status = FINISHED
    else:
        if not job.begun:
            begin_epoch(job)
            job.regime.begin(job)
        job.regime.run(job)
    if run.status != DIVERGED:
        job.regime.store(job)
    fm_restore_denormals(control)


cdef void settle(Job *job) noexcept nogil:
    """Bring parameters and state up to date where a run ends between two calls.

    Not at each call's end: where that is depends on the clock, and rows that are brought up to date in two parts
    round otherwise than in one.
    """
    cdef unsigned int control
    if job.regime.settle != NULL and job.begun and job.run.status == RUNNING:
        control = fm_flush_denormals()
        job.regime.load(job)
        job.regime.settle(job)
        job.regime.store(job)
        fm_restore_denormals(control)
