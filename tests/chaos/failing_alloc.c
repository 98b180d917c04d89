/* SPDX-License-Identifier: MIT */
/* To be loaded before libc (LD_PRELOAD): memory that runs out once. TYTO_CHAOS_MEMORY is a file of
 * 16 bytes, which is mapped: whoever writes a number into its first four bytes lets that allocation
 * fail, counted from now on (1: the next one), of those that the program itself and SQLite ask for;
 * the number is 0 then, and bytes 8 to 15 are where in the program's file it was asked for (0: in
 * SQLite), for addr2line. GLib, ZeroMQ and the like end a process that has no memory for them; what
 * they ask for is not counted. Not to be used with sanitizers, which have an allocator of their
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONTROL_BYTES = 16, MAX_RANGES = 16 };

static struct {
    _Atomic uint32_t to_go;
    uint32_t unused;
    _Atomic uint64_t where;
} * control;

static struct {
    uintptr_t begin, end, base; /* base: of the program; 0: of another one */
} ranges[MAX_RANGES];
static size_t num_ranges;

void *__libc_malloc(size_t num);
void *__libc_calloc(size_t num, size_t each);
void *__libc_realloc(void *old, size_t num);

/* The program comes first, and has no name here. */
static int note_object(struct dl_phdr_info *info, size_t num, void *user)
{
    const bool is_program = num_ranges == 0 || ranges[0].base == info->dlpi_addr;
    (void)num;
    (void)user;
    if (!is_program && !strstr(info->dlpi_name, "libsqlite3"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum && num_ranges < MAX_RANGES; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        const uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        ranges[num_ranges].begin = begin;
        ranges[num_ranges].end = begin + part->p_memsz;
        ranges[num_ranges++].base = is_program ? info->dlpi_addr : 0;
    }
    return 0;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("TYTO_CHAOS_MEMORY");
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    (void)dl_iterate_phdr(note_object, NULL);
    if (map != MAP_FAILED)
        control = map;
}

/* Whether what is asked for from there is what is to fail. */
static bool fails(const void *caller)
{
    const uintptr_t where = (uintptr_t)caller;
    size_t i = 0;
    if (!control || atomic_load(&control->to_go) == 0)
        return false;
    while (i < num_ranges && (where < ranges[i].begin || where >= ranges[i].end))
        i++;
    if (i == num_ranges)
        return false;
    uint32_t now = atomic_load(&control->to_go);
    while (now > 0 && !atomic_compare_exchange_weak(&control->to_go, &now, now - 1))
        ;
    if (now != 1)
        return false;
    atomic_store(&control->where, ranges[i].base ? where - ranges[i].base : 0);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t num)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(num);
}

void *calloc(size_t num, size_t each)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(num, each);
}

void *realloc(void *old, size_t num)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, num);
}

/* libc's own would be asked for from libc. */
char *strndup(const char *text, size_t most)
{
    const size_t num = strnlen(text, most);
    char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(num + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, num);
    copy[num] = '\0';
    return copy;
}

char *strdup(const char *text)
{
    const size_t num = strlen(text) + 1;
    char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(num);
    return copy ? memcpy(copy, text, num) : NULL;
}
