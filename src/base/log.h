/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - one line to the mail log: syslog (LOG_MAIL) or standard error.
 *
 * Threads: log_open once before any thread starts; log_write from any thread.
 * The destination is a property of the process, as syslog(3) itself is.
 * Nothing hostile may be passed raw: render it with strbuf_quoted() first;
 * as a last line of defence control characters are replaced by '?'.
 */
#ifndef MAILREEVE_BASE_LOG_H
#define MAILREEVE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

#define LOG_LINE_MAX 8192 /* octets of one line; what is longer is cut and ends in "..." */

/* Choose the target. Lines above `most` (LOG_LEVEL_INFO, or DEBUG with -v) are dropped. */
void log_open(enum log_target target, enum log_level most);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
