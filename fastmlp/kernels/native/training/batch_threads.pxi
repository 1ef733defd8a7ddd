# How threads carry out a mini-batch step together.
#
# A phase is a number of tasks: blocks of samples, or runs of blocks of weights. Threads claim tasks one by
# one, and whoever finishes a phase's last task does what comes between (sums, history, shuffles) and opens the
# next. Nobody waits for a thread that has claimed nothing: where another program keeps a core busy, the others
# do its share. Which thread does a task has no influence on its result.
#
# The ticket is one atomic word: number and kind of the phase, and the tasks that are left, first..last. Even
# threads claim from the front, odd ones from the back, so that each meets the same weights step after step.

cdef enum:
    CLOSED = 0            # no work: the slice is over
    SAMPLES               # forward and backward
    WEIGHTS               # gradient and update
    CLIPPED               # update from the stored gradient, scaled to the largest allowed norm


cdef void open_phase(Context *c, int64_t kind, size n_tasks) noexcept nogil:
    c.phase += 1
    fm_store(&c.remaining, <int32_t>n_tasks)
    fm_store64(&c.ticket, ((c.phase & 0xfffffff) << 3 | kind) << 32 | <int64_t>n_tasks)


cdef inline Py_ssize_t claim(Context *c, size thread, int64_t phase) noexcept nogil:
    """A task of this phase, or -1 where none is left."""
    cdef int64_t ticket, first, last
    while True:
        ticket = fm_load64(&c.ticket)
        first = ticket >> 16 & 0xffff
        last = ticket & 0xffff
        if ticket >> 32 != phase or first >= last:
            return -1
        if thread % 2:
            if fm_swap64(&c.ticket, ticket, ticket - 1):
                return last - 1
        elif fm_swap64(&c.ticket, ticket, ticket + (1 << 16)):
            return first


