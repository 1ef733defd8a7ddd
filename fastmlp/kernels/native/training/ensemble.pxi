# An ensemble: several small nets learn online at once. Each lane of a vector is a net with weights, order of samples
# and learning rate of its own. All have one plan, optimizer and loss, and read the same rows.
#
# What a lane computes (ensemble_step.pxi) is, operation by operation, what online_step.pxi computes for that net
# alone, so that results agree bit for bit. What is a row of numbers there is here an array of vectors, (elements,
# LANES).

cdef struct EnsembleLayer:
    real *A               # (n_out, LANES) outputs
    real *Z               # before the activation; A itself where that is not needed
    real *D               # gradient of the loss with respect to Z

cdef struct Ensemble:
    Job *nets         # (n_nets,): net k is lane k
    EnsembleLayer *work
    real *W               # (n_params, LANES)
    real *S[2]            # optimizer state, laid out like W
    real *X[2]            # (n_features, LANES): the sample in hand, and the next one
    real *Y[2]            # (n_outputs, LANES), where targets are numbers
    int64_t *row[2]       # (LANES,)
    int64_t *alive        # (LANES,)
    double *value         # (LANES,): this step's losses
    double *sum           # (LANES,): their sums over the epoch
    double *norms         # (LANES,): this step's penalties
    double *whole         # (LANES,): what its loss is divided by
    const int64_t **order  # (LANES,): each net's samples from where it stands
    double *learning_rate  # (LANES,)
    real *rate            # (LANES,): what multiplies the gradient
    real *keep
    real *scale
    size n_nets
    bint penalised
    bint by_step          # the learning rate of a net changes within epochs

cdef extern from *:
    """
    /* Whether all n numbers are finite; a loop over exponents that the compiler makes vectors of. */
    static inline int fm_all_finite(const double *x, Py_ssize_t n) {
        uint64_t bad = 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            uint64_t u;
            memcpy(&u, x + i, 8);
            bad |= (u & 0x7ff0000000000000u) == 0x7ff0000000000000u;
        }
        return !bad;
    }
    """
    bint fm_all_finite(const double *, size) noexcept nogil


cdef bint fits_ensemble(const Job *job) noexcept nogil:
    """Whether ensemble.pxi may train this net: it does not skip zero inputs, which must not move others' places."""
    return job.net.n_params <= ENSEMBLE_PARAMS and job.run.n_features <= TINY_WIDTH


cdef size ensemble_layout(Ensemble *self, Job *c, char *base) noexcept nogil:
    """Set every pointer of `self` into the workspace at `base`, for nets like `c`; return the bytes that takes."""
    cdef char *cursor = base
    cdef EnsembleLayer measured
    cdef EnsembleLayer *work
    cdef size k, i, n
    take(&cursor, sizeof(Ensemble))
    self.nets = <Job *>take(&cursor, LANES * sizeof(Job))
    self.work = <EnsembleLayer *>take(&cursor, c.net.n_layers * sizeof(EnsembleLayer))
    self.W = <real *>take(&cursor, c.net.n_params * LANES * sizeof(real))
    for i in range(2):
        self.S[i] = self.W
        if i < c.n_states:
            self.S[i] = <real *>take(&cursor, c.net.n_params * LANES * sizeof(real))
        self.X[i] = <real *>take(&cursor, c.run.n_features * LANES * sizeof(real))
        self.Y[i] = <real *>take(&cursor, c.run.n_outputs * LANES * sizeof(real))
        self.row[i] = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    for k in range(c.net.n_layers):
        work = &self.work[k] if base != NULL else &measured
        n = c.net.layers[k].n_out * LANES * sizeof(real)
        work.A = <real *>take(&cursor, n)
        work.D = <real *>take(&cursor, n)
        work.Z = work.A
        if k == c.net.n_layers - 1 or needs_logits(c.net.layers[k].activation):
            work.Z = <real *>take(&cursor, n)
    self.alive = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    self.value = <double *>take(&cursor, LANES * sizeof(double))
    self.sum = <double *>take(&cursor, LANES * sizeof(double))
    self.norms = <double *>take(&cursor, LANES * sizeof(double))
    self.whole = <double *>take(&cursor, LANES * sizeof(double))
    self.order = <const int64_t **>take(&cursor, LANES * sizeof(int64_t *))
    self.learning_rate = <double *>take(&cursor, LANES * sizeof(double))
    self.rate = <real *>take(&cursor, LANES * sizeof(real))
    self.keep = <real *>take(&cursor, LANES * sizeof(real))
    self.scale = <real *>take(&cursor, LANES * sizeof(real))
    return cursor - base


