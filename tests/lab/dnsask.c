/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsask - asks the project's DNS layer what stands on standard input, for the tests of the laboratory.
 *
 * One "name TYPE" a line; each answer is a line as soon as it is there:
 *   answer NAME TYPE STATUS WHY ttl=N secure=N cached=N stale=N ms=N canonical=NAME [records...]
 * Also: "!stats" prints the counters, "!memory" the resident memory, "!drain" waits until all is answered and says
 * "drained", "!quit" stops at once with questions open. The counters are printed at the end in any case.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "dns/dns.h"

#define SLOTS_MAX       4096
#define SESSION_SLOTS   32
#define LINE_MAX_OCTETS 1200
#define FORWARD_MAX     16
#define IDLE_MS         5

struct slot {
	struct dns_question *question; /* NULL: free */
	struct arena arena;
	struct arena_quota quota;
	clock_ms asked;
	enum dns_type type;
	char name[LINE_MAX_OCTETS];
};

struct asker {
	struct dns_settings settings;
	const char *forward[FORWARD_MAX];
	size_t slots_used; /* the concurrency */
	bool check_only, no_stale;
	struct dns *dns;
	struct dns_session *sessions[SLOTS_MAX / SESSION_SLOTS];
	struct slot *slots;
	size_t open;
	char input[65536];
	size_t input_octets;
	bool end_of_input, draining, quit;
};

static const char *const status_names[] = { "pending", "found", "none", "unsure" };

static const struct {
	const char *name;
	enum dns_type type;
} types[] = {
	{ "A", DNS_A },     { "NS", DNS_NS }, { "CNAME", DNS_CNAME }, { "SOA", DNS_SOA },
	{ "PTR", DNS_PTR }, { "MX", DNS_MX }, { "TXT", DNS_TXT },     { "AAAA", DNS_AAAA },
};

static const struct {
	const char *name;
	enum dns_mode mode;
} modes[] = { { "auto", DNS_MODE_AUTO },
	      { "recurse", DNS_MODE_RECURSE },
	      { "forward", DNS_MODE_FORWARD },
	      { "zone", DNS_MODE_ZONE } };

static void print_stats(const struct asker *a)
{
	struct dns_stats s;

	dns_get_stats(a->dns, &s);
	printf("stats asked=%" PRIu64 " hit=%" PRIu64 " miss=%" PRIu64 " coalesced=%" PRIu64 " stale=%" PRIu64
	       " late=%" PRIu64 " abandoned=%" PRIu64 " limited=%" PRIu64 " found=%" PRIu64 " none=%" PRIu64
	       " timeout=%" PRIu64 " servfail=%" PRIu64 " bogus=%" PRIu64 " outstanding=%" PRIu64 "\n",
	       s.asked, s.hit, s.miss, s.coalesced, s.stale, s.late, s.abandoned, s.limited, s.found, s.none,
	       s.unsure_timeout, s.unsure_servfail, s.unsure_bogus, s.outstanding);
}

static void print_memory(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[200];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "Pss:", 4) == 0)
			printf("memory pss_kb=%ld\n", strtol(line + 4, NULL, 10));
	}
	if (file != NULL)
		fclose(file);
}

static void print_record(const struct dns_record *record, enum dns_type type)
{
	char memory[600], text[IP_TEXT_MAX];
	struct strbuf buf;

	strbuf_open(&buf, memory, sizeof(memory));
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		printf(" %s", ip_format(&record->ip, text));
		break;
	case DNS_MX:
		printf(" %u,%s", record->preference, record->name);
		break;
	case DNS_TXT:
		strbuf_add_quoted(&buf, (const char *)record->data, 200);
		printf(" octets=%zu strings=%zu", record->octets, record->n_strings);
		for (size_t i = 0; i < record->n_strings; i++)
			printf("%c%u", i == 0 ? ':' : ',', record->string_octets[i]);
		printf(" %s", buf.text);
		break;
	default:
		printf(" %s", record->name != NULL ? record->name : "-");
		break;
	}
}

static void print_answer(const struct slot *slot, enum dns_status status, const struct dns_answer *answer)
{
	printf("answer %s %s %s %s ttl=%" PRIu32 " secure=%d cached=%d stale=%d ms=%lld canonical=%s", slot->name,
	       dns_type_name(slot->type), status_names[status],
	       answer->why == DNS_WHY_NOTHING ? "-" : dns_why_name(answer->why), answer->ttl_s, answer->secure,
	       answer->cached, answer->stale, (long long)(clock_now() - slot->asked),
	       answer->canonical != NULL ? answer->canonical : "-");
	for (size_t i = 0; i < answer->n_records; i++)
		print_record(&answer->records[i], slot->type);
	putchar('\n');
}

