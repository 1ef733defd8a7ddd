# The context of a training run: every pointer that the loops need, laid out in the job's workspace.
#
# `layout` walks the workspace with a bump allocator; with a NULL base it only measures, so that size
# and layout cannot disagree. Working copies: a layer whose rows are whole vectors is trained where it
# lies; the others have padded copies that are loaded when `train` is entered and stored when it is left.

cdef struct LayerWork:
    real *W               # (rows, ld): weights, then the bias as one more row
    real *S[3]            # optimizer state, laid out like W
    real *G               # the stored gradient, laid out like W, or NULL
    real *A               # (chunk, lda) outputs;  TINY: (n_out, LANES)
    real *Z               # (chunk, lda) before the activation, where it is needed; else NULL
    real *D               # (chunk, lda) gradient of the loss with respect to Z
    real *mask            # (chunk, lda) dropout factors 0 or 1 / (1 - rate), or NULL
    size ld, lda, rows
    bint copied

cdef struct EdgeWork:
    real *WT              # (n_out, ldt): this edge's weights transposed, or NULL for the input's
    size ldt

cdef struct TinyEdge:     # TINY: what a step reads and writes of an edge
    const vec *A          # (width,) the source's outputs, or NULL for the input
    vec *D                # (width,) the source's
    vec *Z
    const real *w         # (width, n_out)
    vec *products         # (width, n_out)
    size width
    int64_t activation    # the source's
    real slope
    bint is_first, is_last

cdef struct TinyLayer:
    TinyEdge *edges
    TinyEdge *end
    const real *bias      # (n,), or NULL
    vec *bias_products
    vec *A                # (n,)
    vec *Z
    vec *D
    size n
    int64_t activation
    real slope

cdef struct WeightBlock:  # rows first..last of one layer: what a thread updates at a time
    int64_t layer, first, last

cdef struct Context:
    Net net
    Rows rows
    Run *run
    LayerWork *work
    EdgeWork *edge_work
    size n_states, chunk, n_threads, n_batches
    # the user's arrays
    real *state
    real *gradient
    real *backup
    real *y
    const int64_t *labels
    const double *sample_weight
    int64_t *order
    const double *rates
    double *losses
    size n_rates
    bitgen_t *bitgen
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
    # flat working copies of the TINY regime
    real *flat
    real *flat_state[3]
    real *flat_gradient
    real *flat_backup     # the parameters at the epoch's start
    vec *products         # by parameter, one vector of samples: what its gradient is the sum of
    TinyLayer *tiny
    TinyEdge *tiny_edges
    real *flat_l2         # by parameter, or NULL where all are 0
    real *lane_weight
    real *lane_scale      # what a sample's gradient is multiplied by: its weight, over the batch's for an average
    real *Y               # targets by lane, where the loss is taken a vector at a time; else NULL
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
    int64_t *row_step     # ONLINE: when each first-layer row was last brought up to date
    double *decay         # ONLINE: momentum**s and its partial sums
    double *decay_sum
    real *past_rate       # ONLINE, Adam: rate and epsilon of the last PAST steps
    real *past_epsilon
    int64_t replayed      # steps after which what a row still moves without gradient is lost in rounding; 0: too many
    real *sums            # (4, 2 PAST), powers (4, PAST): see record_step; t's sums are at head + steps since t
    real *powers
    int64_t head
    real smallest, largest    # v from which on the series holds; what 1 / sqrt(v) is cut to where v is 0
    int64_t flushed       # the step at which all rows were up to date
    # the batch in hand, which threads share
    size batch_start, batch_samples, batch_at, chunk_samples
    double batch_loss, batch_weight
    Step step
    bint step_holds       # TINY: it serves another update
    bint any_frozen       # TINY: a layer's parameters must not move
    real clip_scale
    int64_t left          # batches of the slice
    int64_t ticket, phase
    int32_t remaining, dismissed
    int32_t bad_rows      # a row that was read holds NaN or infinity
    bint begun            # the epoch's shuffle and backup are done


cdef enum:
    BLOCK = 16            # samples that one thread takes through all layers at a time
    CUT_BYTES = 65536     # of weights that a cut of the listed inputs meets
    LIST_STEP = 4         # lists of non-zeros are padded to multiples of this
    CHUNK = 1024          # samples in the workspace at once; larger batches add gradients up
    WEIGHT_ROWS = 12      # of a block of weights
    DECAYS = 1024
    PAST = 8192
    TASKS = 8             # runs of weight blocks for each thread, to claim one by one


