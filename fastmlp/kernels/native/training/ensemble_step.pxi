# What a step of ensemble.pxi computes: for each net, bit for bit, what online_step.pxi computes for it alone. A sum of
# floating-point numbers depends on the order of its terms, so every sum here is made of the same partial sums as there
# (one_row.pxi, optimizer.pxi, loss.pxi). And where the compiler might fuse a product with the sum that follows here but
# not there, both round it first (vec_rounded).

cdef inline void ensemble_neurons(int neurons, int ways, const real *x, size width, const real *W, size n,
                            const real *start, real *Z) noexcept nogil:
    """Z = start + x W for some neurons, each in `ways` partial sums, as `row_panel` has it. neurons * ways <= 16"""
    cdef vec c[16]
    cdef vec a
    cdef int u, v
    cdef size p = 0
    for u in range(neurons):
        c[u] = (<const vec *>(start + u * LANES))[0]
        for v in range(1, ways):
            c[v * neurons + u] = vec_fill(0)
    while p + ways <= width:
        for v in range(ways):
            a = (<const vec *>x)[0]
            for u in range(neurons):
                c[v * neurons + u] = c[v * neurons + u] + a * (<const vec *>(W + u * LANES))[0]
            x += LANES
            W += n * LANES
        p += ways
    while p < width:
        a = (<const vec *>x)[0]
        for u in range(neurons):
            c[u] = c[u] + a * (<const vec *>(W + u * LANES))[0]
        x += LANES
        W += n * LANES
        p += 1
    for v in range(1, ways):
        for u in range(neurons):
            c[u] = c[u] + c[v * neurons + u]
    for u in range(neurons):
        (<vec *>(Z + u * LANES))[0] = c[u]


cdef inline void ensemble_product(int ways, const real *x, size width, const real *W, size n, const real *start,
                                  real *Z, size first, size last) noexcept nogil:
    """Z = start + x W for neurons first..last of n."""
    cdef size o = first
    while o + 4 <= last:
        ensemble_neurons(4, ways, x, width, W + o * LANES, n, start + o * LANES, Z + o * LANES)
        o += 4
    if o + 2 <= last:
        ensemble_neurons(2, ways, x, width, W + o * LANES, n, start + o * LANES, Z + o * LANES)
        o += 2
    if o < last:
        ensemble_neurons(1, ways, x, width, W + o * LANES, n, start + o * LANES, Z + o * LANES)


# functions of their own: inlined into one, they would share its registers
cdef void ensemble_product_1(const real *x, size width, const real *W, size n, const real *start, real *Z, size first,
                             size last) noexcept nogil:
    ensemble_product(1, x, width, W, n, start, Z, first, last)

cdef void ensemble_product_2(const real *x, size width, const real *W, size n, const real *start, real *Z, size first,
                             size last) noexcept nogil:
    ensemble_product(2, x, width, W, n, start, Z, first, last)

cdef void ensemble_product_4(const real *x, size width, const real *W, size n, const real *start, real *Z, size first,
                             size last) noexcept nogil:
    ensemble_product(4, x, width, W, n, start, Z, first, last)


cdef inline vec ensemble_sum(vec *t, size m) noexcept nogil:
    """t[0] + ... + t[m - 1], in the order in which `vec_sum` adds a vector's numbers, of which the others are 0.

    There one vector holds what a net sums up; here t[j] holds number j of every net.
    """
    cdef size j, half = LANES // 2
    while half > 0:
        j = 0
        while j < half and j + half < m:
            t[j] = t[j] + t[j + half]
            j += 1
        half = half // 2
    return t[0]


