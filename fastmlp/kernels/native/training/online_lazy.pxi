# First-layer rows whose input is 0, in online learning: they have no gradient, and momentum or Adam still moves them.
# They are left alone and brought up to date when they are next used. Without penalties
#   SGD       leaves them alone for good;
#   momentum  decays their velocity: k such steps in closed form, v <- mu^k v, w <- w + v sum(mu^i, i = 1..k);
#   Adam      moves a row by rate m / (sqrt(v) + epsilon), and then m <- beta_1 m, v <- beta_2 v. So i steps after the
#             last use, with r = 1 / sqrt(v), q = beta_1 / sqrt(beta_2) and p = 1 / sqrt(beta_2), a step is
#                 rate m r q^i / (1 + x),  x = epsilon r p^i.
#             With 1 / (1 + x) = 1 - x + x^2 - x^3 the sum over all steps that were missed is
#                 m r (A - r (B - r (C - r D))),
#             where A, B, C and D are sums of rate q^i (epsilon p^i)^j, j = 0 to 3: the same for all rows that were last
#             used in one step, so they are kept for each step, and every step adds to them (record_step). Where a v is
#             so small that x is not, the steps are replayed one by one. As q < 1, steps beyond some number are lost in
#             rounding: `replayed`.

cdef struct Series:       # see above
    real A, B, C, D
    real negligible       # beside any v for which the series holds


cdef bint skips_zero_inputs(Online *self, const Layer *layer) noexcept nogil:
    """Whether rows of a first layer may wait: no penalty moves them, and Adam's sums reach far enough back."""
    if self.whole or layer.frozen or penalised(layer) or self.job.run.weight_decay != 0:
        return False
    return self.job.run.optimizer != ADAM or self.replayed > 0


cdef int64_t steps_to_replay(Run *run) noexcept nogil:
    """The steps k after which q^k is below a hundredth of the rounding (see above); 0: too many for PAST."""
    cdef double q = run.beta_1 / c_sqrt(run.beta_2) if run.beta_2 > 0 else 1
    cdef double k
    if q <= 0:
        return 1
    if q >= 1:
        return 0
    k = c_log(REAL_EPS / 100) / c_log(q) + 1
    return <int64_t>k if k < PAST / 2 else 0


cdef void record_step(Online *self, const Step *step) noexcept nogil:
    """Add Adam's step, number run.step + 1, to the four sums (see above) of each earlier step.

    Those of step t lie at head + (steps since t). With every step `head` goes back by one, so that none has to be
    moved; where it reaches the start, all are copied to the end.
    """
    cdef size j, i, n = (self.replayed + LANES) // LANES
    cdef real factor = step.rate
    cdef real *sums
    cdef const real *powers
    self.past_rate[(self.job.run.step + 1) & (PAST - 1)] = step.rate
    self.past_epsilon[(self.job.run.step + 1) & (PAST - 1)] = step.epsilon
    if self.head == 0:
        for j in range(4):
            memcpy(self.sums + j * 2 * PAST + PAST, self.sums + j * 2 * PAST, (PAST - LANES) * sizeof(real))
        self.head = PAST
    self.head -= 1
    for j in range(4):
        sums = self.sums + j * 2 * PAST + self.head
        powers = self.powers + j * PAST
        sums[0] = 0
        for i in range(n):
            (<vec *>(sums + 1))[i] = (<vec *>(sums + 1))[i] + factor * (<const vec *>powers)[i]
        factor = factor * step.epsilon


cdef inline real fade_of(const Online *self, int64_t k) noexcept nogil:
    """What k steps without gradient leave of a velocity, or of Adam's first moment."""
    if unlikely(k >= DECAYS):
        return <real>c_pow(self.job.run.beta_1 if self.job.run.optimizer == ADAM else self.job.run.momentum, <double>k)
    return self.fade[k]


cdef inline real fade_2_of(const Online *self, int64_t k) noexcept nogil:
    """What they leave of the second."""
    if unlikely(k >= DECAYS):
        return <real>c_pow(self.job.run.beta_2, <double>k)
    return self.fade_2[k]


cdef real distant_drift(const Online *self, int64_t k) noexcept nogil:
    """By how many of its velocities momentum moves a row in k steps without gradient."""
    cdef double mu = self.job.run.momentum, total
    total = mu * (1 - c_pow(mu, <double>k)) / (1 - mu) if mu < 1 else <double>k
    return <real>(total * mu if self.job.run.optimizer == NESTEROV else total)


