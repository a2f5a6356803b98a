/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - fuzz target: whole SMTP sessions at the callbacks that libmilter calls.
 *
 * An input is lines, each one step: a letter, a space, the rest. What no letter begins is passed over.
 *
 *   k KIND                which configuration (its first octet modulo WORLD_KINDS); before the others
 *   z LINE                of a zone file; before the others
 *   d SEED DAMAGE         DNS answers are damaged, late or lost; before the others
 *   n ACTIONS PROTOCOL    what the MTA offers, in hexadecimal; before the others
 *   m NAME [VALUE]        a macro from now on
 *   c ADDRESS NAME        connection
 *   h NAME                HELO
 *   f ARGUMENT...         MAIL
 *   r ARGUMENT...         RCPT
 *   H NAME:VALUE          a header field
 *   e                     the end of the headers
 *   b OCTETS              a piece of the body
 *   .                     the end of the message
 *   a                     RSET
 *   q                     the session ends, and another one begins
 *   w MS                  time goes by
 *   E                     libmilter takes nothing from now on
 *   x TIMES               the next line so often
 *
 * In fields and bodies \x01 stands for "\n" and "\r\n", \x02 for NUL (bodies only).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "milter/milter.h"
#include "mta.h"
#include "world.h"

#define ARGUMENTS_MAX 16
#define TIMES_MAX     300
#define STEPS_MAX     2000 /* the repeated ones included */
#define WAIT_MS_MAX   100000
#define ZONE_MAX      8192

struct play {
	enum world_kind kind;
	char zone[ZONE_MAX];
	size_t zone_octets;
	unsigned long seed, damage, actions, protocol;
	struct smfi_str *mta;
	unsigned long times;
	unsigned steps;
};

/* ---- the lines that must be known beforehand ---- */

static void add_zone_line(struct play *play, const char *line)
{
	const size_t octets = strlen(line);

	if (play->zone_octets + octets + 2 > sizeof(play->zone))
		return;
	memcpy(play->zone + play->zone_octets, line, octets);
	play->zone_octets += octets;
	play->zone[play->zone_octets++] = '\n';
	play->zone[play->zone_octets] = '\0';
}

static void prepare_step(struct play *play, char letter, const char *rest)
{
	char *end;

	switch (letter) {
	case 'k':
		play->kind = (enum world_kind)((unsigned char)rest[0] % WORLD_KINDS);
		break;
	case 'z':
		add_zone_line(play, rest);
		break;
	case 'd':
		play->seed = strtoul(rest, &end, 10);
		play->damage = strtoul(end, NULL, 10);
		break;
	case 'n':
		play->actions = strtoul(rest, &end, 16) & 0xffffffff;
		play->protocol = strtoul(end, NULL, 16) & 0xffffffff;
		break;
	default:
		break;
	}
}

/* ---- steps ---- */

static char *split(char *text, char separator)
{
	char *at = strchr(text, separator);

	if (!at)
		return text + strlen(text);
	*at = '\0';
	return at + 1;
}

static void step_macro(struct play *play, char *rest)
{
	const bool has_value = strchr(rest, ' ') != NULL;
	const char *value = split(rest, ' ');

	mta_set_macro(play->mta, rest, has_value ? value : NULL);
}

static void step_connect(struct play *play, char *rest)
{
	char *name = split(rest, ' ');

	mta_connect(play->mta, name, rest);
}

static size_t cut_arguments(char *text, char **arguments)
{
	size_t n = 0;

	while (n < ARGUMENTS_MAX) {
		arguments[n++] = text;
		text = split(text, ' ');
		if (!*text)
			break;
	}
	arguments[n] = NULL;
	return n;
}

static void step_mail(struct play *play, char *rest)
{
	char *arguments[ARGUMENTS_MAX + 1];

	cut_arguments(rest, arguments);
	mta_mail(play->mta, arguments);
}

static void step_rcpt(struct play *play, char *rest)
{
	char *arguments[ARGUMENTS_MAX + 1];

	cut_arguments(rest, arguments);
	mta_rcpt(play->mta, arguments);
}

static void step_helo(struct play *play, char *rest)
{
	mta_helo(play->mta, rest);
}

