# Several small nets at once, learning online: each vector lane is a net with weights, order of samples and
# learning rate of its own. All have one plan, optimizer and loss, and read the same rows.
#
# What a lane computes is, operation by operation, what online.pxi computes for that net alone: sums are cut as
# `row_product` and `dot` cut them there, so that results agree bit for bit. Whatever is a matrix of
# samples or a row of weights there is here an array of vectors, (elements, LANES).

cdef struct LaneLayer:
    real *A               # (n_out, LANES) outputs
    real *Z               # before the activation; A itself where that is not needed
    real *D               # gradient of the loss with respect to Z

cdef struct Lanes:
    Context *nets         # (n_nets,): net k is lane k
    LaneLayer *work
    real *W               # (n_params, LANES)
    real *S[2]            # optimizer state, laid out like W
    real *X[2]            # (n_features, LANES): the sample in hand, and the next one
    real *Y[2]            # (n_outputs, LANES), where targets are numbers
    int64_t *row[2]       # (LANES,)
    int64_t *alive        # (LANES,)
    double *value         # (LANES,): this step's losses
    double *sum           # (LANES,): their sums over the epoch
    double *norms         # (LANES,): this step's penalties
    const int64_t **order  # (LANES,): each net's samples from where it stands
    double *learning_rate  # (LANES,)
    real *rate            # (LANES,): what multiplies the gradient
    real *keep
    real *scale
    size n_nets
    bint penalised

cdef extern from *:
    """
    /* Whether all n numbers are finite; a loop over exponents that the compiler makes vectors of. */
    static inline int fm_all_finite(const double *x, Py_ssize_t n) {
        uint64_t bad = 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            uint64_t u;
            memcpy(&u, x + i, 8);
            bad |= (u & 0x7ff0000000000000u) == 0x7ff0000000000000u;
        }
        return !bad;
    }

    /* Products that are rounded before they are added, as `fm_rounded` (loss.pxi). */
    #if defined(__GNUC__) && defined(__AVX512F__)
      static inline vec vec_rounded(vec x) { __asm__("" : "+v"(x)); return x; }
    #elif defined(__GNUC__) && defined(__SSE2__)
      static inline vec vec_rounded(vec x) { __asm__("" : "+x"(x)); return x; }
    #elif defined(__GNUC__) && defined(__aarch64__)
      static inline vec vec_rounded(vec x) { __asm__("" : "+w"(x)); return x; }
    #else
      #define vec_rounded(x) (x)
    #endif
    """
    bint fm_all_finite(const double *, size) noexcept nogil
    vec vec_rounded(vec) noexcept nogil


cdef size lanes_layout(Lanes *L, Context *c, char *base) noexcept nogil:
    """Set every pointer of `L` into the workspace at `base`, for nets like `c`; return the bytes that takes."""
    cdef char *cursor = base
    cdef LaneLayer measured
    cdef LaneLayer *work
    cdef size k, i, n
    take(&cursor, sizeof(Lanes))
    L.nets = <Context *>take(&cursor, LANES * sizeof(Context))
    L.work = <LaneLayer *>take(&cursor, c.n_layers * sizeof(LaneLayer))
    L.W = <real *>take(&cursor, c.n_params * LANES * sizeof(real))
    for i in range(2):
        L.S[i] = L.W
        if i < c.n_states:
            L.S[i] = <real *>take(&cursor, c.n_params * LANES * sizeof(real))
        L.X[i] = <real *>take(&cursor, c.run.n_features * LANES * sizeof(real))
        L.Y[i] = <real *>take(&cursor, c.run.n_outputs * LANES * sizeof(real))
        L.row[i] = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    for k in range(c.n_layers):
        work = &L.work[k] if base != NULL else &measured
        n = c.layers[k].n_out * LANES * sizeof(real)
        work.A = <real *>take(&cursor, n)
        work.D = <real *>take(&cursor, n)
        work.Z = work.A
        if k == c.n_layers - 1 or needs_logits(c.layers[k].activation):
            work.Z = <real *>take(&cursor, n)
    L.alive = <int64_t *>take(&cursor, LANES * sizeof(int64_t))
    L.value = <double *>take(&cursor, LANES * sizeof(double))
    L.sum = <double *>take(&cursor, LANES * sizeof(double))
    L.norms = <double *>take(&cursor, LANES * sizeof(double))
    L.order = <const int64_t **>take(&cursor, LANES * sizeof(int64_t *))
    L.learning_rate = <double *>take(&cursor, LANES * sizeof(double))
    L.rate = <real *>take(&cursor, LANES * sizeof(real))
    L.keep = <real *>take(&cursor, LANES * sizeof(real))
    L.scale = <real *>take(&cursor, LANES * sizeof(real))
    return cursor - base