cdef void spread(const real *source, real *lane, size n) noexcept nogil:
    """Put a flat vector into one lane."""
    cdef size i
    for i in range(n):
        lane[i * LANES] = source[i]


cdef void collect(const real *lane, real *target, size n) noexcept nogil:
    """Take a flat vector out of one lane."""
    cdef size i
    for i in range(n):
        target[i] = lane[i * LANES]


cdef void net_rates(Ensemble *self, size lane) noexcept nogil:
    """The constants of an epoch, or of a step where the rate changes with each; Adam's own does."""
    cdef Run *run = self.nets[lane].run
    self.learning_rate[lane] = run.learning_rate
    self.rate[lane] = <real>run.learning_rate
    self.keep[lane] = <real>(1 - run.learning_rate * run.weight_decay)


cdef void ensemble_load(Ensemble *self) noexcept nogil:
    """Take the parameters over; lanes without a net hold zeros, which stay zeros."""
    cdef Job *c
    cdef size lane, i, n = self.nets[0].net.n_params * LANES * sizeof(real)
    memset(self.W, 0, n)
    for i in range(self.nets[0].n_states):
        memset(self.S[i], 0, n)
    for i in range(2):
        memset(self.X[i], 0, self.nets[0].run.n_features * LANES * sizeof(real))
        memset(self.Y[i], 0, self.nets[0].run.n_outputs * LANES * sizeof(real))
        memset(self.row[i], 0, LANES * sizeof(int64_t))
    self.penalised = self.by_step = False
    for i in range(self.nets[0].net.n_layers):
        self.penalised = self.penalised or penalised(&self.nets[0].net.layers[i])
    for lane in range(LANES):
        self.learning_rate[lane], self.rate[lane], self.keep[lane], self.scale[lane] = 0, 0, 1, 1
        self.sum[lane], self.value[lane], self.norms[lane], self.whole[lane] = 0, 0, 0, 1
    for lane in range(self.n_nets):
        c = &self.nets[lane]
        if not self.alive[lane]:
            continue
        spread(c.net.params, self.W + lane, c.net.n_params)
        for i in range(c.n_states):
            spread(c.state + i * c.net.n_params, self.S[i] + lane, c.net.n_params)
        self.sum[lane] = c.run.loss_sum
        self.by_step = self.by_step or c.run.rates_per_epoch > 1
        net_rates(self, lane)


cdef void ensemble_store(Ensemble *self) noexcept nogil:
    """Hand parameters and state back."""
    cdef Job *c
    cdef size lane, i
    for lane in range(self.n_nets):
        c = &self.nets[lane]
        if not self.alive[lane] or c.run.status == DIVERGED:
            continue
        c.run.loss_sum = self.sum[lane]
        collect(self.W + lane, c.net.params, c.net.n_params)
        for i in range(c.n_states):
            collect(self.S[i] + lane, c.state + i * c.net.n_params, c.net.n_params)


cdef inline void ensemble_gather(Ensemble *self, int half, size ahead) noexcept nogil:
    """Each net's sample `ahead` of where it stands; all read the same rows and targets."""
    cdef Job *c = &self.nets[0]
    cdef size lane, j, n_out = c.run.n_outputs if c.y != NULL else 0
    cdef int64_t row
    cdef const real *y = c.y
    cdef real *X = self.X[half]
    cdef real *Y = self.Y[half]
    cdef int64_t *of = self.row[half]
    for lane in range(self.n_nets):
        if self.alive[lane]:
            of[lane] = self.order[lane][ahead]
    if has_reals(&c.rows):                    # lanes without a net may read a row: their rate is 0
        gather_lanes(c.rows.x, c.rows.row, c.rows.column, c.run.n_features, <real>c.rows.scale, of, X)
        gather_lanes(<const char *>y, n_out * sizeof(real), sizeof(real), n_out, ONE, of, Y)
        return
    for lane in range(self.n_nets):
        if not self.alive[lane]:
            continue
        row = of[lane]
        gather_row(&c.rows, row, X + lane, LANES)
        for j in range(n_out):
            Y[j * LANES + lane] = y[row * n_out + j]


