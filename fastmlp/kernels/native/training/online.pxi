# Online learning: one sample a step, one thread. Its non-zero inputs are listed, the first layer's products meet only
# those, and weights move on the way back (online_step.pxi, online_lazy.pxi). Of small nets, whose weights are all near,
# rows are taken as they are: a list would cost more than it saves.

cdef enum:
    DECAYS = 1024         # powers that are kept ready
    PAST = 8192           # steps whose rates are remembered; a power of 2

cdef struct Listed:       # a sample's non-zero inputs, behind which come the zeros of `pad_list`
    real *value           # (m,): the inputs, and where they are; index NULL: all of them
    int32_t *index
    size m
    int64_t row           # -1: none

cdef struct Online:
    Job job               # the first member: a pointer to the job is one to all of this
    LayerWork *work
    bint *narrow          # (n_layers,): see is_narrow
    bint whole            # rows are taken as they are
    bint sums_tell        # whether a row is finite: see sums_tell
    int label_vecs        # see label_vecs
    Listed now            # the sample in hand
    Listed next           # the one after it
    real *X               # (n_features,): whole, a row that cannot be read where it lies; else zeros, but while a
    #                       list is read as a row
    # rows that wait to be brought up to date
    int64_t *row_step     # (n_layers, n_features): the step up to which each first-layer row is
    # (DECAYS,): what k steps without gradient leave of the velocity or first moment, and of the second; and momentum:
    # by how many of its velocities a row has moved
    real *fade
    real *fade_2
    real *drift
    int64_t flushed       # the step at which all rows were up to date
    real *drifts          # (n_layers, most_nonzeros), momentum, listed inputs: see look_back
    # Adam, listed inputs
    real *past_rate       # (PAST,): rate and epsilon of the last steps, step t at t modulo PAST
    real *past_epsilon
    int64_t replayed      # steps after which what a row still moves without gradient is lost in rounding; 0: too many
    real *sums            # (4, 2 PAST): see record_step; those since step t are `head` + steps since t
    real *powers          # (4, PAST)
    int64_t head
    real smallest         # v from which on the series holds
    real negligible       # beside such a v


cdef void lay_out_list(Listed *list, const Job *job, char **cursor) noexcept nogil:
    list.value = <real *>take(cursor, (job.rows.most_nonzeros + LIST_STEP) * sizeof(real))
    list.index = <int32_t *>take(cursor, (job.rows.most_nonzeros + LIST_STEP) * sizeof(int32_t))


cdef size online_layout(const Job *job, char *base) noexcept nogil:
    """See `Regime`."""
    cdef char *cursor = base
    cdef Online measured
    cdef Online *self = <Online *>base if base != NULL else &measured
    cdef LayerWork unused
    cdef const Run *run = job.run
    cdef size k, past, drifts
    take(&cursor, sizeof(Online))
    self.job = job[0]
    self.work = <LayerWork *>take(&cursor, job.net.n_layers * sizeof(LayerWork))
    for k in range(job.net.n_layers):
        lay_out_layer(job, k, 1, &self.work[k] if base != NULL else &unused, &cursor)
    self.narrow = <bint *>take(&cursor, job.net.n_layers * sizeof(bint))
    self.whole = fits_ensemble(job)
    lay_out_list(&self.now, job, &cursor)
    lay_out_list(&self.next, job, &cursor)
    self.X = <real *>take(&cursor, stride_of(run.n_features) * sizeof(real))
    self.row_step = <int64_t *>take(&cursor, run.n_features * job.net.n_layers * sizeof(int64_t))
    self.fade = <real *>take(&cursor, DECAYS * sizeof(real))
    self.fade_2 = <real *>take(&cursor, DECAYS * sizeof(real))
    self.drift = <real *>take(&cursor, DECAYS * sizeof(real))
    drifts = job.net.n_layers * job.rows.most_nonzeros if drifting(run.optimizer) else 0
    self.drifts = <real *>take(&cursor, drifts * sizeof(real))
    past = PAST * sizeof(real) if run.sparse and run.optimizer == ADAM else 0
    self.past_rate = <real *>take(&cursor, past)
    self.past_epsilon = <real *>take(&cursor, past)
    self.powers = <real *>take(&cursor, 4 * past)
    self.sums = <real *>take(&cursor, 8 * past)
    return cursor - base


cdef void online_load(Job *job) noexcept nogil:
    load_layers(job, (<Online *>job).work)


cdef void online_store(Job *job) noexcept nogil:
    store_layers(job, (<Online *>job).work)


cdef void online_keep(Job *job) noexcept nogil:
    keep_params(job, (<Online *>job).work)


cdef void online_restore(Job *job) noexcept nogil:
    memcpy(job.net.params, job.backup, job.net.n_params * sizeof(real))
    online_load(job)


cdef void online_begin(Job *job) noexcept nogil:
    online_keep(job)
    lazy_begin(<Online *>job)


cdef void online_settle(Job *job) noexcept nogil:
    catch_up_all(<Online *>job)


cdef bint online_finite(Job *job) noexcept nogil:
    catch_up_all(<Online *>job)
    return layers_finite(job, (<Online *>job).work)


cdef void online_run(Job *job) noexcept nogil:
    cdef Online *self = <Online *>job
    cdef int64_t budget = job.run.budget
    cdef double loss
    cdef bint plain
    cdef size k
    self.now.row = self.next.row = -1         # between two calls rows may have changed
    for k in range(job.net.n_layers):
        self.narrow[k] = is_narrow(self, k)
    self.sums_tell = sums_tell(self)
    self.label_vecs = label_vecs(self)
    plain = is_plain(self)
    while budget > 0 and job.run.status == RUNNING:
        loss = plain_step(self, job.run.batch) if plain else online_step(self, job.run.batch)
        end_batch(job, loss, 1, online_finite, online_keep, online_restore)
        budget -= 1


cdef Regime online_regime() noexcept nogil:
    cdef Regime regime
    regime.layout, regime.load, regime.store = online_layout, online_load, online_store
    regime.begin, regime.run, regime.settle, regime.help = online_begin, online_run, online_settle, NULL
    return regime
