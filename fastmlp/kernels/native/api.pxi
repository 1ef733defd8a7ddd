# What Python calls. Arrays come in through `readable` and `writable` only. Every function of the contract exists
# under the same name in the Numba backend; those of an ensemble need not. `job` is Python's Job, `c` the struct that is
# made of it.

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

import os

import numpy as np

from .. import memory
from ..plan import N_STATES

cdef extern from "pythread.h":
    unsigned long PYTHREAD_INVALID_THREAD_ID
    unsigned long PyThread_start_new_thread(void (*)(void *) noexcept nogil, void *)

cnp.import_array()


checks_rows = True      # whether run["check_rows"] is honoured
checks_predicted = True  # ... and that of `predict`
pauses_threads = True   # whether run["n_active"] is

cdef int64_t n_forks = 0    # that lead from the process which imported this to the one it is in


def _count_fork():
    global n_forks
    n_forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


cdef inline bint lies_as(object array, char kind, size item, bint written):
    """Whether an array holds native numbers of a kind, aligned and one after another, to write to where asked."""
    if not cnp.PyArray_Check(array):
        return False
    cdef cnp.ndarray a = <cnp.ndarray>array
    if a.descr.kind != kind or a.descr.itemsize != item:
        return False
    return cnp.PyArray_ISCARRAY(a) if written else cnp.PyArray_ISCARRAY_RO(a)


cdef inline void *readable(str name, object array, char kind, size item, size count) except? NULL:
    """Where `count` numbers lie that are only read."""
    if not lies_as(array, kind, item, False) or cnp.PyArray_SIZE(<cnp.ndarray>array) != count:
        memory.refuse(name, array, f"{chr(kind)}{item}", count)
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline void *writable(str name, object array, char kind, size item, size count) except? NULL:
    """Where `count` numbers lie that are written to."""
    if not lies_as(array, kind, item, True) or cnp.PyArray_SIZE(<cnp.ndarray>array) != count:
        memory.refuse(name, array, f"{chr(kind)}{item}", count, True)
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline real *readable_reals(str name, object array, size count) except? NULL:
    return <real *>readable(name, array, c'f', sizeof(real), count)


cdef inline real *writable_reals(str name, object array, size count) except? NULL:
    return <real *>writable(name, array, c'f', sizeof(real), count)


cdef inline int64_t *writable_words(str name, object array, size count) except? NULL:
    return <int64_t *>writable(name, array, c'i', sizeof(int64_t), count)


cdef int check_numbers(str name, object array, size stop) except -1:
    """Whether all numbers of an array of int64, by which something is found, lie in [0, stop)."""
    cdef size i, n = cnp.PyArray_SIZE(<cnp.ndarray>array)
    cdef const int64_t *numbers = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>array)
    for i in range(n):
        if numbers[i] < 0 or numbers[i] >= stop:
            memory.refuse_number(name, array, stop)
    return 0


cdef int same(str name, size given, size expected) except -1:
    """Raise where two sizes that must be one are not."""
    if given != expected:
        raise ValueError(f"{name} must be {expected}, as the other arrays and the plan have it; got {given}")
    return 0


cdef bint describe_array(Rows *read, cnp.ndarray x, size n_features) noexcept:
    """Take over where the rows of a matrix lie; return whether it is one of as many columns that kernels read."""
    cdef char kind = x.descr.kind
    cdef size item = x.descr.itemsize
    if x.ndim != 2 or x.shape[1] != n_features or not (
            cnp.PyArray_ISALIGNED(x) and cnp.PyArray_ISNOTSWAPPED(x)) or not (
            item == 1 if kind == c'u' else kind == c'f' and (item == 4 or item == 8)):
        return False
    read.x = <const char *>cnp.PyArray_DATA(x)
    read.kind = ROWS_U8 if kind == c'u' else (ROWS_F32 if item == 4 else ROWS_F64)
    read.row = cnp.PyArray_STRIDE(x, 0)
    read.column = cnp.PyArray_STRIDE(x, 1)
    read.most_nonzeros = n_features + LANES
    return True


