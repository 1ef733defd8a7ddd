# Working copies of layers, for the regimes whose vectors hold neighbouring neurons. A layer whose rows are whole
# vectors is trained where it lies, in the user's arrays; others have copies whose rows are padded with zeros, so that
# no loop has a tail. They are loaded when `train` is entered, and stored when it is left.

cdef struct LayerWork:
    real *W               # (rows, ld): weights, then the bias as one more row
    real *S[3]            # optimizer state, laid out like W
    real *A               # (samples, lda) outputs
    real *Z               # (samples, lda) before the activation, where it is needed; else NULL
    real *D               # (samples, lda) gradient of the loss with respect to Z
    size ld, lda, rows
    bint copied
    # batches only
    real *G               # the stored gradient, laid out like W, or NULL
    real *mask            # (samples, lda) dropout factors 0 or 1 / (1 - rate), or NULL


cdef void lay_out_layer(const Job *job, size k, size samples, LayerWork *work, char **cursor) noexcept nogil:
    """Room for layer k's copies, and for its outputs for `samples` samples."""
    cdef const Layer *layer = &job.net.layers[k]
    cdef size i
    work.rows = n_rows_of(layer)
    work.ld = padded(layer.n_out)
    work.lda = stride_of(layer.n_out)
    work.copied = work.ld != layer.n_out
    if samples == 1 and job.n_states > 1 and job.net.n_params % LANES != 0:
        work.copied = True    # vectors that cross lines of the cache cost an online step a twentieth to a fifth
    work.G = work.Z = work.mask = NULL
    work.W = job.net.params + layer.weights
    for i in range(3):
        work.S[i] = job.state + i * job.net.n_params + layer.weights if i < job.n_states else NULL
    if work.copied:
        work.W = <real *>take(cursor, work.rows * work.ld * sizeof(real))
        for i in range(job.n_states):
            work.S[i] = <real *>take(cursor, work.rows * work.ld * sizeof(real))
    work.A = <real *>take(cursor, samples * work.lda * sizeof(real))
    work.D = <real *>take(cursor, samples * work.lda * sizeof(real))
    if k == job.net.n_layers - 1 or needs_logits(layer.activation):
        work.Z = <real *>take(cursor, samples * work.lda * sizeof(real))


cdef void copy_rows(const real *src, size lds, real *dst, size ldd, size rows, size n) noexcept nogil:
    """Copy `rows` rows of n; columns of dst from n to ldd (where wider) become 0."""
    cdef size i
    for i in range(rows):
        memcpy(dst + i * ldd, src + i * lds, n * sizeof(real))
        if ldd > n:
            memset(dst + i * ldd + n, 0, (ldd - n) * sizeof(real))


cdef void load_layers(const Job *job, const LayerWork *layers) noexcept nogil:
    """Take parameters and state over."""
    cdef size k, i
    cdef const Layer *layer
    cdef const LayerWork *work
    for k in range(job.net.n_layers):
        layer, work = &job.net.layers[k], &layers[k]
        if not work.copied:
            continue
        copy_rows(job.net.params + layer.weights, layer.n_out, work.W, work.ld, work.rows, layer.n_out)
        for i in range(job.n_states):
            copy_rows(job.state + i * job.net.n_params + layer.weights, layer.n_out, work.S[i], work.ld, work.rows,
                      layer.n_out)


cdef void store_params(const Job *job, const LayerWork *layers) noexcept nogil:
    """Hand the parameters back."""
    cdef size k
    cdef const Layer *layer
    cdef const LayerWork *work
    for k in range(job.net.n_layers):
        layer, work = &job.net.layers[k], &layers[k]
        if work.copied:
            copy_rows(work.W, work.ld, job.net.params + layer.weights, layer.n_out, work.rows, layer.n_out)


cdef void store_layers(const Job *job, const LayerWork *layers) noexcept nogil:
    """Hand parameters and state back."""
    cdef size k, i
    cdef const Layer *layer
    cdef const LayerWork *work
    store_params(job, layers)
    for k in range(job.net.n_layers):
        layer, work = &job.net.layers[k], &layers[k]
        for i in range(job.n_states if work.copied else 0):
            copy_rows(work.S[i], work.ld, job.state + i * job.net.n_params + layer.weights, layer.n_out, work.rows,
                      layer.n_out)


cdef bint layers_finite(const Job *job, const LayerWork *layers) noexcept nogil:
    """Whether parameters and state are finite, but of frozen layers."""
    cdef size k, i
    cdef const LayerWork *work
    for k in range(job.net.n_layers):
        work = &layers[k]
        if job.net.layers[k].frozen:
            continue
        if not finite_real(work.W, work.rows * work.ld):
            return False
        for i in range(job.n_states):
            if not finite_real(work.S[i], work.rows * work.ld):
                return False
    return True


cdef void keep_params(Job *job, const LayerWork *layers) noexcept nogil:
    """Remember the parameters of an epoch's start."""
    store_params(job, layers)
    memcpy(job.backup, job.net.params, job.net.n_params * sizeof(real))
