/* SPDX-License-Identifier: BSD-2-Clause */
#include "process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

#define NS_A_SECOND   1000000000ULL
#define PROCESSES_MAX 1024
#define PATH_OCTETS   96

struct tree {
	pid_t pids[PROCESSES_MAX];
	size_t n;
};

static void add_pid(struct tree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (tree->pids[i] == pid)
			return;
	}
	if (tree->n < PROCESSES_MAX)
		tree->pids[tree->n++] = pid;
}

/* A small file as text; false: there is none, or nothing in it. */
static bool read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	const size_t n = fread(text, 1, size - 1, file);
	fclose(file);
	text[n] = '\0';
	return n > 0;
}

static void add_children(struct tree *tree, pid_t pid, const char *thread)
{
	char path[PATH_OCTETS], text[8192], *at = text, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid, thread);
	if (!read_file(path, text, sizeof(text)))
		return;
	for (unsigned long child = strtoul(at, &end, 10); end != at; child = strtoul(at, &end, 10)) {
		add_pid(tree, (pid_t)child);
		at = end;
	}
}

/* Calls `each` for every entry of a directory of the process; returns how many there are. */
static unsigned entries(struct tree *tree, pid_t pid, const char *name,
                        void (*each)(struct tree *, pid_t, const char *))
{
	char path[PATH_OCTETS];
	unsigned n = 0;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	DIR *directory = opendir(path);
	if (!directory)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (each)
			each(tree, pid, entry->d_name);
	}
	closedir(directory);
	return n;
}

/* Words 14 to 17 of /proc/PID/stat; the second, in parentheses, is the only one that may hold blanks. */
static bool read_times(const char *stat, uint64_t ns[4])
{
	const uint64_t tick_ns = NS_A_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
	const char *at = strrchr(stat, ')');

	for (int word = 2; at && word < 14; word++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	for (int i = 0; at && i < 4; i++) {
		char *end;
		ns[i] = strtoul(at, &end, 10) * tick_ns;
		at = end > at ? end : NULL;
	}
	return at != NULL;
}

/* The clock of a process is exact; what its dead children used is known in ticks only. */
static void add_cpu(struct process_usage *usage, pid_t pid)
{
	char path[PATH_OCTETS], text[1024];
	uint64_t ns[4]; /* user, system, and those of dead children */
	struct timespec cpu;
	clockid_t clock;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_file(path, text, sizeof(text)) || !read_times(text, ns))
		return;
	usage->user_ms += (ns[0] + ns[2]) / 1000000;
	usage->system_ms += (ns[1] + ns[3]) / 1000000;
	usage->cpu_ns += ns[2] + ns[3];
	if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &cpu) == 0)
		usage->cpu_ns += (uint64_t)cpu.tv_sec * NS_A_SECOND + (uint64_t)cpu.tv_nsec;
	else
		usage->cpu_ns += ns[0] + ns[1];
}

static void add_memory(struct process_usage *usage, pid_t pid)
{
	char path[PATH_OCTETS], text[4096], *rest = text, *line;
	const struct {
		const char *name;
		uint64_t *kb;
	} rows[] = {
		{ "Pss:", &usage->pss_kb },
		{ "Rss:", &usage->rss_kb },
		{ "Private_Clean:", &usage->private_kb },
		{ "Private_Dirty:", &usage->private_kb },
	};

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (!read_file(path, text, sizeof(text)))
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			const size_t length = strlen(rows[i].name);
			if (strncmp(line, rows[i].name, length) == 0)
				*rows[i].kb += strtoul(line + length, NULL, 10);
		}
	}
}

void process_measure(struct process_usage *usage, const pid_t *pids, size_t n)
{
	struct tree tree = { .n = 0 };

	*usage = (struct process_usage){ 0 };
	for (size_t i = 0; i < n; i++)
		add_pid(&tree, pids[i]);
	for (size_t i = 0; i < tree.n; i++) {
		usage->threads += entries(&tree, tree.pids[i], "task", add_children);
		usage->files += entries(&tree, tree.pids[i], "fd", NULL);
		add_cpu(usage, tree.pids[i]);
		add_memory(usage, tree.pids[i]);
	}
	usage->processes = (unsigned)tree.n;
}

uint64_t process_own_cpu_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (uint64_t)cpu.tv_sec * NS_A_SECOND + (uint64_t)cpu.tv_nsec;
}