cdef void spread(const real *source, real *lane, size n) noexcept nogil:
    """Put a flat vector into one lane."""
    cdef size i
    for i in range(n):
        lane[i * LANES] = source[i]


cdef void collect(const real *lane, real *target, size n) noexcept nogil:
    """Take a flat vector out of one lane."""
    cdef size i
    for i in range(n):
        target[i] = lane[i * LANES]


cdef void lane_rates(Lanes *L, size lane) noexcept nogil:
    """The constants of an epoch; Adam's rate changes with every step."""
    cdef Run *run = L.nets[lane].run
    L.learning_rate[lane] = run.learning_rate
    L.rate[lane] = <real>run.learning_rate
    L.keep[lane] = <real>(1 - run.learning_rate * run.weight_decay)


cdef void lanes_load(Lanes *L) noexcept nogil:
    """Take the parameters over; lanes without a net hold zeros, which stay zeros."""
    cdef Context *c
    cdef size lane, i, n = L.nets[0].n_params * LANES * sizeof(real)
    memset(L.W, 0, n)
    for i in range(L.nets[0].n_states):
        memset(L.S[i], 0, n)
    for i in range(2):
        memset(L.X[i], 0, L.nets[0].run.n_features * LANES * sizeof(real))
        memset(L.Y[i], 0, L.nets[0].run.n_outputs * LANES * sizeof(real))
    L.penalised = False
    for i in range(L.nets[0].n_layers):
        L.penalised = L.penalised or L.nets[0].layers[i].l2 != 0
    for lane in range(LANES):
        L.learning_rate[lane], L.rate[lane], L.keep[lane], L.scale[lane] = 0, 0, 1, 1
        L.sum[lane], L.value[lane], L.norms[lane] = 0, 0, 0
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if not L.alive[lane]:
            continue
        spread(c.params, L.W + lane, c.n_params)
        for i in range(c.n_states):
            spread(c.state + i * c.n_params, L.S[i] + lane, c.n_params)
        L.sum[lane] = c.run.loss_sum
        lane_rates(L, lane)


cdef void lanes_store(Lanes *L) noexcept nogil:
    """Hand parameters and state back."""
    cdef Context *c
    cdef size lane, i
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if not L.alive[lane] or c.run.status == DIVERGED:
            continue
        c.run.loss_sum = L.sum[lane]
        collect(L.W + lane, c.params, c.n_params)
        for i in range(c.n_states):
            collect(L.S[i] + lane, c.state + i * c.n_params, c.n_params)


cdef inline void lanes_gather(Lanes *L, int half, size ahead) noexcept nogil:
    """Each net's sample `ahead` of where it stands; all read the same rows and targets."""
    cdef Context *c = &L.nets[0]
    cdef size lane, j, n = c.run.n_features, n_out = c.run.n_outputs if c.y != NULL else 0
    cdef size n_nets = L.n_nets, x_row = c.x_row, x_col = c.x_col
    cdef int64_t row
    cdef const char *rows = c.x
    cdef const char *x
    cdef const real *y = c.y
    cdef real *X = L.X[half]
    cdef real *Y = L.Y[half]
    cdef int64_t *of = L.row[half]
    cdef real scale = <real>c.run.input_scale
    cdef bint plain = c.x_kind == (ROWS_F32 if REAL_BYTES == 4 else ROWS_F64)
    for lane in range(n_nets):
        if not L.alive[lane]:
            continue
        row = L.order[lane][ahead]
        of[lane] = row
        if plain:
            x = rows + row * x_row
            for j in range(n):
                X[j * LANES + lane] = scale * (<const real *>(x + j * x_col))[0]
        else:
            gather_row(c, row, X + lane, LANES)
        for j in range(n_out):
            Y[j * LANES + lane] = y[row * n_out + j]