cdef bint ensemble_diverged(Ensemble *self) noexcept nogil:
    """Whether a net's loss is not finite; such nets get the weights of the epoch's start back."""
    cdef size lane
    cdef Job *c
    cdef bint found = False
    if fm_all_finite(self.value, LANES):
        return False
    for lane in range(self.n_nets):
        c = &self.nets[lane]
        if self.alive[lane] and not isfinite(self.value[lane]):
            net_diverge(c)
            found = True
    return found


cdef void ensemble_turn_rates(Ensemble *self, int64_t done) noexcept nogil:
    """Each net's rate for the step that comes next, `done` steps after those that its run counts."""
    cdef Job *c
    cdef size lane
    for lane in range(self.n_nets):
        c = &self.nets[lane]
        if not self.alive[lane] or c.run.status == DIVERGED or c.run.rates_per_epoch <= 1:
            continue
        if c.run.batch + done < <int64_t>c.n_batches:
            c.run.learning_rate = rate_of_batch(c, c.run.batch + done)
            net_rates(self, lane)


cdef bint net_finite(Ensemble *self, size lane) noexcept nogil:
    """Whether a net's parameters and state are finite; see `stays_finite`."""
    cdef Job *c = &self.nets[lane]
    cdef size i, k
    for i in range(c.net.n_params):
        if not finite_real(self.W + i * LANES + lane, 1):
            return False
        for k in range(c.n_states):
            if not finite_real(self.S[k] + i * LANES + lane, 1):
                return False
    return True


cdef void net_diverge(Job *c) noexcept nogil:
    """Give a net the weights of the epoch's start back, and stop it."""
    memcpy(c.net.params, c.backup, c.net.n_params * sizeof(real))
    c.begun = False
    c.run.status = DIVERGED


cdef void ensemble_slice(Ensemble *self, int64_t budget) noexcept nogil:
    """Up to `budget` steps of every net, or until one of them has a reason to stop."""
    cdef unsigned int control = fm_flush_denormals()
    cdef size lane
    cdef Py_ssize_t first = -1
    cdef int64_t count, done, step
    cdef Job *c
    cdef bint go = True
    for lane in range(self.n_nets):
        if not self.alive[lane]:
            continue
        c = &self.nets[lane]
        first = lane if first < 0 else first
        c.n_batches = c.run.n_samples
        c.run.status = RUNNING
        if c.run.epoch >= c.run.n_epochs:
            c.run.status = FINISHED
            go = False
        elif not c.begun:
            begin_epoch(c)
            memcpy(c.backup, c.net.params, c.net.n_params * sizeof(real))
    ensemble_load(self)
    while go and budget > 0:
        count = budget
        for lane in range(self.n_nets):
            c = &self.nets[lane]
            self.order[lane] = c.order + c.run.batch
            if self.alive[lane] and c.run.n_samples - c.run.batch < count:
                count = c.run.n_samples - c.run.batch
        ensemble_gather(self, 0, 0)
        done = 0
        while go and done < count:
            if done + 1 < count:              # on its way into the vectors while this step is computed
                ensemble_gather(self, (done + 1) & 1, done + 1)
            ensemble_step(self, self.nets[first].run, done & 1)
            go = not ensemble_diverged(self)
            done += 1
            self.nets[first].run.step += 1
            if self.by_step:
                ensemble_turn_rates(self, done)
            for lane in range(LANES):
                self.sum[lane] += self.value[lane]
        budget -= done
        step = self.nets[first].run.step
        for lane in range(self.n_nets):
            c = &self.nets[lane]
            if not self.alive[lane]:
                continue
            c.run.step = step
            c.run.batch += done
            if c.run.status == DIVERGED:      # its last step does not count
                c.run.step -= 1
                c.run.batch -= 1
                continue
            if c.run.batch < c.run.n_samples:
                continue
            if not net_finite(self, lane):
                net_diverge(c)
                c.run.step -= 1
                c.run.batch -= 1
                go = False
                continue
            c.run.loss_sum = self.sum[lane]
            end_epoch(c)
            if c.run.status == RUNNING:
                collect(self.W + lane, c.net.params, c.net.n_params)
                begin_epoch(c)
                memcpy(c.backup, c.net.params, c.net.n_params * sizeof(real))
                self.sum[lane] = 0
                net_rates(self, lane)
            else:
                go = False
    ensemble_store(self)
    fm_restore_denormals(control)
