# Several small nets at once, learning online: each vector lane is a net with weights, order of samples and
# learning rate of its own. All have one plan, optimizer and loss, and read the same rows.
#
# What a lane computes (ensemble_step.pxi) is, operation by operation, what online.pxi computes for that net alone, so
# that results agree bit for bit. What is a row of numbers there is here an array of vectors, (elements, LANES).

cdef struct LaneLayer:
    real *A               # (n_out, LANES) outputs
    real *Z               # before the activation; A itself where that is not needed
    real *D               # gradient of the loss with respect to Z

cdef struct Lanes:
    Context *nets         # (n_nets,): net k is lane k
    LaneLayer *work
    real *W               # (n_params, LANES)
    real *S[2]            # optimizer state, laid out like W
    real *X[2]            # (n_features, LANES): the sample in hand, and the next one
    real *Y[2]            # (n_outputs, LANES), where targets are numbers
    int64_t *row[2]       # (LANES,)
    int64_t *alive        # (LANES,)
    double *value         # (LANES,): this step's losses
    double *sum           # (LANES,): their sums over the epoch
    double *norms         # (LANES,): this step's penalties
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


cdef size lanes_layout(Lanes *L, Context *c, char *base) noexcept nogil:
    """Set every pointer of `L` into the workspace at `base`, for nets like `c`; return the bytes that takes."""
    cdef char *cursor = base
    cdef LaneLayer measured
    cdef LaneLayer *work
    cdef size k, i, n
    take(&cursor, sizeof(Lanes))
    L.nets = <Context *>take(&cursor, LANES * sizeof(Context))
    L.work = <LaneLayer *>take(&cursor, c.n_layers * sizeof(LaneLayer))
    L.W = <real *>take(&cursor, c.n_params * LANES * sizeof(real))
    for i in range(2):
        L.S[i] = L.W
        if i < c.n_states:
            L.S[i] = <real *>take(&cursor, c.n_params * LANES * sizeof(real))
        L.X[i] = <real *>take(&cursor, c.run.n_features * LANES * sizeof(real))
        L.Y[i] = <real *>take(&cursor, c.run.n_outputs * LANES * sizeof(real))
        L.row[i] = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    for k in range(c.n_layers):
        work = &L.work[k] if base != NULL else &measured
        n = c.layers[k].n_out * LANES * sizeof(real)
        work.A = <real *>take(&cursor, n)
        work.D = <real *>take(&cursor, n)
        work.Z = work.A
        if k == c.n_layers - 1 or needs_logits(c.layers[k].activation):
            work.Z = <real *>take(&cursor, n)
    L.alive = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    L.value = <double *>take(&cursor, LANES * sizeof(double))
    L.sum = <double *>take(&cursor, LANES * sizeof(double))
    L.norms = <double *>take(&cursor, LANES * sizeof(double))
    L.order = <const int64_t **>take(&cursor, LANES * sizeof(int64_t *))
    L.learning_rate = <double *>take(&cursor, LANES * sizeof(double))
    L.rate = <real *>take(&cursor, LANES * sizeof(real))
    L.keep = <real *>take(&cursor, LANES * sizeof(real))
    L.scale = <real *>take(&cursor, LANES * sizeof(real))
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


cdef void lane_rates(Lanes *L, size lane) noexcept nogil:
    """The constants of an epoch, or of a step where the rate changes with each; Adam's own does."""
    cdef Run *run = L.nets[lane].run
    L.learning_rate[lane] = run.learning_rate
    L.rate[lane] = <real>run.learning_rate
    L.keep[lane] = <real>(1 - run.learning_rate * run.weight_decay)


cdef void lanes_load(Lanes *L) noexcept nogil:
    """Take the parameters over; lanes without a net hold zeros, which stay zeros."""
    cdef Context *c
    cdef size lane, i, n = L.nets[0].n_params * LANES * sizeof(real)
    memset(L.W, 0, n)
    for i in range(L.nets[0].n_states):
        memset(L.S[i], 0, n)
    for i in range(2):
        memset(L.X[i], 0, L.nets[0].run.n_features * LANES * sizeof(real))
        memset(L.Y[i], 0, L.nets[0].run.n_outputs * LANES * sizeof(real))
    L.penalised = L.by_step = False
    for i in range(L.nets[0].n_layers):
        L.penalised = L.penalised or L.nets[0].layers[i].l2 != 0
    for lane in range(LANES):
        L.learning_rate[lane], L.rate[lane], L.keep[lane], L.scale[lane] = 0, 0, 1, 1
        L.sum[lane], L.value[lane], L.norms[lane] = 0, 0, 0
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if not L.alive[lane]:
            continue
        spread(c.params, L.W + lane, c.n_params)
        for i in range(c.n_states):
            spread(c.state + i * c.n_params, L.S[i] + lane, c.n_params)
        L.sum[lane] = c.run.loss_sum
        L.by_step = L.by_step or c.run.rates_per_epoch > 1
        lane_rates(L, lane)


cdef void lanes_store(Lanes *L) noexcept nogil:
    """Hand parameters and state back."""
    cdef Context *c
    cdef size lane, i
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if not L.alive[lane] or c.run.status == DIVERGED:
            continue
        c.run.loss_sum = L.sum[lane]
        collect(L.W + lane, c.params, c.n_params)
        for i in range(c.n_states):
            collect(L.S[i] + lane, c.state + i * c.n_params, c.n_params)


