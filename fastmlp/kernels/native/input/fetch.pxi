# Rows that will be wanted, asked for a few lines at a time among other work.
#
# A core waits for some two dozen lines at once; what is asked for beyond those holds up everything. So lines are asked
# for one by one within the loops over lists.

cdef extern from *:
    """
    typedef struct {           /* the same lines of some rows, on their way into the second-level cache */
        const char *x;         /* where these lines begin in row 0 */
        Py_ssize_t stride;     /* bytes from row to row */
        Py_ssize_t n_lines;
        const int64_t *row, *last;     /* rows that are to come */
        const char *next, *end;        /* lines of the row in hand */
        Py_ssize_t step, left; /* lines that are due for each group, and for this one */
    } Fetch;

    static inline void fm_fetch_row(Fetch *f) {
        if (f->row == f->last) {
            f->step = f->left = 0;
            return;
        }
        f->next = f->x + *f->row++ * f->stride;
        f->end = f->next + 64 * f->n_lines;
    }

    static inline void fm_fetch_due(Fetch *f) {
        while (f->left > 0) {
            const char *end = f->left < (f->end - f->next) / 64 ? f->next + 64 * f->left : f->end;
            f->left -= (end - f->next) / 64;
            for (; f->next < end; f->next += 64) fm_prefetch_far(f->next);
            if (end == f->end) fm_fetch_row(f);
        }
    }

    static inline void fm_fetch_group(Fetch *f) {
        fm_fetch_due(f);       /* what the group before had no time for */
        f->left = f->step;
    }

    static inline void fm_fetch_meanwhile(Fetch *f) {
        if (f->left <= 0) return;
        f->left--;
        fm_prefetch_far(f->next);
        f->next += 64;
        if (f->next == f->end) fm_fetch_row(f);
    }
    """
    ctypedef struct Fetch:
        const char *x
        size stride, n_lines
        const int64_t *row
        const int64_t *last
        size step, left
    void fm_fetch_row(Fetch *) noexcept nogil
    void fm_fetch_group(Fetch *) noexcept nogil
    void fm_fetch_meanwhile(Fetch *) noexcept nogil
