# BATCH and ONLINE: what their steps read and write.

cdef struct EdgeWork:
    real *WT              # (n_out, ldt): this edge's weights transposed, or NULL for the input's
    size ldt

cdef struct WeightBlock:  # rows first..last of one layer: what a thread updates at a time
    int64_t layer, first, last

cdef struct Context:
    Job job
    LayerWork *work
    EdgeWork *edge_work
    size chunk, n_threads
    # gathered rows: dense, or the non-zeros of each row, cut at every `nz_rows` features
    real *X
    real *x_mask
    size ldx
    real *nz_value
    int32_t *nz_index
    int64_t *nz_start     # (chunk, n_cuts): where a list begins and ends
    int64_t *nz_end
    size nz_capacity, nz_rows, nz_region, n_cuts
    bint grouped          # the lists are shared: shared_lists.pxi
    # one number for each block of samples, or of weights, summed in their order
    double *block_loss
    double *block_weight
    double *block_penalty # of a block of weights
    WeightBlock *weight_blocks
    size n_weight_blocks
    int64_t *task_start   # (n_tasks + 1,): the first block of weights of each task
    size n_tasks
    real *scratch         # (n_threads, scratch_size): the gradient of one block of weights
    size scratch_size
    # the batch in hand, which threads share
    size batch_start, batch_samples, batch_at, chunk_samples
    double batch_loss, batch_weight
    Step step
    real clip_scale
    int64_t left          # batches of the slice
    int64_t ticket, phase
    int32_t remaining
    int32_t bad_rows      # a row that was read holds NaN or infinity


cdef enum:
    BLOCK = 16            # samples that one thread takes through all layers at a time
    CUT_BYTES = 65536     # of weights that a cut of the listed inputs meets
    LIST_STEP = 4         # lists of non-zeros are padded to multiples of this
    CHUNK = 1024          # samples in the workspace at once; larger batches add gradients up
    WEIGHT_ROWS = 12      # of a block of weights
    TASKS = 8             # runs of weight blocks for each thread, to claim one by one


