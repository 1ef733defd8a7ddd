# Tiny nets, whose layers would leave most of a vector empty: the numbers of a vector are samples here, LANES at a
# time, which tiny_step.pxi takes forward and back through all layers. Activations are stored feature by feature,
# (features, LANES), and weights are scalars that meet whole vectors. One thread; the parameters are one flat vector in
# the first-level cache, and the optimizer passes over it at once.

cdef struct TinyEdge:     # what a step reads and writes of an edge
    const vec *A          # (width,) the source's outputs, or NULL for the input
    vec *D                # (width,) the source's
    vec *Z
    const real *w         # (width, n_out)
    vec *products         # (width, n_out)
    size width
    int64_t activation    # the source's
    real slope
    bint is_first, is_last

cdef struct TinyLayer:
    TinyEdge *edges
    TinyEdge *end
    const real *bias      # (n,), or NULL
    vec *bias_products
    vec *A                # (n,) outputs
    vec *Z                # before the activation, where it is needed; else NULL
    vec *D                # gradient of the loss with respect to Z
    size n
    int64_t activation
    real slope

cdef struct Tiny:
    Job job               # the first member: a pointer to the job is one to all of this
    TinyLayer *layers
    TinyEdge *edges
    # the batch in hand, by vectors of samples
    real *X               # (vectors, n_features, LANES)
    real *Y               # (vectors, n_outputs, LANES), where the loss is taken a vector at a time; else NULL
    real *weight          # of each sample
    real *scale           # what its gradient is multiplied by: its weight, over the batch's for an average
    double batch_weight
    size n_weighed        # samples of the batch that these weights are of, if it is any such batch; else 0
    # flat working copies, padded with zeros to whole vectors
    real *params
    real *state[3]
    real *gradient
    real *backup          # the parameters at the epoch's start
    real *l2              # by parameter, of a batch whose losses are divided by `whole`; NULL where all are 0
    double whole
    vec *products         # by parameter, what its gradient is the sum of: one number a sample
    # parameters, their backup and their sum, in lanes as tiny_registers.pxi has them
    int together          # neurons to a vector
    vec *wide
    vec *wide_backup
    vec *wide_sum
    Step step
    double step_rate      # the learning rate that `step` was made of
    bint step_holds       # it serves another update
    bint any_frozen       # a layer's parameters must not move


cdef void tiny_link(Tiny *self) noexcept nogil:
    """Gather what a step needs of layers and edges, as pointers."""
    cdef size k, e
    cdef const Layer *layer
    cdef const Edge *edge
    cdef TinyLayer *own
    cdef TinyLayer *source
    cdef TinyEdge *of_edge
    for k in range(self.job.net.n_layers):
        layer, own = &self.job.net.layers[k], &self.layers[k]
        own.edges = self.edges + layer.first_edge
        own.end = own.edges + layer.n_edges
        own.bias = self.params + layer.bias if layer.bias >= 0 else NULL
        own.bias_products = self.products + layer.bias if layer.bias >= 0 else NULL
        own.n, own.activation, own.slope = layer.n_out, layer.activation, <real>layer.slope
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            edge, of_edge = &self.job.net.edges[e], &self.edges[e]
            of_edge.w = self.params + layer.weights + edge.row * layer.n_out
            of_edge.products = self.products + layer.weights + edge.row * layer.n_out
            of_edge.width, of_edge.is_first, of_edge.is_last = edge.width, edge.is_first, edge.is_last
            of_edge.A = NULL
            if edge.source != INPUT:
                source = &self.layers[edge.source]
                of_edge.A, of_edge.Z, of_edge.D = source.A, source.Z, source.D
                of_edge.activation, of_edge.slope = source.activation, source.slope


cdef size tiny_layout(const Job *job, char *base) noexcept nogil:
    """See `Regime`."""
    cdef char *cursor = base
    cdef Tiny measured
    cdef Tiny *self = <Tiny *>base if base != NULL else &measured
    cdef TinyLayer unused
    cdef TinyLayer *layer
    cdef const Net *net = &job.net
    cdef const Run *run = job.run
    cdef size k, i, n_params = padded(net.n_params)
    cdef size samples = padded(run.batch_size if run.batch_size < run.n_samples else run.n_samples)
    cdef bint has_penalties = False
    take(&cursor, sizeof(Tiny))
    self.job = job[0]
    self.layers = <TinyLayer *>take(&cursor, net.n_layers * sizeof(TinyLayer))
    self.edges = <TinyEdge *>take(&cursor, net.n_edges * sizeof(TinyEdge))
    for k in range(net.n_layers):
        layer = &self.layers[k] if base != NULL else &unused
        layer.A = <vec *>take(&cursor, net.layers[k].n_out * sizeof(vec))
        layer.D = <vec *>take(&cursor, net.layers[k].n_out * sizeof(vec))
        layer.Z = NULL
        if k == net.n_layers - 1 or needs_logits(net.layers[k].activation):
            layer.Z = <vec *>take(&cursor, net.layers[k].n_out * sizeof(vec))
        has_penalties = has_penalties or penalised(&net.layers[k])
    self.X = <real *>take(&cursor, run.n_features * samples * sizeof(real))
    self.weight = <real *>take(&cursor, samples * sizeof(real))
    self.scale = <real *>take(&cursor, samples * sizeof(real))
    self.Y = NULL
    if run.loss == HALF_SQUARED_ERROR and job.labels == NULL and run.label_smoothing == 0 and (
            net.layers[net.n_layers - 1].activation != SOFTMAX):
        self.Y = <real *>take(&cursor, run.n_outputs * samples * sizeof(real))
    self.params = <real *>take(&cursor, n_params * sizeof(real))
    for i in range(3):
        self.state[i] = <real *>take(&cursor, n_params * sizeof(real)) if i < job.n_states else NULL
    self.gradient = <real *>take(&cursor, n_params * sizeof(real))
    self.backup = <real *>take(&cursor, n_params * sizeof(real))
    self.products = <vec *>take(&cursor, n_params * sizeof(vec))
    self.l2 = <real *>take(&cursor, n_params * sizeof(real)) if has_penalties else NULL
    self.wide = <vec *>take(&cursor, REGISTER_PARAMS * sizeof(vec))
    self.wide_backup = <vec *>take(&cursor, REGISTER_PARAMS * sizeof(vec))
    self.wide_sum = <vec *>take(&cursor, sizeof(vec))
    if base != NULL:
        tiny_link(self)
    return cursor - base


