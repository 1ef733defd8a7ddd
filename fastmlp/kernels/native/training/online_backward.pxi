# The way back of a step of online learning. Each weight row is met once: it serves the backward product and is updated
# at once. First-layer rows whose input is 0 are online_lazy.pxi's.

cdef inline void update_row(int64_t optimizer, const Step *s, real *w, real *s0, real *s1, real x, const real *d,
                            real l2, size n) noexcept nogil:
    """One step on a weight row with the gradient x d + l2 w (x and l2 already divided by the weight)."""
    cdef size j
    cdef vec g
    for j in range(n // LANES):
        g = x * (<const vec *>d)[j] + l2 * (<vec *>w)[j]
        (<vec *>w)[j] = step_vec(optimizer, s, (<vec *>w)[j], <vec *>s0 + j, <vec *>s1 + j, <vec *>s1 + j, g)


cdef inline bint moves_by_rows(const Online *self, const Layer *layer) noexcept nogil:
    """Whether what a row of a layer moves by depends on its weights."""
    return penalised(layer) or self.job.run.weight_decay != 0


cdef inline vec *moved_row(int64_t optimizer, int vecs, const Step *step, real *w, real *s0, real *s1, size at, real x,
                           const vec *dz, vec *moved) noexcept nogil:
    """What one step makes of the weights from number `at` on, which are not written yet; where they are."""
    cdef int j
    cdef vec x_i = vec_fill(x)
    for j in range(vecs):
        moved[j] = online_vec(optimizer, step, (<vec *>(w + at))[j], <vec *>(s0 + at) + j, <vec *>(s1 + at) + j, x_i,
                              dz[j])
    return <vec *>(w + at)


cdef inline void update_panel(int64_t optimizer, int vecs, bint listed, const Step *constants, real *w, real *s0,
                              real *s1, size ld, const real *x, const int32_t *index, size m,
                              const real *d) noexcept nogil:
    """One step on the m listed rows, or, not listed, on the first m, `vecs` vectors wide; d in registers."""
    cdef Step step = own_step(constants, False)
    cdef vec dz[8]
    cdef vec moved[8]
    cdef vec *rows[2]
    cdef int j, u, ways = 2 if vecs <= 4 and optimizer == SGD else 1
    cdef size i = 0
    for j in range(vecs):
        dz[j] = vec_rounded((<const vec *>(d + j * LANES))[0] * online_factor(optimizer, &step))
    while i + ways <= m:
        for u in range(ways):                 # all loads before the stores, which might alias them
            rows[u] = moved_row(optimizer, vecs, &step, w, s0, s1, (<size>index[i + u] if listed else i + u) * ld,
                                x[i + u], dz, moved + u * vecs)
        for u in range(ways):
            for j in range(vecs):
                rows[u][j] = moved[u * vecs + j]
        i += ways
    if i < m:
        rows[0] = moved_row(optimizer, vecs, &step, w, s0, s1, (<size>index[i] if listed else i) * ld, x[i], dz, moved)
        for j in range(vecs):
            rows[0][j] = moved[j]


cdef inline void update_late_panel(int64_t optimizer, int vecs, const Online *self, const Step *constants, real *w,
                                   real *s0, real *s1, size ld, int64_t *row_step, bint whole,
                                   const real *d) noexcept nogil:
    """The same on the listed rows, which have waited: the steps they have missed and this one at once.

    Momentum: without gradient, k steps make w + drift_of(k) v of w, and fade_of(k) v of its velocity v. Of Adam's rows
    the weights are up to date; dz is times rest_1, and root_dz times the root of rest_2, once for all rows.

    whole : whether rows end here, so that they are up to date
    """
    cdef Step step = constants[0]
    cdef vec dz[4]
    cdef vec root_dz[4]
    cdef vec x_i, g, m, v
    cdef int j
    cdef size i, at
    cdef int64_t k, last = self.job.run.step + 1
    cdef vec *row
    cdef vec *moment
    cdef vec *second
    cdef const real *x = self.now.value
    cdef const int32_t *index = self.now.index
    cdef real fade, fade_2, drift, ahead = ONE + step.momentum if optimizer == NESTEROV else ONE
    cdef real root_rest = <real>c_sqrt(1 - self.job.run.beta_2)
    for j in range(vecs):
        dz[j] = vec_rounded((<const vec *>(d + j * LANES))[0] * online_factor(optimizer, &step))
        if optimizer == ADAM:
            root_dz[j] = dz[j] * root_rest
            dz[j] = dz[j] * step.rest_1
    for i in range(self.now.m):
        at = <size>index[i] * ld
        k = steps_missed(self, row_step[index[i]]) + 1
        if whole:
            row_step[index[i]] = last
        row, moment = <vec *>(w + at), <vec *>(s0 + at)
        x_i = vec_fill(x[i])
        if optimizer == ADAM:
            fade, fade_2 = fade_of(self, k), fade_2_of(self, k)
            second = <vec *>(s1 + at)
            for j in range(vecs):
                g = x_i * root_dz[j]
                m = fade * moment[j] + x_i * dz[j]
                v = fade_2 * second[j] + g * g
                moment[j] = m
                second[j] = v
                row[j] = row[j] - vec_over_root(step.rate * m, v, step.epsilon)
            continue
        fade, drift = fade_of(self, k), drift_of(self, k)
        for j in range(vecs):
            v = moment[j]
            g = x_i * dz[j]
            moment[j] = fade * v - g
            row[j] = row[j] + drift * v - g * ahead


cdef inline void update_late(int64_t optimizer, const Online *self, const Step *step, const LayerWork *work, size row,
                             int64_t *row_step) noexcept nogil:
    """The listed rows of a layer that begin with number `row`; of narrow layers with distances the compiler knows."""
    cdef size j = 0, i, ld = work.ld, at = row * ld
    cdef real *w = work.W + at
    cdef real *s0 = work.S[0] + at
    cdef real *s1 = work.S[1] + at
    if ld == 4 * LANES:
        update_late_panel(optimizer, 4, self, step, w, s0, s1, 4 * LANES, row_step, True, work.D)
        return
    if ld == 2 * LANES:
        update_late_panel(optimizer, 2, self, step, w, s0, s1, 2 * LANES, row_step, True, work.D)
        return
    while ld - j >= 4 * LANES:
        update_late_panel(optimizer, 4, self, step, w + j, s0 + j, s1 + j, ld, row_step, False, work.D + j)
        j += 4 * LANES
    while ld - j >= LANES:
        update_late_panel(optimizer, 1, self, step, w + j, s0 + j, s1 + j, ld, row_step, False, work.D + j)
        j += LANES
    for i in range(self.now.m):
        row_step[self.now.index[i]] = self.job.run.step + 1


cdef inline void update_rows(int64_t optimizer, const Step *step, real *w, real *s0, real *s1, size ld,
                             const real *x, const int32_t *index, size m, const real *d) noexcept nogil:
    """One step on the listed rows (index NULL: on the first m) with the gradients x[i] d / weight."""
    cdef size j = 0
    while ld - j >= 8 * LANES:
        update_panel(optimizer, 8, index != NULL, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 8 * LANES
    if ld - j >= 4 * LANES:
        update_panel(optimizer, 4, index != NULL, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 4 * LANES
    if ld - j == 3 * LANES:
        update_panel(optimizer, 3, index != NULL, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        return
    if ld - j >= 2 * LANES:
        update_panel(optimizer, 2, index != NULL, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)
        j += 2 * LANES
    if ld - j >= LANES:
        update_panel(optimizer, 1, index != NULL, step, w + j, s0 + j, s1 + j, ld, x, index, m, d + j)


cdef inline void update_narrow(int64_t optimizer, const Step *step, LayerWork *work, const real *x,
                               const int32_t *index, size m) noexcept nogil:
    """`update_rows` of a narrow layer's first rows, listed ones, with distances the compiler knows."""
    if work.ld == LANES:
        update_panel(optimizer, 1, True, step, work.W, work.S[0], work.S[1], LANES, x, index, m, work.D)
    elif work.ld == 2 * LANES:
        update_panel(optimizer, 2, True, step, work.W, work.S[0], work.S[1], 2 * LANES, x, index, m, work.D)
    elif work.ld == 3 * LANES:
        update_panel(optimizer, 3, True, step, work.W, work.S[0], work.S[1], 3 * LANES, x, index, m, work.D)
    else:
        update_panel(optimizer, 4, True, step, work.W, work.S[0], work.S[1], 4 * LANES, x, index, m, work.D)


cdef inline void descend_panel(int vecs, const Step *step, real *w, const real *x, const int32_t *index, size m,
                               const real *d) noexcept nogil:
    """`update_panel` of plain gradient descent on a list that `pad_list` has filled up.

    It is bound by loads and stores: FEW inputs are one load, and each vector is stored before the next one is loaded.
    """
    cdef vec dz[NARROW_VECS]
    cdef vec few, x_i
    cdef vec *row
    cdef int j, u
    cdef size i = 0
    cdef real factor = online_factor(SGD, step)
    for j in range(vecs):
        dz[j] = vec_rounded((<const vec *>d)[j] * factor)
    while i < m:
        few = vec_repeat(x + i)
        for u in range(FEW):
            x_i = vec_spread(few, u)
            row = <vec *>(w + <size>index[i + u] * (vecs * LANES))
            for j in range(vecs):
                row[j] = row[j] - x_i * dz[j]
        i += FEW


cdef inline void descend_narrow(const Step *step, LayerWork *work, const real *x, const int32_t *index,
                                size m) noexcept nogil:
    """The same on a narrow layer's first rows, with distances the compiler knows."""
    if work.ld == LANES:
        descend_panel(1, step, work.W, x, index, m, work.D)
    elif work.ld == 2 * LANES:
        descend_panel(2, step, work.W, x, index, m, work.D)
    elif work.ld == 3 * LANES:
        descend_panel(3, step, work.W, x, index, m, work.D)
    else:
        descend_panel(4, step, work.W, x, index, m, work.D)


cdef inline real dot(const real *a, const real *b, size n) noexcept nogil:
    """Sum of a[j] b[j], whole vectors."""
    cdef size j
    cdef vec total = vec_fill(0)
    for j in range(n // LANES):
        total = total + (<const vec *>a)[j] * (<const vec *>b)[j]
    return vec_sum(total)


cdef inline void update_input_rows(int64_t optimizer, Online *self, Step *step, size k, const Edge *edge,
                                   const real *d) noexcept nogil:
    """Update the rows that the input meets in layer k."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &self.work[k]
    cdef size i, p, ld = work.ld, m = self.now.m
    cdef real l2 = <real>l2_of(layer, step.whole) * step.scale
    cdef int64_t *row_step = self.row_step + k * self.job.run.n_features
    cdef real *w = work.W + edge.row * ld
    cdef real *s0 = work.S[0] + edge.row * ld
    cdef real *s1 = work.S[1] + edge.row * ld
    cdef const real *x = self.now.value
    cdef const int32_t *index = self.now.index
    if skips_zero_inputs(self, layer):
        if drifting(optimizer) or (optimizer == ADAM and self.narrow[k]):
            update_late(optimizer, self, step, work, edge.row, row_step)
            return
        if optimizer == ADAM:                 # which are up to date, as the product has had to have them
            for i in range(m):
                row_step[index[i]] = self.job.run.step + 1
        if self.narrow[k] and optimizer == SGD and FEW > 1:
            descend_narrow(step, work, x, index, m)
        elif self.narrow[k]:
            update_narrow(optimizer, step, work, x, index, m)
        else:
            update_rows(optimizer, step, w, s0, s1, ld, x, index, m, d)
        return
    if index != NULL:                         # dense: the listed values, scattered
        for i in range(m):
            self.X[index[i]] = x[i]
        x = self.X
    if moves_by_rows(self, layer):
        for p in range(<size>edge.width):
            update_row(optimizer, step, w + p * ld, s0 + p * ld, s1 + p * ld, x[p] * step.scale, d, l2, ld)
    else:
        update_rows(optimizer, step, w, s0, s1, ld, x, NULL, edge.width, d)
    if index != NULL:
        for i in range(m):
            self.X[index[i]] = 0


cdef inline vec back_row(int64_t optimizer, int vecs, Step *step, vec *row, vec *s0, vec *s1, real a, const vec *dz,
                         const vec *of_step) noexcept nogil:
    """The products of a weight row with dZ, whose lanes are yet to be added, and the row's step."""
    cdef vec total = vec_rounded(row[0] * dz[0]), source = vec_fill(a)
    cdef int j
    for j in range(1, vecs):
        total = total + row[j] * dz[j]
    for j in range(vecs):
        row[j] = online_vec(optimizer, step, row[j], s0 + j, s1 + j, source, of_step[j])
    return total


cdef inline void backward_panel(int64_t optimizer, int vecs, const Step *constants, LayerWork *work, const Layer *below,
                                LayerWork *source) noexcept nogil:
    """Backward through a narrow layer, `vecs` vectors wide, whose inputs are all of one layer's outputs."""
    cdef Step step = own_step(constants, False)
    cdef vec dz[NARROW_VECS]
    cdef vec of_step[NARROW_VECS]
    cdef vec t[16]
    cdef vec back, a
    cdef vec *row = <vec *>work.W
    cdef vec *s0 = <vec *>work.S[0]
    cdef vec *s1 = <vec *>work.S[1]
    cdef const real *outputs = source.A
    cdef int j, i
    cdef size p = 0, n = below.n_out
    cdef int64_t code = below.activation
    cdef real slope = <real>below.slope
    for j in range(vecs):
        dz[j] = (<const vec *>work.D)[j]
        of_step[j] = vec_rounded(dz[j] * online_factor(optimizer, &step))
    while p < n:
        if n - p >= LANES:                    # as many turns as the compiler knows: t stays in registers
            for i in range(LANES):
                t[i] = back_row(optimizer, vecs, &step, row + i * vecs, s0 + i * vecs, s1 + i * vecs, outputs[p + i],
                                dz, of_step)
        else:
            for i in range(LANES):
                t[i] = vec_fill(0)
            for i in range(<int>(n - p)):
                t[i] = back_row(optimizer, vecs, &step, row + i * vecs, s0 + i * vecs, s1 + i * vecs, outputs[p + i],
                                dz, of_step)
        back = vec_lane_sums(t)
        a = (<const vec *>(source.A + p))[0]
        if code == LOGISTIC:
            back = back * vec_derivative(LOGISTIC, slope, a, a)
        elif code == TANH:
            back = back * vec_derivative(TANH, slope, a, a)
        elif code == RELU:
            back = back * vec_derivative(RELU, slope, a, a)
        (<vec *>(source.D + p))[0] = back
        row, s0, s1 = row + LANES * vecs, s0 + LANES * vecs, s1 + LANES * vecs
        p += LANES
    if code != LOGISTIC and code != TANH and code != RELU:
        activation_backward(code, slope, source.Z, source.A, source.D, source.ld)


cdef inline void backward_narrow(int64_t optimizer, const Step *step, LayerWork *work, const Layer *below,
                                 LayerWork *source) noexcept nogil:
    if work.ld == LANES:
        backward_panel(optimizer, 1, step, work, below, source)
    elif work.ld == 2 * LANES:
        backward_panel(optimizer, 2, step, work, below, source)
    elif work.ld == 3 * LANES:
        backward_panel(optimizer, 3, step, work, below, source)
    else:
        backward_panel(optimizer, 4, step, work, below, source)


cdef inline void backward_wide(int64_t optimizer, Online *self, Step *step, size k, const Edge *edge) noexcept nogil:
    """Backward through any layer to one of its sources, a row at a time."""
    cdef const Layer *layer = &self.job.net.layers[k]
    cdef LayerWork *work = &self.work[k]
    cdef const Layer *below = &self.job.net.layers[edge.source]
    cdef LayerWork *source = &self.work[edge.source]
    cdef size p, ld = work.ld, at
    cdef real back, l2 = <real>l2_of(layer, step.whole) * step.scale
    cdef bint by_rows = moves_by_rows(self, layer)
    for p in range(<size>edge.width):
        at = (edge.row + p) * ld
        back = dot(work.W + at, work.D, ld)
        source.D[p] = back if edge.is_first else source.D[p] + back
        if layer.frozen:
            continue
        if by_rows:
            update_row(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, source.A[p] * step.scale, work.D,
                       l2, ld)
        else:
            update_rows(optimizer, step, work.W + at, work.S[0] + at, work.S[1] + at, ld, source.A + p, NULL, 1,
                        work.D)
    if edge.is_last:
        activation_backward(below.activation, <real>below.slope, source.Z, source.A, source.D, below.n_out)
        for p in range(<size>below.n_out, source.ld):
            source.D[p] = 0


cdef inline void backward_layers(int64_t optimizer, Online *self, const Step *constants) noexcept nogil:
    """Backward through all layers, updating each weight row as it is passed."""
    cdef Py_ssize_t k
    cdef size e
    cdef const Layer *layer
    cdef LayerWork *work
    cdef const Edge *edge
    cdef Step copied = constants[0]
    cdef Step *step = &copied
    cdef real one = 1
    for k in range(self.job.net.n_layers - 1, -1, -1):
        layer = &self.job.net.layers[k]
        work = &self.work[k]
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &self.job.net.edges[e]
            if edge.source == INPUT:
                if not layer.frozen:
                    update_input_rows(optimizer, self, step, k, edge, work.D)
            elif self.narrow[k]:
                backward_narrow(optimizer, step, work, &self.job.net.layers[edge.source], &self.work[edge.source])
            else:
                backward_wide(optimizer, self, step, k, edge)
        if layer.bias < 0 or layer.frozen:
            continue
        e = layer.n_in * work.ld
        if moves_by_rows(self, layer):
            update_row(optimizer, step, work.W + e, work.S[0] + e, work.S[1] + e, step.scale, work.D, 0, work.ld)
        else:
            update_rows(optimizer, step, work.W + e, work.S[0] + e, work.S[1] + e, work.ld, &one, NULL, 1, work.D)


# One function an optimizer: inlined all together they would run out of registers.
cdef void backward_sgd(Online *self, Step *s) noexcept nogil:
    backward_layers(SGD, self, s)

cdef void backward_momentum(Online *self, Step *s) noexcept nogil:
    backward_layers(MOMENTUM, self, s)

cdef void backward_nesterov(Online *self, Step *s) noexcept nogil:
    backward_layers(NESTEROV, self, s)

cdef void backward_adam(Online *self, Step *s) noexcept nogil:
    backward_layers(ADAM, self, s)
