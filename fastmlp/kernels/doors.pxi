# What Python calls. Doors check nothing: job.py and _checks.py have. Every door of the contract exists under
# the same name in the Numba backend; those of lanes.pxi need not.

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

import numpy as np

cnp.import_array()


checks_rows = True      # whether run["check_rows"] is honoured


cdef inline void *address(object array) except? NULL:
    """Where an array's data is; NULL for None."""
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)


cdef int describe_rows(Context *c, object rows) except -1:
    """Point the context at a `Rows`."""
    cdef cnp.ndarray data = rows.data
    cdef int kind = cnp.PyArray_TYPE(data)
    c.x = <const char *>cnp.PyArray_DATA(data)
    if rows.is_sparse:
        c.x_kind = ROWS_CSR_F32 if kind == cnp.NPY_FLOAT32 else ROWS_CSR_F64
        c.indptr = <const int64_t *>address(rows.indptr)
        c.indices = c.indices_wide = NULL
        if (<cnp.ndarray>rows.indices).itemsize == 4:
            c.indices = <const int32_t *>address(rows.indices)
        else:
            c.indices_wide = <const int64_t *>address(rows.indices)
        c.nz_capacity = rows.most_nonzeros + LANES
        return 0
    c.x_kind = ROWS_U8 if kind == cnp.NPY_UINT8 else (ROWS_F32 if kind == cnp.NPY_FLOAT32 else ROWS_F64)
    c.x_row = cnp.PyArray_STRIDE(data, 0)
    c.x_col = cnp.PyArray_STRIDE(data, 1)
    c.nz_capacity = cnp.PyArray_DIM(data, 1) + LANES
    return 0


cdef int describe_plan(Context *c, object plan) except -1:
    c.layers = <Layer *>address(plan.layers)
    c.edges = <Edge *>address(plan.edges)
    c.n_layers = len(plan.layers)
    c.n_edges = len(plan.edges)
    c.n_params = plan.n_params
    return 0


cdef int describe_job(Context *c, object job) except -1:
    """Fill a context with a job's arrays (not the workspace)."""
    memset(c, 0, sizeof(Context))
    describe_plan(c, job.plan)
    describe_rows(c, job.rows)
    c.run = <Run *>address(job.run)
    c.params = <real *>address(job.params)
    c.state = <real *>address(job.state)
    c.n_states = job.state.shape[0]
    c.gradient = <real *>address(job.gradient) if job.gradient.size else NULL
    c.backup = <real *>address(job.backup)
    if job.y.ndim == 1:
        c.labels = <const int64_t *>address(job.y)
    else:
        c.y = <real *>address(job.y)
    c.sample_weight = <const double *>address(job.sample_weight)
    c.order = <int64_t *>address(job.order)
    c.rates = <const double *>address(job.rates)
    c.n_rates = job.rates.shape[0]
    c.losses = <double *>address(job.losses)
    c.n_threads = c.run.n_threads
    if job.random_state is not None:
        c.bitgen = <bitgen_t *>PyCapsule_GetPointer(job.random_state._bit_generator.capsule, "BitGenerator")
    return 0


cdef inline Context *context_of(object job) except NULL:
    return <Context *>address(job.workspace)


def workspace_bytes(job):
    """Bytes of scratch memory that training this job takes."""
    cdef Context c
    describe_job(&c, job)
    return layout(&c, NULL)


def prepare(job):
    """Lay out job.workspace. From here on the job's arrays must stay where they are."""
    cdef Context c
    cdef Context *kept = context_of(job)
    describe_job(&c, job)
    with nogil:
        layout(&c, <char *>kept)
        if c.run.regime != TINY:
            plan_units(&c)
        kept[0] = c


def train(job):
    """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped.

    While that is RUNNING, parameters may lag behind, until `dismiss`.
    """
    cdef Context *c = context_of(job)
    if c.bitgen != NULL and c.run.shuffle:
        with job.random_state._bit_generator.lock:
            with nogil:
                train_slice(c)
    else:
        with nogil:
            train_slice(c)
    return c.run.status


def work(job, size thread):
    """Serve as thread 1, 2, ... of a prepared job until `dismiss`."""
    cdef Context *c = context_of(job)
    with nogil:
        serve(c, thread)


def dismiss(job):
    """End a run: every `work` returns, and parameters and state are those after the last step."""
    cdef Context *c = context_of(job)
    fm_store(&c.dismissed, 1)
    with nogil:
        settle(c)


cdef inline Lanes *lanes_of(object workspace) except NULL:
    return <Lanes *>address(workspace)


def lanes_bytes(job):
    """Bytes of scratch memory that training nets like this job's side by side takes."""
    cdef Context c
    cdef Lanes measured
    describe_job(&c, job)
    return lanes_layout(&measured, &c, NULL)


def prepare_lanes(jobs, workspace):
    """Lay out a workspace for at most `lanes()` jobs. From here on their arrays must stay where they are."""
    cdef Context c
    cdef Lanes *L = lanes_of(workspace)
    cdef size k
    describe_job(&c, jobs[0])
    lanes_layout(L, &c, <char *>L)
    L.n_nets = len(jobs)
    for k in range(L.n_nets):
        describe_job(&L.nets[k], jobs[k])