cdef void tiny_load(Job *job) noexcept nogil:
    """Take parameters and state over. Their padding stays 0: it has no gradient."""
    cdef Tiny *self = <Tiny *>job
    cdef size k, i, n = job.net.n_params, whole = padded(n)
    self.step_holds = self.any_frozen = False
    for k in range(job.net.n_layers):
        self.any_frozen = self.any_frozen or job.net.layers[k].frozen
    memset(self.params, 0, whole * sizeof(real))
    memset(self.gradient, 0, whole * sizeof(real))
    memset(self.products, 0, whole * sizeof(vec))
    memcpy(self.params, job.net.params, n * sizeof(real))
    self.n_weighed = 0
    self.whole = -1                           # of no batch: `tiny_take_penalties` comes first
    if self.l2 != NULL:
        memset(self.l2, 0, whole * sizeof(real))
    for i in range(job.n_states):
        memset(self.state[i], 0, whole * sizeof(real))
        memcpy(self.state[i], job.state + i * n, n * sizeof(real))


cdef void tiny_store(Job *job) noexcept nogil:
    cdef Tiny *self = <Tiny *>job
    cdef size i, n = job.net.n_params
    memcpy(job.net.params, self.params, n * sizeof(real))
    memcpy(job.backup, self.backup, n * sizeof(real))
    for i in range(job.n_states):
        memcpy(job.state + i * n, self.state[i], n * sizeof(real))
    if job.gradient != NULL:
        memcpy(job.gradient, self.gradient, n * sizeof(real))


cdef inline void tiny_keep(Job *job) noexcept nogil:
    cdef Tiny *self = <Tiny *>job
    cdef size i
    for i in range(padded(job.net.n_params) // LANES):
        (<vec *>self.backup)[i] = (<vec *>self.params)[i]


cdef void tiny_restore(Job *job) noexcept nogil:
    cdef Tiny *self = <Tiny *>job
    memcpy(job.backup, self.backup, job.net.n_params * sizeof(real))
    memcpy(job.net.params, self.backup, job.net.n_params * sizeof(real))


cdef bint tiny_all_finite(const Tiny *self) noexcept nogil:
    """Whether each parameter and each number of the optimizer's state is finite."""
    cdef size i, n = padded(self.job.net.n_params)
    for i in range(self.job.n_states):
        if not finite_real(self.state[i], n):
            return False
    return finite_real(self.params, n)


cdef inline bint tiny_finite(Job *job) noexcept nogil:
    """Whether parameters and state are finite: all are where their sum is, which may also overflow by itself."""
    cdef const Tiny *self = <const Tiny *>job
    cdef size i, k, n = padded(job.net.n_params) // LANES
    cdef const vec *numbers = <const vec *>self.params
    cdef vec total = numbers[0]
    for i in range(1, n):
        total = total + numbers[i]
    for k in range(job.n_states):
        numbers = <const vec *>self.state[k]
        for i in range(n):
            total = total + numbers[i]
    return vec_finite(total) or tiny_all_finite(self)


cdef void tiny_run(Job *job) noexcept nogil:
    cdef Tiny *self = <Tiny *>job
    if not registers_serve(self):
        tiny_steps(job)


cdef void tiny_steps(Job *job) noexcept nogil:
    cdef Tiny *self = <Tiny *>job
    cdef Run *run = job.run
    cdef int64_t budget = run.budget
    cdef size start, m, n = run.n_samples
    cdef double loss
    cdef bint gathered = False                # once is enough where each batch is the whole data set, in its order
    cdef bint whole = run.batch_size >= run.n_samples and not run.shuffle
    while budget > 0:
        start = run.batch * run.batch_size
        m = n - start if n - start < <size>run.batch_size else <size>run.batch_size
        loss = tiny_step(self, start, m, not (whole and gathered))
        gathered = True
        budget -= 1
        end_batch(job, loss, m, tiny_finite, tiny_keep, tiny_restore)
        if run.status != RUNNING:
            return


cdef Regime tiny_regime() noexcept nogil:
    cdef Regime regime
    regime.layout, regime.load, regime.store = tiny_layout, tiny_load, tiny_store
    regime.begin, regime.run, regime.settle, regime.help = tiny_keep, tiny_run, NULL, NULL
    return regime
