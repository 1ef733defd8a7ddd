# What a step of online.pxi computes. Each weight row is met once on the way back: it serves the backward product and is
# updated at once. First-layer rows whose input is 0 are online_lazy.pxi's.

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


cdef inline void update_input_rows(int64_t optimizer, Online *self, Step *step, size k, const Edge *edge, const real *d,
                                   const real *value, const int32_t *index, size m) noexcept nogil:
    """Update the rows that the input meets in layer k."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &self.work[k]
    cdef size i, p, ld = work.ld
    cdef real l2 = <real>l2_of(layer, step.whole) * step.scale
    cdef int64_t *row_step = self.row_step + k * self.job.run.n_features
    cdef real *w = work.W + edge.row * ld
    cdef real *s0 = work.S[0] + edge.row * ld
    cdef real *s1 = work.S[1] + edge.row * ld
    if skips_zero_inputs(self, layer):
        if optimizer != SGD:
            for i in range(m):
                row_step[index[i]] = self.job.run.step + 1
        update_rows(optimizer, step, w, s0, s1, ld, value, index, m, d)
        return
    for i in range(m):                        # dense: the listed values, scattered
        self.X[index[i]] = value[i]
    if not penalised(layer):
        update_rows(optimizer, step, w, s0, s1, ld, self.X, NULL, edge.width, d)
    else:
        for p in range(<size>edge.width):
            update_row(optimizer, step, w + p * ld, s0 + p * ld, s1 + p * ld, self.X[p] * step.scale, d, l2, ld)
    for i in range(m):
        self.X[index[i]] = 0


cdef inline void backward_rows(int64_t optimizer, Online *self, const Step *constants, const real *value,
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
    for k in range(self.job.net.n_layers - 1, -1, -1):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        ld = work.ld
        l2 = <real>l2_of(layer, step.whole) * step.scale
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &self.job.net.edges[e]
            if edge.source == INPUT:
                if not layer.frozen:
                    update_input_rows(optimizer, self, step, k, edge, work.D, value, index, m)
                continue
            below = &self.job.net.layers[edge.source]
            source = &self.work[edge.source]
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
cdef void backward_sgd(Online *self, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(SGD, self, s, value, index, m)

cdef void backward_momentum(Online *self, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(MOMENTUM, self, s, value, index, m)

cdef void backward_nesterov(Online *self, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(NESTEROV, self, s, value, index, m)

cdef void backward_adam(Online *self, Step *s, const real *value, const int32_t *index, size m) noexcept nogil:
    backward_rows(ADAM, self, s, value, index, m)


cdef double online_step(Online *self, size position) noexcept nogil:
    """Learn one sample; return its loss (with penalties)."""
    cdef int64_t row = self.job.order[position]
    cdef Run *run = self.job.run
    cdef size k, e, i, j, m
    cdef const Layer *layer
    cdef LayerWork *work
    cdef const Edge *edge
    cdef real *z
    cdef double loss, norms = 0
    cdef double weight = 1 if self.job.sample_weight == NULL else self.job.sample_weight[row]
    cdef double divisor = run.mean_weight if run.mean_weight > 0 else weight, whole = divisor if run.average else 1
    cdef Step step
    cdef bint lazy = run.optimizer != SGD
    cdef bint last
    if row_is_bad(&self.job, row):
        return NOT_A_NUMBER
    if self.replayed > 0 and run.step - self.flushed >= PAST / 2 - 1:
        catch_up_all(self)                       # before the rates of old steps are overwritten
    m = list_row(&self.job.rows, row, self.job.order[position + 1 if position + 1 < <size>run.n_samples else position],
                 self.value, self.index)
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        last = k == self.job.net.n_layers - 1
        z = work.Z if work.Z != NULL else work.A
        fill_rows(work.W + layer.n_in * work.ld if layer.bias >= 0 else NULL, z, work.ld, 1, work.ld)
        if penalised(layer):
            norms += penalty(work.W, layer.n_in * work.ld, 0, l2_of(layer, whole))
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &self.job.net.edges[e]
            if edge.source == INPUT:
                if lazy and skips_zero_inputs(self, layer):
                    for i in range(m):
                        catch_up(self, work, edge.row + self.index[i],
                                 self.row_step + k * run.n_features + self.index[i])
                if fits_ensemble(&self.job):
                    ordered_row_product(self.value, self.index, m, work.W + edge.row * work.ld, work.ld, z, work.ld)
                else:
                    sparse_row_product(self.value, self.index, m, work.W + edge.row * work.ld, work.ld, z, work.ld)
            else:
                dense_row_product(self.work[edge.source].A, edge.width, work.W + edge.row * work.ld, work.ld, z,
                                  work.ld)
        if not last:
            activation_forward(layer.activation, <real>layer.slope, z, work.A, work.ld)
    work = &self.work[self.job.net.n_layers - 1]
    loss = sample_loss(&self.job, row, work.Z, work.A, work.D)
    for j in range(<size>run.n_outputs):
        work.D[j] = work.D[j] * <real>(weight * run.gradient_scale)
    for j in range(<size>run.n_outputs, work.ld):
        work.D[j] = 0
    begin_step(run, whole, &step)
    if not isfinite(loss):
        return loss
    if self.replayed > 0:
        record_step(self, &step)
    if run.optimizer == SGD:
        backward_sgd(self, &step, self.value, self.index, m)
    elif run.optimizer == MOMENTUM:
        backward_momentum(self, &step, self.value, self.index, m)
    elif run.optimizer == NESTEROV:
        backward_nesterov(self, &step, self.value, self.index, m)
    else:
        backward_adam(self, &step, self.value, self.index, m)
    loss = weight * loss * run.loss_scale + norms
    if run.average:
        return loss / divisor if divisor > 0 else 0
    return loss
