/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - the configuration file (libconfig), checked in full against the schema, with the origin of every value.
 *
 * Threads: read by one thread (supervisor); immutable afterwards.
 * Owns: every string, array and element it wrote into the sections' structs, until config_close().
 *
 * Errors name file, line, option and value, and what would be right:
 *   /etc/mailreeve/mailreeve.conf:12: policy.rejct: unknown option; the nearest known one is policy.reject
 *   mailreeve.conf:31: dnsbl.lists[2].codes[0].points = "five": must be a decimal number between -100.0 and 100.0
 *   -o policy.reject=x: must be ...
 */
#ifndef MAILREEVE_CONFIG_CONFIG_H
#define MAILREEVE_CONFIG_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "config/schema.h"

struct config;

/*
 * Read `file` (NULL: defaults only), then the overrides ("section.option=value" as given with -o, in order; the value
 * is libconfig syntax, but a bare word is accepted as a string: "policy.reject=8.0", "mode=monitor", "dnsbl.lists=({
 * name = \"a\"; ... })"), and fill every section's struct. All sections must be given: a group or option that none of
 * them knows is an error. On failure returns NULL and reports in err *all* errors found, a line each, as far as
 * ERR_TEXT_MAX allows.
 */
struct config *config_open(const char *file, const char *const *overrides, size_t n_overrides,
                           const struct config_section *sections, size_t n_sections, struct err *err);
void config_close(struct config **config);

/*
 * For checks beyond types and ranges: say what is wrong with the value at `value` (the address of a field in a
 * section's or an element's struct, of an element of a CONFIG_STRINGS or CONFIG_NETWORKS array (&array.items[i]), or of
 * the element's struct itself: then the option that lies at its beginning is named). The text becomes "FILE:LINE:
 * OPTION = VALUE: message" (or "default of OPTION ..."). Returns -1.
 */
int config_fault(const struct config *config, const void *value, struct err *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same as a warning: collected, and shown by config_each_warning(). */
void config_warn(struct config *config, const void *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_each_warning(const struct config *config, void (*show)(void *context, const char *warning), void *context);

/* Every option, its value and where it came from ("default", "FILE:LINE", "-o"), as a file that could be read again.
 * Secrets are "(hidden)". */
void config_print(const struct config *config, FILE *out);

/*
 * Call `visit` for every secret that was given (an option that is never shown, a zone name with an access key), until
 * it returns something else than 0; return that, or 0. `value` is what config_fault() wants; `file` is where it
 * stands, NULL when it came from the command line.
 */
int config_each_secret(const struct config *config, int (*visit)(void *context, const void *value, const char *file),
                       void *context);

/* Sixteen bits of a digest over every value (not over comments or layout): the cfg= of the log line. Secrets count. */
uint16_t config_digest(const struct config *config);

/* Mask what looks like an access key in a DNS zone name ("<key>.zen.dq.spamhaus.net"): every label below a known keyed
 * suffix, and any label of 20 or more letters and digits. Writes at most `size` octets; returns `text`. */
const char *config_mask_zone(const char *zone, char *text, size_t size);

#endif
