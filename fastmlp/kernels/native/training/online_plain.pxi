# The commonest online run: plain gradient descent in a chain of narrow layers, from rows that are read where they lie
# to a softmax of labels. What online_step.pxi asks before each part of a step, `is_plain` has asked for all steps of a
# call; what is computed, and its bits, are the same.

cdef bint is_plain(const Online *self) noexcept nogil:
    """Whether all steps are `plain_step`s."""
    cdef const Run *run = self.job.run
    cdef const Layer *layer
    cdef size k, last = self.job.net.n_layers - 1
    if (run.optimizer != SGD or self.whole or not self.sums_tell or self.label_vecs == 0
            or self.job.sample_weight != NULL or run.mean_weight > 0):
        return False
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        if not self.narrow[k] or layer.bias < 0 or self.job.net.edges[layer.first_edge].source != <int64_t>k - 1:
            return False
        if k < last and not (layer.activation == LOGISTIC or layer.activation == TANH or layer.activation == RELU):
            return False
    return True


cdef inline void descend_bias(LayerWork *work, size n_in, real rate) noexcept nogil:
    cdef vec *bias = <vec *>(work.W + n_in * work.ld)
    cdef size j
    for j in range(work.ld // LANES):
        bias[j] = bias[j] - vec_rounded((<const vec *>work.D)[j] * rate)


cdef double plain_step(Online *self, size position) noexcept nogil:
    """`online_step` where `is_plain`."""
    cdef Run *run = self.job.run
    cdef const Rows *rows = &self.job.rows
    cdef const Layer *layers = self.job.net.layers
    cdef LayerWork *work = self.work
    cdef size k, last = self.job.net.n_layers - 1
    cdef int64_t row = self.job.order[position], next_row = row_after(self, position)
    cdef size label = self.job.labels[row]
    cdef const real *x = row_in_place(rows, next_row) if next_row >= 0 else NULL     # the next sample
    cdef const real *ahead = NULL             # and the one after it
    cdef real of_label, factor = <real>run.gradient_scale, top = 0
    cdef double sum
    cdef Step step                            # of which plain descent on one sample of weight 1 reads these two
    step.rate, step.scale = <real>run.learning_rate, 1
    take_sample(self, position)
    if not forward_narrow(layers, work, self.now.value, self.now.index, self.now.m, last == 0):
        if row_is_bad(&self.job, row):
            return NOT_A_NUMBER
    self.next.row = next_row
    if x != NULL:
        next_row = row_after(self, position + 1)
        ahead = row_in_place(rows, next_row) if next_row >= 0 else x
        list_third(&self.next, x, ahead, rows.n_features, 0)
    for k in range(1, last + 1):
        forward_narrow(&layers[k], &work[k], work[k - 1].A, NULL, layers[k].n_in, k == last)
    if x != NULL:
        list_third(&self.next, x, ahead, rows.n_features, 1)
    of_label = work[last].Z[label]
    if self.label_vecs == 1:
        sum = label_gradient(1, work[last].Z, label, work[last].D, run.n_outputs, factor, &top)
    else:
        sum = label_gradient(2, work[last].Z, label, work[last].D, run.n_outputs, factor, &top)
    if not isfinite(sum - of_label):
        return NOT_A_NUMBER
    if x != NULL:
        list_third(&self.next, x, ahead, rows.n_features, 2)
    for k in range(last, 0, -1):
        backward_narrow(SGD, &step, &work[k], &layers[k - 1], &work[k - 1])
        descend_bias(&work[k], layers[k].n_in, step.rate)
    if FEW > 1:
        descend_narrow(&step, work, self.now.value, self.now.index, self.now.m)
    else:
        update_narrow(SGD, &step, work, self.now.value, self.now.index, self.now.m)
    descend_bias(work, layers[0].n_in, step.rate)
    return label_loss(top, sum, of_label) * run.loss_scale
