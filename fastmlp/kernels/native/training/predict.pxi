# Prediction: blocks of rows through all layers. Weights are read where they lie: a vector that is loaded at the end
# of a row holds numbers of the next one too, which are not looked at. Only a layer at the very end of the parameters,
# where such a vector would reach beyond them, is copied. Scratch comes from malloc: one row is a matter of
# microseconds.

cdef bint reads_past_end(const Net *net, const Layer *layer) noexcept nogil:
    return layer.weights + (layer.n_in - 1) * layer.n_out + padded(layer.n_out) > net.n_params


cdef void predict_block(const Net *net, const Rows *rows, size first, size m, real *x, real *value, int32_t *index,
                        real **outputs, real **packed, size stop, bint logits) noexcept nogil:
    """Rows first..first + m; every layer's output goes to outputs[k], rows stride_of(n_out) apart."""
    cdef size k, e, s, j, count, n, ld, ldc, ldx = stride_of(rows.n_features), source_ld
    cdef const Layer *layer
    cdef const Edge *edge
    cdef real *C
    cdef const real *W
    cdef const real *bias
    cdef bint sparse = is_csr(rows)
    if not sparse:
        for s in range(m):
            gather_row(rows, first + s, x + s * ldx, 1)
    for k in range(stop + 1):
        layer = &net.layers[k]
        n = layer.n_out
        ld = n if packed[k] == NULL else padded(n)
        ldc = stride_of(n)
        bias = net.params + layer.bias
        for s in range(m):
            C = outputs[k] + s * ldc
            memset(C + n, 0, (ldc - n) * sizeof(real))
            if layer.bias >= 0:
                memcpy(C, bias, n * sizeof(real))
            else:
                memset(C, 0, n * sizeof(real))
        C = outputs[k]
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &net.edges[e]
            W = (net.params + layer.weights if packed[k] == NULL else packed[k]) + edge.row * ld
            if edge.source != INPUT:
                source_ld = stride_of(net.layers[edge.source].n_out)
                if m == 1:
                    ordered_row_product(outputs[edge.source], NULL, edge.width, W, ld, C, padded(n))
                else:
                    add_product(outputs[edge.source], source_ld, 1, W, ld, C, ldc, m, padded(n), edge.width)
            elif sparse:
                for s in range(m):
                    count = list_row(rows, first + s, first + s, value, index)
                    sparse_row_product(value, index, count, W, ld, C + s * ldc, padded(n))
            elif m == 1:
                count = fm_compress(x, 0, rows.n_features, NULL, value, index)
                ordered_row_product(value, index, count, W, ld, C, padded(n))
            else:
                add_product(x, ldx, 1, W, ld, C, ldc, m, padded(n), edge.width)
        if logits and k == stop:
            return
        for s in range(m):
            C = outputs[k] + s * ldc
            if layer.activation == SOFTMAX:
                softmax(C, C, n)
            else:
                activation_forward(layer.activation, <real>layer.slope, C, C, padded(n))


cdef int predict_rows(const Net *net, const Rows *rows, size first, size n, size stop, bint logits,
                      real *out) noexcept nogil:
    """Outputs of layer `stop` for rows first..first + n. out : OUT (n, n_out). Returns -1 if out of memory."""
    cdef size block = BLOCK if n > BLOCK else n
    cdef size k, s, at = 0, m, need = 0, n_out = net.layers[stop].n_out
    cdef const Layer *layer
    cdef char *memory
    cdef char *cursor
    cdef real **outputs
    cdef real **packed
    cdef real *x
    cdef real *value
    cdef int32_t *index
    cdef unsigned int control
    if n <= 0:
        return 0
    need = (64 + FENCE) * (6 + 2 * net.n_layers) + 2 * net.n_layers * sizeof(real *)
    need += block * stride_of(rows.n_features) * sizeof(real) if not is_csr(rows) else 0
    need += rows.most_nonzeros * (sizeof(real) + sizeof(int32_t))
    for k in range(stop + 1):
        layer = &net.layers[k]
        need += block * stride_of(layer.n_out) * sizeof(real)
        if reads_past_end(net, layer):
            need += layer.n_in * padded(layer.n_out) * sizeof(real)
    memory = <char *>malloc(need)
    if memory == NULL:
        return -1
    control = fm_flush_denormals()
    cursor = memory
    outputs = <real **>take(&cursor, net.n_layers * sizeof(real *))
    packed = <real **>take(&cursor, net.n_layers * sizeof(real *))
    value = <real *>take(&cursor, rows.most_nonzeros * sizeof(real))
    index = <int32_t *>take(&cursor, rows.most_nonzeros * sizeof(int32_t))
    x = <real *>take(&cursor, block * stride_of(rows.n_features) * sizeof(real) if not is_csr(rows) else 0)
    for k in range(stop + 1):
        layer = &net.layers[k]
        outputs[k] = <real *>take(&cursor, block * stride_of(layer.n_out) * sizeof(real))
        packed[k] = NULL
        if reads_past_end(net, layer):
            packed[k] = <real *>take(&cursor, layer.n_in * padded(layer.n_out) * sizeof(real))
            copy_rows(net.params + layer.weights, layer.n_out, packed[k], padded(layer.n_out), layer.n_in, layer.n_out)
    while at < n:
        m = n - at if n - at < block else block
        predict_block(net, rows, first + at, m, x, value, index, outputs, packed, stop, logits)
        for s in range(m):
            memcpy(out + (at + s) * n_out, outputs[stop] + s * stride_of(n_out), n_out * sizeof(real))
        at += m
    free(memory)
    fm_restore_denormals(control)
    return 0
