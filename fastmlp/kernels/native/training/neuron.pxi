# One neuron that learns online, a sample at a time (kernels/neuron.py says what the record's fields mean).
#
# The step rule is scikit-learn's Perceptron bit for bit (where its build fuses no products with sums, as on
# x86-64): whether a sample is wrong, and by how much, is decided by a sum in the order of the features, added
# in double precision. That sum is one long chain of additions. So a sum by vectors comes first, with a bound
# of what separates the two, and the slow one is taken only where the sign is not sure or a loss is due.

cdef enum:
    SHORT_ROW = 16          # values of a row that are summed in order at once
    AHEAD = 12               # samples between the one that is learned and the one whose row is fetched
    FETCHED = 2048          # bytes of a row that are fetched ahead


cdef double ordered_dot(const real *w, const real *x, size n) noexcept nogil:
    """sum_j w[j] x[j]: each product rounded, added in double precision one after another.

    w, x : IN (n,)
    """
    cdef size j
    cdef double total = 0
    for j in range(n):
        total += <double>real_rounded(w[j] * x[j])
    return <double><real>total


cdef double ordered_sparse_dot(const Rows *rows, int64_t row, const real *w) noexcept nogil:
    """The same for a CSR row."""
    cdef int64_t p
    cdef double total = 0
    for p in range(rows.indptr[row], rows.indptr[row + 1]):
        total += <double>real_rounded(w[csr_column(rows, p)] * (<const real *>rows.x)[p])
    return <double><real>total


cdef inline double vector_dot(bint bounded, const real *w, const real *x, size n, double *magnitude) noexcept nogil:
    """sum_j w[j] x[j] and, where `bounded`, sum_j |w[j] x[j]|, both in an order of their own.

    w, x : IN (n,)    magnitude : OUT
    """
    cdef vec s[4]
    cdef vec m[4]
    cdef vec p
    cdef size j = 0
    cdef int k
    cdef real rest = 0, size_of_rest = 0, product
    for k in range(4):
        s[k] = m[k] = vec_fill(0)
    while j + 4 * LANES <= n:
        for k in range(4):
            p = (<const vec *>(w + j + k * LANES))[0] * (<const vec *>(x + j + k * LANES))[0]
            s[k] = s[k] + p
            if bounded:
                m[k] = m[k] + vec_abs(p)
        j += 4 * LANES
    while j + LANES <= n:
        p = (<const vec *>(w + j))[0] * (<const vec *>(x + j))[0]
        s[0] = s[0] + p
        if bounded:
            m[0] = m[0] + vec_abs(p)
        j += LANES
    while j < n:
        product = w[j] * x[j]
        rest += product
        if bounded:
            size_of_rest += product if product > 0 else -product
        j += 1
    if bounded:
        magnitude[0] = <double>(vec_sum((m[0] + m[1]) + (m[2] + m[3])) + size_of_rest)
    return <double>(vec_sum((s[0] + s[1]) + (s[2] + s[3])) + rest)


cdef inline double chained_sparse_dot(bint bounded, const Rows *rows, int64_t row, const real *w,
                                      double *magnitude) noexcept nogil:
    """The same for a CSR row, in four chains side by side."""
    cdef int64_t p = rows.indptr[row], stop = rows.indptr[row + 1]
    cdef const real *x = <const real *>rows.x
    cdef real s[4]
    cdef real m[4]
    cdef real product
    cdef int k
    for k in range(4):
        s[k] = m[k] = 0
    while p + 4 <= stop:
        for k in range(4):
            product = w[csr_column(rows, p + k)] * x[p + k]
            s[k] = s[k] + product
            if bounded:
                m[k] = m[k] + (product if product > 0 else -product)
        p += 4
    while p < stop:
        product = w[csr_column(rows, p)] * x[p]
        s[0] = s[0] + product
        if bounded:
            m[0] = m[0] + (product if product > 0 else -product)
        p += 1
    if bounded:
        magnitude[0] = <double>((m[0] + m[1]) + (m[2] + m[3]))
    return <double>((s[0] + s[1]) + (s[2] + s[3]))


