/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nofd - for LD_PRELOAD: makes libmilter one that does not know "fd:N", as it comes from its authors (Debian patches it
 * in).
 *
 *     cc -shared -fPIC -o nofd.so nofd.c -ldl
 *
 * Environment NOFD: "setconn" - smfi_setconn refuses the address; "opensocket" (or unset) - it takes it, and opening
 * fails.
 */
#define _GNU_SOURCE 1 /* as configure writes it, should it be on the command line as well */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MI_FAILURE (-1)

typedef int setconn_function(char *address);
typedef int opensocket_function(bool remove_socket);

int smfi_setconn(char *address);
int smfi_opensocket(bool remove_socket);

static bool is_fd;

static bool fails_at(const char *where)
{
	const char *wanted = getenv("NOFD");

	return strcmp(wanted ? wanted : "opensocket", where) == 0;
}

int smfi_setconn(char *address)
{
	setconn_function *real = (setconn_function *)dlsym(RTLD_NEXT, "smfi_setconn");

	is_fd = address && strncmp(address, "fd:", 3) == 0;
	return is_fd && fails_at("setconn") ? MI_FAILURE : real(address);
}

int smfi_opensocket(bool remove_socket)
{
	opensocket_function *real = (opensocket_function *)dlsym(RTLD_NEXT, "smfi_opensocket");

	return is_fd ? MI_FAILURE : real(remove_socket);
}
