# What a step of batch.pxi computes, in two phases (batch_threads.pxi runs them).
#
# 1. By stretches of up to 64 samples: gather, forward through all layers, loss, backward to every layer's dZ.
#    What is gathered or summed up is so by blocks of BLOCK. (Shared lists are made beforehand: shared_lists.pxi.)
# 2. By blocks of weight rows: a block's gradient over the whole batch, at once followed by the optimizer's
#    step, so that a gradient never leaves the cache. What needs the whole gradient first stores it.
# Blocks do not depend on the number of threads, nor does a sum on how many are in a stretch: results are bit-identical.

cdef void gather_block(Batch *self, size start, size first, size last) noexcept nogil:
    """Samples first..last of the chunk that begins at position `start` of the epoch's order."""
    cdef size s, j, panel
    cdef real *x
    cdef Run *run = self.job.run
    if run.sparse:
        if gather_lists(&self.job, &self.lists, start, first, last):
            fm_store(&self.bad_rows, 1)
        for s in range(first, last if run.input_dropout > 0 else first):
            drop_nonzeros(&self.job, &self.lists, start, s)
        return
    for panel in range(self.panels.n_panels):
        if gather_panel(&self.job, &self.panels, panel, start, first, last):
            fm_store(&self.bad_rows, 1)
    for s in range(first, last if run.input_dropout > 0 else first):
        x = panel_at(&self.panels, s, 0)
        dropout_mask(run.seed, run.epoch, 0, start + s, run.input_dropout, self.x_mask + s * self.panels.ldx,
                     run.n_features)
        for j in range(<size>run.n_features):
            x[j] = x[j] * self.x_mask[s * self.panels.ldx + j]


cdef inline size position_of(const Batch *self, size start, size s) noexcept nogil:
    """Where sample s of those that begin at position `start` of the epoch's order is in this."""
    return self.shared_lists.at[self.shared_lists.side][s] if self.shared else start + s


cdef inline void forward_cut_of_band(Batch *self, size cut, size first, size last) noexcept nogil:
    """Add what a cut of the first layer's weights gives for samples first..last to its band's sums."""
    if self.job.run.sparse:
        forward_band(&self.job, &self.lists, cut, first, last, self.work[0].W)
    else:
        add_panel(&self.panels, cut, first, last, self.work[0].W)


cdef void forward_block(Batch *self, size thread, size start, size first, size last,
                        size following) noexcept nogil:
    """Z = sum of sources times weights + b, A = f(Z), layer after layer, for a stretch of samples.

    following : see `forward_lists`
    """
    cdef size k, e, s, m = last - first, p, cut, together
    cdef const Layer *layer
    cdef LayerWork *work
    cdef LayerWork *source
    cdef const Edge *edge
    cdef real *C
    cdef real *W
    cdef const real *bias
    cdef const real *from_rows            # what a product is added to: the bias, then what is in Z
    cdef size apart
    cdef bint listed, banded
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        C = (work.Z if work.Z != NULL else work.A) + first * work.lda
        bias = work.W + layer.n_in * work.ld if layer.bias >= 0 else NULL
        edge = &self.job.net.edges[layer.first_edge]
        listed = edge.source == INPUT and self.job.run.sparse
        from_rows, apart = bias, 0
        banded = edge.source == INPUT and self.bands.n_bands > 0
        if listed and not banded:
            fill_rows(bias, C, work.lda, m, work.ld)
            from_rows, apart = C, work.lda
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &self.job.net.edges[e]
            W = work.W + edge.row * work.ld
            if edge.source != INPUT:
                source = &self.work[edge.source]
                product_of_hidden(&self.job.net.layers[edge.source], &self.nonzeros[thread], from_rows, apart,
                                  source.A + first * source.lda, source.lda, W, work.ld, C, work.lda, m, work.ld,
                                  edge.width)
            elif banded:
                for cut in range(self.bands.n_cuts if not self.early else 0):
                    forward_cut_of_band(self, cut, first, last)
            elif self.job.run.sparse:
                forward_lists(&self.job, &self.lists, following, first, last, W, work.ld, C, work.lda)
                following = -1
            else:
                product_from(from_rows, apart, panel_at(&self.panels, first, 0), self.panels.ldx, 1, W, work.ld, C,
                             work.lda, m, work.ld, edge.width)
            from_rows, apart = C, work.lda
        if k == self.job.net.n_layers - 1:
            for s in range(first, last if banded else first):
                sum_bands(self.bands, s, bias, C + (s - first) * work.lda)
            return
        together = m if work.lda == work.ld and work.mask == NULL else 1     # rows that follow one another
        s = first
        while s < last:
            C = work.A + s * work.lda
            W = work.Z + s * work.lda if work.Z != NULL else C
            for p in range(together if banded else 0):
                sum_bands(self.bands, s + p, bias, W + p * work.lda)
            activation_forward(layer.activation, <real>layer.slope, W, C, together * work.ld)
            if work.mask != NULL:
                W = work.mask + s * work.lda
                dropout_mask(self.job.run.seed, self.job.run.epoch, k + 1, position_of(self, start, s),
                             layer.dropout, W, layer.n_out)
                for p in range(<size>layer.n_out):
                    C[p] = C[p] * W[p]
            s += together