cdef void add_row(bint exact, real *w, const real *x, size n, real factor) noexcept nogil:
    """w += factor x; `exact`: with the roundings of scikit-learn, which adds in double precision.

    w : IN/OUT (n,)    x : IN (n,)
    """
    cdef size j = 0
    cdef double f = factor
    if exact and REAL_BYTES == 4:
        for j in range(n):
            w[j] = <real>(<double>w[j] + <double>x[j] * f)
        return
    while j + LANES <= n:
        if exact:
            (<vec *>(w + j))[0] = (<vec *>(w + j))[0] + vec_rounded(factor * (<const vec *>(x + j))[0])
        else:
            (<vec *>(w + j))[0] = (<vec *>(w + j))[0] + factor * (<const vec *>(x + j))[0]
        j += LANES
    while j < n:
        w[j] = w[j] + (real_rounded(factor * x[j]) if exact else factor * x[j])
        j += 1


cdef void add_sparse_row(bint exact, const Rows *rows, int64_t row, real *w, real factor) noexcept nogil:
    """The same for a CSR row."""
    cdef int64_t p
    cdef size j
    cdef const real *x = <const real *>rows.x
    for p in range(rows.indptr[row], rows.indptr[row + 1]):
        j = csr_column(rows, p)
        if not exact:
            w[j] = w[j] + factor * x[p]
        elif REAL_BYTES == 4:
            w[j] = <real>(<double>w[j] + <double>x[p] * <double>factor)
        else:
            w[j] = w[j] + real_rounded(factor * x[p])


cdef void shuffle_by_seed(int64_t *order, size n, uint32_t seed) noexcept nogil:
    """Shuffle as scikit-learn's SGD does: Fisher-Yates upwards, by a 32-bit xorshift of its own.

    G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003.
    """
    cdef size i, j
    cdef int64_t kept
    if seed == 0:
        seed = 1
    for i in range(n - 1):
        seed ^= seed << 13
        seed ^= seed >> 17
        seed ^= seed << 5
        j = i + (seed & <uint32_t>0x7fffffff) % <uint32_t>(n - i)
        kept = order[i]
        order[i] = order[j]
        order[j] = kept


cdef void record_weights(Neuron *u, const real *w, real *history) noexcept nogil:
    """Append the weights and the bias to the history, which has room."""
    cdef real *out = history + u.n_recorded * (u.n_features + 1)
    memcpy(out, w, u.n_features * sizeof(real))
    out[u.n_features] = <real>u.bias
    u.n_recorded += 1


cdef inline void learn_step(Neuron *u, const Rows *rows, int64_t row, real *w, real target, const real *weight,
                            real *history) noexcept nogil:
    """One sample by the step rule: where t (w x + b) <= 0, w += eta t x. A target of 0 is passed over."""
    cdef const real *x = <const real *>(rows.x + row * rows.row)
    cdef size n = u.n_features
    cdef bint sparse = is_csr(rows)
    cdef double z = 0, magnitude = 0, bound = 0, update
    cdef real factor
    if target == 0:
        return
    if sparse:
        n = rows.indptr[row + 1] - rows.indptr[row]
    if n > SHORT_ROW:
        if sparse:
            z = chained_sparse_dot(True, rows, row, w, &magnitude)
        else:
            z = vector_dot(True, w, x, n, &magnitude)
        z = (z + u.bias) * target
        bound = 2 * <double>(n + 8) * REAL_EPS * magnitude
        if z > bound:
            return
    if n <= SHORT_ROW or u.tol != -INFINITY or not z < -bound:
        z = ((ordered_sparse_dot(rows, row, w) if sparse else ordered_dot(w, x, n)) + u.bias) * target
    if not z <= 0:
        return
    u.loss_sum -= z
    factor = <real>(u.positive_weight if target > 0 else u.negative_weight)
    if weight != NULL:
        factor = factor * weight[row]
    update = u.eta * target * factor
    if update == 0:
        return
    u.mistakes += 1
    if sparse:
        add_sparse_row(True, rows, row, w, <real>update)
    else:
        add_row(True, w, x, n, <real>update)
    u.bias += double_rounded(update * u.bias_step)
    u.n_steps += 1
    if u.record == RECORD_UPDATES:
        record_weights(u, w, history)


