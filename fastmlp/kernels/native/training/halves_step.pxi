# What a step of halves.pxi computes, stage by stage. Layers are numbered from 0: even ones are of columns, odd ones of
# rows. Forward, a stage goes through a layer of columns and the one of rows above it, where the sums of both parts end;
# on the way back from there through both, or at the top through a layer of columns alone.

cdef inline real *handed_over(Halves *self, size p, size stage, int64_t sample) noexcept nogil:
    """What part p hands over at a stage's end. Samples alternate: the other part may yet read what the last one had."""
    return self.handed[p] + ((sample & 1) * self.n_stages + stage) * self.room


cdef inline void add_handed(Halves *self, size stage, int64_t sample, real *total, size n) noexcept nogil:
    """The sum of what both parts have handed over."""
    cdef const real *a = handed_over(self, 0, stage, sample)
    cdef const real *b = handed_over(self, 1, stage, sample)
    cdef size j
    for j in range(n // LANES):
        (<vec *>total)[j] = (<const vec *>a)[j] + (<const vec *>b)[j]


cdef void list_inputs(Halves *self, size p) noexcept nogil:
    """List the next sample's inputs."""
    cdef Online *part = self.part[p]
    cdef Run *run = part.job.run
    cdef const int64_t *order = part.job.order
    cdef size at = run.batch
    if part.replayed > 0 and run.step - part.flushed >= PAST / 2 - 1:
        catch_up_all(part)                    # before the rates of old steps are overwritten
    part.now.m = list_row(&part.job.rows, order[at], order[at + 1 if at + 1 < <size>run.n_samples else at],
                          part.now.value, part.now.index)
    part.now.row = order[at]
    self.sample[p].bad = list_is_bad(&part.job, &part.now)


cdef void forward_pair(Halves *self, size p, size k, real *out) noexcept nogil:
    """Forward through layer k, of columns, and the layer of rows above it; `out` is the share of its sums."""
    cdef Online *part = self.part[p]
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &part.work[k]
    cdef Share *share = &self.share[p][k]
    cdef real *z = (work.Z if work.Z != NULL else work.A) + share.first
    cdef size i
    fill_rows(work.W + layer.n_in * work.ld if layer.bias >= 0 else NULL, z, work.ld, 1, share.count)
    if k == 0:
        if part.job.run.optimizer != SGD and skips_zero_inputs(part, layer):
            for i in range(part.now.m):
                catch_up(part, work, part.now.index[i], part.row_step + part.now.index[i])
        sparse_row_product(part.now.value, part.now.index, part.now.m, work.W, work.ld, z, share.count)
    else:
        dense_row_product(part.work[k - 1].A, layer.n_in, work.W, work.ld, z, share.count)
    if k == self.job.net.n_layers - 1:        # a last layer of columns: nothing is added to the other part's
        memset(out, 0, padded(layer.n_out) * sizeof(real))
        memcpy(out + share.first, z, share.count * sizeof(real))
        return
    activation_forward(layer.activation, <real>layer.slope, z, work.A + share.first, share.count)
    z = work.A
    layer, work, share = layer + 1, work + 1, share + 1
    fill_rows(work.W + share.count * work.ld if layer.bias >= 0 and p == 0 else NULL, out, work.ld, 1, work.ld)
    dense_row_product(z + share.first, share.count, work.W, work.ld, out, work.ld)


cdef bint loss_of_sample(Halves *self, size p) noexcept nogil:
    """The loss and its derivative, the constants of the step; whether it may be made."""
    cdef Online *part = self.part[p]
    cdef Run *run = part.job.run
    cdef LayerWork *work = &part.work[self.job.net.n_layers - 1]
    cdef int64_t row = part.job.order[run.batch]
    cdef double weight = 1 if part.job.sample_weight == NULL else part.job.sample_weight[row]
    cdef double divisor = run.mean_weight if run.mean_weight > 0 else weight
    cdef double loss = sample_loss(&part.job, row, work.Z, work.A, work.D)
    cdef size j
    for j in range(<size>run.n_outputs):
        work.D[j] = work.D[j] * <real>(weight * run.gradient_scale)
    for j in range(<size>run.n_outputs, padded(run.n_outputs)):
        work.D[j] = 0
    begin_step(run, divisor if run.average else 1, &self.sample[p].step)
    self.sample[p].failed = self.sample[p].bad or not isfinite(loss)
    self.sample[p].loss = NOT_A_NUMBER
    if self.sample[p].failed:
        return False
    if part.replayed > 0:
        record_step(part, &self.sample[p].step)
    loss = weight * loss * run.loss_scale
    if run.average:
        loss = loss / divisor if divisor > 0 else 0
    self.sample[p].loss = loss
    return True


cdef inline void backward_by_rows(int64_t optimizer, Halves *self, size p, size k) noexcept nogil:
    """Layer k, of rows: dZ of the columns below, and the step."""
    cdef Online *part = self.part[p]
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef const Layer *below = layer - 1
    cdef LayerWork *work = &part.work[k]
    cdef LayerWork *source = work - 1
    cdef const Step *step = &self.sample[p].step
    cdef size first = self.share[p][k].first, count = self.share[p][k].count, i, at, ld = work.ld
    cdef real one = 1
    cdef real *A = source.A + first
    cdef real *D = source.D + first
    for i in range(count):
        at = i * ld
        D[i] = dot(work.W + at, work.D, ld)
        update_rows(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, ld, A + i, NULL, 1, work.D)
    activation_backward(below.activation, <real>below.slope, source.Z + first if source.Z != NULL else NULL, A, D,
                        count)
    for i in range(count, self.share[p][k - 1].count):
        D[i] = 0
    if layer.bias >= 0 and p == 0:
        at = count * ld
        update_rows(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, ld, &one, NULL, 1, work.D)


cdef inline void backward_by_columns(int64_t optimizer, Halves *self, size p, size k, real *out) noexcept nogil:
    """Layer k, of columns: the share of dA of the layer below, which is `out`, and the step."""
    cdef Online *part = self.part[p]
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &part.work[k]
    cdef const Step *step = &self.sample[p].step
    cdef size i, at, ld = work.ld
    cdef real one = 1
    cdef const real *D = work.D + self.share[p][k].first
    if k > 0:
        for i in range(<size>layer.n_in):
            at = i * ld
            out[i] = dot(work.W + at, D, ld)
            update_rows(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, ld, part.work[k - 1].A + i, NULL,
                        1, D)
    elif skips_zero_inputs(part, layer):
        for i in range(part.now.m):
            part.row_step[part.now.index[i]] = part.job.run.step + 1
        update_rows(optimizer, step, work.W, work.S[0], work.S[1], ld, part.now.value, part.now.index,
                    part.now.m, D)
    else:
        for i in range(part.now.m):
            part.X[part.now.index[i]] = part.now.value[i]
        update_rows(optimizer, step, work.W, work.S[0], work.S[1], ld, part.X, NULL, layer.n_in, D)
        for i in range(part.now.m):
            part.X[part.now.index[i]] = 0
    if layer.bias >= 0:
        at = layer.n_in * ld
        update_rows(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, ld, &one, NULL, 1, D)


cdef inline void backward_pair(int64_t optimizer, Halves *self, size p, size k, real *out) noexcept nogil:
    """From layer k's dZ to the next one that is a sum over both parts."""
    if k % 2:
        backward_by_rows(optimizer, self, p, k)
        k -= 1
    backward_by_columns(optimizer, self, p, k, out)


# One function an optimizer, as in online_step.pxi.
cdef void pair_sgd(Halves *self, size p, size k, real *out) noexcept nogil:
    backward_pair(SGD, self, p, k, out)

cdef void pair_momentum(Halves *self, size p, size k, real *out) noexcept nogil:
    backward_pair(MOMENTUM, self, p, k, out)

cdef void pair_nesterov(Halves *self, size p, size k, real *out) noexcept nogil:
    backward_pair(NESTEROV, self, p, k, out)

cdef void pair_adam(Halves *self, size p, size k, real *out) noexcept nogil:
    backward_pair(ADAM, self, p, k, out)


cdef void carry_out(Halves *self, size p, int64_t number) noexcept nogil:
    """Part p of a stage; `number` counts stages since the run's start."""
    cdef Online *part = self.part[p]
    cdef Run *run = part.job.run
    cdef int64_t sample = number // self.n_stages
    cdef size stage = number % self.n_stages, k, last = self.job.net.n_layers - 1
    cdef const Layer *layer
    cdef LayerWork *work
    cdef real *out = handed_over(self, p, stage, sample)
    if stage == 0:
        list_inputs(self, p)
        forward_pair(self, p, 0, out)
        return
    if stage < self.n_forward:
        k = 2 * stage - 1
        layer, work = &self.job.net.layers[k], &part.work[k]
        add_handed(self, stage - 1, sample, work.Z if work.Z != NULL else work.A, work.ld)
        activation_forward(layer.activation, <real>layer.slope, work.Z if work.Z != NULL else work.A, work.A, work.ld)
        forward_pair(self, p, k + 1, out)
        return
    if stage == self.n_forward:
        k = last
        add_handed(self, stage - 1, sample, part.work[k].Z, padded(run.n_outputs))
        if not loss_of_sample(self, p):
            return
    else:
        k = last // 2 * 2 - 2 * (stage - self.n_forward) + 1
        layer, work = &self.job.net.layers[k], &part.work[k]
        add_handed(self, stage - 1, sample, work.D, work.ld)
        activation_backward(layer.activation, <real>layer.slope, work.Z, work.A, work.D, layer.n_out)
        memset(work.D + layer.n_out, 0, (work.ld - layer.n_out) * sizeof(real))
    if run.optimizer == SGD:
        pair_sgd(self, p, k, out)
    elif run.optimizer == MOMENTUM:
        pair_momentum(self, p, k, out)
    elif run.optimizer == NESTEROV:
        pair_nesterov(self, p, k, out)
    else:
        pair_adam(self, p, k, out)
    if stage == self.n_stages - 1 and number + 1 < self.goal[0]:      # what end_batch does within an epoch
        run.step += 1
        run.batch += 1
        run.loss_sum += self.sample[p].loss
        if run.rates_per_epoch > 1:
            run.learning_rate = rate_of_batch(&part.job, run.batch)
