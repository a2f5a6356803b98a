/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/dns_internal.h"
#include "dns/zone_file.h"
#include "fuzz.h"
#include "milter/listen.h"

#define CALLS_UNTIL_TIME_MOVES 256 /* of clock_now() in one callback: then somebody waits */
#define WAITING_STEP_MS        16
#define KICK_MS                20
#define QUESTIONS_MAX          1024 /* handed to the resolver in one callback */

/* An answer that is on its way. */
struct late {
	struct late *next;
	clock_ms due;
	void *token;
	struct dns_backend_answer answer;
	uint8_t *packet;
};

/* The time and the log belong to a process, and so does what stands for them. */
static struct {
	clock_ms now;
	unsigned calls; /* of clock_now(), in this callback */
	unsigned verdicts, questions;
	/* DNS */
	struct dns *dns;
	struct dns_backend zone; /* what the world would answer */
	struct late *late;
	uint32_t random;
	uint8_t damage;
} world = { .now = 1000000 };

/* ---- base/clock.h ---- */

clock_ms clock_now(void)
{
	if (++world.calls > CALLS_UNTIL_TIME_MOVES)
		world.now += WAITING_STEP_MS;
	return world.now;
}

/* Long ago: nobody sleeps here. */
struct timespec clock_timespec(clock_ms point)
{
	(void)point;
	return (struct timespec){ .tv_sec = 1 };
}

clock_ms clock_min(clock_ms a, clock_ms b)
{
	return a < b ? a : b;
}

/* ---- base/log.h ---- */

void log_open(enum log_target target, enum log_level most)
{
	(void)target;
	(void)most;
}