cdef inline bint row_is_bad(const Context *c, int64_t row) noexcept nogil:
    """Whether a row that is read for the first time, and was not checked before, holds NaN or infinity."""
    return c.run.check_rows and c.run.epoch == 0 and not row_finite(&c.rows, row)


cdef inline void *take(char **cursor, size n_bytes) noexcept nogil:
    cdef char *here = cursor[0]
    cursor[0] = here + (n_bytes + 63) // 64 * 64 + FENCE
    fm_fence(here + n_bytes, cursor[0] - here - n_bytes)
    return here


cdef size layout(Context *c, char *base) noexcept nogil:
    """Set every pointer of `c` into the workspace at `base`; return the bytes that takes."""
    cdef char *cursor = base
    cdef Run *run = c.run
    cdef const Layer *layer
    cdef LayerWork *work
    cdef const Edge *edge
    cdef LayerWork measured
    cdef size k, e, i, rows, widest = 0, n_weight_blocks = 0, step, n_blocks, room
    cdef size batch = run.batch_size if run.batch_size < run.n_samples else run.n_samples
    cdef bint stored = c.gradient != NULL
    take(&cursor, sizeof(Context))
    c.n_batches = (run.n_samples + run.batch_size - 1) // run.batch_size
    c.chunk = batch if batch < CHUNK else CHUNK
    if c.chunk < 1:
        c.chunk = 1
    stored = stored or batch > c.chunk or run.clip_norm > 0
    cdef size samples = padded(c.chunk) if run.regime == TINY else c.chunk
    c.work = <LayerWork *>take(&cursor, c.net.n_layers * sizeof(LayerWork))
    c.edge_work = <EdgeWork *>take(&cursor, c.net.n_edges * sizeof(EdgeWork))
    c.ldx = stride_of(run.n_features)
    for k in range(c.net.n_layers):
        layer = &c.net.layers[k]
        work = &c.work[k] if base != NULL else &measured
        rows = layer.n_in + (1 if layer.bias >= 0 else 0)
        work.rows = rows
        work.ld = padded(layer.n_out)
        work.lda = stride_of(layer.n_out)
        work.copied = work.ld != layer.n_out
        work.Z = NULL
        work.mask = NULL
        work.G = NULL
        work.W = c.net.params + layer.weights
        for i in range(3):
            work.S[i] = c.state + i * c.net.n_params + layer.weights if i < c.n_states else NULL
        if run.regime == TINY:
            work.A = <real *>take(&cursor, layer.n_out * sizeof(vec))
            work.D = <real *>take(&cursor, layer.n_out * sizeof(vec))
            if k == c.net.n_layers - 1 or needs_logits(layer.activation):
                work.Z = <real *>take(&cursor, layer.n_out * sizeof(vec))
            continue
        if work.copied:
            work.W = <real *>take(&cursor, rows * work.ld * sizeof(real))
            for i in range(c.n_states):
                work.S[i] = <real *>take(&cursor, rows * work.ld * sizeof(real))
        if stored:
            work.G = <real *>take(&cursor, rows * work.ld * sizeof(real))
        work.A = <real *>take(&cursor, samples * work.lda * sizeof(real))
        work.D = <real *>take(&cursor, samples * work.lda * sizeof(real))
        if k == c.net.n_layers - 1 or needs_logits(layer.activation):
            work.Z = <real *>take(&cursor, samples * work.lda * sizeof(real))
        if layer.dropout > 0:
            work.mask = <real *>take(&cursor, samples * work.lda * sizeof(real))
        for i in range(layer.n_edges):
            edge = &c.net.edges[layer.first_edge + i]
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

    c.block_loss = <double *>take(&cursor, (samples // BLOCK + 1) * sizeof(double))
    c.block_weight = <double *>take(&cursor, (samples // BLOCK + 1) * sizeof(double))
    if run.regime == TINY:
        c.X = <real *>take(&cursor, run.n_features * samples * sizeof(real))
        c.lane_weight = <real *>take(&cursor, samples * sizeof(real))
        c.lane_scale = <real *>take(&cursor, samples * sizeof(real))
        c.Y = NULL
        if run.loss == HALF_SQUARED_ERROR and c.labels == NULL and run.label_smoothing == 0 and (
                c.net.layers[c.net.n_layers - 1].activation != SOFTMAX):
            c.Y = <real *>take(&cursor, run.n_outputs * samples * sizeof(real))
        c.flat = <real *>take(&cursor, padded(c.net.n_params) * sizeof(real))
        for i in range(c.n_states):
            c.flat_state[i] = <real *>take(&cursor, padded(c.net.n_params) * sizeof(real))
        c.flat_gradient = <real *>take(&cursor, padded(c.net.n_params) * sizeof(real))
        c.flat_backup = <real *>take(&cursor, padded(c.net.n_params) * sizeof(real))
        c.products = <vec *>take(&cursor, padded(c.net.n_params) * sizeof(vec))
        c.tiny = <TinyLayer *>take(&cursor, c.net.n_layers * sizeof(TinyLayer))
        c.tiny_edges = <TinyEdge *>take(&cursor, c.net.n_edges * sizeof(TinyEdge))
        if base != NULL:
            tiny_layout(c)
        c.flat_l2 = NULL
        for k in range(c.net.n_layers):
            if c.net.layers[k].l2 != 0:
                c.flat_l2 = <real *>cursor
        if c.flat_l2 != NULL:
            take(&cursor, padded(c.net.n_params) * sizeof(real))
        return cursor - base

    c.n_cuts = (run.n_features * padded(c.net.layers[0].n_out) * sizeof(real) + CUT_BYTES - 1) // CUT_BYTES
    c.nz_rows = ((run.n_features + c.n_cuts - 1) // c.n_cuts + 31) // 32 * 32
    c.n_cuts = (run.n_features + c.nz_rows - 1) // c.nz_rows
    c.grouped = False
    if run.sparse or run.regime == ONLINE:
        if run.regime == ONLINE:
            c.n_cuts, c.nz_rows = 1, run.n_features
        n_blocks = (c.chunk + BLOCK - 1) // BLOCK
        c.grouped = shares_lists(c)
        if c.grouped:
            c.nz_region = padded(c.nz_rows) + LANES
        else:
            c.nz_region = BLOCK * (c.nz_rows + LIST_STEP) + LANES
        c.nz_capacity = c.rows.most_nonzeros + c.n_cuts * LIST_STEP
        if is_csr(&c.rows) or run.regime == ONLINE:
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
    if run.regime == ONLINE:
        c.row_step = <int64_t *>take(&cursor, run.n_features * c.net.n_layers * sizeof(int64_t))
        c.decay = <double *>take(&cursor, DECAYS * sizeof(double))
        c.decay_sum = <double *>take(&cursor, DECAYS * sizeof(double))
        room = PAST * sizeof(real) if run.sparse and run.optimizer == ADAM else 0
        c.past_rate = <real *>take(&cursor, room)
        c.past_epsilon = <real *>take(&cursor, room)
        c.powers = <real *>take(&cursor, 4 * room)
        c.sums = <real *>take(&cursor, 8 * room)
    c.weight_blocks = <WeightBlock *>take(&cursor, n_weight_blocks * sizeof(WeightBlock))
    c.block_penalty = <double *>take(&cursor, n_weight_blocks * sizeof(double))
    c.n_tasks = TASKS * c.n_threads if c.n_threads > 1 else 1
    c.task_start = <int64_t *>take(&cursor, (c.n_tasks + 1) * sizeof(int64_t))
    step = WEIGHT_ROWS if WEIGHT_ROWS > c.nz_rows else c.nz_rows
    c.scratch_size = step * widest
    c.scratch = <real *>take(&cursor, c.n_threads * c.scratch_size * sizeof(real))
    return cursor - base


cdef inline bint holds_still(Context *c, size k) noexcept nogil:
    """Whether layer k is frozen, and this run would change it."""
    return c.net.layers[k].frozen and c.run.optimizer != GRADIENT


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
        for k in range(c.net.n_layers):
            layer = &c.net.layers[k]
            if holds_still(c, k):             # nobody asks for its gradient
                continue
            listed = c.run.sparse and c.net.edges[layer.first_edge].source == INPUT
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


cdef void copy_rows(const real *src, size lds, real *dst, size ldd, size rows, size n) noexcept nogil:
    """Copy `rows` rows of n; columns of dst from n to ldd (where wider) become 0."""
    cdef size i
    for i in range(rows):
        memcpy(dst + i * ldd, src + i * lds, n * sizeof(real))
        if ldd > n:
            memset(dst + i * ldd + n, 0, (ldd - n) * sizeof(real))


cdef void refresh_transposed(Context *c, size k, size first, size last) noexcept nogil:
    """Bring rows first..last of layer k's weights up to date in its edges' transposed copies."""
    cdef const Layer *layer = &c.net.layers[k]
    cdef const Edge *edge
    cdef EdgeWork *ew
    cdef size e, a, b
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &c.net.edges[e]
        ew = &c.edge_work[e]
        if ew.WT == NULL:
            continue
        a = first if first > edge.row else edge.row
        b = last if last < edge.row + edge.width else edge.row + edge.width
        if a < b:
            transpose(c.work[k].W + a * c.work[k].ld, c.work[k].ld, ew.WT + a - edge.row, ew.ldt, b - a,
                      layer.n_out)


cdef void load_working(Context *c) noexcept nogil:
    """Take parameters and state over into the working copies."""
    cdef size k, i, e
    cdef const Layer *layer
    cdef LayerWork *work
    if c.run.regime == TINY:
        c.step_holds = c.any_frozen = False
        for k in range(c.net.n_layers):
            c.any_frozen = c.any_frozen or c.net.layers[k].frozen
        memset(c.flat, 0, padded(c.net.n_params) * sizeof(real))
        memset(c.flat_gradient, 0, padded(c.net.n_params) * sizeof(real))
        memset(c.products, 0, padded(c.net.n_params) * sizeof(vec))
        memcpy(c.flat, c.net.params, c.net.n_params * sizeof(real))
        if c.flat_l2 != NULL:
            memset(c.flat_l2, 0, padded(c.net.n_params) * sizeof(real))
            for k in range(c.net.n_layers):
                layer = &c.net.layers[k]
                for i in range(layer.n_in * layer.n_out):
                    c.flat_l2[layer.weights + i] = <real>layer.l2
        for i in range(c.n_states):
            memset(c.flat_state[i], 0, padded(c.net.n_params) * sizeof(real))
            memcpy(c.flat_state[i], c.state + i * c.net.n_params, c.net.n_params * sizeof(real))
        return
    for k in range(c.net.n_layers):
        layer = &c.net.layers[k]
        work = &c.work[k]
        if work.copied:
            copy_rows(c.net.params + layer.weights, layer.n_out, work.W, work.ld, work.rows, layer.n_out)
            for i in range(c.n_states):
                copy_rows(c.state + i * c.net.n_params + layer.weights, layer.n_out, work.S[i], work.ld, work.rows,
                          layer.n_out)
        if layer.frozen and work.G != NULL:
            memset(work.G, 0, work.rows * work.ld * sizeof(real))
        if c.run.regime == BATCH:
            for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
                if c.edge_work[e].WT != NULL:
                    memset(c.edge_work[e].WT, 0, layer.n_out * c.edge_work[e].ldt * sizeof(real))
            refresh_transposed(c, k, 0, layer.n_in)


cdef void store_params(Context *c) noexcept nogil:
    """Write the working copies' parameters back to the user's vector."""
    cdef size k
    if c.run.regime == TINY:
        memcpy(c.net.params, c.flat, c.net.n_params * sizeof(real))
        return
    for k in range(c.net.n_layers):
        if c.work[k].copied:
            copy_rows(c.work[k].W, c.work[k].ld, c.net.params + c.net.layers[k].weights, c.net.layers[k].n_out, c.work[k].rows,
                      c.net.layers[k].n_out)


cdef void store_working(Context *c) noexcept nogil:
    """Write parameters, state and, where it is asked for, the gradient back to the user's arrays."""
    cdef size k, i
    store_params(c)
    for i in range(c.n_states):
        if c.run.regime == TINY:
            memcpy(c.state + i * c.net.n_params, c.flat_state[i], c.net.n_params * sizeof(real))
            continue
        for k in range(c.net.n_layers):
            if c.work[k].copied:
                copy_rows(c.work[k].S[i], c.work[k].ld, c.state + i * c.net.n_params + c.net.layers[k].weights,
                          c.net.layers[k].n_out, c.work[k].rows, c.net.layers[k].n_out)
    if c.gradient == NULL:
        return
    if c.run.regime == TINY:
        memcpy(c.gradient, c.flat_gradient, c.net.n_params * sizeof(real))
        return
    for k in range(c.net.n_layers):
        copy_rows(c.work[k].G, c.work[k].ld, c.gradient + c.net.layers[k].weights, c.net.layers[k].n_out, c.work[k].rows,
                  c.net.layers[k].n_out)
