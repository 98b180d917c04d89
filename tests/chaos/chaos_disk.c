/* SPDX-License-Identifier: MIT */
/* To be loaded before libc (LD_PRELOAD): a disk that fills up, or that fails. TYTO_CHAOS_DISK is a
 * folder; files below it cannot be written while the file TYTO_CHAOS_FAULT begins with a digit
 * other than 0: 1 no space is left (ENOSPC), 2 input or output fails (EIO), 3 every third call has
 * no space, 4 half of what is asked is written, then no space. That file is mapped: whoever writes
 * into it changes what happens at once. 5, of a file of 12 bytes: one call, counted from now on by
 * the number in its bytes 4 to 7 (1: the next one), fails with EIO, whatever it does with the
 * disk, reading included; the number is 0 then, and bytes 8 to 11 tell the kind of the call, by its
 * first four letters. What takes no space (writing over what is there, opening a
 * file that is there, making one shorter) works on a full disk, as it does. The index of a
 * write-ahead log (-shm) is made anew in the space that it has just given back, and works, too. */
/* Both names of each call, whatever the build asks for. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const volatile char *fault_now;
static _Atomic uint32_t *calls_to_go; /* and the call that failed behind it; NULL: no such thing */
static char folder[512];
static atomic_uint num_calls;

/* ISO C forbids what POSIX wants of the result. */
#define REAL(name) (__extension__(__typeof__(name) *) dlsym(RTLD_NEXT, #name))

enum { CONTROL_BYTES = 12 };

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("TYTO_CHAOS_FAULT"), *disk = getenv("TYTO_CHAOS_DISK");
    if (!path || !disk)
        return;
    snprintf(folder, sizeof(folder), "%s/", disk);
    const int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct stat control;
    const bool is_counted = fd >= 0 && fstat(fd, &control) == 0 && control.st_size >= CONTROL_BYTES;
    if (fd >= 0)
        (void)close(fd);
    if (map == MAP_FAILED)
        return;
    fault_now = map;
    if (is_counted)
        calls_to_go = (_Atomic uint32_t *)map + 1;
}

static bool is_below(const char *path)
{
    return strncmp(path, folder, strlen(folder)) == 0;
}

static bool is_of_the_disk(int fd)
{
    char link[64], path[1024];
    const int before = errno;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t num = readlink(link, path, sizeof(path) - 1);
    errno = before;
    if (num <= 0)
        return false;
    path[num] = '\0';
    return is_below(path);
}

/* Whether this call is the one that is to fail, of a path or descriptor of the disk. */
static bool is_the_one(const char name[4])
{
    if (!fault_now || *fault_now != '5' || !calls_to_go)
        return false;
    uint32_t now = atomic_load(calls_to_go);
    while (now > 0 && !atomic_compare_exchange_weak(calls_to_go, &now, now - 1))
        ;
    if (now != 1)
        return false;
    uint32_t word;
    memcpy(&word, name, sizeof(word));
    atomic_store(calls_to_go + 1, word);
    errno = EIO;
    return true;
}

static bool fails_once(int fd, const char name[4])
{
    return fault_now && *fault_now == '5' && is_of_the_disk(fd) && is_the_one(name);
}

/* What to fail with, 0: nothing. *num, where there is one, may become smaller instead. */
static int fault_of(size_t *num)
{
    switch (*fault_now) {
    case '1':
        return ENOSPC;
    case '2':
        return EIO;
    case '3':
        return atomic_fetch_add(&num_calls, 1) % 3 == 2 ? ENOSPC : 0;
    case '4':
        if (atomic_fetch_add(&num_calls, 1) % 2 || !num || *num < 2)
            return ENOSPC;
        *num /= 2;
        return 0;
    default:
        return 0;
    }
}

static bool fails(int fd, size_t *num)
{
    if (!fault_now || *fault_now == '0' || !is_of_the_disk(fd))
        return false;
    const int error = fault_of(num);
    if (error)
        errno = error;
    return error != 0;
}

