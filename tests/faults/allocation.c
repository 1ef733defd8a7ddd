/* Preloaded by tests (glibc only): an allocation that fails, the n-th one of those that some modules ask for. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

static struct { char *first, *end; } callers[16];  /* code whose allocations are counted */
static int n_callers;
static long left;     /* of them until one fails; 0: none does */
static int for_good;  /* whether all later ones fail too */

void count_caller(char *first, char *end)
{
    callers[n_callers].first = first;
    callers[n_callers++].end = end;
}

void fail_allocation(long n, int all_later)
{
    for_good = all_later;
    __atomic_store_n(&left, n, __ATOMIC_SEQ_CST);
}

/* From here on none fails. Returns whether one has. */
int end_of_failures(void) { return __atomic_exchange_n(&left, 0, __ATOMIC_SEQ_CST) < 0; }

static int fails(char *caller)
{
    long n = __atomic_load_n(&left, __ATOMIC_SEQ_CST);
    int i = 0;
    if (n == 0 || (n < 0 && !for_good)) return 0;
    while (i < n_callers && !(callers[i].first <= caller && caller < callers[i].end)) i++;
    if (i == n_callers) return 0;
    if (n > 0) {
        n = __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST);
        if (n > 0) return 0;
        if (n == 0) __atomic_store_n(&left, -1, __ATOMIC_SEQ_CST);
    }
    errno = ENOMEM;
    return 1;
}

#define FAILS fails(__builtin_return_address(0))
void *malloc(size_t n) { return FAILS ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return FAILS ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return FAILS ? NULL : __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return FAILS ? NULL : __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return FAILS ? NULL : __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n)
{
    if (FAILS || !(*p = __libc_memalign(a, n))) return ENOMEM;
    return 0;
}
