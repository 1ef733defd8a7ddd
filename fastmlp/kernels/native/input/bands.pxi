# Bands: in small batches the product with the first layer's weights is summed up by runs of their rows, so that a
# thread can multiply by a band as soon as it has updated it, and no other core ever asks for these weights
# (batch_threads.pxi). A band is a run of cuts of listed inputs (lists.pxi), or of panels of dense ones (panels.pxi).

cdef enum:
    BAND_SAMPLES = 256    # of a batch, beyond which what threads gain by bands is small beside the rest

cdef struct Bands:
    size n_bands          # or 0 where products are not summed up by bands
    size group            # of so many bands the sums are added up before they meet others
    size n_cuts           # of features, which the bands share
    size ld               # of the first layer's weights
    real *sums            # (n_bands, room, ld): what a band adds to the first layer's Z
    size room             # samples of these


cdef bint first_alone(const Net *net) noexcept nogil:
    """Whether only the first layer meets the input, once."""
    cdef size e
    for e in range(1, net.n_edges):
        if net.edges[e].source == INPUT:
            return False
    return net.layers[0].n_edges == 1


cdef inline size two_bands(const Job *job, size chunk, size n_cuts) noexcept nogil:
    """Bands of a wide first layer, if any: by the sizes alone, as the order of sums depends on them."""
    return 2 if chunk <= BAND_SAMPLES and n_cuts > 1 and job.net.n_layers > 1 and first_alone(&job.net) else 0


cdef void lay_out_bands(Bands *bands, const Job *job, size chunk, size n_cuts, size n_bands, size group,
                        char **cursor) noexcept nogil:
    """Take room for what so many bands give."""
    bands.n_bands = n_bands
    bands.group = group
    bands.n_cuts = n_cuts
    bands.ld = padded(job.net.layers[0].n_out)
    bands.room = (chunk + BLOCK - 1) // BLOCK * BLOCK
    bands.sums = <real *>take(cursor, bands.n_bands * bands.room * bands.ld * sizeof(real))


cdef inline size band_start(const Bands *bands, size band) noexcept nogil:
    """The first cut of a band."""
    return bands.n_cuts * band // bands.n_bands


cdef inline size band_of(const Bands *bands, size cut) noexcept nogil:
    cdef size band = 0
    while band_start(bands, band + 1) <= cut:
        band += 1
    return band


cdef inline bint begins_band(const Bands *bands, size cut) noexcept nogil:
    return cut == band_start(bands, band_of(bands, cut))


cdef inline void sum_bands(const Bands *bands, size s, const real *bias, real *out) noexcept nogil:
    """out (ld,) = the bias (NULL: 0) and what the bands gave for sample s, group by group."""
    cdef size band = 0, i, j, apart = bands.room * bands.ld
    cdef const real *at = bands.sums + s * bands.ld
    cdef const real *so_far = bias
    cdef vec of_group
    while band < bands.n_bands:
        for j in range(bands.ld // LANES):
            of_group = (<const vec *>at)[j]
            for i in range(1, bands.group):
                of_group = of_group + (<const vec *>(at + i * apart))[j]
            if so_far != NULL:
                of_group = (<const vec *>so_far)[j] + of_group
            (<vec *>out)[j] = of_group
        at += bands.group * apart
        band += bands.group
        so_far = out
