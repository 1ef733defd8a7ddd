# Tiny nets: samples in vector lanes. Activations are stored feature by feature, (features, lanes of
# samples), so that narrow layers fill whole vectors; weights are scalars that broadcast. One thread; the
# parameters are one flat vector in the first-level cache, and the optimizer passes over it at once.

cdef void tiny_gather(Context *c, size start, size m, size lanes) noexcept nogil:
    """X (n_features, lanes), Y (n_outputs, lanes) and sample weights by lane; lanes beyond m are 0."""
    cdef size s, j, n = c.run.n_features, n_out = c.run.n_outputs
    cdef int64_t row
    if m < lanes:
        memset(c.X, 0, n * lanes * sizeof(real))
        memset(c.lane_weight, 0, lanes * sizeof(real))
        if c.Y != NULL:
            memset(c.Y, 0, n_out * lanes * sizeof(real))
    c.lane_weight_sum = 0
    for s in range(m):
        row = c.order[start + s]
        gather_row(c, row, c.X + s, lanes)
        c.lane_weight[s] = ONE if c.sample_weight == NULL else <real>c.sample_weight[row]
        c.lane_weight_sum += 1 if c.sample_weight == NULL else c.sample_weight[row]
        if c.Y != NULL:
            for j in range(n_out):
                c.Y[j * lanes + s] = c.y[row * n_out + j]


cdef inline const real *tiny_source(Context *c, Edge *edge) noexcept nogil:
    return c.X if edge.source == INPUT else c.work[edge.source].A


cdef inline void tiny_units(int units, Context *c, Layer *layer, size o, size v, size lanes, real *Z,
                            real *A) noexcept nogil:
    """Z and A of `units` units from o on, for one vector of samples. Z may be NULL."""
    cdef vec z[4]
    cdef vec a
    cdef int u
    cdef size e, i, n = layer.n_out
    cdef Edge *edge
    cdef const real *x
    cdef const real *w
    cdef real slope = <real>layer.slope
    for u in range(units):
        z[u] = vec_fill(c.flat[layer.bias + o + u] if layer.bias >= 0 else 0)
    for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
        edge = &c.edges[e]
        x = tiny_source(c, edge) + v
        w = c.flat + layer.weights + edge.row * n + o
        for i in range(<size>edge.width):
            a = (<const vec *>x)[0]
            for u in range(units):
                z[u] = z[u] + w[u] * a
            x += lanes
            w += n
    if Z != NULL:
        for u in range(units):
            (<vec *>(Z + (o + u) * lanes + v))[0] = z[u]
    # the common ones while z is in registers; tiny_forward sees to the others
    if layer.activation == TANH:
        for u in range(units):
            z[u] = vec_activate(TANH, slope, z[u])
    elif layer.activation == LOGISTIC:
        for u in range(units):
            z[u] = vec_activate(LOGISTIC, slope, z[u])
    elif layer.activation == RELU:
        for u in range(units):
            z[u] = vec_activate(RELU, slope, z[u])
    for u in range(units):
        (<vec *>(A + (o + u) * lanes + v))[0] = z[u]


cdef inline void tiny_forward(Context *c, size lanes) noexcept nogil:
    cdef size k, o, v, n
    cdef Layer *layer
    cdef LayerWork *work
    for k in range(c.n_layers):
        layer = &c.layers[k]
        work = &c.work[k]
        n = layer.n_out
        v = 0
        while v < lanes:
            o = 0
            while o + 4 <= n:
                tiny_units(4, c, layer, o, v, lanes, work.Z, work.A)
                o += 4
            while o + 2 <= n:
                tiny_units(2, c, layer, o, v, lanes, work.Z, work.A)
                o += 2
            if o < n:
                tiny_units(1, c, layer, o, v, lanes, work.Z, work.A)
            v += LANES
        if layer.activation > RELU and layer.activation != SOFTMAX:
            activation_forward(layer.activation, <real>layer.slope, work.A, work.A, n * lanes)