cdef inline void learn_graded(int64_t rule, Neuron *u, const Rows *rows, int64_t row, real *w, real target,
                              const real *weight, real *history) noexcept nogil:
    """One sample by the delta rule: w += eta (t - y) f'(z) x, y = f(z), z = w x + b."""
    cdef const real *x = <const real *>(rows.x + row * rows.row)
    cdef bint sparse = is_csr(rows)
    cdef real slope = <real>u.slope
    cdef double sum = (chained_sparse_dot(False, rows, row, w, NULL) if sparse
                       else vector_dot(False, w, x, u.n_features, NULL))
    cdef vec z = vec_fill(<real>(sum + u.bias))
    cdef vec y = vec_activate(rule, slope, z)
    z = vec_derivative(rule, slope, z, y)
    cdef double error = <double>target - <double>(<real *>&y)[0]
    cdef double update = u.eta * error * <double>(<real *>&z)[0]
    cdef double factor = 1
    if weight != NULL:
        factor = <double>weight[row]
    u.loss_sum += 0.5 * error * error
    u.error_sum += factor * error * error
    update *= factor
    if update != 0:
        if sparse:
            add_sparse_row(False, rows, row, w, <real>update)
        else:
            add_row(False, w, x, u.n_features, <real>update)
        u.bias += update * u.bias_step
    u.n_steps += 1
    if u.record == RECORD_UPDATES:
        record_weights(u, w, history)


cdef inline void fetch(const char *x, size n_bytes) noexcept nogil:
    cdef size i = 0
    if n_bytes > FETCHED:
        n_bytes = FETCHED
    while i < n_bytes:
        fm_prefetch(x + i)
        i += 64


cdef inline void fetch_row(const Rows *rows, size n, int64_t row) noexcept nogil:
    """Have the row on its way into the cache."""
    cdef int64_t start
    if not is_csr(rows):
        fetch(rows.x + row * rows.row, n * sizeof(real))
        return
    start = rows.indptr[row]
    n = rows.indptr[row + 1] - start
    fetch(rows.x + start * sizeof(real), n * sizeof(real))
    if rows.indices != NULL:
        fetch(<const char *>(rows.indices + start), n * sizeof(int32_t))
    else:
        fetch(<const char *>(rows.indices_wide + start), n * sizeof(int64_t))


cdef int end_neuron_epoch(Neuron *u, real *w, const real *kept, double *errors, real *history) noexcept nogil:
    """Write the epoch's error; return a status."""
    cdef size j
    cdef bint finite = isfinite(u.bias) and isfinite(u.error_sum)
    cdef double loss = u.loss_sum / <double>u.n_samples
    if REAL_BYTES == 4:
        finite = finite and within_f32(<const float *>w, u.n_features, MOST_F32)
    else:
        finite = finite and within_f64(<const double *>w, u.n_features, MOST_F64)
    if not finite:
        memcpy(w, kept, u.n_features * sizeof(real))
        u.bias = u.kept_bias
        return DIVERGED
    cdef double error = <double>u.mistakes if u.rule == STEP else u.error_sum * u.error_scale
    errors[u.epoch - u.first_epoch] = error
    u.epoch += 1
    u.position = 0
    if u.record == RECORD_EPOCHS:
        record_weights(u, w, history)
    u.no_improvement = u.no_improvement + 1 if u.tol != -INFINITY and loss > u.best_loss - u.tol else 0
    if loss < u.best_loss:
        u.best_loss = loss
    if u.no_improvement >= u.n_iter_no_change:
        return STALLED
    if u.epoch >= u.n_epochs or error < u.epsilon:
        return FINISHED
    return EPOCH_END if u.stop_each_epoch else RUNNING


