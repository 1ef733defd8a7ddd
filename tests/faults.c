/* Preloaded by tests: an allocation that fails, the n-th one, or all from it on. For glibc. */
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

static long left = -1;  /* allocations until one fails; -1: none does */
static int for_good;    /* whether all later ones fail too */

void fail_allocation(long n, int all_later)
{
    for_good = all_later;
    __atomic_store_n(&left, n, __ATOMIC_SEQ_CST);
}

/* Whether one has failed; from here on none does. */
int end_of_failures(void)
{
    return __atomic_exchange_n(&left, -1, __ATOMIC_SEQ_CST) == 0;
}

static int fails(void)
{
    long n = __atomic_load_n(&left, __ATOMIC_SEQ_CST);
    do {
        if (n < 0) return 0;
        if (n == 0) break;
    } while (!__atomic_compare_exchange_n(&left, &n, n - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (n > 1 || (n == 0 && !for_good)) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return fails() ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return fails() ? NULL : __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return fails() ? NULL : __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n)
{
    if (fails()) return ENOMEM;
    return (*p = __libc_memalign(a, n)) ? 0 : ENOMEM;
}
