/* SPDX-License-Identifier: MIT */
/* Linked into the build with ThreadSanitizer: GLib's locks are futexes of its own, of which the
 * sanitizer knows nothing, so that all that GStreamer hands from one thread to another would look
 * like a race. These stand before GLib's for all other libraries, and say what each of them does.
 */
#include <dlfcn.h>

/* Weak: meson links small programs without the sanitizer to see what there is. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

/* As in GLib; what a lock is made of does not matter here. */
typedef int gboolean;
typedef long long gint64;

/* ISO C forbids what POSIX wants of the result. */
#define REAL(name) (__extension__(__typeof__(name) *) dlsym(RTLD_NEXT, #name))

/* Declares `real`, which is looked up once. */
#define FIND_REAL(name)                                                                            \
    static __typeof__(name) *real;                                                                 \
    if (!__atomic_load_n(&real, __ATOMIC_ACQUIRE))                                                 \
        __atomic_store_n(&real, REAL(name), __ATOMIC_RELEASE);

#define LOCK(name)                                                                                 \
    void name(void *lock);                                                                         \
    void name(void *lock)                                                                          \
    {                                                                                              \
        FIND_REAL(name)                                                                            \
        real(lock);                                                                                \
        __tsan_acquire(lock);                                                                      \
    }
#define TRY_LOCK(name)                                                                             \
    gboolean name(void *lock);                                                                     \
    gboolean name(void *lock)                                                                      \
    {                                                                                              \
        FIND_REAL(name)                                                                            \
        const gboolean is_mine = real(lock);                                                       \
        if (is_mine)                                                                               \
            __tsan_acquire(lock);                                                                  \
        return is_mine;                                                                            \
    }
#define UNLOCK(name)                                                                               \
    void name(void *lock);                                                                         \
    void name(void *lock)                                                                          \
    {                                                                                              \
        FIND_REAL(name)                                                                            \
        __tsan_release(lock);                                                                      \
        real(lock);                                                                                \
    }

LOCK(g_mutex_lock)
TRY_LOCK(g_mutex_trylock)
UNLOCK(g_mutex_unlock)
LOCK(g_rec_mutex_lock)
TRY_LOCK(g_rec_mutex_trylock)
UNLOCK(g_rec_mutex_unlock)
LOCK(g_rw_lock_writer_lock)
TRY_LOCK(g_rw_lock_writer_trylock)
UNLOCK(g_rw_lock_writer_unlock)
LOCK(g_rw_lock_reader_lock)
TRY_LOCK(g_rw_lock_reader_trylock)
UNLOCK(g_rw_lock_reader_unlock)

void g_cond_wait(void *condition, void *lock);
gboolean g_cond_wait_until(void *condition, void *lock, gint64 end);

void g_cond_wait(void *condition, void *lock)
{
    __tsan_release(lock);
    REAL(g_cond_wait)(condition, lock);
    __tsan_acquire(lock);
}

gboolean g_cond_wait_until(void *condition, void *lock, gint64 end)
{
    __tsan_release(lock);
    const gboolean is_signalled = REAL(g_cond_wait_until)(condition, lock, end);
    __tsan_acquire(lock);
    return is_signalled;
}
