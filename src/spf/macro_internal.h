/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * macro_internal - what macro.c (the syntax) and macro_expand.c (the values) share; nobody else includes it.
 */
#ifndef MAILREEVE_SPF_MACRO_INTERNAL_H
#define MAILREEVE_SPF_MACRO_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* "%{d2r-}" and its like, taken apart. */
struct spf_macro {
	size_t octets;       /* of its text; where there is a fault, how far it lies from the "%" */
	const char *plain;   /* "%%", "%_" and "%-" stand for this; else NULL */
	char letter;         /* lower-case */
	bool url;            /* it was upper-case: the result is URL-escaped */
	bool reversed;       /* "r" */
	size_t parts;        /* right-hand parts to keep; SIZE_MAX: all */
	unsigned delimiters; /* spf_delimiter_bit() of each: a macro may repeat them thousands of times */
};

enum spf_macro_fault {
	SPF_MACRO_FINE,
	SPF_MACRO_PERCENT,  /* "%x" */
	SPF_MACRO_LETTER,   /* "%{z}" */
	SPF_MACRO_ZERO,     /* "%{d0}" */
	SPF_MACRO_STRAY,    /* "%{d;}" */
	SPF_MACRO_UNCLOSED, /* "%{d" */
};

/* Read the macro-expand (RFC 7208 7.1) that begins with the "%" at `text`, and ends before `end`. */
enum spf_macro_fault spf_macro_read(struct spf_macro *macro, const char *text, const char *end);

/* The bit of a delimiter in spf_macro.delimiters, 0 for any other octet. */
unsigned spf_delimiter_bit(char octet);

#endif
