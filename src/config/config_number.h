/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_number - numbers as they are written, read without binary floating point and without silent overflow.
 *
 * Threads: pure. Owns nothing.
 */
#ifndef MAILREEVE_CONFIG_CONFIG_NUMBER_H
#define MAILREEVE_CONFIG_CONFIG_NUMBER_H

#include <stdbool.h>

enum number_status {
	NUMBER_OK,
	NUMBER_NOT_ONE,   /* not a number; for an integer: one with a point or an exponent */
	NUMBER_TOO_LARGE, /* or too small: beyond int */
	NUMBER_TOO_FINE,  /* more than three decimals */
};

/* A whole number as libconfig writes them: decimal or 0x hexadecimal, an L or LL at its end allowed. */
enum number_status number_read_int(const char *literal, int *value);

/* A whole or decimal number ("2", "2.5", "25e-1", "0x10") in thousandths. */
enum number_status number_read_milli(const char *literal, int *milli);

#endif
