/* SPDX-License-Identifier: MIT */
#include "daemon/isolated/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- files -------------------------------------------------------------------------------- */

/* Of Landlock's first version; reading is not among it. */
#define WRITES                                                                                     \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Cameras on v4l2 and a GPU's decoder are written to. */
static void allow_devices(int rules_fd)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE};
    rule.parent_fd = open("/dev", O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return;
    (void)syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
}

static void forbid_writing(void)
{
    const struct landlock_ruleset_attr rules = {.handled_access_fs = WRITES};
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (fd < 0)
        return;
    allow_devices(fd);
    (void)syscall(SYS_landlock_restrict_self, fd, 0);
    close(fd);
}

/* --- system calls ------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* No decoder has a use for them. */
static const uint32_t forbidden[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_tkill,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_io_uring_setup,
    SYS_open_by_handle_at,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_capset,
};

#ifdef ARCHITECTURE

#define OTHER_NUMBERS 0x40000000
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(reason) ANSWER(SECCOMP_RET_ERRNO | (reason))

static void forbid_calls(void)
{
    struct sock_filter filter[24 + 2 * COUNT(forbidden)];
    const struct sock_filter head[] = {
        LOAD(arch), EQUAL(ARCHITECTURE, 1, 0), ANSWER(SECCOMP_RET_KILL_PROCESS), LOAD(nr),
        /* Of another way to number them. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 0, 1), REFUSE(ENOSYS)};
    const uint32_t own = (uint32_t)getpid();
    const struct sock_filter tail[] = {
        /* A thread is no process. Of clone3() a filter cannot read what it asks for; libc then
         * takes clone(). */
        EQUAL(SYS_clone3, 0, 1), REFUSE(ENOSYS), EQUAL(SYS_clone, 0, 4), LOAD(args[0]),
        HAS(CLONE_THREAD, 0, 1), ANSWER(SECCOMP_RET_ALLOW), REFUSE(EPERM),
        /* abort() signals its own process. */
        EQUAL(SYS_kill, 1, 0), EQUAL(SYS_tgkill, 0, 4), LOAD(args[0]), EQUAL(own, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW), REFUSE(EPERM), ANSWER(SECCOMP_RET_ALLOW)};
    size_t num = 0;
    for (size_t i = 0; i < COUNT(head); i++)
        filter[num++] = head[i];
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        filter[num++] = (struct sock_filter)EQUAL(forbidden[i], 0, 1);
        filter[num++] = (struct sock_filter)REFUSE(EPERM);
    }
    for (size_t i = 0; i < COUNT(tail); i++)
        filter[num++] = tail[i];
    const struct sock_fprog program = {.len = (unsigned short)num, .filter = filter};
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#else

static void forbid_calls(void)
{
    (void)forbidden;
}

#endif

void tyto_sandbox_enter(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    forbid_writing();
    forbid_calls();
}