cdef inline void lane_units(int units, int ways, const real *x, size width, const real *W, size n,
                            real *Z) noexcept nogil:
    """Z += x W for `units` units, in as many chains of additions as `row_panel` has. units * ways <= 16"""
    cdef vec c[16]
    cdef vec a
    cdef int u, v
    cdef size p = 0
    for u in range(units):
        c[u] = (<const vec *>(Z + u * LANES))[0]
        for v in range(1, ways):
            c[v * units + u] = vec_fill(0)
    while p + ways <= width:
        for v in range(ways):
            a = (<const vec *>x)[0]
            for u in range(units):
                c[v * units + u] = c[v * units + u] + a * (<const vec *>(W + u * LANES))[0]
            x += LANES
            W += n * LANES
        p += ways
    while p < width:
        a = (<const vec *>x)[0]
        for u in range(units):
            c[u] = c[u] + a * (<const vec *>(W + u * LANES))[0]
        x += LANES
        W += n * LANES
        p += 1
    for v in range(1, ways):
        for u in range(units):
            c[u] = c[u] + c[v * units + u]
    for u in range(units):
        (<vec *>(Z + u * LANES))[0] = c[u]


cdef inline void lane_product(int ways, const real *x, size width, const real *W, size n, real *Z, size first,
                              size last) noexcept nogil:
    """Z += x W for units first..last of n."""
    cdef size o = first
    while o + 4 <= last:
        lane_units(4, ways, x, width, W + o * LANES, n, Z + o * LANES)
        o += 4
    while o < last:
        lane_units(1, ways, x, width, W + o * LANES, n, Z + o * LANES)
        o += 1


cdef inline vec lane_sum(vec *t, size m) noexcept nogil:
    """The sum of the first m elements of a vector that is 0 elsewhere, as `vec_sum` has it."""
    cdef size j, half = LANES // 2
    while half > 0:
        j = 0
        while j < half and j + half < m:
            t[j] = t[j] + t[j + half]
            j += 1
        half = half // 2
    return t[0]


cdef void lane_penalties(Lanes *L) noexcept nogil:
    """Each net's penalties, summed as `penalty` sums padded rows: by 64 vectors at a time."""
    cdef Context *c = &L.nets[0]
    cdef Layer *layer
    cdef const vec *w
    cdef vec t[16]
    cdef real square[16]
    cdef double total[16]
    cdef size k, i, j, q, m, n, v, vecs, lane
    for lane in range(LANES):
        L.norms[lane] = 0
    for k in range(c.n_layers):
        layer = &c.layers[k]
        if layer.l2 == 0:
            continue
        n = layer.n_out
        vecs = padded(n) // LANES
        w = <const vec *>(L.W + layer.weights * LANES)
        v = 0
        for j in range(LANES):
            t[j] = vec_fill(0)
            total[j] = 0
        for i in range(<size>layer.n_in):
            for q in range(vecs):
                m = n - q * LANES if n - q * LANES < LANES else LANES
                for j in range(m):
                    t[j] = t[j] + w[j] * w[j]
                w += m
                v += 1
                if v % 64 == 0 or v == layer.n_in * vecs:
                    for j in range(LANES):
                        t[j] = vec_rounded(t[j])
                    (<vec *>square)[0] = lane_sum(t, LANES)
                    for j in range(LANES):
                        total[j] += 0.5 * layer.l2 * square[j]
                        t[j] = vec_fill(0)
        for lane in range(LANES):
            L.norms[lane] += total[lane]


cdef void lanes_forward(Lanes *L, const real *X) noexcept nogil:
    cdef Context *c = &L.nets[0]
    cdef size k, e, j, n, vecs, one, two
    cdef Layer *layer
    cdef LaneLayer *work
    cdef Edge *edge
    cdef const real *W
    for k in range(c.n_layers):
        layer = &c.layers[k]
        work = &L.work[k]
        n = layer.n_out
        if layer.bias >= 0:
            memcpy(work.Z, L.W + layer.bias * LANES, n * LANES * sizeof(real))
        else:
            memset(work.Z, 0, n * LANES * sizeof(real))
        vecs = padded(n) // LANES             # of a row there: see `row_product`
        one = vecs // 8 * 8 * LANES
        two = one + (4 * LANES if vecs & 4 else 0)
        one = one if one < n else n
        two = two if two < n else n
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &c.edges[e]
            W = L.W + (layer.weights + edge.row * n) * LANES
            if edge.source == INPUT:
                lane_product(1, X, edge.width, W, n, work.Z, 0, n)
            else:
                lane_product(1, L.work[edge.source].A, edge.width, W, n, work.Z, 0, one)
                lane_product(2, L.work[edge.source].A, edge.width, W, n, work.Z, one, two)
                lane_product(4, L.work[edge.source].A, edge.width, W, n, work.Z, two, n)
        if k < c.n_layers - 1:
            activation_forward(layer.activation, <real>layer.slope, work.Z, work.A, n * LANES)


