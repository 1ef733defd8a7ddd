# How threads carry out a mini-batch step together.
#
# A phase is a number of tasks: blocks of samples, or runs of blocks of weights. Threads claim tasks one by
# one, and whoever finishes a phase's last task does what comes between (sums, history, shuffles) and opens the
# next. Nobody waits for a thread that has claimed nothing: where another program keeps a core busy, the others
# do its share. Which thread does a task has no influence on its result.
#
# Where products with the first layer's weights are summed up by bands, which are runs of cuts, they come first; where
# samples have lists of their own, these are made before, by stretches. In most steps all this is done beforehand: a
# stretch of the next batch is listed with the same stretch of this one, and a cut multiplied by the thread that has
# just updated it. So these weights stay in its core's cache: to write what another core has read takes up to 8 ns for
# each 64 bytes, where cores have their third-level caches apart.
#
# The ticket is one atomic word: number and kind of the phase, and the tasks that are left, first..last. Even
# threads claim from the front, odd ones from the back, so that each meets the same weights step after step.

cdef enum:
    CLOSED = 0            # no work: the slice is over
    SAMPLES               # forward and backward
    WEIGHTS               # gradient and update
    CLIPPED               # update from the stored gradient, scaled to the largest allowed norm
    WALK                  # over the samples' rows, for their own lists
    BANDS                 # the first layer's products


cdef void open_phase(Batch *self, int64_t kind, size n_tasks) noexcept nogil:
    self.phase += 1
    fm_store(&self.remaining, <int32_t>n_tasks)
    fm_store64(&self.ticket, ((self.phase & 0xfffffff) << 3 | kind) << 32 | <int64_t>n_tasks)


cdef inline Py_ssize_t claim(Batch *self, size thread, int64_t phase) noexcept nogil:
    """A task of this phase, or -1 where none is left."""
    cdef int64_t ticket, first, last
    while True:
        ticket = fm_load64(&self.ticket)
        first = ticket >> 16 & 0xffff
        last = ticket & 0xffff
        if ticket >> 32 != phase or first >= last:
            return -1
        if thread % 2:
            if fm_swap64(&self.ticket, ticket, ticket - 1):
                return last - 1
        elif fm_swap64(&self.ticket, ticket, ticket + (1 << 16)):
            return first


cdef inline size n_stretches(const Batch *self) noexcept nogil:
    return (self.chunk_samples + self.stretch - 1) // self.stretch


cdef void open_samples(Batch *self) noexcept nogil:
    """Begin the forward pass, and say what of the next batch is to be prepared meanwhile."""
    cdef size next = self.batch_start + self.batch_samples, n_samples = self.job.run.n_samples
    self.prepared = 0
    if self.early and self.can_prepare and self.left > 1 and next < n_samples:
        self.prepared = min(<size>self.job.run.batch_size, n_samples - next)
    self.shared_lists.ahead = self.lists.ahead = next + self.prepared
    self.shared_lists.n_ahead = self.lists.n_ahead = min(self.prepared, n_samples - next - self.prepared)
    open_phase(self, SAMPLES, n_stretches(self))


cdef void open_chunk(Batch *self) noexcept nogil:
    """Begin the batch's next chunk of samples."""
    self.chunk_samples = min(self.batch_samples - self.batch_at, self.chunk)
    if not self.early:
        open_samples(self)
    elif self.prepared > 0:
        self.shared_lists.side ^= 1
        open_samples(self)
    elif self.job.run.sparse and not self.shared:
        open_phase(self, WALK, n_stretches(self))
    else:                     # rows are read where they meet the weights
        if self.shared:
            group_samples(&self.job, &self.shared_lists, self.shared_lists.side, self.batch_start + self.batch_at,
                          self.chunk_samples)
        open_phase(self, BANDS, self.bands.n_bands)


cdef void open_batch(Batch *self) noexcept nogil:
    """Begin the batch that the run record says comes next."""
    cdef Run *run = self.job.run
    self.batch_start = run.batch * run.batch_size
    self.batch_samples = run.n_samples - self.batch_start
    if self.batch_samples > <size>run.batch_size:
        self.batch_samples = run.batch_size
    self.batch_at = 0
    self.batch_loss = self.batch_weight = 0
    open_chunk(self)


cdef inline size following(Batch *self, size thread) noexcept nogil:
    """Position in the epoch's order of the stretch that this thread will probably take next, or -1."""
    cdef size chunk = self.batch_start + self.batch_at, next = chunk + self.chunk_samples
    cdef int64_t ticket = fm_load64(&self.ticket), first = ticket >> 16 & 0xffff, last = ticket & 0xffff
    if is_csr(&self.job.rows) or self.job.rows.column > 8:
        return -1
    if first < last:
        next = chunk + (first if thread % 2 == 0 else last - 1) * self.stretch
    elif thread % 2:              # the last stretch of the next chunk, if that is as long
        next += (self.chunk_samples - 1) // self.stretch * self.stretch
    return next if next + self.stretch <= <size>self.job.run.n_samples else -1