cdef int describe_rows(Rows *read, object rows, size n_features, double scale) except -1:
    """Take over where a `Rows` of as many columns lies, whose numbers csr.py has checked."""
    cdef cnp.ndarray data = rows.data
    cdef size item = data.descr.itemsize, n_rows = rows.n_rows
    same("the columns of X", rows.n_features, n_features)
    memset(read, 0, sizeof(Rows))
    read.n_features, read.scale = n_features, scale
    if rows.is_sparse:
        read.x = <const char *>readable("X.data", data, c'f', 4 if item == 4 else 8, data.size)
        read.kind = ROWS_CSR_F32 if item == 4 else ROWS_CSR_F64
        read.indptr = <const int64_t *>readable("X.indptr", rows.indptr, c'i', sizeof(int64_t), n_rows + 1)
        same("the values of X", data.size, read.indptr[n_rows])
        if (<cnp.ndarray>rows.indices).itemsize == 4:
            read.indices = <const int32_t *>readable("X.indices", rows.indices, c'i', 4, data.size)
        else:
            read.indices_wide = <const int64_t *>readable("X.indices", rows.indices, c'i', 8, data.size)
        read.most_nonzeros = rows.most_nonzeros + LANES
        return 0
    if data.ndim != 2 or data.shape[0] != n_rows or not describe_array(read, data, n_features):
        memory.refuse("X", data, np.float32, n_rows * n_features)
    return 0


cdef int describe_plan(Net *net, object plan) except -1:
    cdef object layers = plan.layers, edges = plan.edges
    net.n_layers = len(layers)
    net.n_edges = len(edges)
    net.n_params = plan.n_params
    net.layers = <const Layer *>readable("plan.layers", layers, c'V', sizeof(Layer), net.n_layers)
    net.edges = <const Edge *>readable("plan.edges", edges, c'V', sizeof(Edge), net.n_edges)
    return 0


cdef int describe_job(Job *c, object job) except -1:
    """Take over where a job's arrays lie (not the workspace), which must have the sizes that kernels go by."""
    cdef object rows = job.rows, plan = job.plan, y = job.y
    cdef size n_rows = rows.n_rows, n_outputs
    cdef Run *run = <Run *>writable("run", job.run, c'V', sizeof(Run), 1)
    memset(c, 0, sizeof(Job))
    c.run = run
    describe_plan(&c.net, plan)
    describe_rows(&c.rows, rows, run.n_features, run.input_scale)
    set_most(&c.rows)
    n_outputs = c.net.layers[c.net.n_layers - 1].n_out
    same("n_features", run.n_features, plan.n_features)
    same("n_outputs", run.n_outputs, n_outputs)
    c.net.params = writable_reals("params", job.params, c.net.n_params)
    c.n_states = N_STATES[run.optimizer]
    c.state = writable_reals("the optimizer's state", job.state, c.n_states * c.net.n_params)
    c.gradient = writable_reals("gradient", job.gradient, c.net.n_params) if job.gradient.size else NULL
    c.backup = writable_reals("backup", job.backup, c.net.n_params)
    if y.ndim == 1:
        c.labels = <const int64_t *>readable("labels", y, c'i', sizeof(int64_t), n_rows)
    else:
        c.y = readable_reals("y", y, n_rows * n_outputs)
    same("labels", run.labels, c.labels != NULL)
    if job.sample_weight is not None:
        c.sample_weight = <const double *>readable("sample_weight", job.sample_weight, c'f', sizeof(double), n_rows)
    c.order = writable_words("order", job.order, run.n_samples)
    c.n_rates = job.rates.size
    c.rates = <const double *>readable("rates", job.rates, c'f', sizeof(double), max(c.n_rates, 1))
    c.losses = <double *>writable("losses", job.losses, c'f', sizeof(double), max(<size>job.losses.size, run.n_epochs))
    if run.batch_size < 1 or run.n_threads < 1:
        raise ValueError(f"batch_size and n_threads must be at least 1; got {run.batch_size} and {run.n_threads}")
    c.n_batches = (run.n_samples + run.batch_size - 1) // run.batch_size
    c.regime = regime_of(run)
    if job.random_state is not None:
        c.bitgen = generator_of(job.random_state)
    return 0


