/* SPDX-License-Identifier: MIT */
/* hold_thread PID NAME [SECONDS]: holds all threads of that name, as a call that never returns
 * would, until it is ended itself or they are. Waits so long for one to be there. Says "held N"
 * then.
 *
 * A thread is held where it waits, if it does within a few seconds: one that is caught between two
 * lines may have a lock that all others need, which is another fault (what the next run mends). */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int has_name(const char *folder, const char *id, const char *name)
{
    char path[512], found[64] = "";
    snprintf(path, sizeof(path), "%s/%.20s/comm", folder, id);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *line = fgets(found, sizeof(found), file);
    fclose(file);
    found[strcspn(found, "\n")] = '\0';
    return line && strcmp(found, name) == 0;
}

/* What the kernel says of the call that the thread is in, if that is one that waits. */
static int reads_wait(const char *folder, const char *id, char text[256])
{
    static const long waits[] = {
        SYS_futex, SYS_ppoll,      SYS_clock_nanosleep, SYS_epoll_pwait, SYS_pselect6,
#ifdef SYS_poll
        SYS_poll,  SYS_epoll_wait, SYS_select,          SYS_nanosleep,
#endif
    };
    char path[512], *end = NULL;
    snprintf(path, sizeof(path), "%s/%.20s/syscall", folder, id);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *line = fgets(text, 256, file);
    fclose(file);
    const long number = line ? strtol(line, &end, 10) : -1;
    for (size_t i = 0; line && end != line && i < sizeof(waits) / sizeof(waits[0]); i++)
        if (number == waits[i])
            return 1;
    return 0;
}

/* Until the thread has been in one and the same wait for 20 ms; at most some 4 s. */
static void wait_for_rest(const char *folder, const char *id)
{
    char before[256], after[256];
    for (int i = 0; i < 200; i++) {
        const int is_waiting = reads_wait(folder, id, before);
        usleep(20000);
        if (is_waiting && reads_wait(folder, id, after) && strcmp(before, after) == 0)
            return;
    }
}

static int hold(pid_t thread)
{
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0) {
        perror("ptrace");
        return 0;
    }
    return waitpid(thread, NULL, __WALL) == thread;
}

static int hold_all(const char *folder, const char *name)
{
    int num_held = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = NULL; dir && (entry = readdir(dir));) {
        if (!has_name(folder, entry->d_name, name))
            continue;
        wait_for_rest(folder, entry->d_name);
        num_held += hold((pid_t)strtol(entry->d_name, NULL, 10));
    }
    if (dir)
        closedir(dir);
    return num_held;
}

int main(int argc, char **argv)
{
    char folder[64];
    if (argc < 3 || argc > 4)
        return 2;
    snprintf(folder, sizeof(folder), "/proc/%.20s/task", argv[1]);
    int num_held = hold_all(folder, argv[2]);
    for (long ms = argc == 4 ? 1000 * strtol(argv[3], NULL, 10) : 0; num_held == 0 && ms > 0;
         ms--) {
        usleep(1000);
        num_held = hold_all(folder, argv[2]);
    }
    printf("held %d\n", num_held);
    fflush(stdout);
    while (waitpid(-1, NULL, __WALL) > 0) /* an end that nobody takes note of would hold up more */
        ;
    return 0;
}
