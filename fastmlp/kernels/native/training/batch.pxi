# Mini-batches: the memory of their steps, and what a slice does. batch_step.pxi computes a step in two phases, which
# threads share (batch_threads.pxi).

cdef enum:
    WEIGHT_ROWS = 12      # of a block of weights, at least but for the last ones
    MORE_ROWS = 48        # ... in small batches: whole lines of their transposed copy
    TASKS = 8             # runs of weight blocks for each thread, to claim one by one
    STRETCH = 4           # blocks of samples, at most, that a thread takes through the layers at a time,
    STRETCH_BYTES = 262144  # ... where weights take more than this
    COLUMN_CUTS = 4       # cuts of a block of weights whose gradient is summed by columns: so that dZ, which each
    #                       block reads from the first sample to the last, is not read often

cdef struct EdgeWork:
    real *WT              # (n_out, ldt): this edge's weights transposed, or NULL for the input's
    size ldt

cdef struct WeightBlock:  # rows first..last of one layer: what a thread updates at a time
    int64_t layer, first, last

cdef struct Batch:
    Job job               # the first member: a pointer to the job is one to all of this
    LayerWork *work
    EdgeWork *edge_work
    size chunk            # samples in the workspace at once, up to CHUNK; larger batches add gradients up
    size stretch          # samples that one task takes through all layers: whole blocks
    # gathered rows: their non-zeros, where run.sparse, else as they are, in panels
    bint shared           # lists are shared
    bint early            # what of a batch meets the first weights is done before its first phase, by cuts or bands
    SharedLists shared_lists
    Lists lists
    Panels panels
    Bands *bands          # of lists, shared or not, or panels
    real *x_mask          # (chunk, panels.ldx) dropout factors, or NULL
    size first_rows       # of a block of weights that meet the input by lists or bands
    size rows             # ... of other blocks
    # one number for each block of samples, or of weights, summed in their order
    double *block_loss
    double *block_weight
    double *block_penalty  # of a block of weights
    WeightBlock *weight_blocks
    size n_weight_blocks
    int64_t *task_start   # (n_tasks + 1,): the first block of weights of each task
    size n_tasks
    real *scratch         # (n_threads, scratch_size): the gradient of one block of weights
    size scratch_size
    Nonzeros *nonzeros      # (n_threads,): where non-zeros of hidden layers, or of the input's columns, are listed
    # the batch in hand, which threads share
    size batch_start, batch_samples, batch_at, chunk_samples
    double batch_loss, batch_weight
    Step step
    real clip_scale       # what brings the gradient down to the largest norm allowed
    bint can_prepare      # steps leave nothing to be done between the blocks of weights and the next batch
    size prepared         # samples of the next batch that are listed with this one's losses, and multiplied by a
    #                       cut of the first layer's weights once that has been updated; or 0
    int64_t left          # batches of the slice, or chunks of larger ones
    int64_t ticket, phase  # see batch_threads.pxi
    int32_t n_active      # threads that take part in the slice
    int32_t remaining     # tasks of the phase that are not done
    int32_t bad_rows      # a row that was read holds NaN or infinity


