# Prediction: blocks of rows through all layers. Weights are read where they lie: a vector that is loaded at the end
# of a row holds numbers of the next one too, which are not looked at. Only a layer at the very end of the parameters,
# where such a vector would reach beyond them, is copied. Scratch comes from malloc: one row is a matter of
# microseconds.
#
# Where most inputs are 0 a block's non-zeros are listed, and the features cut into runs whose weights stay in a
# near cache while all of the block's rows meet them. An output remains one chain of multiply-adds in the order
# of the features, so that results depend neither on what is listed nor on where blocks begin.

cdef enum:
    ROWS_TOGETHER = 128   # rows of a block
    RUN_BYTES = 65536     # of the weights that a cut meets
    LISTED_PERCENT = 35   # of non-zeros, below which listing them beats dense products
    LISTED_VECS = 4       # vectors of outputs, below which it does not
    FEW_WORK = 1 << 24    # multiply-adds that are over before anybody could want to interrupt them
    PREDICTED = 0         # what became of a prediction
    NOT_FINITE = 1
    NO_MEMORY = 2

cdef struct Prediction:
    const Net *net
    const Rows *rows
    size stop             # the layer whose outputs are asked for
    bint logits           # ... without its activation
    bint check            # whether rows are looked at
    bint bad              # whether one that was is not finite
    real **outputs        # of each layer: (block, stride_of(n_out))
    real **packed         # of each layer: its weights, padded to whole vectors, where they are copied
    real *x               # (block, ldx): a block's rows; or their non-zeros, one list behind another
    int32_t *index        # the features of these
    int32_t *ends         # (block, n_cuts): where the list of each row and cut ends
    size ldx, cut, n_cuts


cdef inline bint reads_past_end(const Net *net, const Layer *layer) noexcept nogil:
    return layer.weights + (layer.n_in - 1) * layer.n_out + padded(layer.n_out) > net.n_params


cdef inline void look_at(Prediction *self, size row) noexcept nogil:
    """Note whether a row that is about to be read is not finite."""
    if self.check and not row_finite(self.rows, row):
        self.bad = True


