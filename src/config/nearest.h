/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nearest - which known name did a person mean who typed an unknown one?
 *
 * Threads: pure. Owns nothing.
 */
#ifndef MAILREEVE_CONFIG_NEAREST_H
#define MAILREEVE_CONFIG_NEAREST_H

#include <stddef.h>

/*
 * The name nearest to `name` by edit distance (a letter too many, missing, wrong, or two exchanged count one each; case
 * does not count), or NULL when none is so near that it could have been meant: about one slip in three letters. Of two
 * equally near names the first wins. nth() gives the known names: number i, and NULL after the last one.
 */
const char *nearest_name(const char *name, const char *(*nth)(const void *context, size_t i), const void *context);

#endif
