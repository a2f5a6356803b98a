/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema - options as data: one row an option. The parser, --print-config and the manual's test read the same rows.
 *
 * A section is a group of the configuration file ("dnsbl: { ... };") or, with the name "", the top level.
 * A row's name may have dots: "points.none" is the option `none` in the group `points` of the section.
 */
#ifndef MAILREEVE_CONFIG_SCHEMA_H
#define MAILREEVE_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum config_type {
	CONFIG_BOOL,   /* bool; true or false */
	CONFIG_INT,    /* int, min..max */
	CONFIG_MODE,   /* int; a string of three or four octal digits: "0660" */
	CONFIG_STRING, /* const char * (never NULL); min..max is its length in octets */
	CONFIG_ENUM,   /* int: index into choices */
	CONFIG_POINTS, /* int in thousandths; a decimal number, min..max in thousandths; at most three decimals */
	CONFIG_POINTS_OR_OFF, /* int in thousandths, or CONFIG_OFF for the string "off" */
	CONFIG_STRINGS,       /* struct config_array of const char *; min..max is the number of elements */
	CONFIG_NETWORKS,      /* struct config_array of struct net; strings such as "192.0.2.0/24" */
	CONFIG_LIST,          /* struct config_array of structs: ( { ... }, { ... } ), described by `list` */
};

#define CONFIG_OFF               (-2147483647 - 1)
#define CONFIG_STRING_OCTETS_MAX 4096

struct config_array {
	size_t n;
	void *items;
};

struct config_list;

struct config_row {
	const char *name;
	enum config_type type;
	size_t offset;        /* of the value in the section's (the element's) struct */
	long min, max;        /* inclusive; both 0: no limit but the type's own */
	const char *fallback; /* the default, as it would stand in the file ("8.0", "\"off\"", "[ \"postmaster\" ]");
	                         NULL: must be given */
	const char *const *choices;     /* CONFIG_ENUM: NULL-terminated */
	const struct config_list *list; /* CONFIG_LIST */
	bool secret;                    /* its value is never shown */
	const char *help;               /* one or two sentences, for the manual and --print-config */
};

struct config_list {
	const struct config_row *rows;
	size_t n_rows;
	size_t size; /* of one element's struct */
};

struct config_section {
	const char *name; /* "" = top level */
	const char *help;
	const struct config_row *rows;
	size_t n_rows;
	void *into; /* the section's struct, filled by config_open() */
};

#endif
