/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file that knows libopendkim. It is used for hashing alone: no key, no body, no decision of its is asked for
 * (its ways with them are what the table in the project's notes is about).
 */
#include "dkim/headerhash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#include "base/strbuf.h"
#include "dkim/key.h"

/*
 * It needs one field more than a signature selects, else it writes behind its memory. No name in h= has a space in it,
 * so this one is never selected.
 */
static const char dummy[] = "never signed: -";

#define SIGNATURES_AT_ONCE    32
#define CLEAN_OCTETS_AN_OCTET 4 /* \xHH */

struct dkim_library {
	DKIM_LIB *handle;
};

/* ---- the library ---- */

/* Never asked, as signatures are ignored before it could be; but without one the library would go and ask DNS. */
static DKIM_CBSTAT no_key(DKIM *message, DKIM_SIGINFO *signature, u_char *memory, size_t octets)
{
	(void)message;
	(void)signature;
	(void)memory;
	(void)octets;
	return DKIM_CBSTAT_NOTFOUND;
}

struct dkim_library *dkim_library_open(struct err *err)
{
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	uint64_t drift_s = DKIM_LIBRARY_DRIFT_S;
	DKIM_LIB *handle = dkim_init(NULL, NULL);
	struct dkim_library *library;

	if (handle == NULL) {
		err_set(err, "libopendkim cannot be initialised");
		return NULL;
	}
	if (dkim_libfeature(handle, DKIM_FEATURE_SHA256) == 0 ||
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) != DKIM_STAT_OK ||
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift_s, sizeof(drift_s)) != DKIM_STAT_OK ||
	    dkim_set_key_lookup(handle, no_key) != DKIM_STAT_OK) {
		err_set(err, "libopendkim cannot be configured as it must be: it lacks SHA-256 or options of 2.11");
		dkim_close(handle);
		return NULL;
	}
	library = memory_new(sizeof(*library));
	library->handle = handle;
	return library;
}

void dkim_library_close(struct dkim_library **library)
{
	if (*library == NULL)
		return;
	dkim_close((*library)->handle);
	free(*library);
	*library = NULL;
}

/* ---- what it is given ---- */

/* One call of dkim_header_hashes(). */
struct run {
	const struct dkim_field *fields;
	size_t n_fields;
	struct dkim_header_hash *hashes;
	size_t n;
	struct covered {
		size_t fields[DKIM_FIELDS_MAX], n;
	} * covered; /* by signature */
	bool fed[DKIM_HEADER_FIELDS_MAX];
};

static const char *oddity_of(const struct run *run, size_t i)
{
	size_t own = run->hashes[i].field;
	enum dkim_canon canon = run->fields[own].signature->header_canon;
	const char *oddity = dkim_field_oddity(&run->fields[own], canon, true);

	for (size_t k = 0; k < run->covered[i].n && oddity == NULL; k++)
		oddity = dkim_field_oddity(&run->fields[run->covered[i].fields[k]], canon, false);
	return oddity;
}

/* What no signature selects is not fed. Returns how many signatures are. */
static size_t choose(struct run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		struct dkim_header_hash *hash = &run->hashes[i];
		struct covered *covered = &run->covered[i];
		covered->n = dkim_select_fields(run->fields, run->n_fields, hash->field, covered->fields);
		hash->octets = 0;
		hash->canonical = NULL;
		hash->oddity = oddity_of(run, i);
		if (hash->oddity != NULL)
			continue;
		n++;
		run->fed[hash->field] = true;
		for (size_t k = 0; k < covered->n; k++)
			run->fed[covered->fields[k]] = true;
	}
	return n;
}

static bool feed(DKIM *message, const struct run *run)
{
	for (size_t i = 0; i < run->n_fields; i++) {
		const struct dkim_field *field = &run->fields[i];
		/*
		 * It copies the text; the cast is its missing const. What it says about signatures shows in its list.
		 */
		if (run->fed[i] &&
		    dkim_header(message, (u_char *)(uintptr_t)field->text, field->octets) != DKIM_STAT_OK &&
		    field->signature == NULL)
			return false;
	}
	return dkim_header(message, (u_char *)(uintptr_t)dummy, sizeof(dummy) - 1) == DKIM_STAT_OK &&
	       dkim_eoh(message) == DKIM_STAT_OK;
}

/* ---- what it gives ---- */

