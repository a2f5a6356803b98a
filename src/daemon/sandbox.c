/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

#define ARGUMENTS_MAX     3
#define NAME_MAX_OCTETS   63
#define PROFILE(profile)  (1U << (profile))
#define EVERY_PROFILE     (PROFILE(SANDBOX_WORKER) | PROFILE(SANDBOX_SERVER))
#define OPEN_CHANGES      (O_ACCMODE | O_CREAT | O_TRUNC)
#define OPTIMIZE_FOR_MANY 2   /* a binary tree in place of one comparison after the other */
#define SOCKET_TYPE       0xf /* without SOCK_NONBLOCK and SOCK_CLOEXEC */
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define PR_SET_VMA_NAME 0x53564d41 /* PR_SET_VMA, unknown to older headers: libc names its memory */
/* clone(2): one architecture has its first two arguments the other way round. */
#if defined(__s390__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* By name: what this libseccomp, or this architecture, does not know is left out. */
static const char *const allowed[] = {
	/* memory */
	"brk munmap mremap madvise mlock mlock2 munlock msync membarrier",
	/* threads, and what each asks of itself */
	"futex futex_time64 futex_waitv set_robust_list get_robust_list rseq set_tid_address exit exit_group",
	"gettid getpid getppid sched_yield sched_getaffinity sched_getparam sched_getscheduler",
	"sched_get_priority_min sched_get_priority_max getpriority arch_prctl set_thread_area get_thread_area",
	"set_tls getcpu restart_syscall riscv_flush_icache cacheflush",
	/* who and where we are */
	"getuid geteuid getgid getegid getresuid getresgid getgroups getuid32 geteuid32 getgid32 getegid32",
	"getresuid32 getresgid32 getgroups32 getpgrp getpgid getsid uname sysinfo getrusage times getrlimit",
	"ugetrlimit umask getcwd",
	/* signals to ourselves */
	"rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait",
	"rt_sigtimedwait_time64 sigaltstack sigreturn sigaction sigprocmask pause",
	/* time */
	"clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64",
	"gettimeofday time nanosleep timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime",
	"timerfd_gettime64 getitimer setitimer alarm",
	/* files, to read; their descriptors */
	"read readv pread64 preadv preadv2 write writev pwrite64 lseek _llseek close close_range dup dup2 dup3",
	"fcntl fcntl64 stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs",
	"fstatfs64 access faccessat faccessat2 readlink readlinkat getdents getdents64 fadvise64 fadvise64_64",
	"arm_fadvise64_64 unlink unlinkat pipe pipe2 eventfd eventfd2 getrandom",
	/* waiting */
	"poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl",
	"epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2",
	/* sockets that are there; which may be made stands in `rules` */
	"bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt send sendto",
	"sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 sendfile sendfile64",
};

/* What only foreign code would do here. */
static const char *const deadly[] = {
	"execve execveat ptrace process_vm_readv process_vm_writev",
};

static const char *const refused[] = {
	/* other processes and namespaces */
	"fork vfork unshare setns tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_getfd",
	"pidfd_send_signal setpgid setsid kcmp process_madvise",
	/* other users */
	"setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups setuid32 setgid32",
	"setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 setgroups32 capset personality",
	/* the system */
	"mount umount umount2 pivot_root chroot fsopen fsmount open_tree move_mount mount_setattr init_module",
	"finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff sethostname setdomainname",
	"settimeofday clock_settime clock_settime64 clock_adjtime adjtimex syslog quotactl acct iopl ioperm",
	"open_by_handle_at setrlimit",
	/* wide doors into the kernel */
	"bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register add_key request_key",
	"keyctl seccomp modify_ldt pkey_mprotect shmat memfd_create vmsplice fanotify_init",
	/* files that are not ours to change */
	"creat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat chown fchown lchown",
	"fchownat mkdir mkdirat rmdir mknod mknodat truncate truncate64 ftruncate ftruncate64 fallocate setxattr",
	"fsetxattr utimensat",
};

