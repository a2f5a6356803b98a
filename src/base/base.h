/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base - the few words that every file of the program uses.
 */
#ifndef MAILREEVE_BASE_BASE_H
#define MAILREEVE_BASE_BASE_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
