# What a step of online.pxi computes (the way back: online_backward.pxi). Narrow layers have their sums, outputs and dZ
# in registers, and store whole vectors, so that what reads these next need not wait for the cache.

cdef enum:
    NARROW_VECS = 4       # vectors of the widest layer that is narrow
    THIRDS = 3            # parts of a list of the next sample


cdef inline bint is_narrow(const Online *self, size k) noexcept nogil:
    """Whether a layer has one source, and a row of its weights few vectors that all move alike."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef const Edge *edge = &self.job.net.edges[layer.first_edge]
    return (layer.n_edges == 1 and self.work[k].ld <= NARROW_VECS * LANES and not layer.frozen
            and not moves_by_rows(self, layer) and (edge.source == INPUT or (edge.is_first and edge.is_last)))


cdef inline void begin_panel(int vecs, const Layer *layer, const LayerWork *work, vec *c) noexcept nogil:
    cdef int j
    cdef const vec *bias = <const vec *>(work.W + layer.n_in * work.ld)
    for j in range(vecs):
        c[j] = bias[j] if layer.bias >= 0 else vec_fill(0)


cdef inline void end_panel(int vecs, const Layer *layer, LayerWork *work, const vec *c, bint last) noexcept nogil:
    """The outputs of the sums c; of the last layer Z."""
    cdef int j
    cdef vec *a = <vec *>work.A
    cdef vec *z = <vec *>(work.Z if work.Z != NULL else work.A)
    cdef real slope = <real>layer.slope
    if last or not (layer.activation == LOGISTIC or layer.activation == TANH or layer.activation == RELU):
        for j in range(vecs):
            z[j] = c[j]
        if not last:
            activation_forward(layer.activation, slope, <real *>z, work.A, work.ld)
    elif layer.activation == LOGISTIC:
        for j in range(vecs):
            a[j] = vec_activate(LOGISTIC, slope, c[j])
    elif layer.activation == TANH:
        for j in range(vecs):
            a[j] = vec_activate(TANH, slope, c[j])
    else:
        for j in range(vecs):
            a[j] = vec_activate(RELU, slope, c[j])


cdef inline bint forward_panel(int vecs, const Layer *layer, LayerWork *work, const real *value, const int32_t *index,
                               size m, const real *V, const real *drift, bint last) noexcept nogil:
    """The outputs of a narrow layer, `vecs` vectors wide; of the last one Z. Return whether all inputs are finite."""
    cdef vec c[16]
    begin_panel(vecs, layer, work, c)
    if FEW > 1 and index != NULL and V == NULL:
        listed_sums(vecs, row_ways(vecs), value, index, m, work.W, vecs * LANES, c)
    elif index != NULL:
        row_sums(vecs, row_ways(vecs), True, value, index, m, work.W, V, drift, vecs * LANES, c)
    else:
        row_sums(vecs, row_ways(vecs), False, value, index, m, work.W, V, drift, vecs * LANES, c)
    end_panel(vecs, layer, work, c, last)
    return vec_finite(c[0])                   # an input that is not makes none of the sums finite


cdef inline bint replay_and_forward(int vecs, Online *self, const Layer *layer, LayerWork *work,
                                    const int64_t *row_step, bint last) noexcept nogil:
    """The same of rows that Adam has moved while they waited: weights are brought up to date, not their moments."""
    cdef vec c[4]
    cdef vec x, moved
    cdef int j
    cdef size i, at
    cdef Series series
    cdef real *w
    cdef real *m
    cdef real *v
    cdef const real *value = self.now.value
    cdef const int32_t *index = self.now.index
    begin_panel(vecs, layer, work, c)
    for i in range(self.now.m):
        at = <size>index[i] * (vecs * LANES)
        w, m, v = work.W + at, work.S[0] + at, work.S[1] + at
        series = missed_by(vecs, self, steps_missed(self, row_step[index[i]]), w, m, v)
        x = vec_fill(value[i])
        for j in range(vecs):
            moved = replayed(&series, (<vec *>w)[j], (<vec *>m)[j], (<vec *>v)[j])
            (<vec *>w)[j] = moved
            c[j] = c[j] + x * moved
    end_panel(vecs, layer, work, c, last)
    return vec_finite(c[0])


cdef bint forward_replaying(Online *self, const Layer *layer, LayerWork *work, const int64_t *row_step,
                            bint last) noexcept nogil:
    if work.ld == LANES:
        return replay_and_forward(1, self, layer, work, row_step, last)
    if work.ld == 2 * LANES:
        return replay_and_forward(2, self, layer, work, row_step, last)
    if work.ld == 3 * LANES:
        return replay_and_forward(3, self, layer, work, row_step, last)
    return replay_and_forward(4, self, layer, work, row_step, last)


cdef bint forward_narrow(const Layer *layer, LayerWork *work, const real *value, const int32_t *index, size m,
                         bint last) noexcept nogil:
    if work.ld == LANES:
        return forward_panel(1, layer, work, value, index, m, NULL, NULL, last)
    if work.ld == 2 * LANES:
        return forward_panel(2, layer, work, value, index, m, NULL, NULL, last)
    if work.ld == 3 * LANES:
        return forward_panel(3, layer, work, value, index, m, NULL, NULL, last)
    return forward_panel(4, layer, work, value, index, m, NULL, NULL, last)


cdef bint forward_drifting(const Layer *layer, LayerWork *work, const real *value, const int32_t *index, size m,
                           const real *drift, bint last) noexcept nogil:
    """The same of rows that have moved while they waited: see look_back."""
    if work.ld == LANES:
        return forward_panel(1, layer, work, value, index, m, work.S[0], drift, last)
    if work.ld == 2 * LANES:
        return forward_panel(2, layer, work, value, index, m, work.S[0], drift, last)
    if work.ld == 3 * LANES:
        return forward_panel(3, layer, work, value, index, m, work.S[0], drift, last)
    return forward_panel(4, layer, work, value, index, m, work.S[0], drift, last)


cdef bint forward_layer(Online *self, size k) noexcept nogil:
    """The outputs of layer k; of the last one Z. Return False where its sums say that an input may not be finite."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &self.work[k]
    cdef const Edge *edge
    cdef size e, i, ld = work.ld
    cdef bint last = k == self.job.net.n_layers - 1, waits
    cdef real *z = work.Z if work.Z != NULL else work.A
    cdef real *drifts = self.drifts + k * self.job.rows.most_nonzeros
    cdef int64_t *row_step = self.row_step + k * self.job.run.n_features
    if not self.narrow[k]:
        fill_rows(work.W + layer.n_in * ld if layer.bias >= 0 else NULL, z, ld, 1, ld)
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &self.job.net.edges[e]
        if edge.source != INPUT:
            if self.narrow[k]:
                return forward_narrow(layer, work, self.work[edge.source].A, NULL, edge.width, last)
            dense_row_product(self.work[edge.source].A, edge.width, work.W + edge.row * ld, ld, z, ld)
            continue
        waits = self.job.run.optimizer != SGD and skips_zero_inputs(self, layer)
        if waits and drifting(self.job.run.optimizer):
            look_back(self, row_step, drifts)
            if self.narrow[k]:
                return forward_drifting(layer, work, self.now.value, self.now.index, self.now.m, drifts, last)
            drifting_row_product(self.now.value, self.now.index, self.now.m, work.W + edge.row * ld,
                                 work.S[0] + edge.row * ld, drifts, ld, z, ld)
            continue
        if waits and self.narrow[k]:
            return forward_replaying(self, layer, work, row_step, last)
        if waits:
            for i in range(self.now.m):
                catch_up(self, work, edge.row + self.now.index[i], row_step + self.now.index[i])
        if self.narrow[k]:
            return forward_narrow(layer, work, self.now.value, self.now.index, self.now.m, last)
        sparse_row_product(self.now.value, self.now.index, self.now.m, work.W + edge.row * ld, ld, z, ld)
    if not last:
        activation_forward(layer.activation, <real>layer.slope, z, work.A, ld)
    return True


