/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/base.h"

#define IDENT       "mailreeve"
#define CUT_MARK    "..."
#define WRITE_TRIES 8 /* a signal may interrupt write(2); a storm of them must not hold a session up */

static const struct {
	int priority;
	const char *prefix;
} levels[] = {
	[LOG_LEVEL_ERROR] = { LOG_ERR, "error: " },
	[LOG_LEVEL_WARNING] = { LOG_WARNING, "warning: " },
	[LOG_LEVEL_INFO] = { LOG_INFO, "" },
	[LOG_LEVEL_DEBUG] = { LOG_DEBUG, "" },
};

/* Of the process, as log.h says: set by log_open() before any thread starts, only read afterwards. */
static struct {
	enum log_target target;
	enum log_level most;
} destination = { LOG_TO_STDERR, LOG_LEVEL_INFO };

void log_open(enum log_target target, enum log_level most)
{
	closelog();
	if (target == LOG_TO_SYSLOG)
		openlog(IDENT, LOG_PID, LOG_MAIL);
	destination.target = target;
	destination.most = most;
}

/* C0, DEL, and C1 as UTF-8 writes it (0xc2 0x80-0x9f): what a terminal could take as a command. */
static void replace_controls(char *text)
{
	unsigned char *at = (unsigned char *)text;

	for (; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f) {
			*at = '?';
		} else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
			at[0] = '?';
			at[1] = '?';
		}
	}
}

static void write_line(const char *line, size_t octets)
{
	for (int i = 0; i < WRITE_TRIES; i++) {
		if (write(STDERR_FILENO, line, octets) >= 0 || errno != EINTR)
			return;
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX + 1]; /* header, text, newline, terminator */
	int old_errno = errno;
	size_t head, room, octets;
	va_list arguments;
	int n;

	if ((size_t)level >= COUNT(levels) || level > destination.most)
		return;
	n = destination.target == LOG_TO_STDERR ? snprintf(line, sizeof(line), IDENT "[%ld]: ", (long)getpid()) : 0;
	head = n > 0 ? (size_t)n : 0;
	octets = head + strlen(levels[level].prefix);
	memcpy(line + head, levels[level].prefix, octets - head);
	room = sizeof(line) - 1 - octets; /* one octet is kept for the newline */
	va_start(arguments, format);
	n = vsnprintf(line + octets, room, format, arguments);
	va_end(arguments);
	if (n < 0)
		line[octets] = '\0';
	else if ((size_t)n >= room)
		memcpy(line + sizeof(line) - 1 - sizeof(CUT_MARK), CUT_MARK, sizeof(CUT_MARK));
	replace_controls(line + head);
	if (destination.target == LOG_TO_SYSLOG) {
		syslog(levels[level].priority, "%s", line);
	} else {
		octets = strlen(line);
		line[octets] = '\n';
		write_line(line, octets + 1);
	}
	errno = old_errno;
}
