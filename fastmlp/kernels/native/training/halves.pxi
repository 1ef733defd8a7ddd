# Online learning of larger nets in two parts, for two threads whose caches then hold half of the weights each. Part 0
# and part 1 have the first and last columns of the layers 0, 2, 4, ..., and of the layers between them the rows which
# those columns meet. So what a layer of columns computes stays within a part; what a layer of rows computes, forward,
# and a layer of columns, on the way back, are sums over both parts.
#
# A sample is a number of stages. At a stage's end a part hands its share of a sum over, and the next one begins with
# the sum of both. Everything else, lists, outputs and the loss, each part has for itself. No bit depends on who carries
# a stage out: one thread takes both parts in turn, two take one each, and the other's where that one is not to be seen.

cdef enum:
    PATIENCE = 100        # pauses before a thread takes the other's part
    APART = 16            # numbers of 8 bytes that keep two words out of each other's lines of the cache

cdef struct Share:        # what a part has of a layer: columns, whole vectors; or rows
    size first, count
    size width            # columns of these that are no padding

cdef struct Sample:       # what a part knows of the sample in hand
    Step step
    double loss
    bint bad              # the row holds NaN
    bint failed           # the loss is not finite: the run ends

cdef struct Halves:
    Job job               # the first member: a pointer to the job is one to all of this
    # Copies of weights and state, a part's apart from the other's: in one row of the user's arrays the two would be
    # neighbours, and a core's prefetching would take away from the other what that has just written
    Online *part[2]
    Share *share[2]
    real *handed[2]       # (2, n_stages, room): of even and odd samples
    Sample *sample[2]
    size n_stages, n_forward, room
    int32_t single        # one thread takes both parts
    int64_t *done[2]      # stages that a part has behind it, since the run's start
    int64_t *busy[2]      # a thread carries one out
    int64_t *goal         # stages to be done


