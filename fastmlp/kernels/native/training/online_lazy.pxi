# First-layer rows whose input is 0, in online learning: they have no gradient, and momentum or Adam still moves them.
# They are left alone and brought up to date when they are next used. What online.pxi says of each optimizer is done
# here.

cdef bint skips_zero_inputs(Context *c, const Layer *layer) noexcept nogil:
    if layer.frozen or layer.l2 != 0 or c.job.run.weight_decay != 0:
        return False
    return c.job.run.optimizer != ADAM or c.replayed > 0


cdef int64_t steps_to_replay(Run *run) noexcept nogil:
    """The steps after which (beta_1 / sqrt(beta_2))^k is below a hundredth of the rounding; 0: too many for PAST."""
    cdef double q = run.beta_1 / c_sqrt(run.beta_2) if run.beta_2 > 0 else 1
    cdef double k
    if q <= 0:
        return 1
    if q >= 1:
        return 0
    k = c_log(REAL_EPS / 100) / c_log(q) + 1
    return <int64_t>k if k < PAST / 2 else 0


cdef void record_step(Context *c, const Step *step) noexcept nogil:
    """Add Adam's step, number run.step + 1, to the sums over the steps since each earlier one.

    With q = beta_1 / sqrt(beta_2), p = 1 / sqrt(beta_2) and i steps since step t, sum j of t is that of
    rate (epsilon p^i)^j q^i over them, j = 0..3.
    """
    cdef size j, i, n = (c.replayed + LANES) // LANES
    cdef real factor = step.rate
    cdef real *sums
    cdef const real *powers
    c.past_rate[(c.job.run.step + 1) & (PAST - 1)] = step.rate
    c.past_epsilon[(c.job.run.step + 1) & (PAST - 1)] = step.epsilon
    if c.head == 0:
        for j in range(4):
            memcpy(c.sums + j * 2 * PAST + PAST, c.sums + j * 2 * PAST, (PAST - LANES) * sizeof(real))
        c.head = PAST
    c.head -= 1
    for j in range(4):
        sums = c.sums + j * 2 * PAST + c.head
        powers = c.powers + j * PAST
        sums[0] = 0
        for i in range(n):
            (<vec *>(sums + 1))[i] = (<vec *>(sums + 1))[i] + factor * (<const vec *>powers)[i]
        factor = factor * step.epsilon


cdef inline void replay_steps(int vecs, Context *c, int64_t first, int64_t n, real *w, const real *m,
                              const real *v) noexcept nogil:
    """The weights after n steps of Adam without gradient, the first of them number `first`, one by one."""
    cdef vec weight[4]
    cdef vec moment[4]
    cdef vec root[4]
    cdef int j
    cdef int64_t t
    cdef real beta = <real>c.job.run.beta_1, root_beta = <real>c_sqrt(c.job.run.beta_2), rate, epsilon
    for j in range(vecs):
        weight[j] = (<vec *>w)[j]
        moment[j] = (<const vec *>m)[j]
        root[j] = vec_sqrt((<const vec *>v)[j] + REAL_TINY)
    for t in range(first, first + n):
        rate = c.past_rate[t & (PAST - 1)]
        epsilon = c.past_epsilon[t & (PAST - 1)]
        for j in range(vecs):
            moment[j] = moment[j] * beta
            root[j] = root[j] * root_beta
            weight[j] = weight[j] - rate * moment[j] * vec_reciprocal(root[j] + epsilon)
    for j in range(vecs):
        (<vec *>w)[j] = weight[j]


cdef inline void replay_panel(int vecs, Context *c, int64_t k, real decay_1, real decay_2, real *w, real *m,
                              real *v) noexcept nogil:
    """k steps of Adam without gradient for `vecs` vectors of a row.

    sum rate beta_1^i m / (sqrt(beta_2^i v) + epsilon) as a series in epsilon / sqrt(v), four terms; where a v is too
    small for that, step by step.
    """
    cdef int j
    cdef vec r
    cdef bint small = False
    cdef const real *sums = c.sums + c.head + k
    cdef real A = sums[0], B = sums[2 * PAST], C = sums[4 * PAST], D = sums[6 * PAST]
    for j in range(vecs):
        small = small or vec_any_small((<vec *>v)[j], c.smallest)
    if small:
        replay_steps(vecs, c, c.job.run.step - k + 1, k if k < c.replayed else c.replayed, w, m, v)
    for j in range(vecs):
        if not small:
            r = vec_min(vec_fill(c.largest), vec_inverse_sqrt((<vec *>v)[j] + REAL_TINY))
            (<vec *>w)[j] = (<vec *>w)[j] - (<vec *>m)[j] * r * (A - r * (B - r * (C - r * D)))
        (<vec *>m)[j] = (<vec *>m)[j] * decay_1
        (<vec *>v)[j] = (<vec *>v)[j] * decay_2


cdef inline void replay_adam(Context *c, LayerWork *work, size row, int64_t *row_step) noexcept nogil:
    cdef int64_t k = c.job.run.step - row_step[0]
    cdef size at = row * work.ld, last = at + work.ld
    cdef real decay_1, decay_2
    cdef bint moved = row_step[0] >= 0
    row_step[0] = c.job.run.step
    if not moved or k <= 0:
        return
    decay_1 = <real>(c.decay[k] if k < DECAYS else c_pow(c.job.run.beta_1, <double>k))
    decay_2 = <real>(c.decay_sum[k] if k < DECAYS else c_pow(c.job.run.beta_2, <double>k))
    while last - at >= 4 * LANES:
        replay_panel(4, c, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)
        at += 4 * LANES
    if last - at >= 2 * LANES:
        replay_panel(2, c, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)
        at += 2 * LANES
    if last - at >= LANES:
        replay_panel(1, c, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)


cdef void catch_up(Context *c, LayerWork *work, size row, int64_t *row_step) noexcept nogil:
    """Replay the steps in which a row of the first layer had no gradient (momentum, Adam)."""
    cdef int64_t k = c.job.run.step - row_step[0]
    cdef double mu = c.job.run.momentum, decay, total
    cdef size j
    cdef real *w = work.W + row * work.ld
    cdef real *v = work.S[0] + row * work.ld
    if c.job.run.optimizer == ADAM:
        replay_adam(c, work, row, row_step)
        return
    row_step[0] = c.job.run.step
    if k <= 0:
        return
    if k < DECAYS:
        decay, total = c.decay[k], c.decay_sum[k]
    else:
        decay = c_pow(mu, <double>k)
        total = mu * (1 - decay) / (1 - mu) if mu < 1 else <double>k
    if c.job.run.optimizer == NESTEROV:
        total *= mu
    cdef real d = <real>decay, t = <real>total
    for j in range(work.ld // LANES):
        (<vec *>w)[j] = (<vec *>w)[j] + t * (<vec *>v)[j]
        (<vec *>v)[j] = d * (<vec *>v)[j]