/* Where it depends on the arguments: each is compared with `value` after what is not in `mask` was cleared. */
static const struct rule {
	const char *name;
	unsigned profiles;
	unsigned n;
	struct {
		unsigned index;
		scmp_datum_t mask, value;
	} arguments[ARGUMENTS_MAX];
	int error; /* 0: allowed */
} rules[] = {
#define ALL (~(scmp_datum_t)0)
#define INT ((scmp_datum_t)0xffffffff) /* the kernel looks at no more of an int */
	/* Threads, and nothing else. clone3() hides its flags in memory: without it libc takes clone(). */
	{ "clone", EVERY_PROFILE, 1, { { CLONE_FLAGS, CLONE_THREAD | NAMESPACES, CLONE_THREAD } }, 0 },
	{ "clone", EVERY_PROFILE, 1, { { CLONE_FLAGS, CLONE_THREAD, 0 } }, EPERM },

	/* Memory is written or run, never both, and what could once be written never becomes a program. */
	{ "mmap", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, 0 } }, 0 },
	{ "mmap", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_WRITE } }, 0 },
	{ "mmap", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_EXEC } }, 0 },
	{ "mmap", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC } }, EPERM },
	{ "mmap2", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, 0 } }, 0 },
	{ "mmap2", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_WRITE } }, 0 },
	{ "mmap2", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_EXEC } }, 0 },
	{ "mmap2", EVERY_PROFILE, 1, { { 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC } }, EPERM },
	{ "mprotect", EVERY_PROFILE, 1, { { 2, PROT_EXEC, 0 } }, 0 },
	{ "mprotect", EVERY_PROFILE, 1, { { 2, PROT_EXEC, PROT_EXEC } }, EPERM },

	/* Files are read. */
	{ "open", EVERY_PROFILE, 1, { { 1, OPEN_CHANGES, O_RDONLY } }, 0 },
	{ "open", EVERY_PROFILE, 1, { { 1, O_ACCMODE, O_WRONLY } }, EPERM },
	{ "open", EVERY_PROFILE, 1, { { 1, O_ACCMODE, O_RDWR } }, EPERM },
	{ "openat", EVERY_PROFILE, 1, { { 2, OPEN_CHANGES, O_RDONLY } }, 0 },
	{ "openat", EVERY_PROFILE, 1, { { 2, O_ACCMODE, O_WRONLY } }, EPERM },
	{ "openat", EVERY_PROFILE, 1, { { 2, O_ACCMODE, O_RDWR } }, EPERM },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, FIONBIO } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, FIONREAD } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, FIOCLEX } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, TCGETS } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, SIOCGIFNAME } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, SIOCGIFINDEX } }, 0 },
	{ "ioctl", EVERY_PROFILE, 1, { { 1, INT, TIOCSTI } }, EPERM },

	/* Sockets: log, MTA, DNS, reverse greetings, and the list of our own addresses. */
	{ "socket", EVERY_PROFILE, 1, { { 0, INT, AF_UNIX } }, 0 },
	{ "socketpair", EVERY_PROFILE, 1, { { 0, INT, AF_UNIX } }, 0 },
#define INTERNET_SOCKET(family, type, protocol)                                                   \
	{                                                                                         \
		"socket", PROFILE(SANDBOX_WORKER), 3,                                             \
			{ { 0, INT, family }, { 1, SOCKET_TYPE, type }, { 2, INT, protocol } }, 0 \
	}
	INTERNET_SOCKET(AF_INET, SOCK_STREAM, 0),
	INTERNET_SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
	INTERNET_SOCKET(AF_INET, SOCK_DGRAM, 0),
	INTERNET_SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
	INTERNET_SOCKET(AF_INET6, SOCK_STREAM, 0),
	INTERNET_SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
	INTERNET_SOCKET(AF_INET6, SOCK_DGRAM, 0),
	INTERNET_SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
	{ "socket", PROFILE(SANDBOX_WORKER), 2, { { 0, INT, AF_NETLINK }, { 2, INT, NETLINK_ROUTE } }, 0 },

	/* A process may look at its own limits, and name its threads. */
	{ "prlimit64", EVERY_PROFILE, 2, { { 0, INT, 0 }, { 2, ALL, 0 } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_SET_NAME } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_GET_NAME } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_GET_DUMPABLE } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_GET_NO_NEW_PRIVS } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_GET_SECCOMP } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_SET_NO_NEW_PRIVS } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_SET_VMA_NAME } }, 0 },
	{ "prctl", EVERY_PROFILE, 1, { { 0, INT, PR_SET_SECCOMP } }, EPERM },
};

