/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox_child - a child that confines itself and then acts, for the tests of daemon/sandbox.
 */
#ifndef MAILREEVE_TESTS_SANDBOX_CHILD_H
#define MAILREEVE_TESTS_SANDBOX_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "daemon/sandbox.h"

#define NOT_CONFINED 250 /* exit statuses of a child; others are an errno */
#define WRONG_RESULT 251

/* The wait status of a child that confines itself and ends with what `act` returns: 0, or an errno. */
static inline int confined(enum sandbox_profile profile, int (*act)(void))
{
	struct err err = { "" };
	int status = 0;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sandbox_apply(profile, &err) ? NOT_CONFINED : act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Whether this kernel, and what we run under (valgrind knows no filters), can do it at all. */
static inline int nothing(void)
{
	return prctl(PR_GET_SECCOMP) == 2 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : WRONG_RESULT;
}

static inline void can_filter_or_skip(void)
{
	const int status = confined(SANDBOX_WORKER, nothing);

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_CONFINED) {
		print_message("ok - the sandbox # SKIP there are no seccomp filters here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static inline int result_of(long result)
{
	return result < 0 ? errno : 0;
}

#endif