cdef void tiny_forward_one(Context *c) noexcept nogil:
    tiny_forward(c, LANES)


cdef void tiny_forward_many(Context *c, size lanes) noexcept nogil:
    tiny_forward(c, lanes)


cdef double tiny_squared_error(Context *c, size lanes) noexcept nogil:
    """dZ of the output layer for half the squared error; the weighted sum of losses."""
    cdef Layer *layer = &c.layers[c.n_layers - 1]
    cdef LayerWork *work = &c.work[c.n_layers - 1]
    cdef size i, v, n = layer.n_out
    cdef vec a, d, w, squares = vec_fill(0)
    cdef real slope = <real>layer.slope
    cdef real scale = <real>c.run.gradient_scale
    for i in range(n):
        v = 0
        while v < lanes:
            w = (<const vec *>(c.lane_weight + v))[0]
            a = (<const vec *>(work.A + i * lanes + v))[0]
            d = a - (<const vec *>(c.Y + i * lanes + v))[0]
            squares = squares + w * d * d
            d = scale * w * d
            if layer.activation == TANH:
                d = d * vec_derivative(TANH, slope, a, a)
            elif layer.activation == LOGISTIC:
                d = d * vec_derivative(LOGISTIC, slope, a, a)
            (<vec *>(work.D + i * lanes + v))[0] = d
            v += LANES
    if layer.activation > TANH:
        activation_backward(layer.activation, slope, work.Z, work.A, work.D, n * lanes)
    return 0.5 * vec_sum(squares)


cdef double tiny_loss(Context *c, size start, size m, size lanes) noexcept nogil:
    """dZ of the output layer; the weighted sum of losses."""
    cdef LayerWork *work = &c.work[c.n_layers - 1]
    cdef size s, o, n = c.layers[c.n_layers - 1].n_out
    cdef double total = 0
    cdef real z[TINY_WIDTH]
    cdef real a[TINY_WIDTH]
    cdef real d[TINY_WIDTH]
    cdef real w
    if c.Y != NULL:
        return tiny_squared_error(c, lanes)
    if m < lanes:
        memset(work.D, 0, n * lanes * sizeof(real))
    for s in range(m):
        for o in range(n):
            z[o] = work.Z[o * lanes + s]
        total += c.lane_weight[s] * sample_loss(c, c.order[start + s], z, a, d)
        w = c.lane_weight[s] * <real>c.run.gradient_scale
        for o in range(n):
            work.D[o * lanes + s] = d[o] * w
    return total