cdef bint worth_listing(Prediction *self, size first, size m) noexcept nogil:
    """Whether two of the block's rows, listed to see, have few non-zeros."""
    cdef const Rows *rows = self.rows
    cdef size count
    if padded(self.net.layers[0].n_out) < LISTED_VECS * LANES:
        return False
    count = list_row(rows, first, first, self.x, self.index)
    count += list_row(rows, first + m // 2, first, self.x, self.index)
    return 100 * count < 2 * LISTED_PERCENT * rows.n_features


cdef void list_block(Prediction *self, size first, size m) noexcept nogil:
    """List the non-zeros of rows first..first + m."""
    cdef const Rows *rows = self.rows
    cdef const real *x
    cdef const real *next
    cdef size s, cut, count, at = 0
    for s in range(m):
        look_at(self, first + s)
        x = row_in_place(rows, first + s)
        next = row_in_place(rows, first + s + 1) if s + 1 < m else NULL
        if x == NULL:
            gather_dense(rows, first + s, self.x + at, 1)
            x = self.x + at
        count = at
        for cut in range(self.n_cuts):
            at += fm_compress(x, cut * self.cut, min((cut + 1) * self.cut, rows.n_features), next, self.x + at,
                              self.index + at)
            self.ends[s * self.n_cuts + cut] = <int32_t>at
        if x != self.x + count:
            scale_list(self.x + count, at - count, <real>rows.scale)


cdef void listed_product(Prediction *self, size m, const real *W, size ld, real *C, size ldc, size n) noexcept nogil:
    """C += the listed block times W, cut by cut.

    W : IN, rows ld apart    C : IN/OUT (m, n), rows ldc apart, n whole vectors
    """
    cdef size s, cut, at, start
    for cut in range(self.n_cuts):
        for s in range(m):
            at = s * self.n_cuts + cut
            start = self.ends[at - 1] if at > 0 else 0
            ordered_row_product(self.x + start, self.index + start, self.ends[at] - start, W, ld, C + s * ldc, n)


cdef void predict_block(Prediction *self, size first, size m) noexcept nogil:
    """Rows first..first + m through the layers."""
    cdef size k, e, s, count = 0, n, ld, ldc, source_ld, x_row = self.ldx
    cdef const Net *net = self.net
    cdef const Rows *rows = self.rows
    cdef const Layer *layer
    cdef const Edge *edge
    cdef real *C
    cdef const real *W
    cdef const real *bias
    cdef const real *x = self.x
    cdef bint sparse = is_csr(rows), listed = False
    if not sparse and m == 1:
        look_at(self, first)
        count = list_row(rows, first, first, self.x, self.index)
    elif not sparse and worth_listing(self, first, m):
        listed = True
        list_block(self, first, m)
    elif not sparse and row_in_place(rows, first) != NULL and rows.scale == 1:
        x = row_in_place(rows, first)
        x_row = rows.row // <size>sizeof(real)
        for s in range(m):
            look_at(self, first + s)
    elif not sparse:
        for s in range(m):
            look_at(self, first + s)
            gather_row(rows, first + s, self.x + s * self.ldx, 1)
    for k in range(self.stop + 1):
        layer = &net.layers[k]
        n = layer.n_out
        ld = n if self.packed[k] == NULL else padded(n)
        ldc = stride_of(n)
        bias = net.params + layer.bias
        for s in range(m):
            C = self.outputs[k] + s * ldc
            memset(C + n, 0, (ldc - n) * sizeof(real))
            if layer.bias >= 0:
                memcpy(C, bias, n * sizeof(real))
            else:
                memset(C, 0, n * sizeof(real))
        C = self.outputs[k]
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &net.edges[e]
            W = (net.params + layer.weights if self.packed[k] == NULL else self.packed[k]) + edge.row * ld
            if edge.source != INPUT:
                source_ld = stride_of(net.layers[edge.source].n_out)
                if m == 1:
                    ordered_row_product(self.outputs[edge.source], NULL, edge.width, W, ld, C, padded(n))
                else:
                    add_product(self.outputs[edge.source], source_ld, 1, W, ld, C, ldc, m, padded(n), edge.width)
            elif sparse:
                for s in range(m):
                    look_at(self, first + s)
                    count = list_row(rows, first + s, first + s, self.x, self.index)
                    sparse_row_product(self.x, self.index, count, W, ld, C + s * ldc, padded(n))
            elif m == 1:
                ordered_row_product(self.x, self.index, count, W, ld, C, padded(n))
            elif listed:
                listed_product(self, m, W, ld, C, ldc, padded(n))
            else:
                add_product(x, x_row, 1, W, ld, C, ldc, m, padded(n), edge.width)
        if self.logits and k == self.stop:
            return
        for s in range(m):
            C = self.outputs[k] + s * ldc
            if layer.activation == SOFTMAX:
                softmax(C, C, n)
            else:
                activation_forward(layer.activation, <real>layer.slope, C, C, padded(n))


cdef size lay_out_prediction(Prediction *self, size block, char *memory) noexcept nogil:
    """Cut the scratch memory into pieces; return the bytes that takes, which is all that is done where it is NULL."""
    cdef char *cursor = memory
    cdef const Net *net = self.net
    cdef const Layer *layer
    cdef size k, n = self.rows.n_features, room = self.rows.most_nonzeros
    cdef size row_bytes = padded(net.layers[0].n_out) * sizeof(real)
    cdef real *place
    self.ldx = stride_of(n)
    self.cut = max(1, RUN_BYTES // row_bytes // 32) * 32
    self.n_cuts = (n + self.cut - 1) // self.cut
    if block > 1 and not is_csr(self.rows):
        room += block * self.ldx
    self.outputs = <real **>take(&cursor, net.n_layers * sizeof(real *))
    self.packed = <real **>take(&cursor, net.n_layers * sizeof(real *))
    self.x = <real *>take(&cursor, room * sizeof(real))
    self.index = <int32_t *>take(&cursor, room * sizeof(int32_t))
    self.ends = <int32_t *>take(&cursor, block * self.n_cuts * sizeof(int32_t))
    for k in range(self.stop + 1):
        layer = &net.layers[k]
        place = <real *>take(&cursor, block * stride_of(layer.n_out) * sizeof(real))
        if memory != NULL:
            self.outputs[k], self.packed[k] = place, NULL
        if not reads_past_end(net, layer):
            continue
        place = <real *>take(&cursor, layer.n_in * padded(layer.n_out) * sizeof(real))
        if memory != NULL:
            self.packed[k] = place
            copy_rows(net.params + layer.weights, layer.n_out, place, padded(layer.n_out), layer.n_in, layer.n_out)
    return cursor - memory


cdef int predict_rows(const Net *net, const Rows *rows, size first, size n, size stop, bint logits,
                      bint check, real *out) noexcept nogil:
    """Outputs of layer `stop` for rows first..first + n; return what became of it. out : OUT (n, n_out)"""
    cdef size block = ROWS_TOGETHER if n > ROWS_TOGETHER else n
    cdef size s, at = 0, m, n_out = net.layers[stop].n_out
    cdef Prediction self
    cdef char *memory
    cdef unsigned int control
    if n <= 0:
        return PREDICTED
    self.net, self.rows, self.stop, self.logits, self.check, self.bad = net, rows, stop, logits, check, False
    memory = <char *>malloc(lay_out_prediction(&self, block, NULL) + 64)
    if memory == NULL:
        return NO_MEMORY
    control = fm_flush_denormals()
    lay_out_prediction(&self, block, memory)
    while at < n and not self.bad:
        m = n - at if n - at < block else block
        predict_block(&self, first + at, m)
        for s in range(m):
            memcpy(out + (at + s) * n_out, self.outputs[stop] + s * stride_of(n_out), n_out * sizeof(real))
        at += m
    free(memory)
    fm_restore_denormals(control)
    return NOT_FINITE if self.bad else PREDICTED