cdef enum:
    SOFTMAX_VECS = 4      # vectors of outputs whose softmax is computed for several samples side by side


cdef inline bint takes_softmax_losses(const Batch *self) noexcept nogil:
    cdef const Layer *layer = &self.job.net.layers[self.job.net.n_layers - 1]
    return (self.job.run.loss == CATEGORICAL_CROSS_ENTROPY and layer.activation == SOFTMAX
            and layer.n_out <= SOFTMAX_VECS * LANES and self.job.run.label_smoothing == 0)


cdef inline double softmax_samples(Batch *self, int vecs, size start, size first, size m,
                                   double *weight) noexcept nogil:
    """`softmax_losses` of m samples, at most LANES, whose outputs are so many vectors."""
    cdef LayerWork *work = &self.work[self.job.net.n_layers - 1]
    cdef size n = self.job.net.layers[self.job.net.n_layers - 1].n_out, i, j, s, last = (vecs - 1) * LANES
    cdef int64_t row
    cdef int v
    cdef vec e[SOFTMAX_VECS * 16]  # one after another, of LANES samples
    cdef vec together[16]
    cdef real top[16]
    cdef real sums[16]
    cdef real inverse[16]
    cdef vec z, a
    cdef const real *logits
    cdef const real *of_row
    cdef real *d
    cdef double total = 0, product = 1, log_sum, value, w, mass
    cdef real scale
    # where all count alike: one logarithm, of the product of their sums, each of which is from 1 to n
    cdef bint alike = self.job.labels != NULL and self.job.sample_weight == NULL
    for i in range(m):
        logits = work.Z + (first + i) * work.lda
        z = vec_first((<const vec *>(logits + last))[0], n - last, logits[0])
        for v in range(vecs - 1):
            z = vec_max(z, (<const vec *>(logits + v * LANES))[0])
        top[i] = vec_top(z)
        a = vec_first(vec_exp((<const vec *>(logits + last))[0] - top[i]), n - last, 0)
        e[i * vecs + vecs - 1] = together[i] = a
        for v in range(vecs - 1):
            a = vec_exp((<const vec *>(logits + v * LANES))[0] - top[i])
            e[i * vecs + v] = a
            together[i] = together[i] + a
    for i in range(m, LANES):
        together[i] = vec_fill(0)
    a = vec_lane_sums(together)
    memcpy(sums, &a, sizeof(vec))
    a = vec_divide(vec_fill(ONE), a)
    memcpy(inverse, &a, sizeof(vec))
    for i in range(m):
        s = first + i
        row = self.job.order[position_of(self, start, s)]
        logits = work.Z + s * work.lda
        d = work.D + s * work.lda
        log_sum = top[i]
        if alike:
            product *= sums[i]
        else:
            log_sum += c_log(sums[i])
        w = 1 if self.job.sample_weight == NULL else self.job.sample_weight[row]
        scale = <real>(w * self.job.run.gradient_scale)
        mass = value = 0
        if self.job.labels != NULL:
            mass, value = 1, log_sum - logits[self.job.labels[row]]
        else:
            of_row = self.job.y + row * n
            for j in range(n):
                mass += of_row[j]
                value += of_row[j] * (log_sum - logits[j])
        for v in range(vecs):
            a = inverse[i] * e[i * vecs + v]
            (<vec *>(work.A + s * work.lda))[v] = a
            (<vec *>d)[v] = (scale * <real>mass) * a
        if self.job.labels != NULL:
            d[self.job.labels[row]] = d[self.job.labels[row]] - scale
        else:
            for j in range(n):
                d[j] = d[j] - scale * of_row[j]
        for j in range(vecs * LANES, <size>work.lda):
            d[j] = 0
        weight[0] += w
        total += w * value
    return total + c_log(product)