cdef inline void tiny_backward(Context *c, size lanes) noexcept nogil:
    """dZ of the layers below, and the flat gradient. `lanes` is a constant where it is inlined for one vector."""
    cdef Py_ssize_t k
    cdef size e, i, o, v, n
    cdef Layer *layer
    cdef Layer *below
    cdef LayerWork *source
    cdef Edge *edge
    cdef const real *w
    cdef const real *x
    cdef const real *D
    cdef real *g
    cdef real *d
    cdef real slope
    cdef vec total
    for k in range(c.n_layers - 1, -1, -1):
        layer = &c.layers[k]
        D = c.work[k].D
        n = layer.n_out
        for e in range(layer.first_edge + layer.n_edges - 1, layer.first_edge - 1, -1):
            edge = &c.edges[e]
            x = tiny_source(c, edge)
            g = c.flat_gradient + layer.weights + edge.row * n
            for i in range(<size>edge.width):
                for o in range(n):
                    total = (<const vec *>x)[0] * (<const vec *>(D + o * lanes))[0]
                    v = LANES
                    while v < lanes:
                        total = total + (<const vec *>(x + v))[0] * (<const vec *>(D + o * lanes + v))[0]
                        v += LANES
                    if lanes == LANES:
                        c.products[g + o - c.flat_gradient] = total
                    else:
                        g[o] = vec_sum(total)
                x += lanes
                g += n
            if edge.source == INPUT:
                continue
            below = &c.layers[edge.source]
            source = &c.work[edge.source]
            slope = <real>below.slope
            w = c.flat + layer.weights + edge.row * n
            d = source.D
            x = source.A
            for i in range(<size>edge.width):
                v = 0
                while v < lanes:
                    total = vec_fill(0)
                    if not edge.opens:
                        total = (<const vec *>(d + v))[0]
                    for o in range(n):
                        total = total + w[o] * (<const vec *>(D + o * lanes + v))[0]
                    if edge.closes:           # the common ones while dA is in registers
                        if below.activation == TANH:
                            total = total * vec_derivative(TANH, slope, total, (<const vec *>(x + v))[0])
                        elif below.activation == LOGISTIC:
                            total = total * vec_derivative(LOGISTIC, slope, total, (<const vec *>(x + v))[0])
                        elif below.activation == RELU:
                            total = total * vec_derivative(RELU, slope, total, (<const vec *>(x + v))[0])
                    (<vec *>(d + v))[0] = total
                    v += LANES
                w += n
                d += lanes
                x += lanes
            if edge.closes and below.activation > RELU:
                activation_backward(below.activation, slope, source.Z, source.A, source.D, below.n_out * lanes)
        if layer.bias >= 0:
            for o in range(n):
                total = (<const vec *>(D + o * lanes))[0]
                v = LANES
                while v < lanes:
                    total = total + (<const vec *>(D + o * lanes + v))[0]
                    v += LANES
                if lanes == LANES:
                    c.products[layer.bias + o] = total
                else:
                    c.flat_gradient[layer.bias + o] = vec_sum(total)
    if lanes == LANES:
        for i in range(padded(c.n_params) // LANES):
            vec_lane_sums(c.products + i * LANES, c.flat_gradient + i * LANES)


cdef void tiny_backward_one(Context *c) noexcept nogil:
    tiny_backward(c, LANES)


cdef void tiny_backward_many(Context *c, size lanes) noexcept nogil:
    tiny_backward(c, lanes)


cdef double tiny_step(Context *c, size start, size m, bint gather) noexcept nogil:
    """One optimizer step on samples start..start + m of the epoch's order; return the batch's loss."""
    cdef size lanes = padded(m), k, i
    cdef Layer *layer
    cdef double loss, weight, norms = 0, square
    cdef Step step
    if gather:
        tiny_gather(c, start, m, lanes)
    weight = c.run.mean_weight * m if c.run.mean_weight > 0 else c.lane_weight_sum
    if lanes == LANES:
        tiny_forward_one(c)
    else:
        tiny_forward_many(c, lanes)
    loss = tiny_loss(c, start, m, lanes)
    if not isfinite(loss):
        return loss
    if lanes == LANES:
        tiny_backward_one(c)
    else:
        tiny_backward_many(c, lanes)
    begin_step(c.run, weight if c.run.average else 1, &step)
    for k in range(c.n_layers):
        layer = &c.layers[k]
        if layer.l2 != 0:
            square = 0
            for i in range(layer.weights, layer.weights + layer.n_in * layer.n_out):
                square += <double>c.flat[i] * c.flat[i]
                c.flat_gradient[i] = c.flat_gradient[i] + <real>layer.l2 * c.flat[i]
            norms += 0.5 * layer.l2 * square
    for i in range(padded(c.n_params) // LANES):
        (<vec *>c.flat_gradient)[i] = (<vec *>c.flat_gradient)[i] * step.scale
    update_flat(&step, c.flat, c.flat_state[0], c.flat_state[1], c.flat_state[2], c.flat_gradient, padded(c.n_params))
    loss = loss * c.run.loss_scale + norms
    if c.run.average:
        return loss / weight if weight > 0 else 0
    return loss
