/* SPDX-License-Identifier: BSD-2-Clause */
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void add_children(struct tree *tree, pid_t pid, const char *thread)
{
	char path[PATH_OCTETS];
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid, thread);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	while (fscanf(file, "%d", &child) == 1)
		add_pid(tree, child);
	fclose(file);
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

static uint64_t ticks_in_ns(unsigned long ticks)
{
	return (uint64_t)ticks * (NS_A_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* The clock of a process is exact; what its dead children used is known in ticks only. */
static void add_cpu(struct process_usage *usage, pid_t pid)
{
	char path[PATH_OCTETS], text[1024];
	unsigned long user, system, dead_user, dead_system;
	struct timespec cpu;
	clockid_t clock;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	const size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	const char *rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &user, &system,
	                    &dead_user, &dead_system) != 4)
		return;
	usage->user_ms += ticks_in_ns(user + dead_user) / 1000000;
	usage->system_ms += ticks_in_ns(system + dead_system) / 1000000;
	usage->cpu_ns += ticks_in_ns(dead_user + dead_system);
	if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &cpu) == 0)
		usage->cpu_ns += (uint64_t)cpu.tv_sec * NS_A_SECOND + (uint64_t)cpu.tv_nsec;
	else
		usage->cpu_ns += ticks_in_ns(user + system);
}

static void add_memory(struct process_usage *usage, pid_t pid)
{
	char path[PATH_OCTETS], line[256];
	unsigned long kb;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Pss: %lu", &kb) == 1)
			usage->pss_kb += kb;
		else if (sscanf(line, "Rss: %lu", &kb) == 1)
			usage->rss_kb += kb;
		else if (sscanf(line, "Private_Clean: %lu", &kb) == 1 || sscanf(line, "Private_Dirty: %lu", &kb) == 1)
			usage->private_kb += kb;
	}
	fclose(file);
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
