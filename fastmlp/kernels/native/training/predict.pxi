# Prediction: blocks of rows through all layers. Weights are read where they lie: a vector that is loaded at the end
# of a row holds numbers of the next one too, which are not looked at. Only a layer at the very end of the parameters,
# where such a vector would reach beyond them, is copied. What a few rows
# need of scratch is on the stack: one row is a matter of microseconds.
#
# Where most inputs are 0 a block's non-zeros are listed, and the features cut into runs whose weights stay in a
# near cache while all of the block's rows meet them. For many rows these weights are copied to panels of 8 vectors of
# columns, whose runs stay in the first-level cache though they are longer. An output remains one chain of multiply-adds
# in the order of the features, so that results depend neither on what is listed nor on where blocks begin.

cdef enum:
    ROWS_TOGETHER = 128   # rows of a block
    RUN_BYTES = 65536     # of the weights that a cut meets
    PANEL_BYTES = 49152   # ... of those in a panel
    PANEL_ROWS_LEAST = 512  # rows for which panels are copied, which takes as long as 10 of them
    LISTED_PERCENT = 35   # of non-zeros, below which listing them beats dense products
    LISTED_VECS = 4       # vectors of outputs, below which it does not
    LISTED_LEAST = 16     # rows, from which on room for lists of hidden layers' non-zeros is worth having
    ON_STACK = 24576      # bytes of scratch that are taken from there
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
    const real **bias     # of each layer: its biases, or zeros, where whole vectors of them can be read
    real *x               # (block, ldx): a block's rows; or their non-zeros, one list behind another
    int32_t *index        # the features of these
    int32_t *ends         # (block, n_cuts): where the list of each row and cut ends
    size ldx, cut, n_cuts
    real *panels          # the first layer's weights: each panel's rows, then the other columns'; or NULL
    bint copied           # whether they are there
    bint lists            # whether products may be by lists of hidden layers' non-zeros,
    Nonzeros nonzeros     # which are then here
    bint lists_one        # whether those of one row may take the place of the input's


cdef inline bint reads_past_end(const Net *net, const Layer *layer) noexcept nogil:
    return layer.weights + (layer.n_in - 1) * layer.n_out + padded(layer.n_out) > net.n_params


cdef inline void look_at(Prediction *self, size row) noexcept nogil:
    """Note whether a row that is about to be read is not finite."""
    if self.check and not row_finite(self.rows, row):
        self.bad = True


cdef inline bint look_at_list(Prediction *self, const real *x) noexcept nogil:
    """Whether it will do to look at what is listed of a row at x: NaN and infinity are no zeros."""
    return self.check and x != NULL and self.rows.scale == 1


