# Online learning: one sample a step, one thread. Each weight row is met once on the way back: it serves the
# backward product and is updated at once. First-layer rows whose input is 0 have no gradient, so without
# penalties
#   SGD       leaves them alone;
#   momentum  decays their velocity: k such steps in closed form, v <- mu^k v, w <- w + v sum(mu^i, i = 1..k),
#             when the row is next used;
#   Adam      sums the steps since the row was last used by a series in epsilon / sqrt(v) when it is next used,
#             or where v is too small for it replays them one by one, up to those that rounding would lose:
#             m <- beta_1 m, sqrt(v) <- sqrt(beta_2) sqrt(v), w <- w - rate m / (sqrt(v) + epsilon).

cdef inline void update_row(int64_t optimizer, Step *s, real *w, real *s0, real *s1, real x, const real *d,
                            real l2, size n) noexcept nogil:
    """One step on a weight row with the gradient x d + l2 w (x and l2 already divided by the weight)."""
    cdef size j
    cdef vec g
    for j in range(n // LANES):
        g = x * (<const vec *>d)[j] + l2 * (<vec *>w)[j]
        (<vec *>w)[j] = step_vec(optimizer, s, (<vec *>w)[j], <vec *>s0 + j, <vec *>s1 + j, <vec *>s1 + j, g)


cdef inline void update_panel(int64_t optimizer, int vecs, const Step *constants, real *w, real *s0, real *s1,
                              size ld, const real *x, const int32_t *index, size m, const real *d) noexcept nogil:
    """`update_row` on the m listed rows (index NULL: on the first m), `vecs` vectors wide; d in registers."""
    cdef Step step = constants[0]             # a copy that no store can alias
    cdef vec dz[8]
    cdef int j
    cdef size i, at
    cdef vec *row
    for j in range(vecs):
        dz[j] = (<const vec *>(d + j * LANES))[0]
    for i in range(m):
        at = (i if index == NULL else <size>index[i]) * ld
        row = <vec *>(w + at)
        for j in range(vecs):
            row[j] = step_vec(optimizer, &step, row[j], <vec *>(s0 + at) + j, <vec *>(s1 + at) + j,
                              <vec *>(s1 + at) + j, x[i] * step.scale * dz[j])


cdef inline void update_rows(int64_t optimizer, const Step *step, real *w, real *s0, real *s1, size ld,
                             const real *x, const int32_t *index, size m, const real *d) noexcept nogil:
    """One step on the listed rows (index NULL: on the first m) with the gradients x[i] d / weight."""
    cdef size j = 0
    while ld - j >= 8 * LANES:
        update_panel(optimizer, 8, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 8 * LANES
    if ld - j >= 4 * LANES:
        update_panel(optimizer, 4, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 4 * LANES
    if ld - j >= 2 * LANES:
        update_panel(optimizer, 2, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 2 * LANES
    if ld - j >= LANES:
        update_panel(optimizer, 1, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)


cdef inline real dot(const real *a, const real *b, size n) noexcept nogil:
    """Sum of a[j] b[j], whole vectors."""
    cdef size j
    cdef vec total = vec_fill(0)
    for j in range(n // LANES):
        total = total + (<const vec *>a)[j] * (<const vec *>b)[j]
    return vec_sum(total)


cdef bint fits_ensemble(Context *c) noexcept nogil:
    """Whether ensemble.pxi may train this net: it does not skip zero inputs, which must not move others' places."""
    return c.job.net.n_params <= ENSEMBLE_PARAMS and c.job.run.n_features <= TINY_WIDTH


cdef void online_begin(Context *c) noexcept nogil:
    """Set up what is known of each first-layer row, from the optimizer's state."""
    cdef size k, p, j, e
    cdef const Layer *layer
    cdef const Edge *edge
    cdef LayerWork *work
    cdef double power = 1, total = 0, root, decay
    cdef int64_t *row_step
    c.flushed = c.job.run.step
    c.replayed = 0
    if c.job.run.optimizer == ADAM and c.job.run.sparse:
        total = 1
        c.replayed = steps_to_replay(c.job.run)
        c.head = PAST
        memset(c.sums, 0, 8 * PAST * sizeof(real))
        root = c_sqrt(c.job.run.beta_2)
        for k in range(4):                    # powers of beta_1 / root^(k + 1)
            for p in range(PAST):
                c.powers[k * PAST + p] = 0
                if <int64_t>p < c.replayed:
                    c.powers[k * PAST + p] = <real>c_pow(c.job.run.beta_1 / c_pow(root, k + 1.0), p + 1.0)
        # the series is as good as the rounding while epsilon / sqrt(v) < eps^(1/4)
        decay = c.job.run.epsilon / c_sqrt(c_sqrt(REAL_EPS)) * c_pow(root, -<double>c.replayed)
        c.smallest = <real>(decay * decay)
        c.largest = <real>(1 / decay) if decay > 1e-18 else <real>1e18
    for k in range(DECAYS):
        c.decay[k], c.decay_sum[k] = power, total
        if c.job.run.optimizer == ADAM:           # powers of both betas
            power *= c.job.run.beta_1
            total *= c.job.run.beta_2
        else:
            power *= c.job.run.momentum
            total += power
    memset(c.X, 0, c.job.run.n_features * sizeof(real))
    for k in range(c.job.net.n_layers):
        layer = &c.job.net.layers[k]
        work = &c.work[k]
        row_step = c.row_step + k * c.job.run.n_features
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &c.job.net.edges[e]
            if edge.source != INPUT:
                continue
            for p in range(<size>edge.width):
                row_step[p] = c.job.run.step
                if c.job.run.optimizer == ADAM:   # a row whose moments are 0 does not move
                    row_step[p] = -1
                    for j in range((edge.row + p) * work.ld, (edge.row + p + 1) * work.ld):
                        if work.S[0][j] != 0 or work.S[1][j] != 0:
                            row_step[p] = c.job.run.step
                            break


cdef void online_flush(Context *c) noexcept nogil:
    """Bring every row up to date, so that parameters and state can be read."""
    cdef size k, e, p
    cdef const Layer *layer
    cdef const Edge *edge
    if c.job.run.optimizer == SGD:
        return
    c.flushed = c.job.run.step
    for k in range(c.job.net.n_layers):
        layer = &c.job.net.layers[k]
        if not skips_zero_inputs(c, layer):
            continue
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &c.job.net.edges[e]
            if edge.source == INPUT:
                for p in range(<size>edge.width):
                    catch_up(c, &c.work[k], edge.row + p, c.row_step + k * c.job.run.n_features + p)


cdef inline void update_input_rows(int64_t optimizer, Context *c, Step *step, size k, const Edge *edge, const real *d,
                                   const real *value, const int32_t *index, size m) noexcept nogil:
    """Update the rows that the input meets in layer k."""
    cdef const Layer *layer = &c.job.net.layers[k]
    cdef LayerWork *work = &c.work[k]
    cdef size i, p, ld = work.ld
    cdef real l2 = <real>layer.l2 * step.scale
    cdef int64_t *row_step = c.row_step + k * c.job.run.n_features
    cdef real *w = work.W + edge.row * ld
    cdef real *s0 = work.S[0] + edge.row * ld
    cdef real *s1 = work.S[1] + edge.row * ld
    if skips_zero_inputs(c, layer):
        if optimizer != SGD:
            for i in range(m):
                row_step[index[i]] = c.job.run.step + 1
        update_rows(optimizer, step, w, s0, s1, ld, value, index, m, d)
        return
    for i in range(m):                        # dense: the listed values, scattered
        c.X[index[i]] = value[i]
    if layer.l2 == 0:
        update_rows(optimizer, step, w, s0, s1, ld, c.X, NULL, edge.width, d)
    else:
        for p in range(<size>edge.width):
            update_row(optimizer, step, w + p * ld, s0 + p * ld, s1 + p * ld, c.X[p] * step.scale, d, l2, ld)
    for i in range(m):
        c.X[index[i]] = 0


cdef inline void backward_rows(int64_t optimizer, Context *c, const Step *constants, const real *value,
                               const int32_t *index, size m) noexcept nogil:
    """Backward through all layers, updating each weight row as it is passed."""
    cdef Py_ssize_t k
    cdef size e, p, ld
    cdef const Layer *layer
    cdef const Layer *below
    cdef LayerWork *work
    cdef LayerWork *source
    cdef const Edge *edge
    cdef real l2, back
    cdef real *w
    cdef Step copied = constants[0]
    cdef Step *step = &copied
    for k in range(c.job.net.n_layers - 1, -1, -1):
        layer = &c.job.net.layers[k]
        work = &c.work[k]
        ld = work.ld
        l2 = <real>layer.l2 * step.scale
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &c.job.net.edges[e]
            if edge.source == INPUT:
                if not layer.frozen:
                    update_input_rows(optimizer, c, step, k, edge, work.D, value, index, m)
                continue
            below = &c.job.net.layers[edge.source]
            source = &c.work[edge.source]
            for p in range(<size>edge.width):
                w = work.W + (edge.row + p) * ld
                back = dot(w, work.D, ld)
                source.D[p] = back if edge.is_first else source.D[p] + back
                if layer.frozen:
                    continue
                update_row(optimizer, step, w, work.S[0] + (edge.row + p) * ld, work.S[1] + (edge.row + p) * ld,
                           source.A[p] * step.scale, work.D, l2, ld)
            if edge.is_last:
                activation_backward(below.activation, <real>below.slope, source.Z, source.A, source.D, below.n_out)
                for p in range(<size>below.n_out, source.ld):
                    source.D[p] = 0
        if layer.bias >= 0 and not layer.frozen:
            update_row(optimizer, step, work.W + layer.n_in * ld, work.S[0] + layer.n_in * ld,
                       work.S[1] + layer.n_in * ld, step.scale, work.D, 0, ld)


# One function an optimizer: inlined all together they would run out of registers.
cdef void backward_sgd(Context *c, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(SGD, c, s, value, index, m)

cdef void backward_momentum(Context *c, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(MOMENTUM, c, s, value, index, m)

cdef void backward_nesterov(Context *c, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(NESTEROV, c, s, value, index, m)

cdef void backward_adam(Context *c, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(ADAM, c, s, value, index, m)


cdef double online_step(Context *c, size position) noexcept nogil:
    """Learn one sample; return its loss (with penalties)."""
    cdef int64_t row = c.job.order[position]
    cdef Run *run = c.job.run
    cdef size k, e, i, j, m
    cdef const Layer *layer
    cdef LayerWork *work
    cdef const Edge *edge
    cdef real *z
    cdef double loss, weight, divisor, norms = 0
    cdef Step step
    cdef bint lazy = run.optimizer != SGD
    cdef bint last
    if row_is_bad(&c.job, row):
        return NOT_A_NUMBER
    if c.replayed > 0 and run.step - c.flushed >= PAST / 2 - 1:
        online_flush(c)                       # before the rates of old steps are overwritten
    m = list_row(&c.job.rows, row, c.job.order[position + 1 if position + 1 < <size>run.n_samples else position], c.nz_value,
                 c.nz_index)
    for k in range(c.job.net.n_layers):
        layer = &c.job.net.layers[k]
        work = &c.work[k]
        last = k == c.job.net.n_layers - 1
        z = work.Z if work.Z != NULL else work.A
        fill_rows(work.W + layer.n_in * work.ld if layer.bias >= 0 else NULL, z, work.ld, 1, work.ld)
        if layer.l2 != 0:
            norms += penalty(work.W, layer.n_in * work.ld, 0, layer.l2)
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &c.job.net.edges[e]
            if edge.source == INPUT:
                if lazy and skips_zero_inputs(c, layer):
                    for i in range(m):
                        catch_up(c, work, edge.row + c.nz_index[i],
                                 c.row_step + k * run.n_features + c.nz_index[i])
                if fits_ensemble(c):
                    ordered_row_product(c.nz_value, c.nz_index, m, work.W + edge.row * work.ld, work.ld, z, work.ld)
                else:
                    sparse_row_product(c.nz_value, c.nz_index, m, work.W + edge.row * work.ld, work.ld, z, work.ld)
            else:
                dense_row_product(c.work[edge.source].A, edge.width, work.W + edge.row * work.ld, work.ld, z,
                                  work.ld)
        if not last:
            activation_forward(layer.activation, <real>layer.slope, z, work.A, work.ld)
    work = &c.work[c.job.net.n_layers - 1]
    loss = sample_loss(&c.job, row, work.Z, work.A, work.D)
    weight = 1 if c.job.sample_weight == NULL else c.job.sample_weight[row]
    for j in range(<size>run.n_outputs):
        work.D[j] = work.D[j] * <real>(weight * run.gradient_scale)
    for j in range(<size>run.n_outputs, work.ld):
        work.D[j] = 0
    divisor = run.mean_weight if run.mean_weight > 0 else weight
    begin_step(run, divisor if run.average else 1, &step)
    if not isfinite(loss):
        return loss
    if c.replayed > 0:
        record_step(c, &step)
    if run.optimizer == SGD:
        backward_sgd(c, &step, c.nz_value, c.nz_index, m)
    elif run.optimizer == MOMENTUM:
        backward_momentum(c, &step, c.nz_value, c.nz_index, m)
    elif run.optimizer == NESTEROV:
        backward_nesterov(c, &step, c.nz_value, c.nz_index, m)
    else:
        backward_adam(c, &step, c.nz_value, c.nz_index, m)
    loss = weight * loss * run.loss_scale + norms
    if run.average:
        return loss / divisor if divisor > 0 else 0
    return loss