cdef inline size half_of(size n) noexcept nogil:
    """Of n columns those of part 0: the first half of their vectors."""
    return (padded(n) // LANES + 1) // 2 * LANES


cdef void lay_out_share(const Job *job, size p, size k, LayerWork *work, Share *share, char **cursor) noexcept nogil:
    """What part p has of layer k, and room for it."""
    cdef const Layer *layer = &job.net.layers[k]
    cdef size ld = padded(layer.n_out), cut = half_of(layer.n_out), i
    if k % 2 == 0:
        share.first = cut if p else 0
        share.count = work.ld = ld - cut if p else cut
        share.width = max(0, min(share.count, layer.n_out - <int64_t>share.first))
        work.rows = n_rows_of(layer)
    else:
        cut = min(half_of(layer.n_in), <size>layer.n_in)
        share.first = cut if p else 0
        share.count = layer.n_in - cut if p else cut
        share.width = layer.n_out
        work.ld = ld
        work.rows = share.count + (1 if layer.bias >= 0 and p == 0 else 0)
    work.W = <real *>take(cursor, work.rows * work.ld * sizeof(real))
    for i in range(job.n_states):
        work.S[i] = <real *>take(cursor, work.rows * work.ld * sizeof(real))


cdef size halves_layout(const Job *job, char *base) noexcept nogil:
    """See `Regime`."""
    cdef char *cursor = base
    cdef Halves measured
    cdef Halves *self = <Halves *>base if base != NULL else &measured
    cdef LayerWork unused
    cdef Share unused_share
    cdef Run *run
    cdef size k, p, n_layers = job.net.n_layers
    take(&cursor, sizeof(Halves))
    self.job = job[0]
    self.room = 0
    for k in range(n_layers):
        self.room = max(self.room, padded(job.net.layers[k].n_out))
    self.n_forward = (n_layers + 1) // 2
    self.n_stages = self.n_forward + (n_layers - 1) // 2 + 1
    self.goal = <int64_t *>take(&cursor, APART * sizeof(int64_t))
    for p in range(2):
        self.done[p] = <int64_t *>take(&cursor, APART * sizeof(int64_t))
        self.busy[p] = <int64_t *>take(&cursor, APART * sizeof(int64_t))
        self.handed[p] = <real *>take(&cursor, 2 * self.n_stages * self.room * sizeof(real))
        self.share[p] = <Share *>take(&cursor, n_layers * sizeof(Share))
        self.sample[p] = <Sample *>take(&cursor, sizeof(Sample))
        run = <Run *>take(&cursor, sizeof(Run))
        self.part[p] = <Online *>cursor
        cursor += online_layout(job, cursor if base != NULL else NULL)
        for k in range(n_layers):
            if base == NULL:
                lay_out_share(job, p, k, &unused, &unused_share, &cursor)
            else:
                lay_out_share(job, p, k, &self.part[p].work[k], &self.share[p][k], &cursor)
        if base != NULL:
            self.sample[p].failed = False
            self.done[p][0] = self.busy[p][0] = self.goal[0] = 0
            self.part[p].job.run = run
    return cursor - base


cdef void copy_share(const Job *job, bint back, size k, const LayerWork *work, const Share *share, real *whole,
                     real *part) noexcept nogil:
    """From an array laid out as the parameters to a part's share of layer k, or back."""
    cdef const Layer *layer = &job.net.layers[k]
    cdef size n = layer.n_out, ld = work.ld, i
    cdef real *at
    for i in range(work.rows):
        at = whole + layer.weights + i * n + share.first
        if k % 2:             # a layer of rows; its last one may be the bias
            at = whole + layer.weights + (share.first + i) * n if i < share.count else whole + layer.bias
        if back:
            memcpy(at, part + i * ld, share.width * sizeof(real))
        else:
            copy_rows(at, n, part + i * ld, ld, 1, share.width)


cdef void copy_shares(Halves *self, bint back, bint states) noexcept nogil:
    """Take parameters, and state, over from the user's arrays; or hand them back."""
    cdef const Job *job = &self.job
    cdef size p, k, i
    cdef LayerWork *work
    for p in range(2):
        for k in range(job.net.n_layers):
            work = &self.part[p].work[k]
            copy_share(job, back, k, work, &self.share[p][k], job.net.params, work.W)
            for i in range(job.n_states if states else 0):
                copy_share(job, back, k, work, &self.share[p][k], job.state + i * job.net.n_params, work.S[i])


cdef void halves_load(Job *job) noexcept nogil:
    copy_shares(<Halves *>job, False, True)


cdef void halves_store(Job *job) noexcept nogil:
    copy_shares(<Halves *>job, True, True)


cdef void halves_keep(Job *job) noexcept nogil:
    copy_shares(<Halves *>job, True, False)
    memcpy(job.backup, job.net.params, job.net.n_params * sizeof(real))


cdef void halves_restore(Job *job) noexcept nogil:
    memcpy(job.net.params, job.backup, job.net.n_params * sizeof(real))
    copy_shares(<Halves *>job, False, False)


cdef void tell_parts(Halves *self) noexcept nogil:
    """Each part has a record of its own of where training stands."""
    self.part[0].job.run[0] = self.job.run[0]
    self.part[1].job.run[0] = self.job.run[0]


cdef void halves_begin(Job *job) noexcept nogil:
    cdef Halves *self = <Halves *>job
    halves_keep(job)
    tell_parts(self)
    lazy_begin(self.part[0])
    lazy_begin(self.part[1])


cdef void halves_settle(Job *job) noexcept nogil:
    cdef Halves *self = <Halves *>job
    tell_parts(self)
    catch_up_all(self.part[0])
    catch_up_all(self.part[1])


cdef bint halves_finite(Job *job) noexcept nogil:
    cdef Halves *self = <Halves *>job
    halves_settle(job)
    return layers_finite(job, self.part[0].work) and layers_finite(job, self.part[1].work)


cdef bint advance(Halves *self, size p) noexcept nogil:
    """Carry out the next stage of part p, if it can begin and nobody else does; return whether that was so."""
    cdef int64_t number = fm_load64(self.done[p]), goal = fm_load64(self.goal)
    if number >= goal or (number % self.n_stages and fm_load64(self.done[1 - p]) < number):
        return False
    if fm_load64(self.busy[p]) or not fm_swap64(self.busy[p], 0, 1):
        return False
    if fm_load64(self.done[p]) == number:
        carry_out(self, p, number)
        fm_store64(self.done[p], goal if self.sample[p].failed else number + 1)
    fm_store64(self.busy[p], 0)
    return True


cdef void advance_both(Halves *self, size own) noexcept nogil:
    """Carry out stages until the goal is reached: those of the part `own`, of the other where nobody does."""
    cdef bint single = fm_load(&self.single), alone = single  # the run record is the first thread's alone
    cdef int64_t seen = 0
    cdef int32_t waits = 0
    while min(fm_load64(self.done[own]), fm_load64(self.done[1 - own])) < fm_load64(self.goal):
        if advance(self, own):
            waits = 0
        elif (alone or waits >= PATIENCE) and advance(self, 1 - own):
            alone = True                      # until the other is seen to have done something
            seen = fm_load64(self.done[1 - own])
        else:
            waits += 1
            if waits < 2000:
                fm_pause()
            else:
                fm_yield()
        if alone and not single and fm_load64(self.done[1 - own]) > seen:
            alone = False


cdef void halves_run(Job *job) noexcept nogil:
    cdef Halves *self = <Halves *>job
    cdef Run *run = job.run
    cdef int64_t n, budget = run.budget
    fm_store(&self.single, run.n_threads == 1 or run.n_active == 1)
    while budget > 0 and run.status == RUNNING:
        n = min(budget, <int64_t>job.n_batches - run.batch)
        budget -= n
        tell_parts(self)
        fm_store64(self.goal, self.goal[0] + n * self.n_stages)
        advance_both(self, 0)
        run[0] = self.part[0].job.run[0]
        end_batch(job, self.sample[0].loss, 1, halves_finite, halves_keep, halves_restore)


cdef void halves_help(Job *job, size thread) noexcept nogil:
    """Take the second part, or rest where one thread is to do all (kernels/pace.py)."""
    cdef Halves *self = <Halves *>job
    cdef unsigned int control = fm_flush_denormals()
    cdef int32_t waits = 0
    while thread == 1 and not fm_load(&self.job.dismissed):
        if fm_load64(self.done[1]) < fm_load64(self.goal) and not fm_load(&self.single):
            advance_both(self, 1)
            waits = 0
            continue
        waits += 1
        fm_wait(waits)
    fm_restore_denormals(control)


cdef Regime halves_regime() noexcept nogil:
    cdef Regime regime
    regime.layout, regime.load, regime.store = halves_layout, halves_load, halves_store
    regime.begin, regime.run, regime.settle, regime.help = halves_begin, halves_run, halves_settle, halves_help
    return regime
