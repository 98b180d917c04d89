/* SPDX-License-Identifier: MIT */
/* To be loaded before libc (LD_PRELOAD): a machine whose clock is set while programs run, and one
 * whose time goes faster. TYTO_CHAOS_CLOCK is a file of 8 bytes, mapped: how many nanoseconds the
 * wall clock is ahead of the real one, changed at once by whoever writes into it; monotonic clocks
 * do not notice. TYTO_CHAOS_RATE: how many times faster all clocks go (1 if it is not there), from
 * the monotonic time TYTO_CHAOS_RATE_FROM (nanoseconds) on, so that all programs that are told the
 * same agree. Whatever waits for a time waits less long, then: also what goes to the kernel by
 * syscall(), as GLib's and GStreamer's waits do, which libfaketime 0.9 does not see. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ISO C forbids what POSIX wants of the result. Of one with an older meaning, too: its version. */
#define FOUND(name, find)                                                                          \
    (__extension__({                                                                               \
        static __typeof__(name) *found;                                                            \
        if (!found)                                                                                \
            found = (__typeof__(name) *)(find);                                                    \
        found;                                                                                     \
    }))
#define REAL(name) FOUND(name, dlsym(RTLD_NEXT, #name))
#define REAL_OF(name, version) FOUND(name, dlvsym(RTLD_NEXT, #name, version))

#define S 1000000000ll

static const volatile int64_t *ahead_ns; /* NULL: the real time */
static double rate = 1;
static int64_t from_ns;

static int64_t real_ns(clockid_t id)
{
    struct timespec now = {0, 0};
    (void)REAL(syscall)(SYS_clock_gettime, id, &now);
    return now.tv_sec * S + now.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
    ns = ns > 0 ? ns : 0;
    return (struct timespec){.tv_sec = (time_t)(ns / S), .tv_nsec = (long)(ns % S)};
}

static int64_t ns_of(const struct timespec *time)
{
    return time->tv_sec * S + time->tv_nsec;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("TYTO_CHAOS_CLOCK"), *times = getenv("TYTO_CHAOS_RATE"),
               *from = getenv("TYTO_CHAOS_RATE_FROM");
    rate = times ? strtod(times, NULL) : 1;
    from_ns = from ? strtoll(from, NULL, 10) : 0;
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead_ns), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        (void)close(fd);
    if (map != MAP_FAILED)
        ahead_ns = map;
}

/* --- telling the time ------------------------------------------------------------------------- */

static bool is_processor_time(clockid_t id)
{
    return id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID || id < 0;
}