cdef int check_contents(Job *c, object job) except -1:
    """Raise where numbers lead outside of what they are for."""
    check_numbers("order", job.order, job.rows.n_rows)
    if c.labels != NULL:
        check_numbers("labels", job.y, c.run.n_outputs)
    return 0


cdef inline char *first_line(object workspace) noexcept:
    """Where the first line of the cache that lies within an array begins."""
    return <char *>((<uintptr_t>cnp.PyArray_DATA(<cnp.ndarray>workspace) + 63) & ~<uintptr_t>63)


cdef inline Job *job_of(object job) except NULL:
    """What `prepare` has laid out: the regime's struct, which begins with the job."""
    if job.workspace is None:
        raise ValueError("the job has no workspace; call prepare(job) first")
    return <Job *>first_line(job.workspace)


def prepare(job):
    """Make and lay out job.workspace. From here on the job's arrays must stay where they are."""
    cdef Job c
    cdef char *workspace
    cdef cnp.npy_intp n_bytes
    describe_job(&c, job)
    check_contents(&c, job)
    n_bytes = c.regime.layout(&c, NULL) + 63
    job.workspace = cnp.PyArray_EMPTY(1, &n_bytes, cnp.NPY_UINT8, 0)
    workspace = first_line(job.workspace)
    with nogil:
        c.regime.layout(&c, workspace)


def train(job):
    """Run up to run["budget"] batches; return the `Status`. Goes on where the last call stopped.

    While that is RUNNING, parameters may lag behind, until `dismiss`.
    """
    cdef Job *c = job_of(job)
    if c.bitgen != NULL and c.run.shuffle:
        with job.random_state._bit_generator.lock:
            with nogil:
                train_slice(c)
    else:
        with nogil:
            train_slice(c)
    return c.run.status


cdef void help_out(void *job) noexcept nogil:
    """What a thread beside the one that calls does. With its last line the job's memory may go."""
    cdef Job *c = <Job *>job
    c.regime.help(c, fm_add(&c.n_helpers, 1))
    fm_add(&c.n_left, -1)


def start(job):
    """Start threads 1, 2, ... of a prepared job, which serve until `dismiss`; fewer where the system allows no more.

    They know nothing of Python, and nobody waits for them to begin.
    """
    cdef Job *c = job_of(job)
    cdef size thread
    c.forked = n_forks
    for thread in range(1, c.run.n_threads if c.regime.help != NULL else 0):
        fm_add(&c.n_left, 1)
        if PyThread_start_new_thread(help_out, c) == PYTHREAD_INVALID_THREAD_ID:
            fm_add(&c.n_left, -1)
            return


def dismiss(job):
    """End a run: other threads have gone, and parameters and state are those after the last step."""
    cdef Job *c = job_of(job)
    cdef int32_t waits = 0
    cdef bint forked = c.forked != n_forks
    fm_store(&c.dismissed, 1)
    with nogil:
        while not forked and fm_load(&c.n_left) > 0:
            waits += 1
            fm_wait(waits)
        settle(c)


cdef inline Ensemble *ensemble_of(object workspace) except NULL:
    return <Ensemble *>cnp.PyArray_DATA(<cnp.ndarray>workspace)


def ensemble_bytes(job):
    """Bytes of scratch memory that training nets like this job's side by side takes."""
    cdef Job c
    cdef Ensemble measured
    describe_job(&c, job)
    return ensemble_layout(&measured, &c, NULL)