static void collect(struct asker *a)
{
	for (size_t i = 0; i < a->slots_used && a->open > 0; i++) {
		struct slot *slot = &a->slots[i];
		const struct dns_answer *answer = NULL;

		if (slot->question == NULL)
			continue;

		enum dns_status status = dns_poll(slot->question, &answer);

		if (status == DNS_PENDING)
			continue;
		print_answer(slot, status, answer);
		dns_cancel(slot->question);
		slot->question = NULL;
		arena_reset(&slot->arena);
		a->open--;
	}
}

static bool type_of(const char *text, enum dns_type *type)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcasecmp(types[i].name, text) == 0) {
			*type = types[i].type;
			return true;
		}
	}
	return false;
}

static void ask(struct asker *a, const char *name, enum dns_type type)
{
	size_t i = 0;

	while (a->slots[i].question != NULL)
		i++;

	struct slot *slot = &a->slots[i];

	snprintf(slot->name, sizeof(slot->name), "%.*s", LINE_MAX_OCTETS - 1, name);
	slot->type = type;
	slot->asked = clock_now();
	slot->question = dns_ask(a->sessions[i / SESSION_SLOTS], &slot->arena, name, type,
	                         a->no_stale ? DNS_FLAG_NO_STALE : DNS_FLAG_NONE);
	a->open++;
}

static void command(struct asker *a, const char *line)
{
	if (strcmp(line, "!stats") == 0)
		print_stats(a);
	else if (strcmp(line, "!memory") == 0)
		print_memory();
	else if (strcmp(line, "!drain") == 0)
		a->draining = true;
	else if (strcmp(line, "!quit") == 0)
		a->quit = true;
	else
		fprintf(stderr, "dnsask: unknown command %s\n", line);
}

static void handle_line(struct asker *a, char *line)
{
	char *type_text = strchr(line, ' ');
	enum dns_type type;

	if (line[0] == '!') {
		command(a, line);
		return;
	}
	if (type_text != NULL)
		*type_text++ = '\0';
	if (type_text == NULL || !type_of(type_text, &type)) {
		fprintf(stderr, "dnsask: not \"name TYPE\": %s\n", line);
		return;
	}
	ask(a, line, type);
}

/* Lines are taken while a slot is free. */
static void handle_input(struct asker *a)
{
	char *newline;

	while (a->open < a->slots_used && !a->draining && !a->quit &&
	       (newline = memchr(a->input, '\n', a->input_octets)) != NULL) {
		size_t octets = (size_t)(newline - a->input) + 1;

		*newline = '\0';
		handle_line(a, a->input);
		memmove(a->input, a->input + octets, a->input_octets - octets);
		a->input_octets -= octets;
	}
	if (a->draining && a->open == 0) {
		puts("drained");
		a->draining = false;
	}
}

static void read_input(struct asker *a, int timeout_ms)
{
	struct pollfd in = { .fd = a->end_of_input ? -1 : STDIN_FILENO, .events = POLLIN };

	if (a->input_octets == sizeof(a->input))
		in.fd = -1;
	if (poll(&in, 1, timeout_ms) <= 0)
		return;

	ssize_t octets = read(STDIN_FILENO, a->input + a->input_octets, sizeof(a->input) - a->input_octets);

	if (octets <= 0)
		a->end_of_input = true;
	else
		a->input_octets += (size_t)octets;
}

static bool finished(const struct asker *a)
{
	return a->quit ||
	       (a->end_of_input && a->open == 0 && memchr(a->input, '\n', a->input_octets) == NULL && !a->draining);
}

static void run(struct asker *a)
{
	while (!finished(a)) {
		bool more = memchr(a->input, '\n', a->input_octets) != NULL && a->open < a->slots_used;

		read_input(a, more && !a->draining ? 0 : IDLE_MS);
		handle_input(a);
		collect(a);
		fflush(stdout);
	}
}

static void open_slots(struct asker *a)
{
	a->slots = memory_new(a->slots_used * sizeof(*a->slots));
	memset(a->slots, 0, a->slots_used * sizeof(*a->slots));
	for (size_t i = 0; i < a->slots_used; i++) {
		a->slots[i].quota.max_octets = 1 << 20;
		arena_open(&a->slots[i].arena, &a->slots[i].quota);
		if (i % SESSION_SLOTS == 0)
			a->sessions[i / SESSION_SLOTS] = dns_session_open(a->dns);
	}
}