cdef size context_layout(const Job *job, char *base) noexcept nogil:
    """See `Regime`."""
    cdef char *cursor = base
    cdef Context measured
    cdef Context *c = <Context *>base if base != NULL else &measured
    cdef Run *run = job.run
    cdef const Layer *layer
    cdef LayerWork *work
    cdef const Edge *edge
    cdef LayerWork unused
    cdef size k, i, widest = 0, n_weight_blocks = 0, step, n_blocks, room
    cdef size batch = run.batch_size if run.batch_size < run.n_samples else run.n_samples
    cdef bint stored = job.gradient != NULL
    take(&cursor, sizeof(Context))
    c.job = job[0]
    c.n_threads = run.n_threads
    c.chunk = batch if batch < CHUNK else CHUNK
    if c.chunk < 1:
        c.chunk = 1
    stored = stored or batch > c.chunk or run.clip_norm > 0
    c.work = <LayerWork *>take(&cursor, c.job.net.n_layers * sizeof(LayerWork))
    c.edge_work = <EdgeWork *>take(&cursor, c.job.net.n_edges * sizeof(EdgeWork))
    c.ldx = stride_of(run.n_features)
    for k in range(c.job.net.n_layers):
        layer = &c.job.net.layers[k]
        work = &c.work[k] if base != NULL else &unused
        lay_out_layer(&c.job, k, c.chunk, work, &cursor)
        if stored:
            work.G = <real *>take(&cursor, work.rows * work.ld * sizeof(real))
        if layer.dropout > 0:
            work.mask = <real *>take(&cursor, c.chunk * work.lda * sizeof(real))
        for i in range(layer.n_edges):
            edge = &c.job.net.edges[layer.first_edge + i]
            if edge.source != INPUT:
                step = padded(edge.width)
                if base != NULL:
                    c.edge_work[layer.first_edge + i].ldt = step
                    c.edge_work[layer.first_edge + i].WT = <real *>cursor
                take(&cursor, layer.n_out * step * sizeof(real))
            elif base != NULL:
                c.edge_work[layer.first_edge + i].WT = NULL
        widest = work.ld if work.ld > widest else widest
        n_weight_blocks += (layer.n_in + WEIGHT_ROWS - 1) // WEIGHT_ROWS + 1

    c.block_loss = <double *>take(&cursor, (c.chunk // BLOCK + 1) * sizeof(double))
    c.block_weight = <double *>take(&cursor, (c.chunk // BLOCK + 1) * sizeof(double))
    c.n_cuts = (run.n_features * padded(c.job.net.layers[0].n_out) * sizeof(real) + CUT_BYTES - 1) // CUT_BYTES
    c.nz_rows = ((run.n_features + c.n_cuts - 1) // c.n_cuts + 31) // 32 * 32
    c.n_cuts = (run.n_features + c.nz_rows - 1) // c.nz_rows
    c.grouped = False
    if run.sparse:
        n_blocks = (c.chunk + BLOCK - 1) // BLOCK
        c.grouped = shares_lists(c)
        if c.grouped:
            c.nz_region = padded(c.nz_rows) + LANES
        else:
            c.nz_region = BLOCK * (c.nz_rows + LIST_STEP) + LANES
        c.nz_capacity = c.job.rows.most_nonzeros + c.n_cuts * LIST_STEP
        if is_csr(&c.job.rows):
            room = c.chunk * c.nz_capacity
        else:
            room = n_blocks * c.n_cuts * c.nz_region * (BLOCK // SHARERS if c.grouped else 1)
        c.nz_value = <real *>take(&cursor, room * (SHARERS if c.grouped else 1) * sizeof(real))
        c.nz_index = <int32_t *>take(&cursor, room * sizeof(int32_t))
        c.nz_start = <int64_t *>take(&cursor, n_blocks * BLOCK * c.n_cuts * sizeof(int64_t))
        c.nz_end = <int64_t *>take(&cursor, n_blocks * BLOCK * c.n_cuts * sizeof(int64_t))
        c.X = <real *>take(&cursor, n_blocks * (SHARERS if c.grouped else 1) * c.ldx * sizeof(real))
    else:
        c.X = <real *>take(&cursor, c.chunk * c.ldx * sizeof(real))
    c.x_mask = NULL
    if run.input_dropout > 0:
        c.x_mask = <real *>take(&cursor, c.chunk * c.ldx * sizeof(real)) if not run.sparse else <real *>take(
            &cursor, c.ldx * sizeof(real))
    c.weight_blocks = <WeightBlock *>take(&cursor, n_weight_blocks * sizeof(WeightBlock))
    c.block_penalty = <double *>take(&cursor, n_weight_blocks * sizeof(double))
    c.n_tasks = TASKS * c.n_threads if c.n_threads > 1 else 1
    c.task_start = <int64_t *>take(&cursor, (c.n_tasks + 1) * sizeof(int64_t))
    step = WEIGHT_ROWS if WEIGHT_ROWS > c.nz_rows else c.nz_rows
    c.scratch_size = step * widest
    c.scratch = <real *>take(&cursor, c.n_threads * c.scratch_size * sizeof(real))
    if base != NULL:
        c.phase = c.ticket = c.batch_at = c.batch_samples = 0
        c.remaining = c.bad_rows = 0
        plan_weight_blocks(c)
    return cursor - base


cdef inline bint holds_still(Context *c, size k) noexcept nogil:
    """Whether layer k is frozen, and this run would change it."""
    return c.job.net.layers[k].frozen and c.job.run.optimizer != GRADIENT


cdef void plan_weight_blocks(Context *c) noexcept nogil:
    """Cut the layers into blocks of weight rows, and these into tasks of about the same cost.

    Of a narrow layer on listed input its few large blocks, the cuts, come first and last: threads claim from both
    ends, and what is small is left for whoever is done with those.
    """
    cdef size k, first, last, n = 0, t = 0, step
    cdef double total = 0, sum = 0
    cdef const Layer *layer
    cdef WeightBlock *block
    cdef bint listed, late
    cdef int part
    for part in range(2):
        for k in range(c.job.net.n_layers):
            layer = &c.job.net.layers[k]
            if holds_still(c, k):             # nobody asks for its gradient
                continue
            listed = c.job.run.sparse and c.job.net.edges[layer.first_edge].source == INPUT
            step = c.nz_rows if listed else WEIGHT_ROWS
            first = 0
            while first < layer.n_in:
                last = first + step if first + step < layer.n_in else layer.n_in
                late = listed and c.grouped and 2 * first >= layer.n_in
                if late == part:
                    block = &c.weight_blocks[n]
                    block.layer, block.first, block.last = k, first, last
                    total += (last - first) * c.work[k].ld
                    n += 1
                first = last
            if layer.bias >= 0 and part == 0:
                block = &c.weight_blocks[n]
                block.layer, block.first, block.last = k, layer.n_in, layer.n_in + 1
                total += c.work[k].ld
                n += 1
    c.n_weight_blocks = n
    c.task_start[0] = 0
    t = 1
    for k in range(n):
        if t < c.n_tasks and sum >= total * t / c.n_tasks:
            c.task_start[t] = k
            t += 1
        block = &c.weight_blocks[k]
        sum += (block.last - block.first) * c.work[block.layer].ld
    while t <= c.n_tasks:
        c.task_start[t] = n
        t += 1


cdef void refresh_transposed(Context *c, size k, size first, size last) noexcept nogil:
    """Bring rows first..last of layer k's weights up to date in its edges' transposed copies."""
    cdef const Layer *layer = &c.job.net.layers[k]
    cdef const Edge *edge
    cdef EdgeWork *ew
    cdef size e, a, b
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &c.job.net.edges[e]
        ew = &c.edge_work[e]
        if ew.WT == NULL:
            continue
        a = first if first > edge.row else edge.row
        b = last if last < edge.row + edge.width else edge.row + edge.width
        if a < b:
            transpose(c.work[k].W + a * c.work[k].ld, c.work[k].ld, ew.WT + a - edge.row, ew.ldt, b - a,
                      layer.n_out)


cdef void context_load(Job *job) noexcept nogil:
    cdef Context *c = <Context *>job
    cdef size k, e
    cdef const Layer *layer
    cdef LayerWork *work
    load_layers(job, c.work)
    for k in range(job.net.n_layers):
        layer, work = &job.net.layers[k], &c.work[k]
        if layer.frozen and work.G != NULL:
            memset(work.G, 0, work.rows * work.ld * sizeof(real))
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            if c.edge_work[e].WT != NULL:
                memset(c.edge_work[e].WT, 0, layer.n_out * c.edge_work[e].ldt * sizeof(real))
        refresh_transposed(c, k, 0, layer.n_in)


cdef void context_store(Job *job) noexcept nogil:
    cdef Context *c = <Context *>job
    cdef size k
    cdef const Layer *layer
    store_layers(job, c.work)
    for k in range(job.net.n_layers if job.gradient != NULL else 0):
        layer = &job.net.layers[k]
        copy_rows(c.work[k].G, c.work[k].ld, job.gradient + layer.weights, layer.n_out, c.work[k].rows, layer.n_out)


cdef void context_keep(Job *job) noexcept nogil:
    keep_params(job, (<Context *>job).work)


cdef void context_restore(Job *job) noexcept nogil:
    memcpy(job.net.params, job.backup, job.net.n_params * sizeof(real))
    context_load(job)


cdef bint batch_finite(Job *job) noexcept nogil:
    return job.run.optimizer == GRADIENT or layers_finite(job, (<Context *>job).work)


cdef void batch_run(Job *job) noexcept nogil:
    cdef Context *c = <Context *>job
    c.left = job.run.budget
    if 0 < c.batch_at < c.batch_samples:      # the slice before ended in the midst of a batch
        open_samples(c)
    else:
        open_batch(c)
    take_part(c, 0)


cdef Regime batch_regime() noexcept nogil:
    cdef Regime regime
    regime.layout, regime.load, regime.store = context_layout, context_load, context_store
    regime.begin, regime.run, regime.settle, regime.help = context_keep, batch_run, NULL, serve
    return regime
