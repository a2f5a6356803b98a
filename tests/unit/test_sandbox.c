/* SPDX-License-Identifier: BSD-2-Clause */
/* What a confined process can no longer do: each in a child of its own. What it still can: test_sandbox_allowed.c. */
#include "sandbox_child.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define PAGE 4096

static int run_a_program(void)
{
	static char *const none[] = { NULL };

	return result_of(execve("/bin/true", none, none));
}

static int run_an_open_file(void)
{
	static char *const none[] = { NULL };

	return result_of(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
}

static int trace(void)
{
	return result_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_the_parent(void)
{
	return result_of(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int make_a_process(void)
{
	/* Straight: what libc's fork() becomes, without its handlers. */
	const long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return result_of(pid);
}

static int make_a_process_newly(void)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };
	const long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid == 0)
		_exit(0);
	return result_of(pid);
}

static int leave_a_namespace(void)
{
	return result_of(unshare(CLONE_NEWUSER));
}

static int mount_something(void)
{
	return result_of(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int become_root(void)
{
	return result_of(syscall(SYS_setresuid, 0, 0, 0));
}

static int kill_the_parent(void)
{
	return result_of(kill(getppid(), 0));
}

static int raise_own_limits(void)
{
	struct rlimit limit = { 0, 0 };

	return result_of(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL));
}

static int limit_the_parent(void)
{
	struct rlimit limit;

	return result_of(syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, NULL, &limit));
}

static int use_keys(void)
{
	return result_of(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int use_bpf(void)
{
	return result_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int use_io_uring(void)
{
	return result_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int load_a_module(void)
{
	return result_of(syscall(SYS_init_module, NULL, 0, ""));
}

static int write_a_file(void)
{
	return result_of(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int truncate_a_file(void)
{
	return result_of(open("/nonexistent/file", O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int create_a_file(void)
{
	return result_of(open("/nonexistent/file", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int rename_a_file(void)
{
	return result_of(rename("/nonexistent/a", "/nonexistent/b"));
}

static int type_into_the_terminal(void)
{
	return result_of(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int type_with_high_bits(void)
{
	return result_of(syscall(SYS_ioctl, STDIN_FILENO, (1UL << 32) | TIOCSTI, "x"));
}

static int socket_packet(void)
{
	return result_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int socket_kernel_crypto(void)
{
	return result_of(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int socket_bluetooth(void)
{
	return result_of(socket(AF_BLUETOOTH, SOCK_RAW, 0));
}

static int socket_raw(void)
{
	return result_of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int socket_sctp(void)
{
	return result_of(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
}

static int socket_netfilter(void)
{
	return result_of(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
}

static int map_both(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, PAGE);
	return 0;
}

static int make_executable(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	int error;

	if (at == MAP_FAILED)
		return WRONG_RESULT;
	error = result_of(mprotect(at, PAGE, PROT_READ | PROT_EXEC));
	munmap(at, PAGE);
	return error;
}

static int unknown_call(void)
{
	return result_of(syscall(100000));
}

/* Each lets through to the kernel would give 0 or another error. */
static const struct {
	const char *what;
	int (*act)(void);
	int error; /* 0: it ends the process */
} refused[] = {
	{ "run a program", run_a_program, 0 },
	{ "run an open file", run_an_open_file, 0 },
	{ "trace another process", trace, 0 },
	{ "read another process", read_the_parent, 0 },
	{ "make a process", make_a_process, EPERM },
	{ "make a process by clone3()", make_a_process_newly, ENOSYS },
	{ "leave a namespace", leave_a_namespace, EPERM },
	{ "mount", mount_something, EPERM },
	{ "become root", become_root, EPERM },
	{ "signal another process", kill_the_parent, EPERM },
	{ "change its limits", raise_own_limits, ENOSYS },
	{ "look at another's limits", limit_the_parent, ENOSYS },
	{ "keys", use_keys, EPERM },
	{ "bpf", use_bpf, EPERM },
	{ "io_uring", use_io_uring, EPERM },
	{ "load a module", load_a_module, EPERM },
	{ "write a file", write_a_file, EPERM },
	{ "truncate a file", truncate_a_file, ENOSYS },
	{ "create a file", create_a_file, ENOSYS },
	{ "rename a file", rename_a_file, EPERM },
	{ "type into the terminal", type_into_the_terminal, EPERM },
	{ "the same with high bits", type_with_high_bits, EPERM },
	{ "a packet socket", socket_packet, EAFNOSUPPORT },
	{ "the kernel's crypto", socket_kernel_crypto, EAFNOSUPPORT },
	{ "a Bluetooth socket", socket_bluetooth, EAFNOSUPPORT },
	{ "a raw socket", socket_raw, ENOSYS },
	{ "SCTP", socket_sctp, ENOSYS },
	{ "netfilter's netlink", socket_netfilter, ENOSYS },
	{ "memory to write and run", map_both, EPERM },
	{ "written memory to run", make_executable, EPERM },
	{ "a call that nobody knows", unknown_call, ENOSYS },
};

static void expect_refused(enum sandbox_profile profile, const char *what, int (*act)(void), int error)
{
	const int status = confined(profile, act);

	if (error == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
	               : WIFEXITED(status) && WEXITSTATUS(status) == error)
		return;
	fail_msg("%s (profile %d): wait status %#x, wanted %s", what, (int)profile, (unsigned)status,
	         error ? strerror(error) : "its death");
}

static void hostile_calls_are_refused(void **state)
{
	(void)state;
	can_filter_or_skip();
	for (size_t i = 0; i < COUNT(refused); i++) {
		expect_refused(SANDBOX_WORKER, refused[i].what, refused[i].act, refused[i].error);
		/* Of families that the server does not speak no type or protocol matters. */
		expect_refused(SANDBOX_SERVER, refused[i].what, refused[i].act,
		               refused[i].act == socket_raw || refused[i].act == socket_sctp ||
		                               refused[i].act == socket_netfilter
		                       ? EAFNOSUPPORT
		                       : refused[i].error);
	}
}

static int socket_inet(void)
{
	return result_of(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int socket_unix(void)
{
	return result_of(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static void a_server_makes_no_internet_sockets(void **state)
{
	(void)state;
	can_filter_or_skip();
	assert_int_equal(confined(SANDBOX_WORKER, socket_inet), 0);
	assert_int_equal(confined(SANDBOX_WORKER, socket_unix), 0);
	expect_refused(SANDBOX_SERVER, "an internet socket", socket_inet, EAFNOSUPPORT);
	assert_int_equal(confined(SANDBOX_SERVER, socket_unix), 0);
}

/* A second filter would need leave that the first has taken away. */
static int confine_again(void)
{
	struct err err = { "" };

	return sandbox_apply(SANDBOX_SERVER, &err) && strstr(err.text, "seccomp") ? 0 : WRONG_RESULT;
}

static void a_filter_that_cannot_be_loaded_is_told(void **state)
{
	(void)state;
	can_filter_or_skip();
	assert_int_equal(confined(SANDBOX_WORKER, confine_again), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_calls_are_refused),
		cmocka_unit_test(a_server_makes_no_internet_sockets),
		cmocka_unit_test(a_filter_that_cannot_be_loaded_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