cdef inline void start_row(const real *bias, real *C, size n) noexcept nogil:
    """An output's sums begin at its bias. n : whole vectors"""
    cdef size j
    for j in range(n // LANES):
        (<vec *>C)[j] = (<const vec *>bias)[j]


cdef bint worth_listing(Prediction *self, size first, size m) noexcept nogil:
    """Whether two of the block's rows, listed to see, have few non-zeros."""
    cdef const Rows *rows = self.rows
    cdef size count
    if padded(self.net.layers[0].n_out) < LISTED_VECS * LANES:
        return False
    count = list_row(rows, first, first, self.x, self.index)
    count += list_row(rows, first + m // 2, first, self.x, self.index)
    return 100 * count < 2 * LISTED_PERCENT * rows.n_features


cdef size list_one(Prediction *self, size row) noexcept nogil:
    """List the non-zeros of a dense row; return how many."""
    cdef const real *x = row_in_place(self.rows, row)
    cdef size count
    if not look_at_list(self, x):
        look_at(self, row)
    if x == NULL or self.rows.scale != 1:
        return list_row(self.rows, row, row, self.x, self.index)
    count = fm_compress(x, 0, self.rows.n_features, NULL, self.x, self.index)
    if self.check and not finite_real(self.x, count):
        self.bad = True
    return count


cdef void list_block(Prediction *self, size first, size m) noexcept nogil:
    """List the non-zeros of rows first..first + m."""
    cdef const Rows *rows = self.rows
    cdef const real *x
    cdef const real *next
    cdef size s, cut, low, high, start, at = 0
    cdef bint in_list, in_place
    for s in range(m):
        x = row_in_place(rows, first + s)
        next = row_in_place(rows, first + s + 1) if s + 1 < m else NULL
        in_place, in_list = x != NULL, look_at_list(self, x)
        if not in_list:
            look_at(self, first + s)
        if not in_place:
            gather_dense(rows, first + s, self.x + at, 1)
            x = self.x + at
        start = at
        for cut in range(self.n_cuts):
            low = cut * self.cut
            high = min(low + self.cut, rows.n_features)
            at += fm_compress(x, low, high, next, self.x + at, self.index + at)
            self.ends[s * self.n_cuts + cut] = <int32_t>at
        if in_list and not finite_real(self.x + start, at - start):
            self.bad = True
        if in_place:
            scale_list(self.x + start, at - start, <real>rows.scale)


cdef void copy_panels(Prediction *self, const real *W, size ld, size n) noexcept nogil:
    """Copy W, rows ld apart and n long, so that the rows of a panel follow one another."""
    cdef size j = 0, width, n_features = self.rows.n_features
    while j < n:
        width = min(PANEL_VECS * LANES, n - j)
        copy_rows(W + j, ld, self.panels + j * n_features, width, n_features, width)
        j += width
    self.copied = True


cdef void listed_product(Prediction *self, size m, const real *bias, const real *W, size ld, real *C, size ldc,
                         size n) noexcept nogil:
    """C += the listed block times W, cut by cut.

    bias : IN (n,), where C begins, or NULL    W : IN, rows ld apart
    C : IN/OUT (m, n), rows ldc apart, n whole vectors
    """
    cdef size s, cut, at, start, j, width
    cdef const real *panel
    cdef real *c
    if self.panels != NULL and not self.copied:
        copy_panels(self, W, ld, n)
    for cut in range(self.n_cuts):
        j = 0
        while j < n:
            width, panel = n - j, W
            if self.panels != NULL:
                width = min(PANEL_VECS * LANES, width)
                ld, panel = width, self.panels + j * self.rows.n_features
            for s in range(m):
                at = s * self.n_cuts + cut
                start = self.ends[at - 1] if at > 0 else 0
                c = C + s * ldc + j
                if cut == 0 and bias != NULL:
                    start_row(bias + j, c, width)
                if self.panels != NULL and width == PANEL_VECS * LANES:
                    panel_product(self.x + start, self.index + start, self.ends[at] - start, panel, c)
                else:
                    ordered_row_product(self.x + start, self.index + start, self.ends[at] - start, panel, ld, c, width)
            j += width


cdef void predict_block(Prediction *self, size first, size m) noexcept nogil:
    """Rows first..first + m through the layers."""
    cdef size k, e, s, count = 0, n, ld, ldc, source_ld, x_row = self.ldx
    cdef const Net *net = self.net
    cdef const Rows *rows = self.rows
    cdef const Layer *layer
    cdef const Edge *edge
    cdef real *C
    cdef const real *W
    cdef const real *A
    cdef const real *bias
    cdef const real *from_rows            # what a product is added to: the bias, then what is in C
    cdef size apart
    cdef const real *x = self.x
    cdef bint sparse = is_csr(rows), listed = False
    if not sparse and m == 1:
        count = list_one(self, first)
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
        C = self.outputs[k]
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge = &net.edges[e]
            W = (net.params + layer.weights if self.packed[k] == NULL else self.packed[k]) + edge.row * ld
            bias = self.bias[k] if e == layer.first_edge else NULL
            from_rows, apart = C, ldc
            if bias != NULL:
                from_rows, apart = bias, 0
            if bias != NULL and (m == 1 or (sparse and edge.source == INPUT)):
                for s in range(m):
                    start_row(bias, C + s * ldc, padded(n))
            if edge.source != INPUT:
                source_ld = stride_of(net.layers[edge.source].n_out)
                A = self.outputs[edge.source]
                if m > 1:
                    product_of_hidden(&net.layers[edge.source], &self.nonzeros if self.lists else NULL, from_rows,
                                      apart, A, source_ld, W, ld, C, ldc, m, padded(n), edge.width)
                elif self.lists_one and may_list(&net.layers[edge.source], padded(n)):
                    count = fm_compress(A, 0, edge.width, NULL, self.x, self.index)
                    ordered_row_product(self.x, self.index, count, W, ld, C, padded(n))
                else:
                    ordered_row_product(A, NULL, edge.width, W, ld, C, padded(n))
            elif sparse:
                for s in range(m):
                    look_at(self, first + s)
                    count = list_row(rows, first + s, first + s, self.x, self.index)
                    sparse_row_product(self.x, self.index, count, W, ld, C + s * ldc, padded(n))
            elif m == 1:
                ordered_row_product(self.x, self.index, count, W, ld, C, padded(n))
            elif listed:
                listed_product(self, m, bias, W, ld, C, ldc, padded(n))
            else:
                product_from(from_rows, apart, x, x_row, 1, W, ld, C, ldc, m, padded(n), edge.width)
        if self.logits and k == self.stop:
            return
        for s in range(m):
            C = self.outputs[k] + s * ldc
            if layer.activation == SOFTMAX:
                softmax(C, C, n)
            else:
                activation_forward(layer.activation, <real>layer.slope, C, C, padded(n))


cdef size lay_out_prediction(Prediction *self, size n_rows, char *memory) noexcept nogil:
    """Cut the scratch memory for so many rows into pieces; return the bytes that takes.

    Nothing else is done where it is NULL.
    """
    cdef char *cursor = memory
    cdef const Net *net = self.net
    cdef const Layer *layer
    cdef size k, n = self.rows.n_features, room = self.rows.most_nonzeros, block = min(n_rows, ROWS_TOGETHER)
    cdef size width = padded(net.layers[0].n_out)
    # AVX-512 takes a row of 256 numbers at once where it lies, in 0.97 of the time
    cdef bint panels = (TILE_VECS < 4 and width >= PANEL_VECS * LANES and n_rows >= PANEL_ROWS_LEAST
                        and not is_csr(self.rows) and first_alone(net))
    cdef real *place
    self.ldx = stride_of(n)
    if panels:
        self.cut = PANEL_BYTES // (PANEL_VECS * LANES * <size>sizeof(real)) // 32 * 32
    else:
        self.cut = max(1, RUN_BYTES // (width * <size>sizeof(real)) // 32) * 32
    self.n_cuts = (n + self.cut - 1) // self.cut
    self.lists, self.lists_one = False, first_alone(net)
    for k in range(self.stop):
        self.lists = self.lists or (block >= LISTED_LEAST and may_list(&net.layers[k], PANEL_VECS * LANES))
        room = max(room, net.layers[k].n_out + LANES)
    if block > 1 and not is_csr(self.rows):
        room += block * self.ldx
    self.outputs = <real **>take(&cursor, net.n_layers * sizeof(real *))
    self.packed = <real **>take(&cursor, net.n_layers * sizeof(real *))
    self.bias = <const real **>take(&cursor, net.n_layers * sizeof(real *))
    self.x = <real *>take(&cursor, room * sizeof(real))
    self.index = <int32_t *>take(&cursor, room * sizeof(int32_t))
    self.ends = <int32_t *>take(&cursor, block * self.n_cuts * sizeof(int32_t))
    if self.lists:
        cursor += lay_out_nonzeros(&self.nonzeros, cursor if memory != NULL else NULL)
    self.panels, self.copied = NULL, False
    if panels:
        self.panels = <real *>take(&cursor, n * width * sizeof(real))
    for k in range(self.stop + 1):
        layer = &net.layers[k]
        place = <real *>take(&cursor, block * stride_of(layer.n_out) * sizeof(real))
        if memory != NULL:
            self.outputs[k], self.packed[k] = place, NULL
            self.bias[k] = net.params + layer.bias
        if layer.bias < 0 or layer.bias + padded(layer.n_out) > net.n_params:
            place = <real *>take(&cursor, padded(layer.n_out) * sizeof(real))
            if memory != NULL:
                memset(place, 0, padded(layer.n_out) * sizeof(real))
                if layer.bias >= 0:
                    memcpy(place, net.params + layer.bias, layer.n_out * sizeof(real))
                self.bias[k] = place
        if not reads_past_end(net, layer):
            continue
        place = <real *>take(&cursor, layer.n_in * padded(layer.n_out) * sizeof(real))
        if memory != NULL:
            self.packed[k] = place
            copy_rows(net.params + layer.weights, layer.n_out, place, padded(layer.n_out), layer.n_in, layer.n_out)
    return cursor - memory


cdef inline void hand_out(const real *a, real *out, size n) noexcept nogil:
    """Copy outputs, denormals as zero: sums flush them, but a bias may have come through where nothing was added."""
    cdef size j
    for j in range(n):
        out[j] = 0 if -REAL_TINY < a[j] < REAL_TINY else a[j]


cdef int predict_rows(const Net *net, const Rows *rows, size first, size n, size stop, bint logits,
                      bint check, real *out) noexcept nogil:
    """Outputs of layer `stop` for rows first..first + n; return what became of it. out : OUT (n, n_out)"""
    cdef size block = ROWS_TOGETHER if n > ROWS_TOGETHER else n
    cdef size s, at = 0, m, n_out = net.layers[stop].n_out
    cdef Prediction self
    cdef char few[ON_STACK]
    cdef char *memory = few
    cdef char *lines
    cdef size n_bytes
    cdef unsigned int control
    if n <= 0:
        return PREDICTED
    self.net, self.rows, self.stop, self.logits, self.check, self.bad = net, rows, stop, logits, check, False
    n_bytes = lay_out_prediction(&self, n, NULL) + 63
    if n_bytes > ON_STACK or FENCE > 0:     # fences on the stack would stay
        memory = <char *>malloc(n_bytes)
        if memory == NULL:
            return NO_MEMORY
    control = fm_flush_denormals()
    lines = <char *>((<uint64_t>memory + 63) // 64 * 64)
    lay_out_prediction(&self, n, lines)
    while at < n and not self.bad:
        m = n - at if n - at < block else block
        predict_block(&self, first + at, m)
        for s in range(m):
            hand_out(self.outputs[stop] + s * stride_of(n_out), out + (at + s) * n_out, n_out)
        at += m
    if memory != few:
        free(memory)
    fm_restore_denormals(control)
    return NOT_FINITE if self.bad else PREDICTED