static int64_t now_ns(clockid_t id)
{
    int64_t ns = real_ns(id);
    if (is_processor_time(id))
        return ns;
    if (rate > 1)
        ns += (int64_t)((double)(real_ns(CLOCK_MONOTONIC) - from_ns) * (rate - 1));
    if ((id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && ahead_ns)
        ns += *ahead_ns;
    return ns;
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    *ret_time = timespec_of(now_ns(id));
    return 0;
}

/* As the C library declares it; nobody asks for a zone. */
int gettimeofday(struct timeval *ret_time, void *zone)
{
    const int64_t ns = now_ns(CLOCK_REALTIME);
    (void)zone;
    *ret_time = (struct timeval){.tv_sec = (time_t)(ns / S), .tv_usec = (long)(ns % S / 1000)};
    return 0;
}

time_t time(time_t *ret_time)
{
    const time_t seconds = (time_t)(now_ns(CLOCK_REALTIME) / S);
    if (ret_time)
        *ret_time = seconds;
    return seconds;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int64_t shorter(int64_t ns)
{
    return ns > 0 ? (int64_t)((double)ns / rate) : ns;
}

/* How long until then, really; not below zero. */
static int64_t until(clockid_t id, const struct timespec *then)
{
    const int64_t ns = shorter(ns_of(then) - now_ns(id));
    return ns > 0 ? ns : 0;
}

static struct timespec real_after(clockid_t id, int64_t ns)
{
    return timespec_of(real_ns(id) + ns);
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *ret_rest)
{
    const int64_t ns = flags & TIMER_ABSTIME ? until(id, time) : shorter(ns_of(time));
    const struct timespec real = timespec_of(ns);
    struct timespec rest = {0, 0};
    const long failed = REAL(syscall)(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &real, &rest);
    if (failed && ret_rest && !(flags & TIMER_ABSTIME))
        *ret_rest = timespec_of((int64_t)((double)ns_of(&rest) * rate));
    return failed ? errno : 0;
}

int nanosleep(const struct timespec *time, struct timespec *ret_rest)
{
    errno = clock_nanosleep(CLOCK_MONOTONIC, 0, time, ret_rest);
    return errno ? -1 : 0;
}

int usleep(useconds_t us)
{
    const struct timespec time = timespec_of((int64_t)us * 1000);
    return nanosleep(&time, NULL);
}

unsigned sleep(unsigned seconds)
{
    const struct timespec time = timespec_of(seconds * S);
    return nanosleep(&time, NULL) ? 1 : 0;
}

/* At least a moment, else whoever waits in a loop turns without one. */
static int shorter_ms(int ms)
{
    const int less = (int)((double)ms / rate);
    return ms > 0 && less == 0 ? 1 : less;
}

int ppoll(struct pollfd *fds, nfds_t num, const struct timespec *time, const sigset_t *mask)
{
    struct timespec real;
    if (time)
        real = timespec_of(shorter(ns_of(time)));
    return REAL(ppoll)(fds, num, time ? &real : NULL, mask);
}

int poll(struct pollfd *fds, nfds_t num, int ms)
{
    const struct timespec time = timespec_of((int64_t)ms * 1000000);
    return ppoll(fds, num, ms >= 0 ? &time : NULL, NULL);
}

int select(int num, fd_set *read, fd_set *write, fd_set *other, struct timeval *time)
{
    struct timespec real;
    if (time)
        real = timespec_of(shorter(time->tv_sec * S + time->tv_usec * 1000));
    return REAL(pselect)(num, read, write, other, time ? &real : NULL, NULL);
}

int epoll_wait(int fd, struct epoll_event *events, int num, int ms)
{
    return REAL(epoll_wait)(fd, events, num, shorter_ms(ms));
}

int epoll_pwait(int fd, struct epoll_event *events, int num, int ms, const sigset_t *mask)
{
    return REAL(epoll_pwait)(fd, events, num, shorter_ms(ms), mask);
}

int sem_timedwait(sem_t *sem, const struct timespec *then)
{
    const struct timespec real = real_after(CLOCK_REALTIME, until(CLOCK_REALTIME, then));
    return REAL(sem_timedwait)(sem, &real);
}

int pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *then)
{
    const struct timespec real = real_after(CLOCK_REALTIME, until(CLOCK_REALTIME, then));
    return REAL(pthread_mutex_timedlock)(lock, &real);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t id,
                           const struct timespec *then)
{
    const struct timespec real = real_after(id, until(id, then));
    return REAL(pthread_cond_clockwait)(cond, lock, id, &real);
}

/* Of which clock a condition is only it knows: the one whose time is nearer. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then)
{
    const int64_t ns = ns_of(then);
    const clockid_t id = llabs(ns - now_ns(CLOCK_MONOTONIC)) < llabs(ns - now_ns(CLOCK_REALTIME))
                             ? CLOCK_MONOTONIC
                             : CLOCK_REALTIME;
    const struct timespec real = real_after(id, until(id, then));
    return REAL_OF(pthread_cond_timedwait, "GLIBC_2.3.2")(cond, lock, &real);
}

/* Of what is called without a function of its own only waiting matters. */
static long real_syscall(long number, const long args[6])
{
    return REAL(syscall)(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static long wait_on_futex(const long args[6])
{
    const int kind = (int)args[1] & FUTEX_CMD_MASK;
    const struct timespec *time = (const struct timespec *)args[3];
    long own[6] = {args[0], args[1], args[2], args[3], args[4], args[5]};
    if (!time || (kind != FUTEX_WAIT && kind != FUTEX_WAIT_BITSET))
        return real_syscall(SYS_futex, args);
    const clockid_t id = args[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    struct timespec real =
        kind == FUTEX_WAIT ? timespec_of(shorter(ns_of(time))) : real_after(id, until(id, time));
    own[3] = (long)&real;
    return real_syscall(SYS_futex, own);
}

long syscall(long number, ...)
{
    long args[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        args[i] = va_arg(list, long);
    va_end(list);
    return number == SYS_futex && rate > 1 ? wait_on_futex(args) : real_syscall(number, args);
}
