/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox - what a process that strangers talk to may still ask of the kernel: a seccomp filter, an allow list.
 *
 * What is answered to a call, and why:
 *   allowed        what libc, libmilter, libunbound, libevent and OpenSSL need once the program runs
 *   ENOSYS         everything that nobody named. To libraries the kernel looks like an older one, and they know how
 *                  to do without; a later libc may call what no list of today can name, and EPERM would break it.
 *   EPERM          what has a name because it would be harm, and which a fault of ours, a library's or an
 *                  administrator's odd configuration might still try: nobody's mail is lost for it
 *   EAFNOSUPPORT   sockets of families that nothing here speaks
 *   death          what nothing but foreign code would do: to run a program, or to look into another process
 *
 * Threads: applied to all that there are (best before there is a second one), inherited by later ones. It cannot be
 * taken back.
 * Owns: nothing after it returns.
 */
#ifndef MAILREEVE_DAEMON_SANDBOX_H
#define MAILREEVE_DAEMON_SANDBOX_H

#include "base/err.h"

enum sandbox_profile {
	/* Reads files; makes unix, TCP, UDP and routing netlink sockets, and connects them. */
	SANDBOX_WORKER,
	/* Serves on sockets that it was given: as the worker, but it makes none but unix sockets (to reach the log). */
	SANDBOX_SERVER,
};

/*
 * Confine this process for good; it has no new privileges afterwards either. 0, or -1 with err: the kernel (or a tool
 * such as valgrind under which we run) cannot filter, and nothing is confined.
 */
int sandbox_apply(enum sandbox_profile profile, struct err *err);

#endif