cdef size batch_layout(const Job *job, char *base) noexcept nogil:
    """See `Regime`."""
    cdef char *cursor = base
    cdef Batch measured
    cdef Batch *self = <Batch *>base if base != NULL else &measured
    cdef const Run *run = job.run
    cdef const Layer *layer
    cdef const Edge *edge
    cdef LayerWork *work
    cdef LayerWork work_unused
    cdef EdgeWork *of_edge
    cdef EdgeWork edge_unused
    cdef Nonzeros nonzeros_unused
    cdef size k, e, widest = 0, n_weight_blocks = 0
    cdef size batch = run.batch_size if run.batch_size < run.n_samples else run.n_samples
    cdef bint stored, lists
    take(&cursor, sizeof(Batch))
    self.job = job[0]
    self.chunk = max(1, min(batch, CHUNK))
    # the longer, the more often weights are reused; but each of several threads should find a task
    self.stretch = BLOCK
    if job.net.n_params * sizeof(real) > STRETCH_BYTES:
        self.stretch *= STRETCH
    if run.n_threads > 1:
        self.stretch = min(self.stretch, max(1, self.chunk // (BLOCK * run.n_threads)) * BLOCK)
    stored = job.gradient != NULL or batch > self.chunk or run.clip_norm > 0
    self.work = <LayerWork *>take(&cursor, job.net.n_layers * sizeof(LayerWork))
    self.edge_work = <EdgeWork *>take(&cursor, job.net.n_edges * sizeof(EdgeWork))
    for k in range(job.net.n_layers):
        layer = &job.net.layers[k]
        work = &self.work[k] if base != NULL else &work_unused
        lay_out_layer(job, k, self.chunk, work, &cursor)
        if stored:
            work.G = <real *>take(&cursor, work.rows * work.ld * sizeof(real))
        if layer.dropout > 0:
            work.mask = <real *>take(&cursor, self.chunk * work.lda * sizeof(real))
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &job.net.edges[e]
            of_edge = &self.edge_work[e] if base != NULL else &edge_unused
            of_edge.WT = NULL
            if edge.source != INPUT:
                of_edge.ldt = stride_of(edge.width)
                of_edge.WT = <real *>take(&cursor, layer.n_out * of_edge.ldt * sizeof(real))
        widest = max(widest, work.ld)
        n_weight_blocks += (layer.n_in + WEIGHT_ROWS - 1) // WEIGHT_ROWS + 1
    self.block_loss = <double *>take(&cursor, (self.chunk // BLOCK + 1) * sizeof(double))
    self.block_weight = <double *>take(&cursor, (self.chunk // BLOCK + 1) * sizeof(double))
    self.x_mask = NULL
    self.bands = NULL
    self.shared = shares_lists(job)
    self.can_prepare = not stored and not job.net.layers[0].frozen
    for k in range(job.net.n_layers):
        if job.net.layers[k].max_norm > 0:
            self.can_prepare = False
    self.early = self.shared
    if self.shared:
        lay_out_shared(&self.shared_lists, job, self.chunk, &cursor)
        self.bands = &self.shared_lists.bands
        self.first_rows = self.shared_lists.n_features
    elif run.sparse:
        lay_out_lists(&self.lists, job, self.chunk, &cursor)
        self.bands = &self.lists.bands
        self.first_rows = self.lists.cut
        if lists_columns(job, self.bands.ld):
            # a gradient by columns needs no lists of rows, in whose place the next batch's are then made
            self.early = self.can_prepare and run.n_threads <= self.bands.n_bands
            self.first_rows *= 1 if self.can_prepare and self.bands.n_bands > 0 else COLUMN_CUTS
    else:
        lay_out_panels(&self.panels, job, self.chunk, &cursor)
        self.bands = &self.panels.bands
        self.first_rows = PANEL_ROWS
        self.early = self.can_prepare and run.n_threads <= self.bands.n_bands
        if run.input_dropout > 0:
            self.x_mask = <real *>take(&cursor, self.chunk * self.panels.ldx * sizeof(real))
    self.rows = MORE_ROWS if self.chunk <= BAND_SAMPLES else WEIGHT_ROWS
    self.weight_blocks = <WeightBlock *>take(&cursor, n_weight_blocks * sizeof(WeightBlock))
    self.block_penalty = <double *>take(&cursor, n_weight_blocks * sizeof(double))
    self.task_start = <int64_t *>take(&cursor, (n_weight_blocks + 1) * sizeof(int64_t))
    self.scratch_size = max(self.rows, self.shared_lists.longest if self.shared else self.first_rows) * widest
    self.scratch = <real *>take(&cursor, run.n_threads * self.scratch_size * sizeof(real))
    self.nonzeros = <Nonzeros *>take(&cursor, run.n_threads * sizeof(Nonzeros))
    lists = lists_columns(job, widest)
    for k in range(job.net.n_layers):
        lists = lists or may_list(&job.net.layers[k], widest)
    for k in range(run.n_threads if lists else 0):
        if base == NULL:
            cursor += lay_out_nonzeros(&nonzeros_unused, NULL)
        else:
            cursor += lay_out_nonzeros(&self.nonzeros[k], cursor)
    if base != NULL:
        self.phase = self.ticket = self.batch_at = self.batch_samples = 0
        self.remaining = self.bad_rows = self.n_active = 0
        plan_weight_blocks(self)
    return cursor - base


cdef inline size n_bands(const Batch *self) noexcept nogil:
    """Bands of the first weights, each of which one task is to update and multiply by, cut after cut, or 0."""
    return self.bands.n_bands if self.early else 0


cdef inline size cut_of(const Batch *self, size feature) noexcept nogil:
    """The cut of the first layer's weights that a feature is in."""
    if self.shared:
        return shared_cut(&self.shared_lists, feature)
    return feature // (self.lists.cut if self.job.run.sparse else self.panels.width)


cdef inline size cut_end(const Batch *self, size feature) noexcept nogil:
    """The first feature behind its cut."""
    cdef size cut = cut_of(self, feature) + 1
    if self.shared:
        return shared_start(&self.shared_lists, cut)
    return min(cut * (self.lists.cut if self.job.run.sparse else self.panels.width), self.job.net.layers[0].n_in)


cdef inline size chain_end(const Batch *self, size feature) noexcept nogil:
    """The first feature behind its chain of shared lists, which is a block of weights."""
    cdef size chain = first_chain(&self.shared_lists, cut_of(self, feature)) + 1
    while chain_start(&self.shared_lists, chain) <= feature:
        chain += 1
    return chain_start(&self.shared_lists, chain)


cdef inline size blocks_together(const Batch *self, size u, size last) noexcept nogil:
    """Blocks of weights from u on, before `last`, whose gradient is summed at a time: a cut's, of shared lists."""
    cdef const WeightBlock *block = &self.weight_blocks[u]
    cdef size end, n = 1
    if not self.shared or block.layer > 0 or block.first >= self.job.net.layers[0].n_in:
        return 1
    end = cut_end(self, block.first)
    while u + n < last and <size>self.weight_blocks[u + n - 1].last < end:
        n += 1
    return n


cdef inline Py_ssize_t band_of_block(const Batch *self, const WeightBlock *block) noexcept nogil:
    """The band that a block of weights is in, or -1."""
    if n_bands(self) == 0 or block.layer > 0 or block.first >= self.job.net.layers[0].n_in:
        return -1
    return band_of(self.bands, cut_of(self, block.first))


cdef void plan_weight_blocks(Batch *self) noexcept nogil:
    """Cut the layers into blocks of weight rows, and these into tasks: bands, the others of about the same cost.

    Blocks and their order, in which penalties are added up, are the same for any number of threads. Large blocks of
    first weights come first and last: threads claim from both ends, and what is small is left for whoever is done with
    those.
    """
    cdef size k, first, last, n = 0
    cdef Py_ssize_t band, before = -1
    cdef double total = 0, sum = 0, cost, most
    cdef const Layer *layer
    cdef WeightBlock *block
    cdef WeightBlock here
    cdef bint apart, late
    cdef int part
    for part in range(2):
        for k in range(self.job.net.n_layers):
            layer = &self.job.net.layers[k]
            if layer.frozen and self.job.run.optimizer != GRADIENT:   # nobody asks for its gradient
                continue
            apart = self.job.net.edges[layer.first_edge].source == INPUT and (
                self.job.run.sparse or self.bands.n_bands > 0)
            first = 0
            while first < layer.n_in:
                last = first + (self.first_rows if apart else self.rows)
                last = min(chain_end(self, first) if apart and self.shared else last, <size>layer.n_in)
                here.layer, here.first, here.last = k, first, last
                late = apart and 2 * first >= layer.n_in
                if apart and self.bands.n_bands > 0:
                    late = 2 * band_of(self.bands, cut_of(self, first)) >= self.bands.n_bands
                if late == part:
                    self.weight_blocks[n] = here
                    total += (last - first) * self.work[k].ld
                    n += 1
                first = last
            if layer.bias >= 0 and part == 0:
                here.layer, here.first, here.last = k, layer.n_in, layer.n_in + 1
                self.weight_blocks[n] = here
                total += self.work[k].ld
                n += 1
    self.n_weight_blocks = n
    self.n_tasks = 1                          # a phase has one, though all layers be frozen
    self.task_start[0] = 0
    most = total / (TASKS * self.job.run.n_threads) if self.job.run.n_threads > 1 else total
    if self.early or self.job.run.sparse:     # what is beside large blocks is small, for threads not to wait for long
        most /= 4
    for k in range(n):
        block = &self.weight_blocks[k]
        band = band_of_block(self, block)
        cost = (block.last - block.first) * self.work[block.layer].ld
        if k > 0 and (band != before or (band < 0 and sum + cost > most)):
            self.task_start[self.n_tasks] = k
            self.n_tasks += 1
            sum = 0
        sum += cost
        before = band
    self.task_start[self.n_tasks] = n


cdef void refresh_transposed(Batch *self, size k, size first, size last) noexcept nogil:
    """Bring rows first..last of layer k's weights up to date in its edges' transposed copies."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef const Edge *edge
    cdef EdgeWork *ew
    cdef size e, a, b
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &self.job.net.edges[e]
        ew = &self.edge_work[e]
        if ew.WT == NULL:
            continue
        a = first if first > edge.row else edge.row
        b = last if last < edge.row + edge.width else edge.row + edge.width
        if a < b:
            transpose(self.work[k].W + a * self.work[k].ld, self.work[k].ld, ew.WT + a - edge.row, ew.ldt, b - a,
                      layer.n_out)


cdef void batch_load(Job *job) noexcept nogil:
    cdef Batch *self = <Batch *>job
    cdef size k, e
    cdef const Layer *layer
    cdef LayerWork *work
    load_layers(job, self.work)
    for k in range(job.net.n_layers):
        layer, work = &job.net.layers[k], &self.work[k]
        if layer.frozen and work.G != NULL:
            memset(work.G, 0, work.rows * work.ld * sizeof(real))
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            if self.edge_work[e].WT != NULL:
                memset(self.edge_work[e].WT, 0, layer.n_out * self.edge_work[e].ldt * sizeof(real))
        refresh_transposed(self, k, 0, layer.n_in)


cdef void batch_store(Job *job) noexcept nogil:
    cdef Batch *self = <Batch *>job
    cdef size k
    cdef const Layer *layer
    cdef const LayerWork *work
    store_layers(job, self.work)
    for k in range(job.net.n_layers if job.gradient != NULL else 0):
        layer, work = &job.net.layers[k], &self.work[k]
        copy_rows(work.G, work.ld, job.gradient + layer.weights, layer.n_out, work.rows, layer.n_out)


cdef void batch_keep(Job *job) noexcept nogil:
    keep_params(job, (<Batch *>job).work)


cdef void batch_restore(Job *job) noexcept nogil:
    memcpy(job.net.params, job.backup, job.net.n_params * sizeof(real))
    batch_load(job)


cdef bint batch_finite(Job *job) noexcept nogil:
    return job.run.optimizer == GRADIENT or layers_finite(job, (<Batch *>job).work)


cdef void batch_run(Job *job) noexcept nogil:
    cdef Batch *self = <Batch *>job
    self.left = job.run.budget
    self.prepared = 0
    fm_store(&self.n_active, <int32_t>(job.run.n_active if job.run.n_active > 0 else job.run.n_threads))
    if 0 < self.batch_at < self.batch_samples:  # the slice before ended in the midst of a batch
        open_chunk(self)
    else:
        open_batch(self)
    take_part(self, 0)


cdef Regime batch_regime() noexcept nogil:
    cdef Regime regime
    regime.layout, regime.load, regime.store = batch_layout, batch_load, batch_store
    regime.begin, regime.run, regime.settle, regime.help = batch_keep, batch_run, NULL, serve
    return regime
