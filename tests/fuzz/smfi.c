/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smfi - libmilter's functions, as callbacks.c calls them: each asserts what an MTA relies on.
 */
#include <string.h>

#include "fuzz.h"
#include "headers/headers.h"
#include "mta_internal.h"

#define REPLY_LINE_MAX 512 /* RFC 5321 4.5.3.1.5, with CRLF */

/* libmilter knows one filter in a process. */
static struct smfiDesc the_filter;

struct smfiDesc mta_filter(void)
{
	return the_filter;
}

int smfi_register(struct smfiDesc filter)
{
	the_filter = filter;
	return MI_SUCCESS;
}

int smfi_settimeout(int seconds)
{
	return seconds >= 0 ? MI_SUCCESS : MI_FAILURE;
}

size_t smfi_setmaxdatasize(size_t octets)
{
	return octets;
}

int smfi_setbacklog(int n)
{
	return n > 0 ? MI_SUCCESS : MI_FAILURE;
}

int smfi_setconn(char *address)
{
	return address ? MI_SUCCESS : MI_FAILURE;
}

int smfi_opensocket(bool remove)
{
	(void)remove;
	return MI_SUCCESS;
}

int smfi_main(void)
{
	return MI_FAILURE;
}

int smfi_setsymlist(SMFICTX *mta, int stage, char *names)
{
	FUZZ_CHECK(mta && stage >= SMFIM_FIRST && stage <= SMFIM_LAST && names);
	return MI_SUCCESS;
}

void *smfi_getpriv(SMFICTX *mta)
{
	return mta->priv;
}

int smfi_setpriv(SMFICTX *mta, void *priv)
{
	mta->priv = priv;
	return MI_SUCCESS;
}

char *smfi_getsymval(SMFICTX *mta, char *name)
{
	for (size_t i = 0; i < MTA_MACROS_MAX; i++)
		if (mta->macros[i].value && strcmp(mta->macros[i].name, name) == 0)
			return mta->macros[i].value;
	return NULL;
}

static bool is_code(const char *code)
{
	return (code[0] == '4' || code[0] == '5') && strspn(code, "0123456789") == 3 && code[3] == '\0';
}

/* RFC 3463: class.subject.detail, of up to three digits each. */
static bool is_enhanced(const char *enhanced, char class)
{
	const size_t subject = strspn(enhanced + 2, "0123456789");
	const char *detail = enhanced + 2 + subject;

	return enhanced[0] == class && enhanced[1] == '.' && subject >= 1 && subject <= 3 && detail[0] == '.' &&
	       strlen(detail + 1) >= 1 && strlen(detail + 1) <= 3 &&
	       strspn(detail + 1, "0123456789") == strlen(detail + 1);
}

/* What libmilter makes of the text: "%%" is "%", and nothing else may follow a "%". */
static size_t formatted_octets(const char *text)
{
	size_t n = 0;

	for (; *text; text++, n++) {
		FUZZ_CHECK(*text != '%' || text[1] == '%');
		text += *text == '%';
	}
	return n;
}

int smfi_setreply(SMFICTX *mta, char *code, char *enhanced, char *text)
{
	FUZZ_CHECK(is_code(code) && is_enhanced(enhanced, code[0]));
	FUZZ_CHECK(fuzz_is_printable(text));
	FUZZ_CHECK(strlen(code) + strlen(enhanced) + formatted_octets(text) + 4 <= REPLY_LINE_MAX);
	FUZZ_CHECK(mta->n_replies++ == 0);
	mta->class = code[0];
	return mta->fails ? MI_FAILURE : MI_SUCCESS;
}

static void check_field_name(const char *name)
{
	FUZZ_CHECK(*name && fuzz_is_printable(name) && !strpbrk(name, ": "));
	FUZZ_CHECK(strlen(name) < HEADER_NAME_MAX);
}

int smfi_chgheader(SMFICTX *mta, char *name, int index, char *value)
{
	struct field_count *count = mta_count(mta, name);

	FUZZ_CHECK(mta->in_end_of_message && (mta->actions & SMFIF_CHGHDRS) && value == NULL);
	/* A stranger's name, cut where no name goes on. */
	FUZZ_CHECK(*name && !strpbrk(name, ": \t") && strlen(name) < HEADER_NAME_MAX);
	FUZZ_CHECK(index >= 1);
	FUZZ_CHECK(count || !mta->counted_all);
	if (!count)
		return MI_SUCCESS;
	/* Each field once, and from the last one on: so that the numbers stay right. */
	FUZZ_CHECK((unsigned)index <= count->seen);
	FUZZ_CHECK(count->last_removed == 0 || (unsigned)index < count->last_removed);
	count->last_removed = (unsigned)index;
	count->removed++;
	return mta->fails ? MI_FAILURE : MI_SUCCESS;
}

/* Printable lines, each but the first one folded. */
static void check_field_value(const char *value)
{
	FUZZ_CHECK(strlen(value) <= HEADER_VALUE_MAX + 1 && *value);
	for (const char *c = value; *c; c++) {
		FUZZ_CHECK((*c >= 0x20 && *c <= 0x7e) || *c == '\n' || *c == '\t');
		if (*c == '\n')
			FUZZ_CHECK((c[1] == '\t' || c[1] == ' ') && c[2] > ' ');
	}
}

int smfi_insheader(SMFICTX *mta, int index, char *name, char *value)
{
	FUZZ_CHECK(mta->in_end_of_message && (mta->actions & SMFIF_ADDHDRS) && index == 0);
	check_field_name(name);
	check_field_value(value);
	FUZZ_CHECK((value[0] == ' ') == ((mta->protocol & SMFIP_HDR_LEADSPC) != 0));
	return mta->fails ? MI_FAILURE : MI_SUCCESS;
}

int smfi_quarantine(SMFICTX *mta, char *reason)
{
	FUZZ_CHECK(mta->in_end_of_message && *reason && fuzz_is_printable(reason));
	FUZZ_CHECK(mta->n_holds++ == 0);
	return mta->fails || !(mta->actions & SMFIF_QUARANTINE) ? MI_FAILURE : MI_SUCCESS;
}
