/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfile - the file with the supervisor's process id. It is locked for as long as the supervisor lives.
 */
#ifndef MAILREEVE_DAEMON_PIDFILE_H
#define MAILREEVE_DAEMON_PIDFILE_H

#include "base/err.h"

struct pidfile;

/*
 * Make, lock and write it. A file that a dead instance left behind is taken over. NULL with err: it cannot be made, is
 * something else than a plain file, or a living instance holds it.
 */
struct pidfile *pidfile_open(const char *path, struct err *err);

/* Remove it, if the path is still ours; else (we may not be allowed to) empty it. NULL is accepted. */
void pidfile_close(struct pidfile **pidfile);

/* In a worker: forget it. The lock stays the supervisor's. NULL is accepted. */
void pidfile_forget(struct pidfile **pidfile);

#endif