cdef void lanes_logistic_loss(Lanes *L, const real *Y, real slope) noexcept nogil:
    """`logistic_loss` of every net."""
    cdef Context *c = &L.nets[0]
    cdef LaneLayer *work = &L.work[c.n_layers - 1]
    cdef size lane, j
    cdef real u[16]
    cdef real v[16]
    for lane in range(LANES):
        L.value[lane] = 0
    for j in range(c.layers[c.n_layers - 1].n_out):
        (<vec *>u)[0] = slope * (<const vec *>work.Z)[j]
        (<vec *>v)[0] = vec_softplus((<vec *>u)[0])
        for lane in range(LANES):
            L.value[lane] += v[lane] - u[lane] * <double>Y[j * LANES + lane]
        (<vec *>work.D)[j] = slope * (vec_logistic((<vec *>u)[0]) - (<const vec *>Y)[j])


cdef void lanes_loss(Lanes *L, int half) noexcept nogil:
    """Each net's loss on its sample, and dZ of its output layer, unweighted."""
    cdef Context *c = &L.nets[0]
    cdef Layer *layer = &c.layers[c.n_layers - 1]
    cdef LaneLayer *work = &L.work[c.n_layers - 1]
    cdef size lane, j, n = layer.n_out
    cdef real slope = <real>layer.slope
    cdef real z[TINY_WIDTH + 16]
    cdef real a[TINY_WIDTH + 16]
    cdef real d[TINY_WIDTH + 16]
    cdef real *D
    if (c.run.loss == HALF_SQUARED_ERROR and c.y != NULL and c.run.label_smoothing == 0
            and layer.activation != SOFTMAX):
        activation_forward(layer.activation, slope, work.Z, work.A, n * LANES)
        for lane in range(LANES):
            L.value[lane] = 0
        for j in range(n):
            D = work.D + j * LANES
            (<vec *>D)[0] = (<const vec *>(work.A + j * LANES))[0] - (<const vec *>(L.Y[half] + j * LANES))[0]
            for lane in range(LANES):
                L.value[lane] += fm_rounded(0.5 * <double>D[lane] * D[lane])
        if layer.activation != IDENTITY:
            activation_backward(layer.activation, slope, work.Z, work.A, work.D, n * LANES)
        return
    if (c.run.loss == BINARY_CROSS_ENTROPY and c.y != NULL and c.run.label_smoothing == 0
            and (layer.activation == LOGISTIC or layer.activation == IDENTITY)):
        lanes_logistic_loss(L, L.Y[half], slope if layer.activation == LOGISTIC else ONE)
        return
    for lane in range(L.n_nets):
        if not L.alive[lane]:
            continue
        for j in range(n):
            z[j] = work.Z[j * LANES + lane]
        L.value[lane] = sample_loss(&L.nets[lane], L.row[half][lane], z, a, d)
        for j in range(n):
            work.D[j * LANES + lane] = d[j]


cdef void lanes_weigh(Lanes *L, int half) noexcept nogil:
    """Sample weights: into the losses, dZ, and the scale of each net's gradient."""
    cdef Context *c = &L.nets[0]
    cdef LaneLayer *work = &L.work[c.n_layers - 1]
    cdef size lane, j, n = c.layers[c.n_layers - 1].n_out
    cdef double weight
    cdef real factor = <real>c.run.gradient_scale
    if c.sample_weight == NULL:
        for j in range(n):
            (<vec *>(work.D + j * LANES))[0] = (<vec *>(work.D + j * LANES))[0] * factor
        for lane in range(LANES):
            L.value[lane] = L.value[lane] * c.run.loss_scale + L.norms[lane]
        return
    for lane in range(L.n_nets):
        if not L.alive[lane]:
            continue
        weight = c.sample_weight[L.row[half][lane]]
        factor = <real>(weight * c.run.gradient_scale)
        for j in range(n):
            work.D[j * LANES + lane] = work.D[j * LANES + lane] * factor
        L.value[lane] = weight * L.value[lane] * c.run.loss_scale + L.norms[lane]
        if c.run.average:
            L.scale[lane] = <real>(1 / weight) if weight > 0 else 0
            if weight > 0:
                L.value[lane] = L.value[lane] / weight


