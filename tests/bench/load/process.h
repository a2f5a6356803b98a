/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process - what a daemon uses: all processes from one down, as /proc tells.
 */
#ifndef MAILREEVE_LOAD_PROCESS_H
#define MAILREEVE_LOAD_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	uint64_t cpu_ns;             /* of threads that have ended, and of children that were waited for, too */
	uint64_t user_ms, system_ms; /* the same in the kernel's ticks */
	uint64_t pss_kb, rss_kb, private_kb;
	unsigned processes, threads, files;
};

/* All of the processes and their descendants. Those that do not exist, or do not let us look, count nothing. */
void process_measure(struct process_usage *usage, const pid_t *pids, size_t n);

/* Our own CPU time. */
uint64_t process_own_cpu_ns(void);

#endif