cdef inline void lanes_gather(Lanes *L, int half, size ahead) noexcept nogil:
    """Each net's sample `ahead` of where it stands; all read the same rows and targets."""
    cdef Context *c = &L.nets[0]
    cdef size lane, j, n = c.run.n_features, n_out = c.run.n_outputs if c.y != NULL else 0
    cdef size n_nets = L.n_nets, x_row = c.x_row, x_col = c.x_col
    cdef int64_t row
    cdef const char *rows = c.x
    cdef const char *x
    cdef const real *y = c.y
    cdef real *X = L.X[half]
    cdef real *Y = L.Y[half]
    cdef int64_t *of = L.row[half]
    cdef real scale = <real>c.run.input_scale
    cdef bint plain = c.x_kind == (ROWS_F32 if REAL_BYTES == 4 else ROWS_F64)
    for lane in range(n_nets):
        if not L.alive[lane]:
            continue
        row = L.order[lane][ahead]
        of[lane] = row
        if plain:
            x = rows + row * x_row
            for j in range(n):
                X[j * LANES + lane] = scale * (<const real *>(x + j * x_col))[0]
        else:
            gather_row(c, row, X + lane, LANES)
        for j in range(n_out):
            Y[j * LANES + lane] = y[row * n_out + j]


cdef bint lanes_diverged(Lanes *L) noexcept nogil:
    """Whether a net's loss is not finite; such nets get the weights of the epoch's start back."""
    cdef size lane
    cdef Context *c
    cdef bint found = False
    if fm_all_finite(L.value, LANES):
        return False
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if L.alive[lane] and not isfinite(L.value[lane]):
            lane_diverge(c)
            found = True
    return found


cdef void lanes_turn_rates(Lanes *L, int64_t done) noexcept nogil:
    """Each net's rate for the step that comes next, `done` steps after those that its run counts."""
    cdef Context *c
    cdef size lane
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if not L.alive[lane] or c.run.status == DIVERGED or c.run.rates_per_epoch <= 1:
            continue
        if c.run.batch + done < <int64_t>c.n_batches:
            c.run.learning_rate = rate_of_batch(c, c.run.batch + done)
            lane_rates(L, lane)


cdef bint lane_finite(Lanes *L, size lane) noexcept nogil:
    """Whether a net's parameters and state are finite; see `stays_finite`."""
    cdef Context *c = &L.nets[lane]
    cdef size i, k
    for i in range(c.n_params):
        if not finite_real(L.W + i * LANES + lane, 1):
            return False
        for k in range(c.n_states):
            if not finite_real(L.S[k] + i * LANES + lane, 1):
                return False
    return True


cdef void lane_diverge(Context *c) noexcept nogil:
    """Give a net the weights of the epoch's start back, and stop it."""
    memcpy(c.params, c.backup, c.n_params * sizeof(real))
    c.begun = False
    c.run.status = DIVERGED


cdef void lanes_slice(Lanes *L, int64_t budget) noexcept nogil:
    """Up to `budget` steps of every net, or until one of them has a reason to stop."""
    cdef unsigned int control = fm_flush_denormals()
    cdef size lane
    cdef Py_ssize_t first = -1
    cdef int64_t count, done, step
    cdef Context *c
    cdef bint go = True
    for lane in range(L.n_nets):
        if not L.alive[lane]:
            continue
        c = &L.nets[lane]
        first = lane if first < 0 else first
        c.n_batches = c.run.n_samples
        c.run.status = RUNNING
        if c.run.epoch >= c.run.n_epochs:
            c.run.status = FINISHED
            go = False
        elif not c.begun:
            begin_epoch(c)
    lanes_load(L)
    while go and budget > 0:
        count = budget
        for lane in range(L.n_nets):
            c = &L.nets[lane]
            L.order[lane] = c.order + c.run.batch
            if L.alive[lane] and c.run.n_samples - c.run.batch < count:
                count = c.run.n_samples - c.run.batch
        lanes_gather(L, 0, 0)
        done = 0
        while go and done < count:
            if done + 1 < count:              # on its way into the vectors while this step is computed
                lanes_gather(L, (done + 1) & 1, done + 1)
            lanes_step(L, L.nets[first].run, done & 1)
            go = not lanes_diverged(L)
            done += 1
            L.nets[first].run.step += 1
            if L.by_step:
                lanes_turn_rates(L, done)
            for lane in range(LANES):
                L.sum[lane] += L.value[lane]
        budget -= done
        step = L.nets[first].run.step
        for lane in range(L.n_nets):
            c = &L.nets[lane]
            if not L.alive[lane]:
                continue
            c.run.step = step
            c.run.batch += done
            if c.run.status == DIVERGED:      # its last step does not count
                c.run.step -= 1
                c.run.batch -= 1
                continue
            if c.run.batch < c.run.n_samples:
                continue
            if not lane_finite(L, lane):
                lane_diverge(c)
                c.run.step -= 1
                c.run.batch -= 1
                go = False
                continue
            c.run.loss_sum = L.sum[lane]
            end_epoch(c)
            if c.run.status == RUNNING:
                collect(L.W + lane, c.params, c.n_params)
                begin_epoch(c)
                L.sum[lane] = 0
                lane_rates(L, lane)
            else:
                go = False
    lanes_store(L)
    fm_restore_denormals(control)