cdef inline real drift_of(const Online *self, int64_t k) noexcept nogil:
    if unlikely(k >= DECAYS):
        return distant_drift(self, k)
    return self.drift[k]


cdef void replay_steps(int vecs, const Online *self, int64_t missed, real *w, const real *m,
                       const real *v) noexcept nogil:
    """The weights after the steps of Adam that `vecs` vectors of a row have missed, one by one."""
    cdef vec weight, moment, root
    cdef int j
    cdef int64_t t, end = self.job.run.step + 1, first = end - missed
    cdef real beta = <real>self.job.run.beta_1, root_beta = <real>c_sqrt(self.job.run.beta_2)
    if missed > self.replayed:
        end = first + self.replayed
    for j in range(vecs):
        weight, moment = (<vec *>w)[j], (<const vec *>m)[j]
        root = vec_sqrt((<const vec *>v)[j] + REAL_TINY)
        for t in range(first, end):
            moment = moment * beta
            root = root * root_beta
            weight = weight - self.past_rate[t & (PAST - 1)] * moment * vec_reciprocal(
                root + self.past_epsilon[t & (PAST - 1)])
        (<vec *>w)[j] = weight


cdef inline Series missed_by(int vecs, const Online *self, int64_t missed, real *w, const real *m,
                             const real *v) noexcept nogil:
    """What `replayed` makes of `vecs` vectors of a row; where a v is small, the steps are replayed here."""
    cdef Series series
    cdef const real *sums = self.sums + self.head + missed
    series.A, series.B, series.C, series.D = sums[0], sums[2 * PAST], sums[4 * PAST], sums[6 * PAST]
    series.negligible = self.negligible
    if unlikely(vec_any_small(<const vec *>v, vecs, self.smallest)):
        replay_steps(vecs, self, missed, w, m, v)
        series.A = series.B = series.C = series.D = 0
    return series


cdef inline vec replayed(const Series *series, vec w, vec m, vec v) noexcept nogil:
    """w after the steps of Adam that were missed. Where v is 0, so is m, and r shall be finite."""
    cdef vec r = vec_inverse_sqrt(v + series.negligible)
    return w - m * r * (series.A - r * (series.B - r * (series.C - r * series.D)))


cdef inline void replay_panel(int vecs, Online *self, int64_t k, real decay_1, real decay_2, real *w, real *m,
                              real *v) noexcept nogil:
    """k steps of Adam without gradient for `vecs` vectors of a row."""
    cdef int j
    cdef Series series = missed_by(vecs, self, k, w, m, v)
    for j in range(vecs):
        (<vec *>w)[j] = replayed(&series, (<vec *>w)[j], (<vec *>m)[j], (<vec *>v)[j])
        (<vec *>m)[j] = (<vec *>m)[j] * decay_1
        (<vec *>v)[j] = (<vec *>v)[j] * decay_2


cdef inline void replay_adam(Online *self, LayerWork *work, size row, int64_t *row_step) noexcept nogil:
    cdef int64_t k = self.job.run.step - row_step[0]
    cdef size at = row * work.ld, last = at + work.ld
    cdef real decay_1, decay_2
    cdef bint moved = row_step[0] >= 0
    row_step[0] = self.job.run.step
    if not moved or k <= 0:
        return
    decay_1, decay_2 = fade_of(self, k), fade_2_of(self, k)
    while last - at >= 4 * LANES:
        replay_panel(4, self, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)
        at += 4 * LANES
    if last - at >= 2 * LANES:
        replay_panel(2, self, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)
        at += 2 * LANES
    if last - at >= LANES:
        replay_panel(1, self, k, decay_1, decay_2, work.W + at, work.S[0] + at, work.S[1] + at)