cdef inline bint sums_tell(const Online *self) noexcept nogil:
    """Whether rows are read as they are, by a narrow layer: one that is not finite makes all of its sums so."""
    cdef size k
    if row_in_place(&self.job.rows, 0) == NULL or self.job.rows.scale != 1:
        return False
    for k in range(self.job.net.n_layers):
        if self.narrow[k] and self.job.net.edges[self.job.net.layers[k].first_edge].source == INPUT:
            return True
    return False


cdef inline int64_t row_after(const Online *self, size position) noexcept nogil:
    """The row behind a position of the epoch's order; at its end -1."""
    return self.job.order[position + 1] if position + 1 < <size>self.job.run.n_samples else -1


cdef inline void list_sample(Online *self, Listed *list, int64_t row, int64_t next_row) noexcept nogil:
    list.row = row
    list.m = list_row(&self.job.rows, row, next_row if next_row >= 0 else row, list.value, list.index)
    if FEW > 1:
        pad_list(list.value, list.index, list.m)


cdef inline void list_third(Listed *list, const real *x, const real *ahead, size n, size part) noexcept nogil:
    """List one of THIRDS of n numbers that are read in place, unscaled, while those `ahead` are fetched."""
    cdef size cut = n // (64 * THIRDS) * 64, m = list.m if part > 0 else 0
    cdef size end = (part + 1) * cut if part < THIRDS - 1 else n
    list.m = m + fm_compress(x, part * cut, end, ahead, list.value + m, list.index + m)
    if FEW > 1 and part == THIRDS - 1:
        pad_list(list.value, list.index, list.m)