static void take_hash(struct dkim_header_hash *hash, DKIM_SIGINFO *signature)
{
	void *header, *body;
	size_t octets, body_octets;

	if (dkim_sig_gethashes(signature, &header, &octets, &body, &body_octets) != DKIM_STAT_OK ||
	    octets > sizeof(hash->hash))
		return;
	memcpy(hash->hash, header, octets);
	hash->octets = octets;
}

/* It lists the signatures in the order in which they were fed, which is that of the fields. */
static void take_hashes(DKIM *message, const struct run *run, size_t n_fed)
{
	DKIM_SIGINFO **signatures, *usable[SIGNATURES_AT_ONCE] = { NULL };
	int n, at = 0;

	if (dkim_getsiglist(message, &signatures, &n) != DKIM_STAT_OK || n < 0 || (size_t)n != n_fed ||
	    n_fed > SIGNATURES_AT_ONCE)
		return;
	for (int i = 0; i < n; i++) {
		/* with an error there may be no hash, and asking for it would end the process */
		usable[i] = dkim_sig_geterror(signatures[i]) == DKIM_SIGERROR_UNKNOWN ? signatures[i] : NULL;
		dkim_sig_ignore(signatures[i]);
	}
	dkim_eom(message, NULL);
	for (size_t field = 0; field < run->n_fields; field++) {
		for (size_t i = 0; i < run->n; i++) {
			if (run->hashes[i].field != field || run->hashes[i].oddity != NULL)
				continue;
			if (at < n && usable[at] != NULL)
				take_hash(&run->hashes[i], usable[at]);
			at++;
		}
	}
}

static void ask_library(struct dkim_library *library, const struct run *run, size_t n_fed)
{
	DKIM_STAT status;
	DKIM *message = dkim_verify(library->handle, (const unsigned char *)"", NULL, &status);

	if (message == NULL)
		return;
	if (feed(message, run))
		take_hashes(message, run, n_fed);
	dkim_free(message);
}

/* ---- the text ---- */

static const char *clean_text(const char *text, size_t octets, struct arena *arena)
{
	size_t size = CLEAN_OCTETS_AN_OCTET * octets + 1;
	char *memory = arena_alloc(arena, size);
	struct strbuf buf;

	strbuf_open(&buf, memory, size);
	for (const char *end = text + octets; text < end;) {
		size_t line = strcspn(text, "\r\n");
		char *copy = arena_copy(arena, text, line);
		strbuf_add_clean(&buf, copy, NULL, size);
		text += line;
		if (text < end && text[0] == '\r' && text[1] == '\n') {
			strbuf_add(&buf, "\r\n");
			text += 2;
		} else if (text < end) {
			strbuf_add(&buf, *text == '\r' ? "\\x0d" : "\\x0a");
			text++;
		}
	}
	return memory;
}

/*
 * For what the library was not asked about the hash is that of our text; for the rest the text is shown when it has
 * the library's.
 */
static void use_text(const struct run *run, size_t i, bool keep, struct arena *arena)
{
	struct dkim_header_hash *hash = &run->hashes[i];
	const struct dkim_signature *signature = run->fields[hash->field].signature;
	struct dkim_digest *digest = dkim_digest_open(signature->algorithm == DKIM_RSA_SHA1);
	uint8_t octets_of_text[DKIM_HASH_OCTETS_MAX];
	size_t length, octets;
	char *text = dkim_canonical_text(run->fields, hash->field, run->covered[i].fields, run->covered[i].n, &length);

	dkim_digest_add(digest, text, length);
	octets = dkim_digest_get(digest, octets_of_text);
	if (hash->oddity != NULL) {
		memcpy(hash->hash, octets_of_text, octets);
		hash->octets = octets;
	}
	if (keep && octets > 0 && octets == hash->octets && memcmp(hash->hash, octets_of_text, octets) == 0)
		hash->canonical = clean_text(text, length, arena);
	free(text);
	dkim_digest_close(&digest);
}

void dkim_header_hashes(struct dkim_library *library, const struct dkim_field *fields, size_t n_fields,
                        struct dkim_header_hash *hashes, size_t n, bool keep, struct arena *arena)
{
	struct run run = { .fields = fields, .n_fields = n_fields, .hashes = hashes, .n = n };
	size_t n_fed;

	run.covered = memory_new(n * sizeof(*run.covered));
	n_fed = choose(&run);
	if (n_fed > 0)
		ask_library(library, &run, n_fed);
	for (size_t i = 0; i < n; i++) {
		if (keep || hashes[i].oddity != NULL)
			use_text(&run, i, keep, arena);
	}
	free(run.covered);
}
