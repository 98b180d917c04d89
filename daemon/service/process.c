/* SPDX-License-Identifier: MIT */
#include "daemon/service/process.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_ARENAS = 2, LARGE_BYTES = 2 << 20 };

/* Stands before the C library's. Mesa puts the thread that writes its cache behind all else that a
 * machine has to do. A process is not over before each of its threads has had the processor once
 * more: on a busy machine that took half a minute. The thread has little to do; it may go first. */
int setpriority(__priority_which_t which, id_t who, int priority)
{
    errno = 0;
    if (which == PRIO_PROCESS && priority > getpriority(PRIO_PROCESS, 0) && errno == 0)
        return 0;
    return (int)syscall(SYS_setpriority, (int)which, who, priority);
}

static uint32_t count_entries(const char *dir)
{
    uint32_t num = 0;
    DIR *list = opendir(dir);
    for (const struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list))
        num += entry->d_name[0] != '.';
    if (list)
        closedir(list);
    return num;
}

static uint64_t resident_bytes(void)
{
    /* The second number of statm: resident pages. */
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    char *end = line;
    if (file && fgets(line, sizeof(line), file))
        (void)strtoull(line, &end, 10);
    if (file)
        (void)fclose(file);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* "12 (tyto-record) D ...": the name may hold anything, the last parenthesis ends it. */
static bool is_at_disk(const char *id, const char *thread_name)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", id);
    FILE *file = fopen(path, "re");
    const bool is_read = file && fgets(line, sizeof(line), file);
    if (file)
        (void)fclose(file);
    char *name = strchr(line, '(');
    char *end = strrchr(line, ')');
    if (!is_read || !name || !end || end < name)
        return false;
    *end = '\0';
    return strcmp(name + 1, thread_name) == 0 && strncmp(end + 1, " D", 2) == 0;
}

bool tyto_process_waits_for_disk(const char *thread_name)
{
    bool waits = false;
    DIR *list = opendir("/proc/self/task");
    for (const struct dirent *entry = list ? readdir(list) : NULL; entry && !waits;
         entry = readdir(list))
        waits = is_at_disk(entry->d_name, thread_name);
    if (list)
        closedir(list);
    return waits;
}

void tyto_process_look(struct tyto_process *ret_process)
{
    struct rusage usage;
    struct rlimit limit;
    const struct mallinfo2 heap = mallinfo2();
    const uint32_t num_fds = count_entries("/proc/self/fd");
    *ret_process = (struct tyto_process){
        .resident_bytes = resident_bytes(),
        .heap_bytes = heap.arena + heap.hblkhd,
        .heap_used_bytes = heap.uordblks + heap.hblkhd,
        .num_fds = num_fds > 0 ? num_fds - 1 : 0, /* the folder's own is no more */
        .num_threads = count_entries("/proc/self/task"),
    };
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret_process->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ret_process->max_fds = limit.rlim_cur;
}

void tyto_process_settle(void)
{
    if (!getenv("MALLOC_ARENA_MAX"))
        (void)mallopt(M_ARENA_MAX, MAX_ARENAS);
    if (!getenv("MALLOC_MMAP_THRESHOLD_")) {
        (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
        /* What the allocator would keep by itself once it has seen blocks of that size. */
        (void)mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES);
    }
}

void tyto_process_trim(void)
{
    (void)malloc_trim(0);
}
