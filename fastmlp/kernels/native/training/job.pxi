# What a training run works on, whatever its regime, and what a regime has to provide.
#
# Three regimes carry out the same steps in their own way (training.py chooses one by the sizes). Each has a struct of
# its own, which begins with the job and stands with its functions in a file of its name; a step's arithmetic stands
# beside it. `Regime` lists the functions, `regime_of` (slice.pxi) the regimes.

cdef enum:
    BLOCK = 16            # samples that are gathered, and whose losses are added up, at a time

cdef struct Job

ctypedef size (*Layout)(const Job *, char *) noexcept nogil
ctypedef void (*Action)(Job *) noexcept nogil
ctypedef bint (*Question)(Job *) noexcept nogil
ctypedef void (*Help)(Job *, size) noexcept nogil

cdef struct Regime:
    # put the regime's struct at the start of the workspace and its memory behind, and return the bytes that takes;
    # with a NULL workspace only measure, so that size and layout cannot disagree
    Layout layout
    Action load           # take parameters and state over, from the user's arrays to where steps have them
    Action store          # hand them back, and the gradient where it is asked for
    # an epoch begins, or goes on after Python may have changed parameters and state: remember the parameters
    Action begin
    Action run            # steps, until the budget is used up or the status is not RUNNING
    Action settle         # bring up to date what steps leave behind, where the run ends between two calls; or NULL
    Help help             # take part as thread 1, 2, ... until dismissed; NULL where one thread does it all

cdef struct Job:
    Net net
    Rows rows
    Run *run
    Regime regime
    # the user's arrays
    real *state           # (n_states, n_params)
    real *gradient
    real *backup          # the parameters at the epoch's start
    real *y               # one of the two
    const int64_t *labels
    const double *sample_weight
    int64_t *order
    const double *rates
    double *losses
    size n_states, n_rates, n_batches
    bitgen_t *bitgen
    bint begun            # the epoch's shuffle and backup are done
    # threads beside the one that calls (api.pxi)
    int32_t dismissed     # nothing more will come: they may go
    int32_t n_helpers     # that have begun
    int32_t n_left        # that have been started and not gone,
    int64_t forked        # after so many forks (`n_forks`): a process forked since has none of them


cdef inline void *take(char **cursor, size n_bytes) noexcept nogil:
    """Memory for n_bytes at the cursor, which moves on by whole lines of the cache."""
    cdef char *here = cursor[0]
    cursor[0] = here + (n_bytes + 63) // 64 * 64 + FENCE
    fm_fence(here + n_bytes, cursor[0] - here - n_bytes)
    return here


cdef inline bint reads_unchecked(const Job *job) noexcept nogil:
    """Whether rows are read for the first time, and were not checked before."""
    return job.run.check_rows and job.run.epoch == 0


cdef inline bint row_is_bad(const Job *job, int64_t row) noexcept nogil:
    """Whether a row that is read for the first time, and was not checked before, holds NaN or infinity."""
    return reads_unchecked(job) and not row_finite(&job.rows, row)