cdef inline vec lane_dot(const real *w, const real *D, size n) noexcept nogil:
    """The sum of w[j] D[j], in the order in which `dot` adds a padded row's."""
    cdef vec t[16]
    cdef size j, m = n if n < LANES else LANES
    if n == 1:
        return vec_rounded((<const vec *>w)[0] * (<const vec *>D)[0])
    for j in range(m):
        t[j] = vec_rounded((<const vec *>(w + j * LANES))[0] * (<const vec *>(D + j * LANES))[0])
    for j in range(m, n):
        t[j % LANES] = t[j % LANES] + (<const vec *>(w + j * LANES))[0] * (<const vec *>(D + j * LANES))[0]
    return lane_sum(t, m)


cdef inline vec lane_step(int64_t optimizer, const Step *s, vec rate, vec keep, vec w, vec *s0, vec *s1,
                          vec g) noexcept nogil:
    """`step_vec` with a learning rate for each lane."""
    w = w * keep
    if optimizer == SGD:
        return w - rate * g
    if optimizer == MOMENTUM:
        s0[0] = s.momentum * s0[0] - rate * g
        return w + s0[0]
    if optimizer == NESTEROV:
        s0[0] = s.momentum * s0[0] - rate * g
        return w + (s.momentum * s0[0] - rate * g)
    s0[0] = s.beta_1 * s0[0] + s.rest_1 * g
    s1[0] = s.beta_2 * s1[0] + s.rest_2 * (g * g)
    return w - rate * s0[0] * vec_inverse_root(s1[0], s.epsilon)


cdef inline void lane_update(int64_t optimizer, const Step *constants, vec rate, vec keep, vec x, vec l2, bint decays,
                             size at, Lanes *L, const real *D, size n) noexcept nogil:
    """One step on weights at..at + n with the gradients x D, and l2 w where it `decays`."""
    cdef Step step = constants[0]             # a copy that no store can alias
    cdef size j
    cdef vec *w = <vec *>(L.W + at * LANES)
    cdef vec *s0 = <vec *>(L.S[0] + at * LANES)
    cdef vec *s1 = <vec *>(L.S[1] + at * LANES)
    if decays:
        for j in range(n):
            w[j] = lane_step(optimizer, &step, rate, keep, w[j], s0 + j, s1 + j, x * (<const vec *>D)[j] + l2 * w[j])
        return
    for j in range(n):
        w[j] = lane_step(optimizer, &step, rate, keep, w[j], s0 + j, s1 + j, x * (<const vec *>D)[j])


cdef inline void lanes_backward(int64_t optimizer, Lanes *L, const Step *step, const real *X) noexcept nogil:
    """Backward through all layers, updating each weight row as it is passed."""
    cdef Context *c = &L.nets[0]
    cdef Py_ssize_t k
    cdef size e, p, n, at
    cdef Layer *layer
    cdef Layer *below
    cdef LaneLayer *source
    cdef Edge *edge
    cdef const real *D
    cdef const real *x
    cdef vec rate = (<const vec *>L.rate)[0], keep = (<const vec *>L.keep)[0], scale = (<const vec *>L.scale)[0]
    cdef vec back, l2
    cdef bint decays
    for k in range(c.n_layers - 1, -1, -1):
        layer = &c.layers[k]
        D = L.work[k].D
        n = layer.n_out
        l2 = <real>layer.l2 * scale
        decays = layer.l2 != 0
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &c.edges[e]
            at = layer.weights + edge.row * n
            if edge.source == INPUT:
                for p in range(<size>edge.width):
                    lane_update(optimizer, step, rate, keep, (<const vec *>X)[p] * scale, l2, decays, at + p * n, L,
                                D, n)
                continue
            below = &c.layers[edge.source]
            source = &L.work[edge.source]
            for p in range(<size>edge.width):
                back = lane_dot(L.W + (at + p * n) * LANES, D, n)
                (<vec *>source.D)[p] = back if edge.opens else (<vec *>source.D)[p] + back
                lane_update(optimizer, step, rate, keep, (<const vec *>source.A)[p] * scale, l2, decays, at + p * n,
                            L, D, n)
            if edge.closes:
                activation_backward(below.activation, <real>below.slope, source.Z, source.A, source.D,
                                    below.n_out * LANES)
        if layer.bias >= 0:
            lane_update(optimizer, step, rate, keep, scale, l2, False, layer.bias, L, D, n)