/* A line must be clean as it is handed over, before log.c's last line of defence. */
void log_write(enum log_level level, const char *format, ...)
{
	static char line[2 * LOG_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	const int n = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	FUZZ_CHECK(n > 0 && (size_t)n < LOG_LINE_MAX);
	FUZZ_CHECK(fuzz_is_clean(line));
	if (level == LOG_LEVEL_INFO && strstr(line, " v=1 action=")) {
		FUZZ_CHECK(strstr(line, " decided_by=") && strstr(line, " cfg="));
		world.verdicts++;
	}
}

/* ---- milter/listen.h: the kick, which comes just before somebody waits ---- */

struct listen *listen_open(int shared_fd, int libmilter_fd, struct err *err)
{
	(void)shared_fd;
	(void)libmilter_fd;
	(void)err;
	return (struct listen *)&world; /* opaque, and never looked into */
}

void listen_kick(struct listen *listen)
{
	(void)listen;
	world_pass(KICK_MS);
}

int listen_detach(struct listen *listen, struct err *err)
{
	(void)listen;
	(void)err;
	return 0;
}

bool listen_pending(const struct listen *listen)
{
	(void)listen;
	return false;
}

unsigned listen_connections(const struct listen *listen)
{
	(void)listen;
	return 0;
}

void listen_private_address(int shared_fd, const char *private_dir, char *text, size_t size)
{
	(void)shared_fd;
	snprintf(text, size, "%s", private_dir);
}

int listen_exchange(int shared_fd, const char *private_address, struct err *err)
{
	(void)private_address;
	(void)err;
	return shared_fd;
}

/* ---- DNS ---- */

static uint32_t next_random(void)
{
	world.random = world.random * 1664525u + 1013904223u;
	return world.random >> 8;
}

static void damage_packet(uint8_t *packet, size_t *octets)
{
	const uint32_t times = 1 + next_random() % 4;

	if (*octets > 12 && next_random() % 4 == 0)
		*octets -= next_random() % (*octets - 12);
	for (uint32_t i = 0; i<times && * octets> 0; i++)
		packet[next_random() % *octets] ^= (uint8_t)(1u << next_random() % 8);
}

/* What becomes of an answer on its way: most come as they are. */
static void zone_said(void *token, const struct dns_backend_answer *answer)
{
	struct dns_backend_answer changed = *answer;
	uint8_t *packet = fuzz_copy(answer->packet, answer->packet_octets);
	const bool damaged = next_random() % 256 < world.damage;
	const uint32_t how = damaged ? next_random() % 6 : 0;

	changed.packet = answer->packet ? packet : NULL;
	if (how == 1 || how == 2)
		damage_packet(packet, &changed.packet_octets);
	if (how == 3)
		changed = (struct dns_backend_answer){ .status = DNS_UNSURE,
			                               .why = next_random() % 2 ? DNS_WHY_SERVFAIL : DNS_WHY_BOGUS };
	if (how < 4) {
		dns_done(token, &changed);
		free(packet);
		return;
	}
	struct late *late = memory_new(sizeof(*late));
	*late = (struct late){ world.late, world.now + next_random() % 9000, token, changed, packet };
	world.late = late;
}

static void deliver(struct late **link)
{
	struct late *late = *link;

	*link = late->next;
	dns_done(late->token, &late->answer);
	free(late->packet);
	free(late);
}

static void deliver_due(clock_ms now)
{
	for (struct late **link = &world.late; *link;) {
		if ((*link)->due <= now)
			deliver(link);
		else
			link = &(*link)->next;
	}
}

static void ask(void *self, const uint8_t *wire_name, size_t wire_octets, enum dns_type type, void *token)
{
	(void)self;
	FUZZ_CHECK(++world.questions <= QUESTIONS_MAX);
	world.zone.ask(world.zone.self, wire_name, wire_octets, type, token);
}

static void close_backend(void *self)
{
	(void)self;
}

/* ---- a zone ---- */

static const char base_zone[] =
	"1.2.0.192.in-addr.arpa PTR mail.example.net\n"
	"mail.example.net A 192.0.2.1\n"
	"mail.example.net AAAA 2001:db8::1\n"
	"example.net MX 10 mail.example.net\n"
	"example.net TXT \"v=spf1 mx include:_spf.example.org exists:%{ir}.%{v}.%{l1r-}.spf.example.net -all\"\n"
	"_spf.example.org TXT \"v=spf1 ip4:198.51.100.0/24 a:%{d2}/30//64 ?ptr redirect=b.example.com\"\n"
	"b.example.com TXT \"v=spf1 ip6:2001:db8::/32 exp=why.example.com ~all\"\n"
	"why.example.com TXT \"%{i} is not one of %{d}'s %{h} %{c} %{t} %{r}\"\n"
	"example.com MX 0 .\n"
	"example.com TXT \"v=spf1 -all exp=why.example.com\"\n"
	"example.com A 203.0.113.5\n"
	"_dmarc.example.net TXT \"v=DMARC1; p=reject; sp=quarantine; adkim=s; rua=mailto:a@example.net\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=quarantine; t=y\"\n"
	"ed._domainkey.example.org TXT \"v=DKIM1; k=ed25519; p=nc+13qOukTYEwTxMNNkJnTOGPCQMLd1qsylXJVMbc74=\"\n"
	"ed._domainkey.example.net TXT \"v=DKIM1; k=ed25519; p=nc+13qOukTYEwTxMNNkJnTOGPCQMLd1qsylXJVMbc74=\"\n"
	"7.113.0.203.in-addr.arpa PTR 203-0-113-7.dynamic.example.com\n"
	"203-0-113-7.dynamic.example.com A 203.0.113.7\n"
	"7.113.0.203.list.example TXT \"listed\"\n"
	"7.113.0.203.list.example A 127.0.0.2\n"
	"2.0.0.127.list.example A 127.0.0.2\n"
	"bad.example.dbl.example A 127.0.1.2\n"
	"deep.example.org CNAME mail.example.net\n"
	"slow.example TXT !timeout\n"
	"broken.example * !servfail\n"
	"forged.example * !bogus\n"
	"*.wild.example A 192.0.2.66\n";

/* A file without a name in any folder; returns its descriptor. */
static int nameless(const char *text, char *path, size_t size)
{
	const int fd = memfd_create("zone", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

/* The lines that are fine, each by itself, behind those of every world. */
static char *whole_zone(const char *lines)
{
	char *text = memory_new(sizeof(base_zone) + strlen(lines) + 2);
	size_t n = sizeof(base_zone) - 1;
	struct err err;

	memcpy(text, base_zone, n);
	while (*lines) {
		const size_t octets = strcspn(lines, "\n");
		struct zone *zone = zone_file_parse(lines, octets, "line", &err);
		if (zone && !zone_has_slow(zone)) { /* those need a thread, and real time */
			memcpy(text + n, lines, octets);
			n += octets;
			text[n++] = '\n';
		}
		zone_file_close(&zone);
		lines += octets + (lines[octets] == '\n');
	}
	text[n] = '\0';
	return text;
}

/* Lines may still contradict each other: then only those of every world are there. */
static void zone_open(const char *lines)
{
	char path[64], *text = whole_zone(lines);
	struct dns_settings settings = world.dns->settings;
	struct err err = { "" };
	int fd = nameless(text, path, sizeof(path));

	settings.zone_file = path;
	if (dns_zone_open(&world.zone, &settings, zone_said, &err)) {
		close(fd);
		fd = nameless(base_zone, path, sizeof(path));
		FUZZ_CHECK(dns_zone_open(&world.zone, &settings, zone_said, &err) == 0);
	}
	close(fd);
	free(text);
}

void world_open(struct engine *engine, const char *zone, uint32_t seed, uint8_t damage)
{
	world.dns = engine_dns(engine);
	world.random = seed;
	world.damage = damage;
	zone_open(zone);
	if (world.dns->backend.close != close_backend)
		world.dns->backend.close(world.dns->backend.self);
	world.dns->backend = (struct dns_backend){ .self = &world, .ask = ask, .close = close_backend };
}

void world_close(void)
{
	struct dns_stats stats;

	while (world.late)
		deliver(&world.late);
	world.damage = 0; /* what the zone still owes comes as it is */
	world.zone.close(world.zone.self);
	dns_get_stats(world.dns, &stats);
	FUZZ_CHECK(stats.outstanding == 0);
	cache_close(&world.dns->cache);
	world.dns->cache = cache_open(&world.dns->settings);
}

void world_stage(void)
{
	world.calls = world.verdicts = world.questions = 0;
}

unsigned world_verdicts(void)
{
	return world.verdicts;
}

void world_pass(int64_t ms)
{
	world.now += ms;
	deliver_due(world.now);
}

/* ---- engines ---- */

static struct headers_settings the_headers = {
	.authserv_id = "", .authentication_results = true, .received_spf = true, .x_spam = true, .strip_x_spam = true
};

const struct headers_settings *world_headers(void)
{
	return &the_headers;
}

static const char lists[] =
	"dnsbl.lists=("
	"{ name = \"list\"; zone = \"list.example\"; codes = ({ code = \"127.0.0.2\"; name = \"bad\"; points = 4.0; }); },"
	"{ name = \"dbl\"; zone = \"dbl.example\"; over = [ \"helo\", \"sender\" ];"
	"  codes = ({ code = \"127.0.1.2\"; name = \"spam\"; points = 2.0; }); })";

static const char *const overrides[WORLD_KINDS][8] = {
	[WORLD_STRICT] = { "policy.tag=1.0", "policy.quarantine=2.0", "policy.defer=3.0", "policy.reject=4.0",
	                   "spf.explanation=true", "exempt.networks=[ ]", "rdns.points.none=1.5", NULL },
	[WORLD_DEFAULT] = { NULL },
	[WORLD_MONITOR] = { "mode=monitor", "policy.reject=2.0", NULL },
	[WORLD_EARLY] = { "policy.decide_from=connect", "policy.reject=3.0", "policy.quarantine=1.0",
	                  "spf.points.fail=8.0", "spf.explanation=true", "on_fault=defer", NULL },
};

static struct engine *engine_new(enum world_kind kind)
{
	char path[64], zone_file[96];
	const char *all[16] = { "dns.mode=zone", zone_file, lists, "greeting.enabled=false", "dns.cache_kb=256" };
	struct config_section sections[ENGINE_SECTIONS_MAX];
	struct err err = { "" };
	size_t n = 5;
	const int fd = nameless(base_zone, path, sizeof(path));

	snprintf(zone_file, sizeof(zone_file), "dns.zone_file=\"%s\"", path);
	for (const char *const *override = overrides[kind]; *override; override++)
		all[n++] = *override;
	struct engine_config *settings = engine_config_open();
	struct config *config = config_open(NULL, all, n, sections, engine_config_sections(settings, sections), &err);
	struct engine *engine = config ? engine_open(settings, config, &err) : NULL;
	if (!engine || engine_start(engine, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	close(fd);
	return engine;
}

struct engine *world_engine(enum world_kind kind)
{
	/* Made once: there are thousands of inputs a second. Never closed, as the program never ends before them. */
	static struct engine *engines[WORLD_KINDS];

	if (!engines[kind])
		engines[kind] = engine_new(kind);
	return engines[kind];
}