cdef void catch_up(Online *self, LayerWork *work, size row, int64_t *row_step) noexcept nogil:
    """Replay the steps in which a row of the first layer had no gradient (momentum, Adam)."""
    cdef int64_t k = self.job.run.step - row_step[0]
    cdef size j
    cdef real fade, drift
    cdef real *w = work.W + row * work.ld
    cdef real *v = work.S[0] + row * work.ld
    if self.job.run.optimizer == ADAM:
        replay_adam(self, work, row, row_step)
        return
    row_step[0] = self.job.run.step
    if k <= 0:
        return
    fade, drift = fade_of(self, k), drift_of(self, k)
    for j in range(work.ld // LANES):
        (<vec *>w)[j] = (<vec *>w)[j] + drift * (<vec *>v)[j]
        (<vec *>v)[j] = fade * (<vec *>v)[j]


cdef inline int64_t steps_missed(const Online *self, int64_t row_step) noexcept nogil:
    """Steps since a row was last up to date; none where its moments are 0 (-1)."""
    return self.job.run.step - row_step if row_step >= 0 else 0


cdef inline bint drifting(int64_t optimizer) noexcept nogil:
    """Whether rows that wait have moved by a multiple of their velocity."""
    return optimizer == MOMENTUM or optimizer == NESTEROV


cdef void look_back(const Online *self, const int64_t *row_step, real *drifts) noexcept nogil:
    """drifts[i] : w + drift v is what momentum has made of the weights of the row of the sample's non-zero number i.

    Nothing is written to the rows: the product takes them so, and the update moves them by this and its own step.
    """
    cdef size i
    for i in range(self.now.m):
        drifts[i] = drift_of(self, steps_missed(self, row_step[self.now.index[i]]))


cdef void lazy_begin(Online *self) noexcept nogil:
    """Set up what is known of each first-layer row, from the optimizer's state."""
    cdef size k, p, j, e
    cdef const Layer *layer
    cdef const Edge *edge
    cdef LayerWork *work
    cdef double power = 1, power_2 = 1, total = 0, root, decay
    cdef double lead = self.job.run.momentum if self.job.run.optimizer == NESTEROV else 1
    cdef int64_t *row_step
    self.flushed = self.job.run.step
    self.replayed = 0
    if self.job.run.optimizer == ADAM and self.job.run.sparse:
        self.replayed = steps_to_replay(self.job.run)
        self.head = PAST
        memset(self.sums, 0, 8 * PAST * sizeof(real))
        root = c_sqrt(self.job.run.beta_2)
        for k in range(4):                    # powers of beta_1 / root^(k + 1)
            for p in range(PAST):
                self.powers[k * PAST + p] = 0
                if <int64_t>p < self.replayed:
                    self.powers[k * PAST + p] = <real>c_pow(self.job.run.beta_1 / c_pow(root, k + 1.0), p + 1.0)
        # the series is as good as the rounding while epsilon / sqrt(v) < eps^(1/4)
        decay = self.job.run.epsilon / c_sqrt(c_sqrt(REAL_EPS)) * c_pow(root, -<double>self.replayed)
        self.smallest = <real>(decay * decay)
        self.negligible = <real>(decay * decay * REAL_EPS / 8)
        if self.negligible < REAL_TINY:
            self.negligible = REAL_TINY
    for k in range(DECAYS):
        self.fade[k], self.fade_2[k], self.drift[k] = <real>power, <real>power_2, <real>(total * lead)
        power *= self.job.run.beta_1 if self.job.run.optimizer == ADAM else self.job.run.momentum
        power_2 *= self.job.run.beta_2
        total += power
    memset(self.X, 0, self.job.run.n_features * sizeof(real))
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        row_step = self.row_step + k * self.job.run.n_features
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &self.job.net.edges[e]
            if edge.source != INPUT:
                continue
            for p in range(<size>edge.width):
                row_step[p] = self.job.run.step
                if self.job.run.optimizer == ADAM:   # a row whose moments are 0 does not move
                    row_step[p] = -1
                    for j in range((edge.row + p) * work.ld, (edge.row + p + 1) * work.ld):
                        if work.S[0][j] != 0 or work.S[1][j] != 0:
                            row_step[p] = self.job.run.step
                            break


cdef void catch_up_all(Online *self) noexcept nogil:
    """Bring every row up to date, so that parameters and state can be read."""
    cdef size k, e, p
    cdef const Layer *layer
    cdef const Edge *edge
    if self.job.run.optimizer == SGD:
        return
    self.flushed = self.job.run.step
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        if not skips_zero_inputs(self, layer):
            continue
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &self.job.net.edges[e]
            if edge.source == INPUT:
                for p in range(<size>edge.width):
                    catch_up(self, &self.work[k], edge.row + p, self.row_step + k * self.job.run.n_features + p)
