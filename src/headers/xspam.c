/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xspam - X-Spam-Flag, -Score, -Level and -Status, in the shape that Sieve scripts and Dovecot's spamtest expect.
 */
#include <stdio.h>
#include <string.h>

#include "headers/headers.h"

#define XSPAM_STARS_MAX 50
#define XSPAM_LINE_MAX  76

static int lowest_threshold(const struct engine *engine)
{
	int lowest = POLICY_POINTS_MAX_MILLI;

	for (int action = ACTION_TAG; action < ACTIONS; action++) {
		int threshold = engine_threshold(engine, (enum action)action);
		if (threshold != CONFIG_OFF && threshold < lowest)
			lowest = threshold;
	}
	return lowest;
}

/* Where tag is off the lowest threshold that is on stands in for it. */
static int required(const struct engine *engine)
{
	int tag = engine_threshold(engine, ACTION_TAG);

	return tag == CONFIG_OFF ? lowest_threshold(engine) : tag;
}

/* Break the list behind a comma where a line would grow too long. */
static void add_folded(struct strbuf *value, const char *list)
{
	const char *newline = strrchr(value->text, '\n');
	size_t column = newline ? strlen(newline) : value->length + strlen("X-Spam-Status: ");

	while (*list) {
		size_t item = strcspn(list, ",");
		item += list[item] == ',';
		if (column + item > XSPAM_LINE_MAX) {
			strbuf_add(value, "\n\t");
			column = 8;
		}
		strbuf_add_octets(value, list, item);
		column += item;
		list += item;
	}
}

static void add_status(struct header_spam *spam, const struct engine *engine, const char *answer, int score_milli,
                       const char *tests, const char *groups)
{
	struct strbuf status;

	strbuf_open(&status, spam->status, sizeof(spam->status));
	strbuf_addf(&status, "%s, score=", answer);
	strbuf_add_points(&status, score_milli);
	strbuf_add(&status, " required=");
	strbuf_add_points(&status, required(engine));
	strbuf_add(&status, " tests=");
	add_folded(&status, tests);
	if (*groups)
		strbuf_addf(&status, "\n\tgroups=\"%s\"", groups);
}

static void add_score(struct header_spam *spam, int score_milli)
{
	struct strbuf score;
	const int stars = score_milli / 1000;

	strbuf_open(&score, spam->score, sizeof(spam->score));
	strbuf_add_points(&score, score_milli);
	if (stars > 0)
		memset(spam->level, '*', stars < XSPAM_STARS_MAX ? (size_t)stars : XSPAM_STARS_MAX);
}

/*
 * Who is exempt is not judged: what was found all the same stays in the log, so that nobody down the line files the
 * message by a score that decided nothing.
 */
void headers_x_spam(struct header_spam *spam, const struct engine *engine, const struct engine_session *session,
                    const struct decision *decision)
{
	const struct verdict *verdict = &decision->verdict;
	char tests[HEADER_VALUE_MAX / 2], limits[HEADER_VALUE_MAX / 4];
	struct strbuf list, groups;

	*spam = (struct header_spam){ .flag = "" };
	if (verdict->decided_by != FACT_NO_ID &&
	    catalogue_info(engine_catalogue(engine), verdict->decided_by)->kind == FACT_EXEMPT) {
		add_status(spam, engine, "No", 0, decision->decided_by, "");
		return;
	}
	if (verdict->action >= ACTION_TAG)
		memcpy(spam->flag, "YES", sizeof("YES"));
	add_score(spam, verdict->score_milli);
	strbuf_open(&list, tests, sizeof(tests));
	engine_tests(&list, session);
	strbuf_open(&groups, limits, sizeof(limits));
	engine_groups(&groups, session);
	add_status(spam, engine, verdict->action >= ACTION_TAG ? "Yes" : "No", verdict->score_milli, tests, limits);
}
