/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what every fuzz target uses: its place in the table, and how it says that a property does not hold.
 *
 * A target takes octets that anybody may have written, hands them to what parses them, and asserts what must hold for
 * each input. The same targets run under libFuzzer (tests/fuzz/fuzz, by clang) and, over the seeds and every input that
 * was ever found to break something, in `make check` (tests/fuzz/replay, by any compiler).
 */
#ifndef MAILREEVE_TESTS_FUZZ_FUZZ_H
#define MAILREEVE_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* The property must hold for every input, in every build: no assert(), which NDEBUG takes away. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

typedef void fuzz_target(const uint8_t *octets, size_t length);

fuzz_target fuzz_address, fuzz_author, fuzz_authres, fuzz_banner, fuzz_config, fuzz_date, fuzz_dkim_body, fuzz_dkim_key,
	fuzz_dkim_message, fuzz_dkim_signature, fuzz_dmarc_record, fuzz_dns_name, fuzz_dns_packet, fuzz_domain,
	fuzz_encoded_word, fuzz_fields, fuzz_header_text, fuzz_mime, fuzz_msgid, fuzz_session, fuzz_spf_macro,
	fuzz_spf_record, fuzz_tags, fuzz_zone_file;

struct fuzz_row {
	const char *name; /* of the folder with its seeds, below corpus/ */
	fuzz_target *run;
	size_t octets_max; /* of an input that makes sense */
};

extern const struct fuzz_row fuzz_rows[];
extern const size_t fuzz_n_rows;

/* NULL: there is none of this name. */
const struct fuzz_row *fuzz_find(const char *name);

/* ---- inputs: what takes them apart; every copy has exactly its size, so that ASan sees where it ends ---- */

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* The next octet; 0 when there are no more. */
uint8_t fuzz_octet(struct fuzz_input *input);

/* What is left up to the next newline, which is passed over, as a terminated text: the caller's. NUL octets end it. */
char *fuzz_line(struct fuzz_input *input);

/* All that is left, as a terminated text (NUL octets end it), or as octets: the caller's. */
char *fuzz_rest(struct fuzz_input *input);
uint8_t *fuzz_copy(const uint8_t *octets, size_t length);

/* ---- properties ---- */

/* Printable ASCII and nothing else? */
bool fuzz_is_printable(const char *text);

/* Printable ASCII and well-formed UTF-8 without controls? */
bool fuzz_is_clean(const char *text);

/* Terminated within `size` octets. */
bool fuzz_is_terminated(const char *text, size_t size);

#endif