cdef double softmax_losses(Batch *self, size start, size first, size last, double *weight) noexcept nogil:
    """`loss_block` for cross-entropy of a softmax of few outputs, several samples side by side."""
    cdef size s = first, m, ld = self.work[self.job.net.n_layers - 1].ld
    cdef double total = 0
    weight[0] = 0
    while s < last:
        m = last - s if last - s < LANES else LANES
        if ld == LANES:
            total += softmax_samples(self, 1, start, s, m, weight)
        elif ld == 2 * LANES:
            total += softmax_samples(self, 2, start, s, m, weight)
        else:
            total += softmax_samples(self, <int>(ld // LANES), start, s, m, weight)
        s += m
    return total


cdef double loss_block(Batch *self, size start, size first, size last, double *weight) noexcept nogil:
    """Weighted sum of the block's losses; dZ of the output layer; the block's sum of weights."""
    cdef LayerWork *work = &self.work[self.job.net.n_layers - 1]
    cdef size s, j, n = self.job.net.layers[self.job.net.n_layers - 1].n_out
    cdef int64_t row
    cdef double value, total = 0, w
    cdef real *d
    cdef real scale
    if takes_softmax_losses(self):
        return softmax_losses(self, start, first, last, weight)
    weight[0] = 0
    for s in range(first, last):
        d = work.D + s * work.lda
        row = self.job.order[position_of(self, start, s)]
        value = sample_loss(&self.job, row, work.Z + s * work.lda, work.A + s * work.lda, d)
        w = 1 if self.job.sample_weight == NULL else self.job.sample_weight[row]
        weight[0] += w
        total += w * value
        scale = <real>(w * self.job.run.gradient_scale)
        if scale != 1:
            for j in range(n):
                d[j] = d[j] * scale
        for j in range(n, <size>work.lda):
            d[j] = 0
    return total


cdef void backward_block(Batch *self, size thread, size first, size last) noexcept nogil:
    """dZ of every layer but the last, from the last one's."""
    cdef size e, s, j, m = last - first
    cdef Py_ssize_t k
    cdef const Layer *layer
    cdef const Layer *below
    cdef LayerWork *work
    cdef LayerWork *source
    cdef const Edge *edge
    cdef const EdgeWork *of_edge
    cdef real keep
    cdef real *a
    cdef real *d
    for k in range(self.job.net.n_layers - 1, -1, -1):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &self.job.net.edges[e]
            if edge.source == INPUT:
                continue
            below = &self.job.net.layers[edge.source]
            source = &self.work[edge.source]
            d = source.D + first * source.lda
            of_edge = &self.edge_work[e]
            product_of_hidden(layer, &self.nonzeros[thread], NULL if edge.is_first else d, source.lda,
                              work.D + first * work.lda, work.lda, of_edge.WT, of_edge.ldt, d, source.lda, m,
                              padded(edge.width), layer.n_out)
            if not edge.is_last:
                continue
            for s in range(first, last):
                d = source.D + s * source.lda
                a = source.A + s * source.lda
                keep = <real>(1 - below.dropout)
                if source.mask != NULL:       # f' wants the activation as it was before dropout
                    for j in range(<size>below.n_out):
                        d[j] = d[j] * source.mask[s * source.lda + j]
                        a[j] = a[j] * keep
                activation_backward(below.activation, <real>below.slope,
                                    source.Z + s * source.lda if source.Z != NULL else NULL, a, d, below.n_out)
                if source.mask != NULL:
                    for j in range(<size>below.n_out):
                        a[j] = a[j] / keep


cdef bint only_listed(Batch *self, WeightBlock *block) noexcept nogil:
    """Whether a block moves by its listed inputs' gradient and nothing else, which is asked for nowhere."""
    cdef const Layer *layer = &self.job.net.layers[block.layer]
    return (self.job.run.sparse and block.first < layer.n_in and layer.n_edges == 1
            and self.job.net.edges[layer.first_edge].source == INPUT and not penalised(layer)
            and self.job.run.clip_value <= 0 and self.work[block.layer].G == NULL)


cdef bint moves_at_once(Batch *self, WeightBlock *block, size thread) noexcept nogil:
    """Make a block's step without its gradient in memory, where that can be done; return whether it was."""
    cdef LayerWork *work = &self.work[block.layer]
    cdef size at = block.first * work.ld
    if not only_listed(self, block):
        return False
    if (self.job.run.optimizer == SGD and self.job.run.weight_decay == 0    # gradients are subtracted as they come
            and (REAL_BYTES == 8 or self.job.run.batch_size == 1)):         # where that rounds nothing away
        weight_gradient(self, block, thread, False, -self.step.rate * self.step.scale, work.W + at)
    elif not self.shared and steps_by_columns(&self.job, work.ld, self.chunk_samples):
        columns_step(&self.job, &self.nonzeros[thread], &self.step, self.batch_start, self.chunk_samples, block.first,
                     block.last, work.D, work.lda, work.W + at, work.S[0] + at, work.S[1] + at, work.ld)
    else:
        return False
    return True


cdef inline void sum_columns(int vecs, bint fresh, const real *D, size lda, size n, real *g) noexcept nogil:
    """`sum_rows` of so many vectors of columns."""
    cdef vec sums[4]
    cdef int j
    cdef size s
    for j in range(vecs):
        sums[j] = vec_fill(0) if fresh else (<const vec *>g)[j]
    for s in range(n):
        for j in range(vecs):
            sums[j] = sums[j] + (<const vec *>(D + s * lda))[j]
    for j in range(vecs):
        (<vec *>g)[j] = sums[j]


cdef void sum_rows(bint fresh, const real *D, size lda, size n, real *g, size ld) noexcept nogil:
    """g (ld,) = or += the sum of the n rows of D, which are lda apart, one after another."""
    cdef size j = 0
    while ld - j >= 4 * LANES:
        sum_columns(4, fresh, D + j, lda, n, g + j)
        j += 4 * LANES
    if ld - j >= 2 * LANES:
        sum_columns(2, fresh, D + j, lda, n, g + j)
        j += 2 * LANES
    if ld - j >= LANES:
        sum_columns(1, fresh, D + j, lda, n, g + j)


cdef void weight_gradient(Batch *self, WeightBlock *block, size thread, bint fresh, real factor,
                          real *g) noexcept nogil:
    """g (last - first, ld) = or += the sum over the chunk's samples of source^T dZ, listed inputs times factor.

    fresh : g is not read
    """
    cdef const Layer *layer = &self.job.net.layers[block.layer]
    cdef LayerWork *work = &self.work[block.layer]
    cdef LayerWork *source
    cdef const Edge *edge
    cdef const Lists *lists = &self.lists
    cdef size e, s, a, b, p, q, cut, ld = work.ld, n_samples = self.chunk_samples
    cdef real *row
    if block.first == layer.n_in:             # the bias
        sum_rows(fresh, work.D, work.lda, n_samples, g, ld)
        return
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &self.job.net.edges[e]
        a = block.first if block.first > edge.row else edge.row
        b = block.last if block.last < edge.row + edge.width else edge.row + edge.width
        if a >= b:
            continue
        row = g + (a - block.first) * ld
        if edge.source != INPUT:
            source = &self.work[edge.source]
            gradient_of_hidden(&self.job.net.layers[edge.source], &self.nonzeros[thread], fresh,
                               source.A + (a - edge.row), source.lda, work.D, work.lda, row, ld, b - a, n_samples)
        elif not self.job.run.sparse and self.bands.n_bands > 0:
            panel_gradient(&self.job, &self.panels, fresh, self.batch_start + self.batch_samples, self.prepared,
                           n_samples, a, b, work.D, work.lda, row)
        elif not self.job.run.sparse:
            product_from(NULL if fresh else row, ld, panel_at(&self.panels, 0, a - edge.row), 1, self.panels.ldx,
                         work.D, work.lda, row, ld, b - a, ld, n_samples)
        elif self.shared:
            if fresh:
                memset(row, 0, (b - a) * ld * sizeof(real))
            scatter_cut(&self.job, &self.shared_lists, shared_cut(&self.shared_lists, a), n_samples, work.D, factor,
                        row - a * ld)
        elif lists_columns(&self.job, ld):
            columns_gradient(&self.job, &self.nonzeros[thread], fresh, self.batch_start + self.batch_at, n_samples,
                             a - edge.row, b - edge.row, work.D, work.lda, factor, row, ld)
        else:
            if fresh:
                memset(row, 0, (b - a) * ld * sizeof(real))
            a -= edge.row
            b -= edge.row
            cut = a // lists.cut
            row -= a * ld
            if a == cut * lists.cut and b == min(a + lists.cut, <size>self.job.run.n_features):
                scatter_samples(lists.value, lists.index, lists.start + cut, lists.end + cut, lists.n_cuts, n_samples,
                                work.D, work.lda, factor, row, ld)
                continue
            while cut * lists.cut < b:        # a block of several cuts, or one that does not begin where a cut does
                for s in range(n_samples):
                    p = lists.start[s * lists.n_cuts + cut]
                    q = lists.end[s * lists.n_cuts + cut]
                    while p < q and lists.index[p] < <int32_t>a:
                        p += 1
                    while p < q and lists.index[q - 1] >= <int32_t>b:
                        q -= 1
                    scatter_row(lists.value + p, lists.index + p, q - p, work.D + s * work.lda, factor, row, ld)
                cut += 1


cdef inline void refresh_block(Batch *self, const WeightBlock *block) noexcept nogil:
    """Bring the transposed copies of a block of weights up to date, if it is not the bias."""
    if block.first < self.job.net.layers[block.layer].n_in:
        refresh_transposed(self, block.layer, block.first, block.last)


cdef void finish_weights(Batch *self, size u, Step *step, real *g) noexcept nogil:
    """From the summed gradient to updated weights; the block's penalty goes to block_penalty."""
    cdef WeightBlock *block = &self.weight_blocks[u]
    cdef const Layer *layer = &self.job.net.layers[block.layer]
    cdef LayerWork *work = &self.work[block.layer]
    cdef size n = (block.last - block.first) * work.ld, at = block.first * work.ld
    cdef bint weights = block.first < layer.n_in
    cdef double l1 = l1_of(layer, step.whole) if weights else 0, l2 = l2_of(layer, step.whole) if weights else 0
    cdef bint kept = step.optimizer == GRADIENT or self.job.run.clip_norm > 0   # for what sees the gradient whole
    cdef real factor = step.scale
    cdef real *w = work.W + at
    self.block_penalty[u] = 0
    if l1 != 0 or l2 != 0:
        self.block_penalty[u] = penalty(w, n, l1, l2)
    if step.optimizer == SGD and not kept and l1 == 0 and step.clip <= 0:
        shrinking_step(step, w, g, n, <real>l2)
        refresh_block(self, block)
        return
    if kept or l1 != 0 or l2 != 0 or step.clip > 0:
        regularise(step, w, g, n, <real>l1, <real>l2)
        factor = ONE
    if not kept:
        update_weights(self, u, step, g, factor)


cdef void update_weights(Batch *self, size u, Step *step, const real *g, real factor) noexcept nogil:
    """The optimizer's step on one block, whose finished gradient is factor * g."""
    cdef WeightBlock *block = &self.weight_blocks[u]
    cdef LayerWork *work = &self.work[block.layer]
    cdef size n = (block.last - block.first) * work.ld, at = block.first * work.ld
    update_flat(step, work.W + at, work.S[0] + at, work.S[1] + at, work.S[2] + at, g, factor, n)
    refresh_block(self, block)


cdef void cap_norms(Batch *self) noexcept nogil:
    """Scale down the incoming weights of neurons whose norm exceeds their layer's max_norm."""
    cdef size k, i, j
    cdef const Layer *layer
    cdef LayerWork *work
    cdef double norm
    cdef real scale
    cdef bint changed
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        if layer.max_norm <= 0:
            continue
        changed = False
        for j in range(<size>layer.n_out):
            norm = 0
            for i in range(<size>layer.n_in):
                norm += <double>work.W[i * work.ld + j] * work.W[i * work.ld + j]
            if norm > layer.max_norm * layer.max_norm:
                scale = <real>(layer.max_norm / c_sqrt(norm))
                for i in range(<size>layer.n_in):
                    work.W[i * work.ld + j] = work.W[i * work.ld + j] * scale
                changed = True
        if changed:
            refresh_transposed(self, k, 0, layer.n_in)
