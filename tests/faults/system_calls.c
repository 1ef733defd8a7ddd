/* Preloaded by tests: the n-th system call that writes a file fails, writes less than asked, or is the last. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL = -1, SHORT = -2 };  /* other faults are numbers of errors */
static int left, fault, counted;

void fail_call(int n, int with)
{
    left = n;
    fault = with;
    counted = 0;
}

int calls(void) { left = 0; return counted; }

/* Whether this call is the one. */
static int meets(void)
{
    if (left == 0) return 0;
    counted++;
    if (--left) return 0;
    if (fault == KILL) raise(SIGKILL);
    if (fault == SHORT) return 0;
    errno = fault;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALL(type, name, declared, given) \
    type name declared { return meets() ? (type)-1 : NEXT(name) given; }

CALL(int, fsync, (int f), (f))
CALL(int, fdatasync, (int f), (f))
CALL(int, flock, (int f, int how), (f, how))
CALL(int, rename, (const char *a, const char *b), (a, b))
CALL(int, renameat, (int d, const char *a, int e, const char *b), (d, a, e, b))
CALL(int, unlink, (const char *p), (p))
CALL(int, unlinkat, (int d, const char *p, int how), (d, p, how))
CALL(int, chmod, (const char *p, mode_t m), (p, m))
CALL(int, fchmod, (int f, mode_t m), (f, m))
CALL(int, fchmodat, (int d, const char *p, mode_t m, int how), (d, p, m, how))
CALL(int, stat, (const char *p, struct stat *s), (p, s))
CALL(int, stat64, (const char *p, struct stat64 *s), (p, s))
CALL(int, lstat, (const char *p, struct stat *s), (p, s))
CALL(int, lstat64, (const char *p, struct stat64 *s), (p, s))
CALL(int, fstat, (int f, struct stat *s), (f, s))
CALL(int, fstat64, (int f, struct stat64 *s), (f, s))
CALL(int, fstatat, (int d, const char *p, struct stat *s, int how), (d, p, s, how))
CALL(int, fstatat64, (int d, const char *p, struct stat64 *s, int how), (d, p, s, how))
CALL(int, ftruncate, (int f, off_t n), (f, n))
CALL(int, ftruncate64, (int f, off64_t n), (f, n))
CALL(off_t, lseek, (int f, off_t n, int from), (f, n, from))
CALL(off64_t, lseek64, (int f, off64_t n, int from), (f, n, from))
CALL(ssize_t, read, (int f, void *p, size_t n), (f, p, n))
CALL(ssize_t, readlink, (const char *p, char *to, size_t n), (p, to, n))
CALL(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n))
CALL(ssize_t, pwrite, (int f, const void *p, size_t n, off_t at), (f, p, n, at))
CALL(ssize_t, pwrite64, (int f, const void *p, size_t n, off64_t at), (f, p, n, at))

ssize_t write(int f, const void *p, size_t n)
{
    int before = left;
    if (meets()) return -1;
    return NEXT(write)(f, p, before == 1 && fault == SHORT && n > 1 ? n / 2 : n);
}

int close(int f)  /* closes even where it fails */
{
    int failed = meets(), with = errno, closed = NEXT(close)(f);
    if (failed) errno = with;
    return failed ? -1 : closed;
}

DIR *opendir(const char *p) { return meets() ? NULL : NEXT(opendir)(p); }

#define OPEN(name, declared, given) \
    int name declared { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        return meets() ? -1 : NEXT(name) given; \
    }
OPEN(open, (const char *p, int flags, ...), (p, flags, mode))
OPEN(open64, (const char *p, int flags, ...), (p, flags, mode))
OPEN(openat, (int d, const char *p, int flags, ...), (d, p, flags, mode))
OPEN(openat64, (int d, const char *p, int flags, ...), (d, p, flags, mode))