def prepare_ensemble(jobs, workspace):
    """Lay out a workspace for at most `lanes()` jobs. From here on their arrays must stay where they are."""
    cdef Job c
    cdef Ensemble *E
    cdef Ensemble measured
    cdef size k
    describe_job(&c, jobs[0])
    E = <Ensemble *>writable("workspace", workspace, c'u', 1, ensemble_layout(&measured, &c, NULL))
    ensemble_layout(E, &c, <char *>E)
    E.n_nets = len(jobs)
    if E.n_nets > LANES:
        raise ValueError(f"at most {LANES} nets fit into an ensemble, one to a lane of a vector; got {E.n_nets}")
    for k in range(E.n_nets):
        describe_job(&E.nets[k], jobs[k])
        check_contents(&E.nets[k], jobs[k])
        same("n_params of the nets of an ensemble", E.nets[k].net.n_params, c.net.n_params)
        same("n_states of the nets of an ensemble", E.nets[k].n_states, c.n_states)
        same("n_rows of the nets of an ensemble", jobs[k].rows.n_rows, jobs[0].rows.n_rows)
        if E.nets[k].rows.x != c.rows.x or E.nets[k].sample_weight != c.sample_weight:  # those of the first are read
            raise ValueError("nets of an ensemble must have the same X and weights; got others: train them apart")


def train_ensemble(jobs, workspace, alive, int64_t budget):
    """Run up to `budget` steps of each job that is `alive` (len(jobs),), int64.

    Returns as soon as the status of one is not RUNNING. The caller holds the locks of their random states.
    """
    cdef Ensemble *E = ensemble_of(workspace)
    memset(E.alive, 0, LANES * sizeof(int64_t))
    memcpy(E.alive, writable_words("alive", alive, E.n_nets), E.n_nets * sizeof(int64_t))
    with nogil:
        ensemble_slice(E, budget)


def predict(plan, params, rows, out, size first=0, n=None, Py_ssize_t layer=-1, bint logits=False,
            bint check_rows=False):
    """Write the output of `layer` for rows first..first + n into out (n, n_out of the layer).

    Each row's result depends on that row alone, not on the others or on how rows are split. Returns False where
    `check_rows` asks for a look and a row is not finite, as `all_finite` has it; `out` holds anything then.
    """
    cdef Net net
    cdef int status
    cdef Rows read
    describe_plan(&net, plan)
    describe_rows(&read, rows, plan.n_features, rows.scale)
    set_most(&read)
    net.params = <real *>readable_reals("params", params, net.n_params)
    cdef size count = out.shape[0] if n is None else n
    cdef size stop = net.n_layers - 1 if layer < 0 else layer
    if stop >= net.n_layers or first < 0 or count < 0 or first + count > <size>rows.n_rows:
        raise ValueError(f"there are {net.n_layers} layers and {rows.n_rows} rows; got layer {layer}, "
                         f"rows {first} to {first + count}")
    cdef real *target = writable_reals("out", out, count * net.layers[stop].n_out)
    with nogil:
        status = predict_rows(&net, &read, first, count, stop, logits, check_rows, target)
    return is_predicted(status, count)


cdef bint is_predicted(int status, size count) except -1:
    if status == NO_MEMORY:
        raise MemoryError(f"predict needs scratch memory for {count} rows and there is none")
    return status == PREDICTED


def predict_few(plan, params, x, double scale, Py_ssize_t layer=-1, bint logits=False):
    """Return the output of `layer` for a few finite rows of a plain array; None where x is not that.

    What `all_finite` and `predict` do, in one call: one row is a matter of microseconds.
    """
    cdef Net net
    cdef Rows read
    cdef int status
    cdef size n, stop
    cdef cnp.npy_intp shape[2]
    if not cnp.PyArray_CheckExact(x):
        return None
    memset(&read, 0, sizeof(Rows))
    read.n_features, read.scale = plan.n_features, scale
    if not describe_array(&read, x, read.n_features):
        return None
    n = (<cnp.ndarray>x).shape[0]
    if n > 0 and read.column == (<cnp.ndarray>x).descr.itemsize:
        prefetch_columns(&read, 0, 0, read.n_features)
    describe_plan(&net, plan)
    stop = net.n_layers - 1 if layer < 0 else layer
    if n < 1 or n > FEW_WORK // max(net.n_params, 1) or stop >= net.n_layers:
        return None
    set_most(&read)
    net.params = <real *>readable_reals("params", params, net.n_params)
    shape[0], shape[1] = n, net.layers[stop].n_out
    out = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT if sizeof(real) == 4 else cnp.NPY_DOUBLE, 0)
    cdef real *target = <real *>cnp.PyArray_DATA(<cnp.ndarray>out)
    with nogil:
        status = predict_rows(&net, &read, 0, n, stop, logits, True, target)
    return out if is_predicted(status, n) else None


