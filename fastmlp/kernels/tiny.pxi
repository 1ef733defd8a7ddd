# Tiny nets: samples in vector lanes. A vector of samples at a time goes forward and back through all layers.
# Activations are stored feature by feature, (features, LANES), so that narrow layers fill whole vectors; weights are
# scalars that broadcast. One thread; the parameters are one flat vector in the first-level cache, and the optimizer
# passes over it at once.
#
# A step of the smallest nets is one chain of dependent operations with bookkeeping beside it, and both count. Pointers
# are read into variables: the compiler must take any vector that is stored for part of a struct.

cdef void tiny_gather(Context *c, size start, size m) noexcept nogil:
    """X (vectors, n_features, LANES), Y (vectors, n_outputs, LANES), weights and shares of the step by sample.

    Lanes beyond m are 0.
    """
    cdef size lanes = padded(m), s, j, at, n = c.run.n_features, n_out = c.run.n_outputs
    cdef int64_t row
    cdef double weight = 0
    if m < lanes:
        memset(c.X, 0, n * lanes * sizeof(real))
        memset(c.lane_weight, 0, lanes * sizeof(real))
        if c.Y != NULL:
            memset(c.Y, 0, n_out * lanes * sizeof(real))
    for s in range(m):
        row = c.order[start + s]
        at = s // LANES * LANES
        gather_row(c, row, c.X + at * n + s - at, LANES)
        c.lane_weight[s] = ONE if c.sample_weight == NULL else <real>c.sample_weight[row]
        weight += 1 if c.sample_weight == NULL else c.sample_weight[row]
        if c.Y != NULL:
            for j in range(n_out):
                c.Y[(at * n_out + j * LANES) + s - at] = c.y[row * n_out + j]
    c.batch_weight = c.run.mean_weight * m if c.run.mean_weight > 0 else weight
    weight = c.run.gradient_scale
    if c.run.average:
        weight = weight / c.batch_weight if c.batch_weight > 0 else 0
    for s in range(lanes // LANES):
        (<vec *>c.lane_scale)[s] = <real>weight * (<const vec *>c.lane_weight)[s]
    c.step_holds = False


cdef inline const vec *tiny_source(Context *c, const Edge *edge, const vec *x) noexcept nogil:
    return x if edge.source == INPUT else <const vec *>c.work[edge.source].A


cdef inline void tiny_units(int units, Context *c, const Layer *layer, const LayerWork *work, size o,
                            const vec *x) noexcept nogil:
    """Z, where it is kept, and A of `units` units from o on."""
    cdef vec z[4]
    cdef int u
    cdef size i, n = layer.n_out
    cdef const Edge *edge = c.edges + layer.first_edge
    cdef const Edge *end = edge + layer.n_edges
    cdef const vec *source
    cdef const real *w = c.flat + layer.weights + o     # one edge's rows follow another's
    cdef const real *b = c.flat + layer.bias + o
    cdef vec *Z = <vec *>work.Z
    cdef vec *A = <vec *>work.A + o
    cdef real slope = <real>layer.slope
    for u in range(units):
        z[u] = vec_fill(b[u] if layer.bias >= 0 else 0)
    while edge != end:
        source = tiny_source(c, edge, x)
        for i in range(<size>edge.width):
            for u in range(units):
                z[u] = z[u] + w[u] * source[i]
            w += n
        edge += 1
    if Z != NULL:
        for u in range(units):
            Z[o + u] = z[u]
    # the common ones while z is in registers; tiny_forward sees to the others
    if layer.activation == TANH or layer.activation == LOGISTIC:
        if slope != ONE:
            for u in range(units):
                z[u] = slope * z[u]
        if layer.activation == TANH:
            for u in range(units):
                z[u] = vec_activate(TANH, ONE, z[u])
        else:
            for u in range(units):
                z[u] = vec_activate(LOGISTIC, ONE, z[u])
    elif layer.activation == RELU:
        for u in range(units):
            z[u] = vec_activate(RELU, slope, z[u])
    for u in range(units):
        A[u] = z[u]


cdef void tiny_forward(Context *c, const vec *x) noexcept nogil:
    """x (n_features,) vectors."""
    cdef size o, n
    cdef const Layer *layer = c.layers
    cdef const Layer *end = layer + c.n_layers
    cdef const LayerWork *work = c.work
    while layer != end:
        n = layer.n_out
        o = 0
        while o + 4 <= n:
            tiny_units(4, c, layer, work, o, x)
            o += 4
        if n & 2:
            tiny_units(2, c, layer, work, o, x)
            o += 2
        if n & 1:
            tiny_units(1, c, layer, work, o, x)
        if layer.activation > RELU and layer.activation != SOFTMAX:
            activation_forward(layer.activation, <real>layer.slope, work.A, work.A, n * LANES)
        layer += 1
        work += 1


cdef vec tiny_squared_error(Context *c, size v) noexcept nogil:
    """dZ of the output layer for half the squared error, vector v of samples; the weighted squares."""
    cdef const Layer *layer = &c.layers[c.n_layers - 1]
    cdef const LayerWork *work = &c.work[c.n_layers - 1]
    cdef size o, n = layer.n_out
    cdef const vec *A = <const vec *>work.A
    cdef const vec *Y = <const vec *>c.Y + v * n
    cdef vec *D = <vec *>work.D
    cdef vec weight = (<const vec *>c.lane_weight)[v], scale = (<const vec *>c.lane_scale)[v]
    cdef vec a, e, squares = vec_fill(0)
    cdef real slope = <real>layer.slope
    if layer.activation == TANH or layer.activation == LOGISTIC:
        scale = slope * scale
    for o in range(n):
        a = A[o]
        e = a - Y[o]
        squares = squares + weight * e * e
        e = scale * e
        if layer.activation == TANH:
            e = e * vec_derivative(TANH, ONE, a, a)
        elif layer.activation == LOGISTIC:
            e = e * vec_derivative(LOGISTIC, ONE, a, a)
        D[o] = e
    if layer.activation > TANH:
        activation_backward(layer.activation, slope, work.Z, work.A, work.D, n * LANES)
    return squares


cdef double tiny_sample_losses(Context *c, size start, size m, size v) noexcept nogil:
    """dZ of the output layer for the m samples of vector v, from `start` on; the weighted sum of losses."""
    cdef LayerWork *work = &c.work[c.n_layers - 1]
    cdef const real *weight = c.lane_weight + v * LANES
    cdef const real *scale = c.lane_scale + v * LANES
    cdef size s, o, n = c.layers[c.n_layers - 1].n_out
    cdef double total = 0
    cdef real z[TINY_WIDTH]
    cdef real a[TINY_WIDTH]
    cdef real d[TINY_WIDTH]
    if m < LANES:
        memset(work.D, 0, n * LANES * sizeof(real))
    for s in range(m):
        for o in range(n):
            z[o] = work.Z[o * LANES + s]
        total += weight[s] * sample_loss(c, c.order[start + s], z, a, d)
        for o in range(n):
            work.D[o * LANES + s] = d[o] * scale[s]
    return total


cdef inline void tiny_edge_backward(int units, bint add, const vec *D, const Edge *edge, const Layer *below,
                                    const LayerWork *source, const real *w, vec *products, size o,
                                    size n) noexcept nogil:
    """An edge's products with `units` units from o on, and what these add to the loss's gradient at its source.

    The last units of the source's last edge to be met take f' in.
    """
    cdef size i
    cdef int u
    cdef bint opens = edge.opens and o == 0
    cdef int64_t activation = below.activation if edge.closes and o + units == n else IDENTITY
    cdef const vec *A = <const vec *>source.A
    cdef vec *d = <vec *>source.D
    cdef vec a, total
    cdef real slope = <real>below.slope
    for i in range(<size>edge.width):
        a = A[i]
        total = vec_fill(0) if opens else d[i]
        for u in range(units):
            total = total + w[u] * D[u]
            products[u] = products[u] + a * D[u] if add else a * D[u]
        # the common ones while dA is in registers
        if activation == TANH:
            total = total * vec_derivative(TANH, slope, a, a)
        elif activation == LOGISTIC:
            total = total * vec_derivative(LOGISTIC, slope, a, a)
        elif activation == RELU:
            total = total * vec_derivative(RELU, slope, a, a)
        d[i] = total
        w += n
        products += n
    if activation > RELU:
        activation_backward(activation, slope, source.Z, source.A, source.D, below.n_out * LANES)


cdef inline void tiny_units_backward(int units, bint add, Context *c, const Layer *layer, const vec *D_all, size o,
                                     const vec *x) noexcept nogil:
    """Products of `units` units from o on with all they read, and what these add to the gradients below."""
    cdef vec D[4]
    cdef int u
    cdef size e, i, at, n = layer.n_out
    cdef const Edge *edge = c.edges + layer.first_edge + layer.n_edges
    cdef vec *products
    for u in range(units):
        D[u] = D_all[o + u]
    for e in range(<size>layer.n_edges):
        edge -= 1
        at = layer.weights + edge.row * n + o
        products = c.products + at
        if edge.source != INPUT:
            tiny_edge_backward(units, add, D, edge, &c.layers[edge.source], &c.work[edge.source], c.flat + at,
                               products, o, n)
            continue
        for i in range(<size>edge.width):
            for u in range(units):
                products[u] = products[u] + x[i] * D[u] if add else x[i] * D[u]
            products += n
    if layer.bias >= 0:
        products = c.products + layer.bias + o
        for u in range(units):
            products[u] = products[u] + D[u] if add else D[u]


cdef inline void tiny_backward(bint add, Context *c, const vec *x) noexcept nogil:
    """dZ of the layers below, and the products that the gradient is the sum of; `add`: to those of other samples."""
    cdef size o, n
    cdef const Layer *layer = c.layers + c.n_layers
    cdef const LayerWork *work = c.work + c.n_layers
    cdef const vec *D
    while layer != c.layers:
        layer -= 1
        work -= 1
        D = <const vec *>work.D
        n = layer.n_out
        o = 0
        while o + 4 <= n:
            tiny_units_backward(4, add, c, layer, D, o, x)
            o += 4
        if n & 2:
            tiny_units_backward(2, add, c, layer, D, o, x)
            o += 2
        if n & 1:
            tiny_units_backward(1, add, c, layer, D, o, x)


cdef void tiny_backward_first(Context *c, const vec *x) noexcept nogil:
    tiny_backward(False, c, x)


cdef void tiny_backward_more(Context *c, const vec *x) noexcept nogil:
    tiny_backward(True, c, x)


cdef inline void tiny_update_loop(int64_t optimizer, Context *c, Step *s) noexcept nogil:
    cdef size i
    cdef vec *w = <vec *>c.flat
    cdef vec *s0 = <vec *>c.flat_state[0]
    cdef vec *s1 = <vec *>c.flat_state[1]
    cdef vec *s2 = <vec *>c.flat_state[2]
    cdef const vec *products = c.products
    cdef const vec *l2 = <const vec *>c.flat_l2
    cdef vec g
    for i in range(padded(c.n_params) // LANES):
        g = vec_lane_sums(products + i * LANES)
        if l2 != NULL:
            g = g + (s.scale * l2[i]) * w[i]
        if optimizer == RPROP:
            (<vec *>c.flat_gradient)[i] = g
        else:
            w[i] = step_vec(optimizer, s, w[i], s0 + i, s1 + i, s2 + i, g)


cdef void tiny_update(Context *c, Step *s) noexcept nogil:
    """Sum the products over samples and take the optimizer's step."""
    if s.optimizer == SGD:
        tiny_update_loop(SGD, c, s)
    elif s.optimizer == MOMENTUM:
        tiny_update_loop(MOMENTUM, c, s)
    elif s.optimizer == NESTEROV:
        tiny_update_loop(NESTEROV, c, s)
    elif s.optimizer == ADAM:
        tiny_update_loop(ADAM, c, s)
    elif s.optimizer == AMSGRAD:
        tiny_update_loop(AMSGRAD, c, s)
    elif s.optimizer == ADAGRAD:
        tiny_update_loop(ADAGRAD, c, s)
    elif s.optimizer == RMSPROP:
        tiny_update_loop(RMSPROP, c, s)
    elif s.optimizer == RPROP:
        tiny_update_loop(RPROP, c, s)
        rprop_loop(s, c.flat, c.flat_state[0], c.flat_state[1], c.flat_gradient, padded(c.n_params))


cdef double tiny_penalty(Context *c) noexcept nogil:
    """l2 / 2 times the sum of squares, over all layers."""
    cdef double total = 0
    cdef size i
    for i in range(c.n_params):
        total += <double>c.flat_l2[i] * c.flat[i] * c.flat[i]
    return 0.5 * total


cdef double tiny_step(Context *c, size start, size m, bint gather) noexcept nogil:
    """One optimizer step on samples start..start + m of the epoch's order; return the batch's loss."""
    cdef size v, left, n_features = c.run.n_features
    cdef const vec *x = <const vec *>c.X
    cdef vec squares = vec_fill(0)
    cdef double loss = 0
    if gather:
        tiny_gather(c, start, m)
    for v in range(padded(m) // LANES):
        tiny_forward(c, x)
        if c.Y != NULL:
            squares = squares + tiny_squared_error(c, v)
        else:
            left = m - v * LANES
            loss += tiny_sample_losses(c, start + v * LANES, left if left < LANES else LANES, v)
        if v == 0:
            tiny_backward_first(c, x)
        else:
            tiny_backward_more(c, x)
        x += n_features
    if c.Y != NULL:
        loss = 0.5 * vec_sum(squares)
    if not isfinite(loss):
        return loss
    loss *= c.run.loss_scale
    if c.flat_l2 != NULL:
        loss += tiny_penalty(c)
    if not c.step_holds:
        begin_step(c.run, c.batch_weight if c.run.average else 1, &c.step)
        c.step_holds = c.step.optimizer not in (ADAM, AMSGRAD, RPROP)     # whose steps are counted
    tiny_update(c, &c.step)
    if c.run.average:
        return loss / c.batch_weight if c.batch_weight > 0 else 0
    return loss