cdef int learn_slice(Neuron *u, const Rows *rows, real *w, real *kept, const real *target, const real *weight,
                     int64_t *order, double *errors, real *history) noexcept nogil:
    """Up to u.budget samples from where training stands; return a status.

    w, kept : IN/OUT (n_features,)    target, weight, order : (n_samples,)
    errors : OUT (n_errors,), those from first_epoch on    history : OUT (capacity, n_features + 1)
    While one of the last two is full, this returns at once.
    """
    cdef size n = u.n_samples
    cdef int64_t row, left = u.budget
    cdef int status
    while left > 0:
        if u.record != RECORD_NOTHING and u.n_recorded >= u.capacity:
            return RUNNING
        if u.position == 0:
            if u.epoch - u.first_epoch >= u.n_errors:
                return RUNNING
            if u.shuffle:
                shuffle_by_seed(order, n, <uint32_t>u.seed)
            memcpy(kept, w, u.n_features * sizeof(real))
            u.kept_bias = u.bias
            u.loss_sum = u.error_sum = 0
            u.mistakes = 0
        row = order[u.position]
        if u.position + AHEAD < n:
            fetch_row(rows, u.n_features, order[u.position + AHEAD])
        if u.rule == STEP:
            learn_step(u, rows, row, w, target[row], weight, history)
        elif u.rule == TANH:
            learn_graded(TANH, u, rows, row, w, target[row], weight, history)
        elif u.rule == LOGISTIC:
            learn_graded(LOGISTIC, u, rows, row, w, target[row], weight, history)
        else:
            learn_graded(IDENTITY, u, rows, row, w, target[row], weight, history)
        u.position += 1
        left -= 1
        if <size>u.position >= n:
            status = end_neuron_epoch(u, w, kept, errors, history)
            if status != RUNNING:
                return status
    return RUNNING


def learn(neuron):
    """Run a Neuron (kernels/neuron.py) for up to run["budget"] samples; return the `Status`."""
    cdef Rows rows
    cdef Neuron *u = <Neuron *>writable("run", neuron.run, c'V', sizeof(Neuron), 1)
    cdef size n = u.n_samples, width = u.n_features, item = (<cnp.ndarray>neuron.rows.data).descr.itemsize
    cdef real *w = writable_reals("w", neuron.w, width)
    cdef real *kept = writable_reals("kept", neuron.kept, width)
    cdef const real *target = readable_reals("target", neuron.target, n)
    cdef const real *weight = NULL
    cdef int64_t *order = writable_words("order", neuron.order, n)
    cdef double *errors = <double *>writable("last_errors", neuron.last_errors, c'f', sizeof(double), u.n_errors)
    cdef real *history = writable_reals("history", neuron.history, u.capacity * (width + 1))
    cdef unsigned int control = 0
    cdef int status
    if neuron.sample_weight is not None:
        weight = readable_reals("sample_weight", neuron.sample_weight, n)
    check_numbers("order", neuron.order, n)
    describe_rows(&rows, neuron.rows, width, 1)
    same("the rows of X", neuron.rows.n_rows, n)
    if rows.kind == ROWS_U8 or item != sizeof(real) or (not is_csr(&rows) and rows.column != item):
        memory.refuse("X", neuron.rows.data, neuron.w.dtype, n * width)
    with nogil:
        if u.rule != STEP:
            control = fm_flush_denormals()
        status = learn_slice(u, &rows, w, kept, target, weight, order, errors, history)
        if u.rule != STEP:
            fm_restore_denormals(control)
    return status