cdef void ensemble_penalties(Ensemble *self) noexcept nogil:
    """Each net's penalties, summed as `penalty` sums padded rows: by 64 vectors at a time, in four chains."""
    cdef Job *c = &self.nets[0]
    cdef const Layer *layer
    cdef const vec *w
    cdef vec t[4 * 16]        # chain by chain, number by number of a vector there
    cdef vec *chain
    cdef real square[16]
    cdef double total[16]
    cdef size k, i, j, q, m, n, v, at, stop, vecs, lane
    for lane in range(LANES):
        self.norms[lane] = 0
    for k in range(c.net.n_layers):
        layer = &c.net.layers[k]
        if not penalised(layer):
            continue
        n = layer.n_out
        vecs = padded(n) // LANES
        w = <const vec *>(self.W + layer.weights * LANES)
        v = 0
        for j in range(4 * LANES):
            t[j] = vec_fill(0)
        for j in range(LANES):
            total[j] = 0
        for i in range(<size>layer.n_in):
            for q in range(vecs):
                m = n - q * LANES if n - q * LANES < LANES else LANES
                at = v % 64
                stop = layer.n_in * vecs - (v - at)
                stop = stop if stop < 64 else 64
                chain = t + (at % 4 * LANES if at < stop // 4 * 4 else 0)
                for j in range(m):
                    chain[j] = chain[j] + w[j] * w[j]
                w += m
                v += 1
                if at + 1 == stop:
                    for j in range(LANES):
                        t[j] = (vec_rounded(t[j]) + vec_rounded(t[LANES + j])) + (
                            vec_rounded(t[2 * LANES + j]) + vec_rounded(t[3 * LANES + j]))
                    (<vec *>square)[0] = ensemble_sum(t, LANES)
                    for j in range(LANES):
                        total[j] += 0.5 * l2_of(layer, self.whole[j]) * square[j]
                    for j in range(4 * LANES):
                        t[j] = vec_fill(0)
        for lane in range(LANES):
            self.norms[lane] += total[lane]


cdef void ensemble_forward(Ensemble *self, const real *X) noexcept nogil:
    cdef Job *c = &self.nets[0]
    cdef size k, e, j, n, vecs, one, two
    cdef const Layer *layer
    cdef EnsembleLayer *work
    cdef const Edge *edge
    cdef const real *W
    cdef const real *x
    cdef const real *start
    for k in range(c.net.n_layers):
        layer = &c.net.layers[k]
        work = &self.work[k]
        n = layer.n_out
        start = self.W + layer.bias * LANES
        if layer.bias < 0:
            memset(work.Z, 0, n * LANES * sizeof(real))
            start = work.Z
        vecs = padded(n) // LANES             # of a row there: see `row_product`, and `row_ways` for their chains
        one = vecs // 8 * 8 * LANES
        two = one + (4 * LANES if vecs & 4 else 0)
        one = one if one < n else n
        two = two if two < n else n
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &c.net.edges[e]
            W = self.W + (layer.weights + edge.row * n) * LANES
            x = X if edge.source == INPUT else self.work[edge.source].A
            if one > 0:
                ensemble_product_1(x, edge.width, W, n, start, work.Z, 0, one)
            if two > one:
                ensemble_product_2(x, edge.width, W, n, start, work.Z, one, two)
            if n > two and edge.width < 4:    # of four chains all but the first would stay 0
                ensemble_product_1(x, edge.width, W, n, start, work.Z, two, n)
            elif n > two:
                ensemble_product_4(x, edge.width, W, n, start, work.Z, two, n)
            start = work.Z                    # of the next edge
        if k < c.net.n_layers - 1:
            activation_forward(layer.activation, <real>layer.slope, work.Z, work.A, n * LANES)


cdef void ensemble_logistic_loss(Ensemble *self, const real *Y, real slope) noexcept nogil:
    """`logistic_loss` of every net."""
    cdef Job *c = &self.nets[0]
    cdef EnsembleLayer *work = &self.work[c.net.n_layers - 1]
    cdef size lane, j
    cdef real u[16]
    cdef real v[16]
    for lane in range(LANES):
        self.value[lane] = 0
    for j in range(c.net.layers[c.net.n_layers - 1].n_out):
        (<vec *>u)[0] = slope * (<const vec *>work.Z)[j]
        (<vec *>v)[0] = vec_softplus((<vec *>u)[0])
        for lane in range(LANES):
            self.value[lane] += v[lane] - u[lane] * <double>Y[j * LANES + lane]
        (<vec *>work.D)[j] = slope * (vec_logistic((<vec *>u)[0]) - (<const vec *>Y)[j])


cdef void ensemble_loss(Ensemble *self, int half) noexcept nogil:
    """Each net's loss on its sample, and dZ of its output layer, unweighted."""
    cdef Job *c = &self.nets[0]
    cdef const Layer *layer = &c.net.layers[c.net.n_layers - 1]
    cdef EnsembleLayer *work = &self.work[c.net.n_layers - 1]
    cdef size lane, j, n = layer.n_out
    cdef real slope = <real>layer.slope
    cdef real z[TINY_WIDTH + 16]
    cdef real a[TINY_WIDTH + 16]
    cdef real d[TINY_WIDTH + 16]
    cdef real *D
    if (c.run.loss == HALF_SQUARED_ERROR and c.y != NULL and c.run.label_smoothing == 0
            and layer.activation != SOFTMAX):
        # not merged with `sample_loss`: the same bits, of all nets at once
        activation_forward(layer.activation, slope, work.Z, work.A, n * LANES)
        for j in range(n):
            D = work.D + j * LANES
            (<vec *>D)[0] = (<const vec *>(work.A + j * LANES))[0] - (<const vec *>(self.Y[half] + j * LANES))[0]
            if j == 0:
                for lane in range(LANES):
                    self.value[lane] = 0.5 * <double>D[lane] * D[lane]
            else:
                for lane in range(LANES):
                    self.value[lane] += double_rounded(0.5 * <double>D[lane] * D[lane])
        if layer.activation != IDENTITY:
            activation_backward(layer.activation, slope, work.Z, work.A, work.D, n * LANES)
        return
    if (c.run.loss == BINARY_CROSS_ENTROPY and c.y != NULL and c.run.label_smoothing == 0
            and (layer.activation == LOGISTIC or layer.activation == IDENTITY)):
        ensemble_logistic_loss(self, self.Y[half], slope if layer.activation == LOGISTIC else ONE)
        return
    for lane in range(self.n_nets):
        if not self.alive[lane]:
            continue
        for j in range(n):
            z[j] = work.Z[j * LANES + lane]
        self.value[lane] = sample_loss(&self.nets[lane], self.row[half][lane], z, a, d)
        for j in range(n):
            work.D[j * LANES + lane] = d[j]


cdef void ensemble_divisors(Ensemble *self, int half) noexcept nogil:
    """What each net's loss is divided by, where samples have weights and losses are averaged."""
    cdef Job *c = &self.nets[0]
    cdef const Run *run
    cdef size lane
    for lane in range(self.n_nets):
        run = self.nets[lane].run
        if self.alive[lane]:
            self.whole[lane] = run.mean_weight if run.mean_weight > 0 else c.sample_weight[self.row[half][lane]]


cdef void ensemble_weigh(Ensemble *self, int half) noexcept nogil:
    """Sample weights: into the losses, dZ, and the scale of each net's gradient."""
    cdef Job *c = &self.nets[0]
    cdef EnsembleLayer *work = &self.work[c.net.n_layers - 1]
    cdef size lane, j, n = c.net.layers[c.net.n_layers - 1].n_out
    cdef double weight
    cdef real factor = <real>c.run.gradient_scale
    if c.sample_weight == NULL:
        for j in range(n):
            (<vec *>(work.D + j * LANES))[0] = (<vec *>(work.D + j * LANES))[0] * factor
        for lane in range(LANES):
            self.value[lane] = self.value[lane] * c.run.loss_scale + self.norms[lane]
        return
    for lane in range(self.n_nets):
        if not self.alive[lane]:
            continue
        weight = c.sample_weight[self.row[half][lane]]
        factor = <real>(weight * c.run.gradient_scale)
        for j in range(n):
            work.D[j * LANES + lane] = work.D[j * LANES + lane] * factor
        self.value[lane] = weight * self.value[lane] * c.run.loss_scale + self.norms[lane]
        if c.run.average:
            self.scale[lane] = <real>(1 / self.whole[lane]) if self.whole[lane] > 0 else 0
            self.value[lane] = self.value[lane] / self.whole[lane] if self.whole[lane] > 0 else 0


cdef inline vec ensemble_dot(const real *w, const real *D, size n) noexcept nogil:
    """The sum of w[j] D[j], in the order in which `dot` adds a padded row's."""
    cdef vec t[16]
    cdef size j, m = n if n < LANES else LANES
    if n == 1:
        return vec_rounded((<const vec *>w)[0] * (<const vec *>D)[0])
    for j in range(m):
        t[j] = vec_rounded((<const vec *>(w + j * LANES))[0] * (<const vec *>(D + j * LANES))[0])
    for j in range(m, n):
        t[j % LANES] = t[j % LANES] + (<const vec *>(w + j * LANES))[0] * (<const vec *>(D + j * LANES))[0]
    return ensemble_sum(t, m)


cdef inline vec ensemble_step_vec(int64_t optimizer, const Step *s, vec rate, vec w, vec *s0, vec *s1,
                                  vec g) noexcept nogil:
    """`step_vec` with a learning rate for each lane, of weights that have decayed."""
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
    return w - vec_rounded(vec_over_root(rate * s0[0], s1[0], s.epsilon))


cdef inline void ensemble_update(int64_t optimizer, const Step *constants, vec rate, vec keep, vec x, vec l2,
                                 bint by_rows, size at, Ensemble *self, const real *D, size n) noexcept nogil:
    """One step on weights at..at + n: `update_row` with the gradients x D + l2 w, or else `online_vec` with x and D."""
    cdef Step step = constants[0]             # a copy that no store can alias
    cdef size j
    cdef vec *w = <vec *>(self.W + at * LANES)
    cdef vec *s0 = <vec *>(self.S[0] + at * LANES)
    cdef vec *s1 = <vec *>(self.S[1] + at * LANES)
    if by_rows:
        for j in range(n):
            w[j] = ensemble_step_vec(optimizer, &step, rate, w[j] * keep, s0 + j, s1 + j,
                                     x * (<const vec *>D)[j] + l2 * w[j])
        return
    for j in range(n):
        if optimizer == ADAM:
            w[j] = ensemble_step_vec(ADAM, &step, rate, w[j], s0 + j, s1 + j, vec_rounded(x * (<const vec *>D)[j]))
        else:
            w[j] = online_vec(optimizer, &step, w[j], s0 + j, s1 + j, x, (<const vec *>D)[j])


cdef inline void ensemble_backward(int64_t optimizer, Ensemble *self, const Step *step, const real *X) noexcept nogil:
    """Backward through all layers, updating each weight row as it is passed."""
    cdef Job *c = &self.nets[0]
    cdef Py_ssize_t k
    cdef size e, p, n, at
    cdef const Layer *layer
    cdef const Layer *below
    cdef EnsembleLayer *source
    cdef const Edge *edge
    cdef const real *D
    cdef const real *x
    cdef real of_step[16 * TINY_WIDTH]        # D times what is the same for all gradients: `online_factor`
    cdef const real *G
    cdef vec rate = (<const vec *>self.rate)[0], keep = (<const vec *>self.keep)[0]
    cdef vec scale = (<const vec *>self.scale)[0]
    cdef vec factor = scale if optimizer == ADAM else rate * scale
    cdef vec back, l2, once
    cdef real of_lane[16]
    cdef size lane
    cdef bint by_rows
    for k in range(c.net.n_layers - 1, -1, -1):
        layer = &c.net.layers[k]
        D = self.work[k].D
        n = layer.n_out
        by_rows = penalised(layer) or c.run.weight_decay != 0
        l2, once, G = vec_fill(0), scale, D
        if by_rows:
            for lane in range(LANES):
                of_lane[lane] = <real>l2_of(layer, self.whole[lane])
            l2 = (<const vec *>of_lane)[0] * scale
        else:
            for p in range(n):
                (<vec *>of_step)[p] = (<const vec *>D)[p] * factor
            once, G = vec_fill(ONE), of_step
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &c.net.edges[e]
            at = layer.weights + edge.row * n
            if edge.source == INPUT:
                for p in range(0 if layer.frozen else <size>edge.width):
                    ensemble_update(optimizer, step, rate, keep, (<const vec *>X)[p] * once, l2, by_rows,
                                    at + p * n, self, G, n)
                continue
            below = &c.net.layers[edge.source]
            source = &self.work[edge.source]
            for p in range(<size>edge.width):
                back = ensemble_dot(self.W + (at + p * n) * LANES, D, n)
                (<vec *>source.D)[p] = back if edge.is_first else (<vec *>source.D)[p] + back
                if layer.frozen:
                    continue
                ensemble_update(optimizer, step, rate, keep, (<const vec *>source.A)[p] * once, l2, by_rows,
                                at + p * n, self, G, n)
            if edge.is_last:
                activation_backward(below.activation, <real>below.slope, source.Z, source.A, source.D,
                                    below.n_out * LANES)
        if layer.bias >= 0 and not layer.frozen:
            ensemble_update(optimizer, step, rate, keep, once, vec_fill(0), by_rows, layer.bias, self, G, n)


# One function an optimizer, as in online_step.pxi.
cdef void ensemble_sgd(Ensemble *self, const Step *s, const real *X) noexcept nogil:
    ensemble_backward(SGD, self, s, X)

cdef void ensemble_momentum(Ensemble *self, const Step *s, const real *X) noexcept nogil:
    ensemble_backward(MOMENTUM, self, s, X)

cdef void ensemble_nesterov(Ensemble *self, const Step *s, const real *X) noexcept nogil:
    ensemble_backward(NESTEROV, self, s, X)

cdef void ensemble_adam(Ensemble *self, const Step *s, const real *X) noexcept nogil:
    ensemble_backward(ADAM, self, s, X)


cdef void ensemble_step(Ensemble *self, Run *run, int half) noexcept nogil:
    """Every net learns its sample. `run`: of a living net."""
    cdef size lane
    cdef Step step
    if self.nets[0].sample_weight != NULL and run.average:
        ensemble_divisors(self, half)
    if self.penalised:
        ensemble_penalties(self)
    ensemble_forward(self, self.X[half])
    ensemble_loss(self, half)
    ensemble_weigh(self, half)
    begin_step(run, 1, &step)
    if run.optimizer == ADAM:
        for lane in range(LANES):
            self.rate[lane] = adam_rate(self.learning_rate[lane], &step)
    if run.optimizer == SGD:
        ensemble_sgd(self, &step, self.X[half])
    elif run.optimizer == MOMENTUM:
        ensemble_momentum(self, &step, self.X[half])
    elif run.optimizer == NESTEROV:
        ensemble_nesterov(self, &step, self.X[half])
    else:
        ensemble_adam(self, &step, self.X[half])
