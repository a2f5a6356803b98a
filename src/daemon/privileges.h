/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privileges - as whom we serve, and what the process may use.
 */
#ifndef MAILREEVE_DAEMON_PRIVILEGES_H
#define MAILREEVE_DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "daemon/options.h"

#define PRIVILEGES_DEFAULT_USER "mailreeve"
#define IDENTITY_NAME_MAX       256

struct identity {
	char user[IDENTITY_NAME_MAX];
	uid_t uid;
	gid_t gid;
	bool change; /* we are root and must become it */
};

/*
 * Who we are to be. `user` and `group` are names or numbers; "" = stay as we are, and the user's own group. Started by
 * somebody else than root we stay who we are. EXIT_FINE; EXIT_BAD_CONFIG: there is no such user or group;
 * EXIT_NO_PERMISSION: it would be root.
 */
enum exit_code privileges_find(struct identity *identity, const char *user, const char *group, bool allow_root,
                               struct err *err);

/* The number of a group. 0 or -1 with err. */
int privileges_find_group(gid_t *gid, const char *name, struct err *err);

/*
 * Is this group one of those that the daemon belongs to: root's, this process's, the configured one, or one that the
 * configured user is a member of? "" and names that do not exist match nothing.
 */
bool privileges_is_own_group(gid_t gid, const char *user, const char *group);

/* Become it, for good: it is verified that root cannot come back. 0 or -1. */
int privileges_drop(const struct identity *identity, struct err *err);

/*
 * From now on neither this process nor its children gain rights by running a program (setuid, file capabilities); what
 * an unprivileged process must promise before it may filter its calls. 0, or -1 with err.
 */
int privileges_freeze(struct err *err);

/* Ask for `files_max` open files. Returns how many there may be now. */
long privileges_raise_files(long files_max);

#endif