static void close_slots(struct asker *a)
{
	for (size_t i = 0; i < a->slots_used; i += SESSION_SLOTS)
		dns_session_close(&a->sessions[i / SESSION_SLOTS]);
	for (size_t i = 0; i < a->slots_used; i++)
		arena_close(&a->slots[i].arena);
	free(a->slots);
}

enum option_number {
	OPTION_MODE = 1000,
	OPTION_FORWARD,
	OPTION_RESOLV_CONF,
	OPTION_ROOT_HINTS,
	OPTION_TRUST_ANCHOR,
	OPTION_ZONE,
	OPTION_QUESTION_MS,
	OPTION_CONCURRENCY,
	OPTION_TIMEOUT_TTL,
	OPTION_FAILURE_TTL,
	OPTION_OUTSTANDING,
	OPTION_NO_STALE,
	OPTION_CHECK
};

static const struct option options[] = {
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "forward", required_argument, NULL, OPTION_FORWARD },
	{ "resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF },
	{ "root-hints", required_argument, NULL, OPTION_ROOT_HINTS },
	{ "trust-anchor", required_argument, NULL, OPTION_TRUST_ANCHOR },
	{ "zone", required_argument, NULL, OPTION_ZONE },
	{ "question-ms", required_argument, NULL, OPTION_QUESTION_MS },
	{ "concurrency", required_argument, NULL, OPTION_CONCURRENCY },
	{ "timeout-ttl", required_argument, NULL, OPTION_TIMEOUT_TTL },
	{ "failure-ttl", required_argument, NULL, OPTION_FAILURE_TTL },
	{ "outstanding-max", required_argument, NULL, OPTION_OUTSTANDING },
	{ "no-stale", no_argument, NULL, OPTION_NO_STALE },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ NULL, 0, NULL, 0 },
};

static bool set_mode(struct asker *a, const char *text)
{
	for (size_t i = 0; i < COUNT(modes); i++) {
		if (strcmp(modes[i].name, text) == 0) {
			a->settings.mode = modes[i].mode;
			return true;
		}
	}
	return false;
}

static int whole_number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static bool set_option(struct asker *a, int number)
{
	struct dns_settings *s = &a->settings;

	switch (number) {
	case OPTION_MODE:
		return set_mode(a, optarg);
	case OPTION_FORWARD:
		if (s->n_forward == FORWARD_MAX)
			return false;
		a->forward[s->n_forward++] = optarg;
		return true;
	case OPTION_RESOLV_CONF:
		s->resolv_conf = optarg;
		return true;
	case OPTION_ROOT_HINTS:
		s->root_hints = optarg;
		return true;
	case OPTION_TRUST_ANCHOR:
		s->trust_anchor = optarg;
		return true;
	case OPTION_ZONE:
		s->zone_file = optarg;
		return true;
	case OPTION_QUESTION_MS:
		s->question_ms = whole_number(optarg);
		return true;
	case OPTION_CONCURRENCY:
		a->slots_used = (size_t)whole_number(optarg);
		return a->slots_used - 1 < SLOTS_MAX;
	case OPTION_TIMEOUT_TTL:
		s->timeout_ttl_s = whole_number(optarg);
		return true;
	case OPTION_FAILURE_TTL:
		s->failure_ttl_s = whole_number(optarg);
		return true;
	case OPTION_OUTSTANDING:
		s->outstanding_max = whole_number(optarg);
		return true;
	case OPTION_NO_STALE:
		a->no_stale = true;
		return true;
	case OPTION_CHECK:
		a->check_only = true;
		return true;
	default:
		return false;
	}
}

static int check(const struct asker *a)
{
	struct err err = { "" };

	if (dns_check(&a->settings, &err) != 0) {
		printf("refused %s\n", err.text);
		return 1;
	}
	puts("accepted");
	return 0;
}

int main(int argc, char **argv)
{
	static struct asker asker; /* half a megabyte is too much for a stack */
	struct asker *a = &asker;
	struct err err = { "" };
	int number;

	a->settings = dns_default_settings();
	a->settings.forward = a->forward;
	a->slots_used = 64;
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	while ((number = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!set_option(a, number)) {
			fprintf(stderr, "dnsask: bad option; see the list in tests/lab/dnsask.c\n");
			return 2;
		}
	}
	if (a->check_only)
		return check(a);
	a->dns = dns_open(&a->settings, &err);
	if (a->dns == NULL) {
		fprintf(stderr, "dnsask: %s\n", err.text);
		return 1;
	}
	open_slots(a);
	puts("ready");
	fflush(stdout);
	run(a);
	print_stats(a);
	close_slots(a);
	dns_close(&a->dns);
	puts("closed");
	return 0;
}