static void step_header(struct play *play, char *rest)
{
	for (char *c = rest; *c; c++)
		if (*c == '\x01')
			*c = '\n';
	char *value = split(rest, ':');
	if (*rest)
		mta_header(play->mta, rest, value);
}

static void step_end_of_headers(struct play *play, char *rest)
{
	(void)rest;
	mta_end_of_headers(play->mta);
}

static void step_body(struct play *play, char *rest)
{
	uint8_t *octets = memory_new(2 * strlen(rest) + 1);
	size_t n = 0;

	for (const char *c = rest; *c; c++) {
		if (*c == '\x01')
			octets[n++] = '\r';
		octets[n++] = (uint8_t)(*c == '\x01' ? '\n' : *c == '\x02' ? '\0' : *c);
	}
	mta_body(play->mta, octets, n);
	free(octets);
}

static void step_end_of_message(struct play *play, char *rest)
{
	(void)rest;
	mta_end_of_message(play->mta);
}

static void step_abort(struct play *play, char *rest)
{
	(void)rest;
	mta_abort(play->mta);
}

static void step_quit(struct play *play, char *rest)
{
	(void)rest;
	mta_quit(play->mta);
}

static void step_fail(struct play *play, char *rest)
{
	(void)rest;
	mta_set_failing(play->mta, true);
}

static void step_wait(struct play *play, char *rest)
{
	const unsigned long ms = strtoul(rest, NULL, 10);

	(void)play;
	world_pass((int64_t)(ms < WAIT_MS_MAX ? ms : WAIT_MS_MAX));
}

static const struct {
	char letter;
	void (*step)(struct play *play, char *rest);
} steps[] = {
	{ 'm', step_macro },          { 'c', step_connect }, { 'h', step_helo }, { 'f', step_mail },
	{ 'r', step_rcpt },           { 'H', step_header },  { 'b', step_body }, { 'e', step_end_of_headers },
	{ '.', step_end_of_message }, { 'a', step_abort },   { 'q', step_quit }, { 'w', step_wait },
	{ 'E', step_fail },
};

static void play_step(struct play *play, const char *line)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].letter != line[0] || play->steps >= STEPS_MAX)
			continue;
		play->steps++;
		char *rest = memory_strdup(line + (line[1] ? 2 : 1));
		steps[i].step(play, rest);
		free(rest);
	}
}

static void play_line(struct play *play, const char *line)
{
	const unsigned long times = play->times < TIMES_MAX ? play->times : TIMES_MAX;

	play->times = 1;
	if (line[0] == 'x') {
		play->times = strtoul(line + 1, NULL, 10);
		return;
	}
	for (unsigned long i = 0; i < times; i++)
		play_step(play, line);
}

static void for_each_line(struct play *play, const uint8_t *octets, size_t length, bool preparing)
{
	struct fuzz_input input = { octets, length };

	while (input.left > 0) {
		char *line = fuzz_line(&input);
		if (!preparing)
			play_line(play, line);
		else if (line[0] && line[1])
			prepare_step(play, line[0], line + 2);
		free(line);
	}
}

void fuzz_session(const uint8_t *octets, size_t length)
{
	struct play *play = memory_new(sizeof(*play));

	*play = (struct play){ .kind = WORLD_DEFAULT, .actions = 0x1ff, .protocol = 0x1fffff, .times = 1 };
	for_each_line(play, octets, length, true);
	struct engine *engine = world_engine(play->kind);
	world_open(engine, play->zone, (uint32_t)play->seed, (uint8_t)play->damage);
	mta_register(&(struct milter_start){ .engine = engine, .headers = world_headers(), .idle_timeout_s = 60 });
	/* Another session, idle: with one alone nobody is kicked before a wait. */
	struct smfi_str *idle = mta_open();
	mta_negotiate(idle, play->actions, play->protocol);
	play->mta = mta_open();
	mta_set_monitor(play->mta, play->kind == WORLD_MONITOR);
	mta_set_macro(play->mta, "j", "mx.example.org");
	mta_negotiate(play->mta, play->actions, play->protocol);
	for_each_line(play, octets, length, false);
	mta_close(&play->mta);
	mta_close(&idle);
	world_close();
	free(play);
}
