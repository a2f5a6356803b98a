/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_place - a directory of its own for each test that makes sockets and files.
 */
#ifndef MAILREEVE_TESTS_DAEMON_PLACE_H
#define MAILREEVE_TESTS_DAEMON_PLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char directory[64];
	char path[96];    /* of a socket or pid file in it */
	char socket[112]; /* "unix:PATH" */
};

static inline int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->directory, "/tmp/mailreeve-unit-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/it", place->directory);
	snprintf(place->socket, sizeof(place->socket), "unix:%s", place->path);
	*state = place;
	return 0;
}

/* Also sees that nothing is left behind. */
static inline int place_remove(void **state)
{
	struct place *place = *state;
	int left = rmdir(place->directory);

	free(place);
	return left;
}

static inline bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

#endif