static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned n,
               const struct scmp_arg_cmp *arguments)
{
	const int number = seccomp_syscall_resolve_name(name);
	int error;

	if (number == __NR_SCMP_ERROR)
		return 0;
	error = seccomp_rule_add_array(filter, action, number, n, arguments);
	/* EACCES: it is the default action; EDOM: it is not a call of this architecture. */
	return error == -EACCES || error == -EDOM ? 0 : error;
}

/* Every call in lists of names with a space between them. */
static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *lists, size_t n_lists)
{
	char name[NAME_MAX_OCTETS + 1];
	int error = 0;

	for (size_t i = 0; i < n_lists; i++) {
		const char *at = lists[i];

		while (error == 0 && *at) {
			const size_t octets = strcspn(at, " ");

			snprintf(name, sizeof(name), "%.*s", (int)octets, at);
			error = add(filter, action, name, 0, NULL);
			at += octets + (at[octets] == ' ');
		}
	}
	return error;
}

static int add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];

	for (unsigned i = 0; i < rule->n; i++)
		arguments[i] = (struct scmp_arg_cmp){ .arg = rule->arguments[i].index,
			                              .op = SCMP_CMP_MASKED_EQ,
			                              .datum_a = rule->arguments[i].mask,
			                              .datum_b = rule->arguments[i].value };
	return add(filter, rule->error ? SCMP_ACT_ERRNO((uint32_t)rule->error) : SCMP_ACT_ALLOW, rule->name, rule->n,
	           arguments);
}

static int add_compare(scmp_filter_ctx filter, uint32_t action, const char *name, enum scmp_compare how, long with)
{
	const struct scmp_arg_cmp first = { .arg = 0, .op = how, .datum_a = (scmp_datum_t)with };

	return add(filter, action, name, 1, &first);
}

/* Signals reach this process only: a worker could kill its supervisor, which runs as the same user. */
static int add_own_signals(scmp_filter_ctx filter)
{
	static const char *const names[] = { "kill", "tgkill" };
	const long own = getpid();
	int error = 0;

	for (size_t i = 0; i < COUNT(names) && error == 0; i++) {
		error = add_compare(filter, SCMP_ACT_ALLOW, names[i], SCMP_CMP_EQ, own);
		if (error == 0)
			error = add_compare(filter, SCMP_ACT_ERRNO(EPERM), names[i], SCMP_CMP_NE, own);
	}
	return error;
}

static bool speaks(enum sandbox_profile profile, int family)
{
	return family == AF_UNIX ||
	       (profile == SANDBOX_WORKER && (family == AF_INET || family == AF_INET6 || family == AF_NETLINK));
}

static int add_families(scmp_filter_ctx filter, enum sandbox_profile profile)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	int error = add_compare(filter, refuse, "socket", SCMP_CMP_GT, AF_NETLINK);

	for (int family = 0; family <= AF_NETLINK && error == 0; family++)
		if (!speaks(profile, family))
			error = add_compare(filter, refuse, "socket", SCMP_CMP_EQ, family);
	return error;
}

static int fill(scmp_filter_ctx filter, enum sandbox_profile profile)
{
	int error = add_names(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));

	if (error == 0)
		error = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
	if (error == 0)
		error = add_names(filter, SCMP_ACT_ERRNO(EPERM), refused, COUNT(refused));
	for (size_t i = 0; i < COUNT(rules) && error == 0; i++)
		if (rules[i].profiles & PROFILE(profile))
			error = add_rule(filter, &rules[i]);
	if (error == 0)
		error = add_own_signals(filter);
	return error ? error : add_families(filter, profile);
}

int sandbox_apply(enum sandbox_profile profile, struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error;

	if (!filter)
		return err_set(err, "seccomp_init failed: this kernel has no seccomp filters, or memory ran out");
	error = fill(filter, profile);
	if (error) {
		seccomp_release(filter);
		return err_set(err, "the seccomp filter cannot be made: %s", strerror(-error));
	}
	/* Threads of a library's (a sanitizer has one) are there already; where this is not known there is none. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* Only quicker. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_FOR_MANY);
	error = seccomp_load(filter);
	seccomp_release(filter);
	return error ? err_set(err, "the kernel does not take the seccomp filter: %s", strerror(-error)) : 0;
}