def all_finite(rows):
    """Whether no value is NaN or infinite, or becomes infinite where it is read."""
    cdef Rows read
    cdef bint result
    cdef size n = rows.n_rows
    describe_rows(&read, rows, rows.n_features, rows.scale)
    set_most(&read)
    with nogil:
        result = rows_finite(&read, n)
    return result


def shuffle(order, random_state):
    """Shuffle int64 `order` in place, exactly as random_state.shuffle(order) would."""
    cdef bitgen_t *g = generator_of(random_state)
    cdef size n = order.size
    cdef int64_t *data = writable_words("order", order, n)
    with random_state._bit_generator.lock:
        with nogil:
            shuffle_order(g, data, n)


# For tests: one kernel at a time, on arrays of any size.

cdef object whole_vectors(object array):
    """A copy whose rows are padded with zeros to whole vectors."""
    result = np.zeros((array.shape[0], padded(array.shape[1])), array.dtype)
    result[:, : array.shape[1]] = array
    return result


def activate(int64_t code, double slope, cnp.ndarray z, cnp.ndarray out):
    """out = f(z), elementwise; softmax over the last axis."""
    cdef size i, n
    cdef real *to = writable_reals("out", out, z.size)
    if code != SOFTMAX:
        activation_forward(code, <real>slope, readable_reals("z", z, z.size), to, z.size)
    elif z.size:
        n = z.shape[z.ndim - 1]
        rows = whole_vectors(z.reshape(-1, n))
        to = writable_reals("z", rows, len(rows) * padded(n))
        for i in range(len(rows)):
            softmax(to + i * padded(n), to + i * padded(n), n)
        np.copyto(out, rows[:, :n].reshape(np.shape(out)))


def activation_gradient(int64_t code, double slope, cnp.ndarray z, cnp.ndarray a, cnp.ndarray d):
    """d *= f'(z)."""
    cdef size n = d.size
    activation_backward(code, <real>slope, readable_reals("z", z, n), readable_reals("a", a, n),
                        writable_reals("d", d, n), n)


def update(cnp.ndarray run, cnp.ndarray w, cnp.ndarray g, cnp.ndarray state):
    """One optimizer step on flat arrays of one length; w and state (n_states, n) are updated."""
    cdef Step step
    cdef size n = w.size, i, n_states = state.shape[0]
    cdef real *s[3]
    cdef real *flat
    cdef Run *asked = <Run *>writable("run", run, c'V', sizeof(Run), 1)
    same("n_states", n_states, N_STATES[asked.optimizer])
    rows = whole_vectors(np.vstack([w, g, state]))
    flat = writable_reals("w, g and state", rows, (2 + n_states) * padded(n))
    begin_step(asked, 1, &step)
    for i in range(3):
        s[i] = flat + padded(n) * (2 + i if i < n_states else 0)
    update_flat(&step, flat, s[0], s[1], s[2], flat + padded(n), ONE, padded(n))
    w[...] = rows[0, :n]
    state[...] = rows[2:, :n]


def multiply(cnp.ndarray A, cnp.ndarray B, cnp.ndarray C, bint accumulate=False, bint transposed=False):
    """C (+)= A B, or A^T B. A may have any strides."""
    cdef size row = A.strides[0] // sizeof(real), col = A.strides[1] // sizeof(real), K = B.shape[0]
    if transposed:
        row, col = col, row
    b = whole_vectors(B)
    c = whole_vectors(C if accumulate else np.zeros_like(C))
    if A.descr.kind != c'f' or A.descr.itemsize != sizeof(real):
        memory.refuse("A", A, b.dtype, A.size)
    add_product(<real *>cnp.PyArray_DATA(A), row, col, readable_reals("B", b, b.size), b.shape[1],
                writable_reals("C", c, c.size), c.shape[1], C.shape[0], c.shape[1], K)
    C[...] = c[:, : C.shape[1]]


def multiply_tn(A, D, C):
    """C = A^T D."""
    multiply(A, D, C, False, True)


def lanes():
    """Elements of a vector."""
    return LANES