ssize_t write(int fd, const void *bytes, size_t num)
{
    return fails(fd, &num) || fails_once(fd, "writ") ? -1 : REAL(write)(fd, bytes, num);
}

ssize_t read(int fd, void *bytes, size_t num)
{
    return fails_once(fd, "read") ? -1 : REAL(read)(fd, bytes, num);
}

ssize_t pread(int fd, void *bytes, size_t num, off_t offset)
{
    return fails_once(fd, "prea") ? -1 : REAL(pread)(fd, bytes, num, offset);
}

ssize_t pread64(int fd, void *bytes, size_t num, off64_t offset)
{
    return fails_once(fd, "prea") ? -1 : REAL(pread64)(fd, bytes, num, offset);
}

int rename(const char *from, const char *to)
{
    return fault_now && is_below(to) && is_the_one("rena") ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return fault_now && is_below(path) && is_the_one("unli") ? -1 : REAL(unlink)(path);
}

static bool is_index(int fd)
{
    char link[64], path[1024];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t num = readlink(link, path, sizeof(path) - 1);
    return num > 4 && strncmp(path + num - 4, "-shm", 4) == 0;
}

/* Whether that takes no space. */
static bool is_over(int fd, size_t num, off64_t offset)
{
    struct stat now;
    return fault_now && *fault_now != '0' && *fault_now != '2' &&
           ((fstat(fd, &now) == 0 && offset + (off64_t)num <= now.st_size) || is_index(fd));
}

ssize_t pwrite(int fd, const void *bytes, size_t num, off_t offset)
{
    if ((!is_over(fd, num, offset) && fails(fd, &num)) || fails_once(fd, "pwri"))
        return -1;
    return REAL(pwrite)(fd, bytes, num, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t num, off64_t offset)
{
    if ((!is_over(fd, num, offset) && fails(fd, &num)) || fails_once(fd, "pwri"))
        return -1;
    return REAL(pwrite64)(fd, bytes, num, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int num_parts)
{
    return fails(fd, NULL) || fails_once(fd, "writ") ? -1 : REAL(writev)(fd, parts, num_parts);
}

int fsync(int fd)
{
    return fails(fd, NULL) || fails_once(fd, "fsyn") ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails(fd, NULL) || fails_once(fd, "fdat") ? -1 : REAL(fdatasync)(fd);
}

/* To make a file shorter takes no space. */
static bool fails_to_cut(int fd, off64_t num)
{
    struct stat now;
    return fault_now && (*fault_now == '2' || fstat(fd, &now) != 0 || now.st_size < num) &&
           fails(fd, NULL);
}

int ftruncate64(int fd, off64_t num)
{
    return fails_to_cut(fd, num) || fails_once(fd, "ftru") ? -1 : REAL(ftruncate64)(fd, num);
}

int ftruncate(int fd, off_t num)
{
    return fails_to_cut(fd, num) || fails_once(fd, "ftru") ? -1 : REAL(ftruncate)(fd, num);
}

int posix_fallocate(int fd, off_t offset, off_t num)
{
    const int before = errno;
    if (!fails(fd, NULL) && !fails_once(fd, "fall"))
        return REAL(posix_fallocate)(fd, offset, num);
    const int error = errno;
    errno = before;
    return error;
}

static bool fails_to_make(const char *path, int flags)
{
    struct stat now;
    if (fault_now && is_below(path) && is_the_one("open"))
        return true;
    if (!(flags & O_CREAT) || !fault_now || *fault_now == '0' || !is_below(path) ||
        (*fault_now != '2' && stat(path, &now) == 0))
        return false;
    const int error = fault_of(NULL);
    if (error)
        errno = error;
    return error != 0;
}

#define OPEN_AS(name)                                                                              \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;              \
        va_end(rest);                                                                              \
        return fails_to_make(path, flags) ? -1 : REAL(name)(path, flags, mode);                    \
    }
OPEN_AS(open)
OPEN_AS(open64)