# One function an optimizer, as in online.pxi.
cdef void lanes_sgd(Lanes *L, const Step *s, const real *X) noexcept nogil:
    lanes_backward(SGD, L, s, X)

cdef void lanes_momentum(Lanes *L, const Step *s, const real *X) noexcept nogil:
    lanes_backward(MOMENTUM, L, s, X)

cdef void lanes_nesterov(Lanes *L, const Step *s, const real *X) noexcept nogil:
    lanes_backward(NESTEROV, L, s, X)

cdef void lanes_adam(Lanes *L, const Step *s, const real *X) noexcept nogil:
    lanes_backward(ADAM, L, s, X)


cdef void lanes_step(Lanes *L, Run *run, int half) noexcept nogil:
    """Every net learns its sample. `run`: of a living net."""
    cdef size lane
    cdef Step step
    if L.penalised:
        lane_penalties(L)
    lanes_forward(L, L.X[half])
    lanes_loss(L, half)
    lanes_weigh(L, half)
    begin_step(run, 1, &step)
    if run.optimizer == ADAM:
        for lane in range(LANES):
            L.rate[lane] = adam_rate(L.learning_rate[lane], &step)
    if run.optimizer == SGD:
        lanes_sgd(L, &step, L.X[half])
    elif run.optimizer == MOMENTUM:
        lanes_momentum(L, &step, L.X[half])
    elif run.optimizer == NESTEROV:
        lanes_nesterov(L, &step, L.X[half])
    else:
        lanes_adam(L, &step, L.X[half])


cdef bint lanes_diverged(Lanes *L) noexcept nogil:
    """Whether a net's loss is not finite; such nets get the weights of the epoch's start back."""
    cdef size lane
    cdef Context *c
    cdef bint found = False
    if fm_all_finite(L.value, LANES):
        return False
    for lane in range(L.n_nets):
        c = &L.nets[lane]
        if L.alive[lane] and not isfinite(L.value[lane]):
            memcpy(c.params, c.backup, c.n_params * sizeof(real))
            c.begun = False
            c.run.status = DIVERGED
            found = True
    return found


cdef void lanes_slice(Lanes *L, int64_t budget) noexcept nogil:
    """Up to `budget` steps of every net, or until one of them has a reason to stop."""
    cdef unsigned int control = fm_flush_denormals()
    cdef size lane
    cdef Py_ssize_t first = -1
    cdef int64_t count, done, step
    cdef Context *c
    cdef bint go = True
    for lane in range(L.n_nets):
        if not L.alive[lane]:
            continue
        c = &L.nets[lane]
        first = lane if first < 0 else first
        c.run.status = RUNNING
        if c.run.epoch >= c.run.n_epochs:
            c.run.status = FINISHED
            go = False
        elif not c.begun:
            begin_epoch(c)
    lanes_load(L)
    while go and budget > 0:
        count = budget
        for lane in range(L.n_nets):
            c = &L.nets[lane]
            L.order[lane] = c.order + c.run.batch
            if L.alive[lane] and c.run.n_samples - c.run.batch < count:
                count = c.run.n_samples - c.run.batch
        lanes_gather(L, 0, 0)
        done = 0
        while go and done < count:
            if done + 1 < count:              # on its way into the vectors while this step is computed
                lanes_gather(L, (done + 1) & 1, done + 1)
            lanes_step(L, L.nets[first].run, done & 1)
            go = not lanes_diverged(L)
            done += 1
            L.nets[first].run.step += 1
            for lane in range(LANES):
                L.sum[lane] += L.value[lane]
        budget -= done
        step = L.nets[first].run.step
        for lane in range(L.n_nets):
            c = &L.nets[lane]
            if not L.alive[lane]:
                continue
            c.run.step = step
            c.run.batch += done
            if c.run.status == DIVERGED:      # its last step does not count
                c.run.step -= 1
                c.run.batch -= 1
                continue
            if c.run.batch < c.run.n_samples:
                continue
            c.run.loss_sum = L.sum[lane]
            end_epoch(c)
            if c.run.status == RUNNING:
                collect(L.W + lane, c.params, c.n_params)
                begin_epoch(c)
                L.sum[lane] = 0
                lane_rates(L, lane)
            else:
                go = False
    lanes_store(L)
    fm_restore_denormals(control)