cdef void gather_stretch(Batch *self, size start, size first, size last) noexcept nogil:
    cdef size b
    for b in range(first // BLOCK, (last + BLOCK - 1) // BLOCK):
        gather_block(self, start, b * BLOCK, min((b + 1) * BLOCK, last))


cdef void walk_task(Batch *self, size start, size n_samples, size task) noexcept nogil:
    """List a stretch of the n_samples that begin at position `start` of the epoch's order."""
    cdef size first = task * self.stretch, last = min(first + self.stretch, n_samples)
    if first < last:
        gather_stretch(self, start, first, last)


cdef void multiply_cut(Batch *self, int side, size start, size cut, size n_samples) noexcept nogil:
    """Multiply the n_samples that begin at position `start` of the epoch's order by a cut of the first weights."""
    cdef bint bad = False
    if self.shared:
        bad = forward_cut(&self.job, &self.shared_lists, side, cut, n_samples, self.work[0].W)
    else:
        if not self.job.run.sparse:
            bad = gather_panel(&self.job, &self.panels, cut, start, 0, n_samples)
        forward_cut_of_band(self, cut, 0, n_samples)
    if bad:
        fm_store(&self.bad_rows, 1)


cdef void band_task(Batch *self, size task) noexcept nogil:
    cdef size cut
    for cut in range(band_start(self.bands, task), band_start(self.bands, task + 1)):
        multiply_cut(self, self.shared_lists.side, self.batch_start + self.batch_at, cut, self.chunk_samples)


cdef void samples_task(Batch *self, size thread, size task) noexcept nogil:
    cdef size first = task * self.stretch, start = self.batch_start + self.batch_at
    cdef size last = min(first + self.stretch, self.chunk_samples), b
    if not self.early:
        gather_stretch(self, start, first, last)
    if self.shared and self.prepared > 0 and task == 0:
        group_samples(&self.job, &self.shared_lists, self.shared_lists.side ^ 1,
                      self.batch_start + self.batch_samples, self.prepared)
    forward_block(self, thread, start, first, last, following(self, thread) if not self.early else -1)
    for b in range(first // BLOCK, (last + BLOCK - 1) // BLOCK):
        self.block_loss[b] = loss_block(self, start, b * BLOCK, min((b + 1) * BLOCK, last), &self.block_weight[b])
    backward_block(self, thread, first, last)
    if self.prepared > 0 and self.job.run.sparse and not self.shared:
        walk_task(self, self.batch_start + self.batch_samples, self.prepared, task)


cdef inline void prepare_cut(Batch *self, const WeightBlock *block) noexcept nogil:
    """Multiply the next batch by a cut of the first layer's weights that has been updated."""
    if (self.prepared > 0 and block.layer == 0 and block.first < self.job.net.layers[0].n_in
            and block.last == cut_end(self, block.first)):
        multiply_cut(self, self.shared_lists.side ^ 1, self.batch_start + self.batch_samples,
                     cut_of(self, block.first), self.prepared)


cdef void weights_task(Batch *self, size thread, size task) noexcept nogil:
    cdef size u = self.task_start[task], end = self.task_start[task + 1], n, k
    cdef WeightBlock block
    cdef LayerWork *work
    cdef real *g
    cdef bint whole = self.batch_at + self.chunk_samples == self.batch_samples
    while u < end:
        n = blocks_together(self, u, end)
        block = self.weight_blocks[u]
        block.last = self.weight_blocks[u + n - 1].last
        work = &self.work[block.layer]
        if moves_at_once(self, &block, thread):
            for k in range(n):
                self.block_penalty[u + k] = 0
        else:
            g = work.G + block.first * work.ld if work.G != NULL else self.scratch + thread * self.scratch_size
            weight_gradient(self, &block, thread, self.batch_at == 0, ONE, g)
            for k in range(n if whole else 0):
                finish_weights(self, u + k, &self.step, g + (self.weight_blocks[u + k].first - block.first) * work.ld)
        prepare_cut(self, &block)
        u += n


cdef void clipped_task(Batch *self, size task) noexcept nogil:
    cdef size u, i
    cdef WeightBlock *block
    cdef LayerWork *work
    cdef real *g
    for u in range(self.task_start[task], self.task_start[task + 1]):
        block = &self.weight_blocks[u]
        work = &self.work[block.layer]
        g = work.G + block.first * work.ld
        for i in range((block.last - block.first) * work.ld // LANES):
            (<vec *>g)[i] = (<vec *>g)[i] * self.clip_scale
        if self.job.run.optimizer != GRADIENT:
            update_weights(self, u, &self.step, g, ONE)


cdef void end_step(Batch *self) noexcept nogil:
    """All weights are updated: the loss, the history, and the next batch or the slice's end."""
    cdef size u, k
    cdef double loss = self.batch_loss * self.job.run.loss_scale
    for u in range(self.n_weight_blocks):
        loss += self.block_penalty[u]
    if self.job.run.average and isfinite(loss):
        loss = loss / self.batch_weight if self.batch_weight > 0 else 0
    for k in range(self.job.net.n_layers):
        if self.job.net.layers[k].max_norm > 0:
            cap_norms(self)
            break
    end_batch(&self.job, loss, self.batch_samples, batch_finite, batch_keep, batch_restore)
    self.left -= 1
    if self.job.run.status != RUNNING or self.left <= 0:
        open_phase(self, CLOSED, 0)
    else:
        open_batch(self)


cdef void end_phase(Batch *self, int64_t kind) noexcept nogil:
    """What comes between two phases; run by the thread that finished the last task."""
    cdef size b, u
    cdef double norm = 0
    cdef WeightBlock *block
    cdef LayerWork *work
    if kind == WALK:
        open_phase(self, BANDS, self.bands.n_bands)
        return
    if kind == BANDS:
        open_samples(self)
        return
    if kind == SAMPLES:
        if fm_load(&self.bad_rows):
            self.batch_loss = NOT_A_NUMBER
        for b in range((self.chunk_samples + BLOCK - 1) // BLOCK):
            self.batch_loss += self.block_loss[b]
            self.batch_weight += self.block_weight[b]
        if self.batch_at + self.chunk_samples == self.batch_samples:
            if self.job.run.mean_weight > 0:
                self.batch_weight = self.job.run.mean_weight * self.batch_samples
            begin_step(self.job.run, self.batch_weight if self.job.run.average else 1, &self.step)
        open_phase(self, WEIGHTS, self.n_tasks)
        return
    if kind == WEIGHTS:
        self.batch_at += self.chunk_samples
        if self.batch_at < self.batch_samples:
            self.left -= 1
            if self.left > 0:
                open_chunk(self)
            else:             # the slice is over, in the midst of a batch
                open_phase(self, CLOSED, 0)
            return
        if self.job.run.clip_norm > 0:
            for u in range(self.n_weight_blocks):
                block = &self.weight_blocks[u]
                work = &self.work[block.layer]
                norm += penalty(work.G + block.first * work.ld, (block.last - block.first) * work.ld, 0, 2)
            norm = c_sqrt(norm)
            self.clip_scale = <real>(self.job.run.clip_norm / norm) if norm > self.job.run.clip_norm else ONE
            open_phase(self, CLIPPED, self.n_tasks)
            return
    end_step(self)


cdef void take_part(Batch *self, size thread) noexcept nogil:
    """Claim and carry out tasks until the slice is over."""
    cdef int64_t phase, kind
    cdef Py_ssize_t task
    cdef int32_t waits = 0
    while True:
        phase = fm_load64(&self.ticket) >> 32
        kind = phase & 7
        if kind == CLOSED:
            return
        task = claim(self, thread, phase)
        if task < 0:              # the phase's last tasks are being done by others
            waits += 1
            if waits < 500:
                fm_pause()
            else:
                fm_yield()
            continue
        waits = 0
        if kind == SAMPLES:
            samples_task(self, thread, task)
        elif kind == WEIGHTS:
            weights_task(self, thread, task)
        elif kind == WALK:
            walk_task(self, self.batch_start + self.batch_at, self.chunk_samples, task)
        elif kind == BANDS:
            band_task(self, task)
        else:
            clipped_task(self, task)
        if fm_add(&self.remaining, -1) == 0:
            end_phase(self, kind)


cdef void serve(Job *job, size thread) noexcept nogil:
    """What every thread but the first does: take part in slices, or not where few are to (kernels/pace.py)."""
    cdef Batch *self = <Batch *>job
    cdef unsigned int control = fm_flush_denormals()
    cdef int32_t waits = 0
    while not fm_load(&self.job.dismissed):
        if (fm_load64(&self.ticket) >> 32 & 7) != CLOSED and <int32_t>thread < fm_load(&self.n_active):
            take_part(self, thread)
            waits = 0
            continue
        waits += 1
        fm_wait(waits)
    fm_restore_denormals(control)
