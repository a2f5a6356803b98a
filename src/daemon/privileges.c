/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define GROUPS_MAX 1024 /* more memberships than that are not looked at */

/* The number of an account that is written as a number; -1: it is not. */
static long number_of(const char *text)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	/* (uid_t)-1 means "leave unchanged" to the kernel. */
	return errno || end == text || *end || number < 0 || number >= (long)UINT_MAX ? -1 : number;
}

int privileges_find_group(gid_t *gid, const char *name, struct err *err)
{
	const struct group *group = getgrnam(name);
	const long number = number_of(name);

	if (!group && number < 0)
		return err_set(err, "\"%s\": there is no such group", name);
	*gid = group ? group->gr_gid : (gid_t)number;
	return 0;
}

static int find_user(struct identity *identity, const char *user, struct err *err)
{
	const struct passwd *passwd = getpwnam(user);
	const long number = number_of(user);

	if (!passwd && number >= 0)
		passwd = getpwuid((uid_t)number);
	if (!passwd)
		return err_set(err, "user = \"%s\": there is no such user; create it, or name another one", user);
	snprintf(identity->user, sizeof(identity->user), "%s", passwd->pw_name);
	identity->uid = passwd->pw_uid;
	identity->gid = passwd->pw_gid;
	return 0;
}

/* The default user need not exist where somebody else than root tries us out. */
static bool must_exist(const char *user)
{
	return *user && (geteuid() == 0 || strcmp(user, PRIVILEGES_DEFAULT_USER) != 0);
}

enum exit_code privileges_find(struct identity *identity, const char *user, const char *group, bool allow_root,
                               struct err *err)
{
	struct err why = { "" };

	*identity = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (must_exist(user) && find_user(identity, user, err))
		return EXIT_BAD_CONFIG;
	if (*group && privileges_find_group(&identity->gid, group, &why)) {
		err_set(err, "group = %s", why.text);
		return EXIT_BAD_CONFIG;
	}
	if (geteuid() != 0) {
		identity->uid = geteuid();
		identity->gid = getegid();
		return EXIT_FINE;
	}
	if (identity->uid == 0 && !allow_root) {
		err_set(err,
		        "user = \"%s\": mailreeve does not serve as root; name a user of its own, or give --allow-root",
		        user);
		return EXIT_NO_PERMISSION;
	}
	identity->change = identity->uid != 0 || *group;
	return EXIT_FINE;
}

static bool is_one_of(gid_t gid, const gid_t *groups, int n)
{
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

bool privileges_is_own_group(gid_t gid, const char *user, const char *group)
{
	gid_t groups[GROUPS_MAX] = { 0 }, own = 0;
	struct identity identity = { .change = false };
	int n = getgroups(GROUPS_MAX, groups);

	if (gid == 0 || gid == getegid() || is_one_of(gid, groups, n))
		return true;
	if (*group && privileges_find_group(&own, group, NULL) == 0 && own == gid)
		return true;
	n = GROUPS_MAX;
	return *user && find_user(&identity, user, NULL) == 0 &&
	       getgrouplist(identity.user, identity.gid, groups, &n) >= 0 && is_one_of(gid, groups, n);
}

static bool can_be_root_again(void)
{
	return setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || setgroups(0, NULL) == 0;
}

int privileges_drop(const struct identity *identity, struct err *err)
{
	uid_t uid[3];
	gid_t gid[3];

	if (!identity->change)
		return 0;
	if ((*identity->user ? initgroups(identity->user, identity->gid) : setgroups(1, &identity->gid)) ||
	    setresgid(identity->gid, identity->gid, identity->gid) ||
	    setresuid(identity->uid, identity->uid, identity->uid))
		return err_set(err, "user = \"%s\": cannot become this user: %s", identity->user, strerror(errno));
	if (getresuid(&uid[0], &uid[1], &uid[2]) || getresgid(&gid[0], &gid[1], &gid[2]))
		return err_set(err, "getresuid: %s", strerror(errno));
	for (int i = 0; i < 3; i++)
		if (uid[i] != identity->uid || gid[i] != identity->gid)
			return err_set(err, "user = \"%s\": still another user after becoming it", identity->user);
	if (identity->uid != 0 && can_be_root_again())
		return err_set(err, "user = \"%s\": root could be regained after becoming this user", identity->user);
	return 0;
}

int privileges_freeze(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, "prctl(PR_SET_NO_NEW_PRIVS): %s", strerror(errno));
	return 0;
}

long privileges_raise_files(long files_max)
{
	struct rlimit limit;
	struct rlimit wanted = { .rlim_cur = (rlim_t)files_max, .rlim_max = (rlim_t)files_max };

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted.rlim_cur)
		return files_max;
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted.rlim_max)
		wanted.rlim_max = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return files_max;
	wanted = (struct rlimit){ .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
	return (long)(setrlimit(RLIMIT_NOFILE, &wanted) == 0 ? limit.rlim_max : limit.rlim_cur);
}