cdef void list_ahead(Online *self, size position, size part) noexcept nogil:
    """List one of THIRDS of the next sample, while results of this one wait for one another."""
    cdef const Rows *rows = &self.job.rows
    cdef int64_t row = row_after(self, position), next_row
    if self.whole or row < 0:
        return
    next_row = row_after(self, position + 1)
    if row_in_place(rows, row) == NULL or rows.scale != 1:
        if part == THIRDS - 1:
            list_sample(self, &self.next, row, next_row)
        return
    self.next.row = row
    list_third(&self.next, row_in_place(rows, row), row_in_place(rows, next_row if next_row >= 0 else row),
               rows.n_features, part)


cdef inline bint list_is_bad(const Job *job, const Listed *list) noexcept nogil:
    """`row_is_bad` of a listed row, which is looked through only where a non-zero is so large that it may be bad."""
    if not (job.run.check_rows and job.run.epoch == 0):
        return False
    return not half_finite(list.value, list.m) and row_is_bad(job, list.row)


cdef inline void take_sample(Online *self, size position) noexcept nogil:
    """Have the sample at a position of the epoch's order in `now`."""
    cdef int64_t row = self.job.order[position]
    cdef const Rows *rows = &self.job.rows
    if self.whole:
        self.now.index, self.now.m = NULL, rows.n_features
        self.now.value = <real *>row_in_place(rows, row)
        if self.now.value == NULL or rows.scale != 1:
            self.now.value = self.X
            gather_row(rows, row, self.X, 1)
        return
    self.now, self.next = self.next, self.now
    if self.now.row != row:
        list_sample(self, &self.now, row, row_after(self, position))


cdef inline int label_vecs(const Online *self) noexcept nogil:
    """Vectors of a softmax whose targets are labels, where it is narrow; else 0."""
    cdef const Run *run = self.job.run
    cdef size vecs = self.work[self.job.net.n_layers - 1].ld // LANES
    cdef bint labelled = (run.loss == CATEGORICAL_CROSS_ENTROPY and self.job.labels != NULL and run.label_smoothing == 0
                          and self.job.net.layers[self.job.net.n_layers - 1].activation == SOFTMAX)
    return <int>vecs if labelled and vecs <= 2 else 0


cdef double online_step(Online *self, size position) noexcept nogil:
    """Learn one sample; return its loss (with penalties)."""
    cdef int64_t row = self.job.order[position]
    cdef Run *run = self.job.run
    cdef size k, i
    cdef const Layer *layer
    cdef LayerWork *work = &self.work[self.job.net.n_layers - 1]
    cdef double loss, sum = 0, norms = 0
    cdef real top = 0, of_label = 0
    cdef double weight = 1 if self.job.sample_weight == NULL else self.job.sample_weight[row]
    cdef double divisor = run.mean_weight if run.mean_weight > 0 else weight, whole = divisor if run.average else 1
    cdef Step step
    cdef real factor = <real>(weight * run.gradient_scale)
    take_sample(self, position)
    if not self.sums_tell and (row_is_bad(&self.job, row) if self.whole else list_is_bad(&self.job, &self.now)):
        return NOT_A_NUMBER
    if self.replayed > 0 and run.step - self.flushed >= PAST / 2 - 1:
        catch_up_all(self)                       # before the rates of old steps are overwritten
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        if penalised(layer):
            norms += penalty(self.work[k].W, layer.n_in * self.work[k].ld, 0, l2_of(layer, whole))
        if not forward_layer(self, k) and self.sums_tell and row_is_bad(&self.job, row):
            return NOT_A_NUMBER
        if k == 0:
            list_ahead(self, position, 0)
    list_ahead(self, position, 1)
    if self.label_vecs > 0:
        of_label = work.Z[self.job.labels[row]]
        if self.label_vecs == 1:
            sum = label_gradient(1, work.Z, self.job.labels[row], work.D, run.n_outputs, factor, &top)
        else:
            sum = label_gradient(2, work.Z, self.job.labels[row], work.D, run.n_outputs, factor, &top)
        loss = sum - of_label                    # finite where the loss is
    else:
        loss = sample_loss(&self.job, row, work.Z, work.A, work.D)
        for i in range(work.ld // LANES):
            (<vec *>work.D)[i] = vec_first((<vec *>work.D)[i] * factor, run.n_outputs - i * LANES, 0)
    begin_step(run, whole, &step)
    if not isfinite(loss):
        return loss
    list_ahead(self, position, 2)                # no step depends on another's list
    if self.replayed > 0:
        record_step(self, &step)
    if run.optimizer == SGD:
        backward_sgd(self, &step)
    elif run.optimizer == MOMENTUM:
        backward_momentum(self, &step)
    elif run.optimizer == NESTEROV:
        backward_nesterov(self, &step)
    else:
        backward_adam(self, &step)
    if self.label_vecs > 0:
        loss = label_loss(top, sum, of_label)
    loss = weight * loss * run.loss_scale + norms
    if run.average:
        return loss / divisor if divisor > 0 else 0
    return loss