def train_lanes(jobs, workspace, cnp.ndarray alive, int64_t budget):
    """Run up to `budget` steps of each job that is `alive` (len(jobs),), int64.

    Returns as soon as the status of one is not RUNNING. The caller holds the locks of their random states.
    """
    cdef Lanes *L = lanes_of(workspace)
    memset(L.alive, 0, LANES * sizeof(int64_t))
    memcpy(L.alive, address(alive), L.n_nets * sizeof(int64_t))
    with nogil:
        lanes_slice(L, budget)


def predict(plan, params, rows, out, size first=0, n=None, Py_ssize_t layer=-1, bint logits=False):
    """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer).

    Each row's result depends on that row alone, not on the others or on how rows are split.
    """
    cdef Context c
    cdef size count = out.shape[0] if n is None else n
    cdef int failed
    cdef double scale = rows.scale
    cdef size n_features = rows.n_features
    memset(&c, 0, sizeof(Context))
    describe_plan(&c, plan)
    describe_rows(&c, rows)
    c.params = <real *>address(params)
    cdef size stop = c.n_layers - 1 if layer < 0 else layer
    cdef real *target = <real *>address(out)
    with nogil:
        failed = predict_rows(&c, n_features, scale, first, count, stop, logits, target)
    if failed:
        raise MemoryError(f"predict needs scratch memory for {count} rows and there is none")


def all_finite(rows):
    """Whether no value is NaN or infinite."""
    cdef Context c
    cdef bint result
    cdef size n = rows.n_rows, width = rows.n_features
    describe_rows(&c, rows)
    with nogil:
        result = rows_finite(&c, n, width)
    return result


def shuffle(cnp.ndarray order, random_state):
    """Shuffle int64 `order` in place, exactly as random_state.shuffle(order) would."""
    cdef bitgen_t *g = <bitgen_t *>PyCapsule_GetPointer(random_state._bit_generator.capsule, "BitGenerator")
    cdef size n = order.shape[0]
    cdef int64_t *data = <int64_t *>address(order)
    with random_state._bit_generator.lock:
        with nogil:
            shuffle_order(g, data, n)


# Doors for tests: one kernel at a time, on arrays of any size.

cdef object whole_vectors(object array):
    """A copy whose rows are padded with zeros to whole vectors."""
    result = np.zeros((array.shape[0], padded(array.shape[1])), array.dtype)
    result[:, : array.shape[1]] = array
    return result


def activate(int64_t code, double slope, cnp.ndarray z, cnp.ndarray out):
    """out = f(z), elementwise; softmax over the last axis."""
    cdef size i, n
    if code != SOFTMAX:
        activation_forward(code, <real>slope, <real *>address(z), <real *>address(out), z.size)
    elif z.size:
        n = z.shape[z.ndim - 1]
        rows = whole_vectors(z.reshape(-1, n))
        for i in range(len(rows)):
            softmax(<real *>address(rows) + i * padded(n), <real *>address(rows) + i * padded(n), n)
        np.copyto(out, rows[:, :n].reshape(np.shape(out)))


def activation_gradient(int64_t code, double slope, cnp.ndarray z, cnp.ndarray a, cnp.ndarray d):
    """d *= f'(z)."""
    activation_backward(code, <real>slope, <real *>address(z), <real *>address(a), <real *>address(d), d.size)


def update(cnp.ndarray run, cnp.ndarray w, cnp.ndarray g, cnp.ndarray state):
    """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""
    cdef Step step
    cdef size n = w.size, i, n_states = state.shape[0]
    cdef real *s[3]
    rows = whole_vectors(np.vstack([w, g, state]))
    begin_step(<Run *>address(run), 1, &step)
    for i in range(3):
        s[i] = <real *>address(rows) + padded(n) * (2 + i if i < n_states else 0)
    update_flat(&step, <real *>address(rows), s[0], s[1], s[2], <real *>address(rows) + padded(n), padded(n))
    w[...] = rows[0, :n]
    state[...] = rows[2:, :n]


def multiply(cnp.ndarray A, cnp.ndarray B, cnp.ndarray C, bint accumulate=False, bint transposed=False):
    """C (+)= A B, or A^T B. A may have any strides."""
    cdef size row = A.strides[0] // sizeof(real), col = A.strides[1] // sizeof(real), K = B.shape[0]
    if transposed:
        row, col = col, row
    b = whole_vectors(B)
    c = whole_vectors(C if accumulate else np.zeros_like(C))
    add_product(<real *>address(A), row, col, <real *>address(b), b.shape[1], <real *>address(c), c.shape[1],
                C.shape[0], c.shape[1], K)
    C[...] = c[:, : C.shape[1]]


def multiply_tn(A, D, C):
    """C = A^T D."""
    multiply(A, D, C, False, True)


def lanes():
    """Elements of a vector."""
    return LANES


def struct_sizes():
    """Bytes of (Layer, Edge, Run), to compare with plan.py."""
    return sizeof(Layer), sizeof(Edge), sizeof(Run)
