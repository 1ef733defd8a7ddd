# What a step of tiny.pxi computes. A step of the smallest nets takes some 50 ns: a chain of operations of which each
# waits for the one before, so whatever else there is to do counts. That is why pointers are read into local variables:
# for all that the compiler knows a vector that is stored may overwrite a struct, and it would read them anew.

cdef void tiny_gather(Tiny *self, size start, size m) noexcept nogil:
    """Fill X, Y, weight and scale with m samples; what is left of the last vector becomes 0."""
    cdef size lanes = padded(m), whole = 0, s, j, at, n = self.job.run.n_features, n_out = self.job.run.n_outputs
    cdef int64_t row
    cdef double weight = m
    cdef const Rows *rows = &self.job.rows
    cdef const double *given = self.job.sample_weight
    cdef const int64_t *order = self.job.order + start
    cdef bint plain = has_reals(rows)
    if plain:                                 # vectors that are full
        while whole + LANES <= m:
            gather_lanes(rows.x, rows.row, rows.column, n, <real>rows.scale, order + whole, self.X + whole * n)
            if self.Y != NULL:
                gather_lanes(<const char *>self.job.y, n_out * sizeof(real), sizeof(real), n_out, ONE, order + whole,
                             self.Y + whole * n_out)
            whole += LANES
    if m < lanes:
        at = lanes - LANES
        memset(self.X + at * n, 0, n * LANES * sizeof(real))
        if self.Y != NULL:
            memset(self.Y + at * n_out, 0, n_out * LANES * sizeof(real))
    for s in range(whole, m):
        row = order[s]
        at = s // LANES * LANES
        if plain:
            gather_reals(rows, row, self.X + at * n + s - at, LANES)
        else:
            gather_row(rows, row, self.X + at * n + s - at, LANES)
        if self.Y != NULL:
            for j in range(n_out):
                self.Y[(at * n_out + j * LANES) + s - at] = self.job.y[row * n_out + j]
    if given == NULL and m == self.n_weighed:
        return
    self.n_weighed = m if given == NULL else 0
    memset(self.weight, 0, lanes * sizeof(real))
    if given == NULL:
        for s in range(m):
            self.weight[s] = ONE
    else:
        weight = 0
        for s in range(m):
            row = self.job.order[start + s]
            self.weight[s] = <real>given[row]
            weight += given[row]
    self.batch_weight = self.job.run.mean_weight * m if self.job.run.mean_weight > 0 else weight
    weight = self.job.run.gradient_scale
    if self.job.run.average:
        weight = weight / self.batch_weight if self.batch_weight > 0 else 0
    for s in range(lanes // LANES):
        (<vec *>self.scale)[s] = <real>weight * (<const vec *>self.weight)[s]
    self.step_holds = False


cdef inline void tiny_neurons(int neurons, const TinyLayer *layer, size o, const vec *x, vec *z) noexcept nogil:
    """Z, where it is kept, and A of `neurons` neurons from o on. A stays in z too."""
    cdef int u
    cdef size i, n = layer.n
    cdef const TinyEdge *edge = layer.edges
    cdef const vec *source
    cdef const real *w = edge.w + o                     # one edge's rows follow another's
    cdef vec *Z = layer.Z
    cdef vec *A = layer.A + o
    for u in range(neurons):
        z[u] = vec_fill(layer.bias[o + u] if layer.bias != NULL else 0)
    while edge != layer.end:
        source = edge.A if edge.A != NULL else x
        for i in range(edge.width):
            for u in range(neurons):
                z[u] = z[u] + w[u] * source[i]
            w += n
        edge += 1
    if Z != NULL:
        for u in range(neurons):
            Z[o + u] = z[u]
    # the common functions while z is in registers; tiny_forward sees to the others
    if layer.activation == TANH or layer.activation == LOGISTIC:
        if layer.slope != ONE:
            for u in range(neurons):
                z[u] = layer.slope * z[u]
        if layer.activation == TANH:
            for u in range(neurons):
                z[u] = vec_activate(TANH, ONE, z[u])
        else:
            for u in range(neurons):
                z[u] = vec_activate(LOGISTIC, ONE, z[u])
    elif layer.activation == RELU:
        for u in range(neurons):
            z[u] = vec_activate(RELU, ONE, z[u])
    for u in range(neurons):
        A[u] = z[u]


cdef void tiny_forward(Tiny *self, size n_layers, const vec *x) noexcept nogil:
    """A of the first layers. x (n_features,) vectors."""
    cdef vec a[4]
    cdef size o, n
    cdef const TinyLayer *layer = self.layers
    cdef const TinyLayer *end = layer + n_layers
    while layer != end:
        n = layer.n
        o = 0
        while o + 4 <= n:
            tiny_neurons(4, layer, o, x, a)
            o += 4
        if n & 2:
            tiny_neurons(2, layer, o, x, a)
            o += 2
        if n & 1:
            tiny_neurons(1, layer, o, x, a)
        if layer.activation > RELU and layer.activation != SOFTMAX:
            activation_forward(layer.activation, layer.slope, <real *>layer.A, <real *>layer.A, n * LANES)
        layer += 1


cdef inline vec tiny_square(const TinyLayer *layer, vec a, vec y, vec weight, vec scale, vec *D) noexcept nogil:
    """An output's weighted square; dZ, where f is one of the common ones, else dA."""
    cdef vec e = a - y, d = scale * e
    if layer.activation == TANH:
        d = (layer.slope * scale) * e * vec_derivative(TANH, ONE, a, a)
    elif layer.activation == LOGISTIC:
        d = (layer.slope * scale) * e * vec_derivative(LOGISTIC, ONE, a, a)
    elif layer.activation == RELU:
        d = d * vec_derivative(RELU, ONE, a, a)
    D[0] = d
    return weight * e * e


cdef vec tiny_squared_error(Tiny *self, size v) noexcept nogil:
    """dZ of the output layer for half the squared error, vector v of samples; the weighted squares."""
    cdef const TinyLayer *layer = &self.layers[self.job.net.n_layers - 1]
    cdef size o, n = layer.n
    cdef const vec *Y = <const vec *>self.Y + v * n
    cdef vec weight = (<const vec *>self.weight)[v], scale = (<const vec *>self.scale)[v], squares = vec_fill(0)
    for o in range(n):
        squares = squares + tiny_square(layer, layer.A[o], Y[o], weight, scale, layer.D + o)
    if layer.activation > RELU:
        activation_backward(layer.activation, layer.slope, <real *>layer.Z, <real *>layer.A, <real *>layer.D, n * LANES)
    return squares


cdef double tiny_sample_losses(Tiny *self, size start, size m, size v) noexcept nogil:
    """dZ of the output layer for the m samples of vector v, from `start` on; the weighted sum of losses."""
    cdef const TinyLayer *output = &self.layers[self.job.net.n_layers - 1]
    cdef const real *Z = <const real *>output.Z
    cdef real *D = <real *>output.D
    cdef const real *weight = self.weight + v * LANES
    cdef const real *scale = self.scale + v * LANES
    cdef size s, o, n = output.n
    cdef double total = 0
    cdef real z[TINY_WIDTH]
    cdef real a[TINY_WIDTH]
    cdef real d[TINY_WIDTH]
    if m < LANES:
        memset(D, 0, n * LANES * sizeof(real))
    for s in range(m):
        for o in range(n):
            z[o] = Z[o * LANES + s]
        total += weight[s] * sample_loss(&self.job, self.job.order[start + s], z, a, d)
        for o in range(n):
            D[o * LANES + s] = d[o] * scale[s]
    return total


cdef inline void tiny_edge_backward(int neurons, bint add, const TinyEdge *edge, const vec *D, size o,
                                    size n) noexcept nogil:
    """An edge's products with `neurons` neurons from o on, and what these add to the loss's gradient at its source.

    The last neurons of the source's last edge to be met take f' in.
    """
    cdef size i
    cdef int u
    cdef bint first = edge.is_first and o == 0
    cdef int64_t activation = edge.activation if edge.is_last and o + neurons == n else IDENTITY
    cdef const vec *A = edge.A
    cdef const real *w = edge.w + o
    cdef vec *d = edge.D
    cdef vec *products = edge.products + o
    cdef vec a, total
    cdef real slope = edge.slope
    for i in range(edge.width):
        a = A[i]
        total = vec_fill(0) if first else d[i]
        for u in range(neurons):
            total = total + w[u] * D[u]
            products[u] = products[u] + a * D[u] if add else a * D[u]
        # the common functions while dA is in registers
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
        activation_backward(activation, slope, <real *>edge.Z, <real *>A, <real *>edge.D, edge.width * LANES)


cdef inline void tiny_neurons_backward(int neurons, bint add, const TinyLayer *layer, size o, const vec *D,
                                     const vec *x) noexcept nogil:
    """Products of some neurons from o on, whose dZ is D, with all they read; what these add to the gradients below."""
    cdef int u
    cdef size i, n = layer.n
    cdef const TinyEdge *edge = layer.end
    cdef vec *products
    while edge != layer.edges:
        edge -= 1
        if edge.A != NULL:
            tiny_edge_backward(neurons, add, edge, D, o, n)
            continue
        products = edge.products + o
        for i in range(edge.width):
            for u in range(neurons):
                products[u] = products[u] + x[i] * D[u] if add else x[i] * D[u]
            products += n
    if layer.bias != NULL:
        products = layer.bias_products + o
        for u in range(neurons):
            products[u] = products[u] + D[u] if add else D[u]


cdef inline void tiny_stored_backward(int neurons, bint add, const TinyLayer *layer, size o,
                                      const vec *x) noexcept nogil:
    cdef vec D[4]
    cdef int u
    for u in range(neurons):
        D[u] = layer.D[o + u]
    tiny_neurons_backward(neurons, add, layer, o, D, x)


cdef inline void tiny_backward(bint add, Tiny *self, size n_layers, const vec *x) noexcept nogil:
    """From dZ of the first layers' last, dZ of those below, and all products; `add`: to those of other samples."""
    cdef size o, n
    cdef const TinyLayer *layer = self.layers + n_layers
    while layer != self.layers:
        layer -= 1
        n = layer.n
        o = 0
        while o + 4 <= n:
            tiny_stored_backward(4, add, layer, o, x)
            o += 4
        if n & 2:
            tiny_stored_backward(2, add, layer, o, x)
            o += 2
        if n & 1:
            tiny_stored_backward(1, add, layer, o, x)


cdef void tiny_backward_first(Tiny *self, size n_layers, const vec *x) noexcept nogil:
    tiny_backward(False, self, n_layers, x)


cdef void tiny_backward_more(Tiny *self, size n_layers, const vec *x) noexcept nogil:
    tiny_backward(True, self, n_layers, x)


cdef inline vec tiny_output_neurons(int neurons, Tiny *self, const vec *x, size v) noexcept nogil:
    """The output layer's forward pass, squared error and backward pass, all in registers."""
    cdef vec a[4]
    cdef vec D[4]
    cdef int u
    cdef const TinyLayer *layer = &self.layers[self.job.net.n_layers - 1]
    cdef const vec *Y = <const vec *>self.Y + v * neurons
    cdef vec weight = (<const vec *>self.weight)[v], scale = (<const vec *>self.scale)[v], squares = vec_fill(0)
    tiny_neurons(neurons, layer, 0, x, a)
    for u in range(neurons):
        squares = squares + tiny_square(layer, a[u], Y[u], weight, scale, D + u)
    if v == 0:
        tiny_neurons_backward(neurons, False, layer, 0, D, x)
    else:
        tiny_neurons_backward(neurons, True, layer, 0, D, x)
    return squares


cdef vec tiny_output(Tiny *self, const vec *x, size v) noexcept nogil:
    """The weighted squares of vector v of samples, for an output layer of 1, 2 or 4 neurons and a common activation."""
    cdef size n = self.layers[self.job.net.n_layers - 1].n
    if n == 1:
        return tiny_output_neurons(1, self, x, v)
    if n == 2:
        return tiny_output_neurons(2, self, x, v)
    return tiny_output_neurons(4, self, x, v)


cdef inline void tiny_constants(Tiny *self) noexcept nogil:
    """Make `step` anew where it does not hold any more."""
    if unlikely(not self.step_holds or self.step_rate != self.job.run.learning_rate):
        self.step_rate = self.job.run.learning_rate
        begin_step(self.job.run, self.batch_weight if self.job.run.average else 1, &self.step)
        self.step_holds = self.step.optimizer not in (ADAM, AMSGRAD, RPROP)     # whose steps are counted


cdef inline void tiny_update_loop(int64_t optimizer, Tiny *self, Step *s, bint low) noexcept nogil:
    cdef size i
    cdef vec *w = <vec *>self.params
    cdef vec *s0 = <vec *>self.state[0]
    cdef vec *s1 = <vec *>self.state[1]
    cdef vec *s2 = <vec *>self.state[2]
    cdef const vec *products = self.products
    cdef const vec *l2 = <const vec *>self.l2
    cdef vec g
    for i in range(padded(self.job.net.n_params) // LANES):
        g = vec_lane_sums_low(products + i * LANES) if low else vec_lane_sums(products + i * LANES)
        if l2 != NULL:
            g = g + (s.scale * l2[i]) * w[i]
        if optimizer == RPROP:
            (<vec *>self.gradient)[i] = g
        else:
            w[i] = step_vec(optimizer, s, w[i], s0 + i, s1 + i, s2 + i, g)


cdef void tiny_update(Tiny *self, Step *s, bint low) noexcept nogil:
    """Sum the products over samples and take the optimizer's step. `low`: samples lie in the first 16 bytes only."""
    if s.optimizer == SGD:
        tiny_update_loop(SGD, self, s, low)
    elif s.optimizer == MOMENTUM:
        tiny_update_loop(MOMENTUM, self, s, low)
    elif s.optimizer == NESTEROV:
        tiny_update_loop(NESTEROV, self, s, low)
    elif s.optimizer == ADAM:
        tiny_update_loop(ADAM, self, s, low)
    elif s.optimizer == AMSGRAD:
        tiny_update_loop(AMSGRAD, self, s, low)
    elif s.optimizer == ADAGRAD:
        tiny_update_loop(ADAGRAD, self, s, low)
    elif s.optimizer == RMSPROP:
        tiny_update_loop(RMSPROP, self, s, low)
    elif s.optimizer == RPROP:
        tiny_update_loop(RPROP, self, s, low)
        rprop_loop(s, self.params, self.state[0], self.state[1], self.gradient, ONE, padded(self.job.net.n_params))


cdef void hold_frozen(Tiny *self) noexcept nogil:
    """Undo what a step, which passes over all parameters, did to frozen layers. The user's arrays are as they were."""
    cdef const Net *net = &self.job.net
    cdef size k, i, at, n
    for k in range(net.n_layers):
        if not net.layers[k].frozen:
            continue
        at, n = net.layers[k].weights, n_rows_of(&net.layers[k]) * net.layers[k].n_out
        memcpy(self.params + at, net.params + at, n * sizeof(real))
        for i in range(self.job.n_states):
            memcpy(self.state[i] + at, self.job.state + i * net.n_params + at, n * sizeof(real))


cdef void tiny_take_penalties(Tiny *self, double whole) noexcept nogil:
    """Spread the layers' l2 over their parameters, for batches whose losses are divided by `whole`."""
    cdef const Layer *layer
    cdef size k, i
    self.whole = whole
    for k in range(self.job.net.n_layers):
        layer = &self.job.net.layers[k]
        for i in range(layer.n_in * layer.n_out):
            self.l2[layer.weights + i] = <real>l2_of(layer, whole)


cdef double tiny_penalty(Tiny *self) noexcept nogil:
    """l2 / 2 times the sum of squares, over all layers."""
    cdef double total = 0
    cdef size i
    for i in range(self.job.net.n_params):
        total += <double>self.l2[i] * self.params[i] * self.params[i]
    return 0.5 * total


cdef double tiny_step(Tiny *self, size start, size m, bint gather) noexcept nogil:
    """One optimizer step on samples start..start + m of the epoch's order; return the batch's loss."""
    cdef size v, left, n_features = self.job.run.n_features
    cdef size n_layers = self.job.net.n_layers
    cdef const TinyLayer *output = &self.layers[n_layers - 1]
    cdef bint fused = self.Y != NULL and output.activation <= RELU and output.n in (1, 2, 4)
    cdef const vec *x = <const vec *>self.X
    cdef vec squares = vec_fill(0)
    cdef double loss = 0
    if fused:
        n_layers -= 1                         # the output layer goes forward and back at once: tiny_output
    if gather:
        tiny_gather(self, start, m)
    for v in range(padded(m) // LANES):
        tiny_forward(self, n_layers, x)
        if fused:
            squares = squares + tiny_output(self, x, v)
        elif self.Y != NULL:
            squares = squares + tiny_squared_error(self, v)
        else:
            left = m - v * LANES
            loss += tiny_sample_losses(self, start + v * LANES, left if left < LANES else LANES, v)
        if v == 0:
            tiny_backward_first(self, n_layers, x)
        else:
            tiny_backward_more(self, n_layers, x)
        x += n_features
    if self.Y != NULL:
        loss = 0.5 * vec_sum(squares)
    if not isfinite(loss):
        return loss
    loss *= self.job.run.loss_scale
    if self.l2 != NULL:
        if self.whole != (self.batch_weight if self.job.run.average else 1):
            tiny_take_penalties(self, self.batch_weight if self.job.run.average else 1)
        loss += tiny_penalty(self)
    tiny_constants(self)
    tiny_update(self, &self.step, m * REAL_BYTES <= 16)
    if self.any_frozen:
        hold_frozen(self)
    if self.job.run.average:
        return loss / self.batch_weight if self.batch_weight > 0 else 0
    return loss