cdef void open_samples(Context *c) noexcept nogil:
    """Begin the batch's next chunk of samples."""
    cdef size left = c.batch_samples - c.batch_at
    c.chunk_samples = left if left < c.chunk else c.chunk
    open_phase(c, SAMPLES, (c.chunk_samples + BLOCK - 1) // BLOCK)


cdef void open_batch(Context *c) noexcept nogil:
    """Begin the batch that the run record says comes next."""
    cdef Run *run = c.job.run
    c.batch_start = run.batch * run.batch_size
    c.batch_samples = run.n_samples - c.batch_start
    if c.batch_samples > <size>run.batch_size:
        c.batch_samples = run.batch_size
    c.batch_at = 0
    c.batch_loss = c.batch_weight = 0
    open_samples(c)


cdef inline size following(Context *c, size thread) noexcept nogil:
    """Position in the epoch's order of the block that this thread will probably take next, or -1."""
    cdef size chunk = c.batch_start + c.batch_at, next = chunk + c.chunk_samples
    cdef int64_t ticket = fm_load64(&c.ticket), first = ticket >> 16 & 0xffff, last = ticket & 0xffff
    if is_csr(&c.job.rows) or c.job.rows.column > 8:
        return -1
    if first < last:
        next = chunk + (first if thread % 2 == 0 else last - 1) * BLOCK
    elif thread % 2:              # the last block of the next chunk, if that is as long
        next += (c.chunk_samples - 1) // BLOCK * BLOCK
    return next if next + BLOCK <= <size>c.job.run.n_samples else -1


cdef void samples_task(Context *c, size thread, size task) noexcept nogil:
    cdef size first = task * BLOCK, start = c.batch_start + c.batch_at
    cdef size last = first + BLOCK if first + BLOCK < c.chunk_samples else c.chunk_samples
    gather_block(c, start, first, last)
    forward_block(c, start, first, last, following(c, thread))
    c.block_loss[task] = loss_block(c, start, first, last, &c.block_weight[task])
    backward_block(c, first, last)


cdef void weights_task(Context *c, size thread, size task) noexcept nogil:
    cdef size u, n
    cdef WeightBlock *block
    cdef LayerWork *work
    cdef real *g
    cdef bint whole = c.batch_at + c.chunk_samples == c.batch_samples
    for u in range(c.task_start[task], c.task_start[task + 1]):
        block = &c.weight_blocks[u]
        work = &c.work[block.layer]
        n = (block.last - block.first) * work.ld
        if learns_in_place(c, block):
            c.block_penalty[u] = 0
            weight_gradient(c, block, c.chunk_samples, -c.step.rate * c.step.scale, work.W + block.first * work.ld)
            continue
        g = work.G + block.first * work.ld if work.G != NULL else c.scratch + thread * c.scratch_size
        if c.batch_at == 0:
            memset(g, 0, n * sizeof(real))
        weight_gradient(c, block, c.chunk_samples, ONE, g)
        if whole:
            finish_weights(c, u, &c.step, g)


cdef void clipped_task(Context *c, size task) noexcept nogil:
    cdef size u, i
    cdef WeightBlock *block
    cdef LayerWork *work
    cdef real *g
    for u in range(c.task_start[task], c.task_start[task + 1]):
        block = &c.weight_blocks[u]
        work = &c.work[block.layer]
        g = work.G + block.first * work.ld
        for i in range((block.last - block.first) * work.ld // LANES):
            (<vec *>g)[i] = (<vec *>g)[i] * c.clip_scale
        if c.job.run.optimizer != GRADIENT:
            update_weights(c, u, &c.step, g)


cdef void end_step(Context *c) noexcept nogil:
    """All weights are updated: the loss, the history, and the next batch or the slice's end."""
    cdef size u, k
    cdef double loss = c.batch_loss * c.job.run.loss_scale
    for u in range(c.n_weight_blocks):
        loss += c.block_penalty[u]
    if c.job.run.average and isfinite(loss):
        loss = loss / c.batch_weight if c.batch_weight > 0 else 0
    for k in range(c.job.net.n_layers):
        if c.job.net.layers[k].max_norm > 0:
            cap_norms(c)
            break
    end_batch(&c.job, loss, c.batch_samples, batch_finite, context_keep, context_restore)
    c.left -= 1
    if c.job.run.status != RUNNING or c.left <= 0:
        open_phase(c, CLOSED, 0)
    else:
        open_batch(c)


cdef void end_phase(Context *c, int64_t kind) noexcept nogil:
    """What comes between two phases; run by the thread that finished the last task."""
    cdef size b, u
    cdef double norm = 0
    cdef WeightBlock *block
    cdef LayerWork *work
    if kind == SAMPLES:
        if fm_load(&c.bad_rows):
            c.batch_loss = NOT_A_NUMBER
        for b in range((c.chunk_samples + BLOCK - 1) // BLOCK):
            c.batch_loss += c.block_loss[b]
            c.batch_weight += c.block_weight[b]
        if c.batch_at + c.chunk_samples == c.batch_samples:
            if c.job.run.mean_weight > 0:
                c.batch_weight = c.job.run.mean_weight * c.batch_samples
            begin_step(c.job.run, c.batch_weight if c.job.run.average else 1, &c.step)
        open_phase(c, WEIGHTS, c.n_tasks)
        return
    if kind == WEIGHTS:
        c.batch_at += c.chunk_samples
        if c.batch_at < c.batch_samples:
            c.left -= 1
            if c.left > 0:
                open_samples(c)
            else:             # the slice is over, in the midst of a batch
                open_phase(c, CLOSED, 0)
            return
        if c.job.run.clip_norm > 0:
            for u in range(c.n_weight_blocks):
                block = &c.weight_blocks[u]
                work = &c.work[block.layer]
                norm += penalty(work.G + block.first * work.ld, (block.last - block.first) * work.ld, 0, 2)
            norm = c_sqrt(norm)
            c.clip_scale = <real>(c.job.run.clip_norm / norm) if norm > c.job.run.clip_norm else ONE
            open_phase(c, CLIPPED, c.n_tasks)
            return
    end_step(c)


cdef void take_part(Context *c, size thread) noexcept nogil:
    """Claim and carry out tasks until the slice is over."""
    cdef int64_t phase, kind
    cdef Py_ssize_t task
    cdef int32_t waits = 0
    while True:
        phase = fm_load64(&c.ticket) >> 32
        kind = phase & 7
        if kind == CLOSED:
            return
        task = claim(c, thread, phase)
        if task < 0:              # the phase's last tasks are being done by others
            waits += 1
            if waits < 500:
                fm_pause()
            else:
                fm_yield()
            continue
        waits = 0
        if kind == SAMPLES:
            samples_task(c, thread, task)
        elif kind == WEIGHTS:
            weights_task(c, thread, task)
        else:
            clipped_task(c, task)
        if fm_add(&c.remaining, -1) == 0:
            end_phase(c, kind)


cdef void serve(Job *job, size thread) noexcept nogil:
    """What every thread but the first does: take part in slices until dismissed."""
    cdef Context *c = <Context *>job
    cdef unsigned int control = fm_flush_denormals()
    cdef int32_t waits = 0
    while not fm_load(&c.job.dismissed):
        if (fm_load64(&c.ticket) >> 32 & 7) != CLOSED:
            take_part(c, thread)
            waits = 0
            continue
        waits += 1
        if waits < 500:
            fm_pause()
        elif waits < 2000:
            fm_yield()
        else:
            fm_sleep()
    fm_restore_denormals(control)
