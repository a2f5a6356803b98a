/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

#define OPEN_TRIES 16 /* an instance that ends may remove the file between our open and our lock */

struct pidfile {
	char *path;
	int fd;
};

static bool path_is_fd(const char *path, int fd)
{
	struct stat there, here;

	return lstat(path, &there) == 0 && fstat(fd, &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static int owner_fault(const char *path, int fd, struct err *err)
{
	char owner[32] = "";
	ssize_t octets = pread(fd, owner, sizeof(owner) - 1, 0);
	const long pid = octets > 0 ? strtol(owner, NULL, 10) : 0;

	return err_set(err, "pid_file = \"%s\": another instance (process %ld) owns it", path, pid);
}

/* One try: the locked fd; -1 with err; -2: the file went away meanwhile, try again. */
static int open_locked(const char *path, struct err *err)
{
	struct stat st;
	/* Not through a symbolic link, and never waiting at a FIFO: as root we may be in a directory that others write.
	 */
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_set(err, "pid_file = \"%s\": %s", path,
		               errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink > 1)
		err_set(err, "pid_file = \"%s\": must be a plain file with one name", path);
	else if (flock(fd, LOCK_EX | LOCK_NB))
		owner_fault(path, fd, err);
	else if (path_is_fd(path, fd))
		return fd;
	else if (close(fd) == 0)
		return -2;
	close(fd);
	return -1;
}

static int pid_write(const char *path, int fd, struct err *err)
{
	char text[32];
	const int octets = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	(void)fchmod(fd, 0644); /* one that was there already may have had other rights */
	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)octets, 0) != octets)
		return err_set(err, "pid_file = \"%s\": %s", path, strerror(errno));
	return 0;
}

struct pidfile *pidfile_open(const char *path, struct err *err)
{
	struct pidfile *pidfile;
	int fd = -2;

	err_set(err, "pid_file = \"%s\": it comes and goes", path);
	for (int i = 0; i < OPEN_TRIES && fd == -2; i++)
		fd = open_locked(path, err);
	if (fd < 0)
		return NULL;
	if (pid_write(path, fd, err)) {
		close(fd);
		return NULL;
	}
	pidfile = memory_new(sizeof(*pidfile));
	pidfile->path = memory_strdup(path);
	pidfile->fd = fd;
	return pidfile;
}

void pidfile_close(struct pidfile **pidfile)
{
	if (!*pidfile)
		return;
	if (path_is_fd((*pidfile)->path, (*pidfile)->fd) && unlink((*pidfile)->path))
		(void)!ftruncate((*pidfile)->fd, 0);
	pidfile_forget(pidfile);
}

void pidfile_forget(struct pidfile **pidfile)
{
	if (!*pidfile)
		return;
	close((*pidfile)->fd);
	free((*pidfile)->path);
	free(*pidfile);
	*pidfile = NULL;
}
