/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err - why something failed, in words a person can act on.
 *
 * Threads: an err belongs to its caller. Owns nothing.
 * A message names what was tried, with which value, and what would be right.
 */
#ifndef MAILREEVE_BASE_ERR_H
#define MAILREEVE_BASE_ERR_H

#define ERR_TEXT_MAX 1024

struct err {
	char text[ERR_TEXT_MAX]; /* always terminated; "" while nothing failed */
};

/*
 * Set the text (truncated at ERR_TEXT_MAX). Always returns -1, so that a
 * failing function can end with `return err_set(err, ...)`. err may be NULL.
 */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
