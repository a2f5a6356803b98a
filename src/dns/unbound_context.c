/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/unbound_context.h"

#include <stdio.h>
#include <unbound-event.h>
#include <unbound.h>

#include "base/log.h"

#define CLASS_IN       1
#define HEADER_OCTETS  12
#define RCODE_NOERROR  0
#define RCODE_NXDOMAIN 3

enum { SEC_BOGUS = 1, SEC_SECURE = 2 }; /* `sec` of libunbound's callback */

/* ---- set-up ---- */

/* Older and newer libraries lack an option now and then: the daemon is of more use with a default than not at all. */
static void set_option(struct ub_ctx *ctx, const char *name, const char *value)
{
	if (ub_ctx_set_option(ctx, name, value) != 0)
		log_warning("dns: libunbound %s does not take the option \"%s %s\"; its default is used", ub_version(),
		            name, value);
}

static void set_options(struct ub_ctx *ctx, const struct unbound_option *options)
{
	for (; options->name != NULL; options++)
		set_option(ctx, options->name, options->value);
}

static void set_numbers(struct ub_ctx *ctx, const struct unbound_plan *plan)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", plan->ports);
	set_option(ctx, "outgoing-range:", text);
	snprintf(text, sizeof(text), "%d", UNBOUND_TCP_SLOTS);
	set_option(ctx, "outgoing-num-tcp:", text);
}

static int set_forward(struct ub_ctx *ctx, const struct unbound_plan *plan, struct err *err)
{
	set_options(ctx, unbound_options_forward());
	if (plan->forward_loopback)
		set_option(ctx, "do-not-query-localhost:", "no");
	for (size_t i = 0; i < plan->n_forward; i++) {
		int rc = ub_ctx_set_fwd(ctx, plan->forward[i]);

		if (rc != 0)
			return err_set(err, "dns.forward: libunbound refuses \"%s\": %s", plan->forward[i],
			               ub_strerror(rc));
	}
	return 0;
}

/* Everything but the files' content: zones_open() makes the library read the anchors, context_start() the hints. */
static int configure(struct ub_ctx *ctx, const struct unbound_plan *plan, const char *hints, const char *anchor,
                     struct err *err)
{
	/* Its messages may carry names, and some names are secret; a setting it refuses is told by its return value. */
	ub_ctx_debugout(ctx, NULL);
	set_options(ctx, unbound_options_common());
	set_numbers(ctx, plan);
	set_option(ctx, "module-config:", anchor[0] != '\0' ? "validator iterator" : "iterator");
	if (plan->mode == DNS_MODE_FORWARD && set_forward(ctx, plan, err) != 0)
		return -1;
	if (hints[0] != '\0')
		set_option(ctx, "root-hints:", hints);
	if (anchor[0] != '\0' && ub_ctx_add_ta_file(ctx, anchor) != 0)
		return err_set(err, "dns.trust_anchor: libunbound refuses \"%s\"", anchor);
	return 0;
}

static int zones_open(struct ub_ctx *ctx, struct err *err)
{
	for (const char *const *zone = unbound_zones_open(); *zone != NULL; zone++) {
		int rc = ub_ctx_zone_remove(ctx, *zone);

		if (rc != 0)
			return err_set(err, "libunbound %s cannot be set up: %s", ub_version(), ub_strerror(rc));
	}
	return 0;
}

static void started(void *data, int rcode, void *packet, int octets, int sec, char *why_bogus, int was_ratelimited)
{
	bool *called = data;

	(void)rcode, (void)packet, (void)octets, (void)sec, (void)why_bogus, (void)was_ratelimited;
	*called = true;
}

/* "localhost" is answered inside the library; asking it makes it reserve what it needs now instead of under load. */
static int context_start(struct ub_ctx *ctx, struct err *err)
{
	bool called = false;
	int rc = ub_resolve_event(ctx, "localhost", DNS_A, CLASS_IN, &called, started, NULL);

	if (rc != 0 || !called)
		return err_set(err, "libunbound %s does not start: %s", ub_version(),
		               rc != 0 ? ub_strerror(rc) : "it gives no answer to localhost");
	return 0;
}

/* A context that has read its files and has asked itself for localhost, or NULL. */
static struct ub_ctx *context_open(struct event_base *base, const struct unbound_plan *plan, const char *hints,
                                   const char *anchor, struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create_event(base);

	if (ctx == NULL) {
		err_set(err, "libunbound %s cannot be started", ub_version());
		return NULL;
	}
	if (configure(ctx, plan, hints, anchor, err) == 0 && zones_open(ctx, err) == 0 && context_start(ctx, err) == 0)
		return ctx;
	ub_ctx_delete(ctx);
	return NULL;
}

static bool context_works(struct event_base *base, const struct unbound_plan *plan, const char *hints,
                          const char *anchor)
{
	struct ub_ctx *ctx = context_open(base, plan, hints, anchor, NULL);

	if (ctx != NULL)
		ub_ctx_delete(ctx);
	return ctx != NULL;
}

/* The library says no more than "no": find out which file it means by leaving one out. */
struct ub_ctx *unbound_context_open(struct event_base *base, const struct unbound_plan *plan,
                                    const struct dns_settings *settings, struct err *err)
{
	const char *hints = settings->root_hints != NULL ? settings->root_hints : "";
	const char *anchor = settings->trust_anchor != NULL ? settings->trust_anchor : "";
	struct ub_ctx *ctx = context_open(base, plan, hints, anchor, err);

	if (ctx != NULL)
		return ctx;
	if (anchor[0] != '\0' && context_works(base, plan, hints, ""))
		err_set(err,
		        "dns.trust_anchor: \"%s\" holds no usable trust anchor; right would be DS or DNSKEY records in "
		        "zone file form, as unbound-anchor writes them",
		        anchor);
	else if (hints[0] != '\0' && context_works(base, plan, "", anchor))
		err_set(err,
		        "dns.root_hints: \"%s\" holds no usable root hints; right would be NS records for \".\" and the "
		        "addresses of the servers they name, in zone file form",
		        hints);
	return NULL;
}

void unbound_context_close(struct ub_ctx **ctx)
{
	if (*ctx == NULL)
		return;
	ub_ctx_delete(*ctx);
	*ctx = NULL;
}

/* ---- questions and answers ---- */

int unbound_context_ask(struct ub_ctx *ctx, const char *name, enum dns_type type, unbound_context_done *done,
                        void *data)
{
	return ub_resolve_event(ctx, name, (int)type, CLASS_IN, data, done, NULL) == 0 ? 0 : -1;
}

/* `sec` comes first: a bogus answer looks like any other but for it. */
struct dns_backend_answer unbound_context_answer(int rcode, const uint8_t *packet, int octets, int sec)
{
	struct dns_backend_answer answer = { .status = DNS_UNSURE, .why = DNS_WHY_SERVFAIL };

	if (sec == SEC_BOGUS) {
		answer.why = DNS_WHY_BOGUS;
		return answer;
	}
	if (packet == NULL || octets < HEADER_OCTETS || (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN))
		return answer;

	int said = packet[3] & 0x0f;
	bool records = packet[6] != 0 || packet[7] != 0;

	if (said != RCODE_NOERROR && said != RCODE_NXDOMAIN)
		return answer;
	answer.status = said == RCODE_NOERROR && records ? DNS_FOUND : DNS_NONE;
	answer.why = answer.status == DNS_FOUND ? DNS_WHY_NOTHING
	             : said == RCODE_NXDOMAIN   ? DNS_WHY_NXDOMAIN
	                                        : DNS_WHY_NODATA;
	answer.secure = sec == SEC_SECURE;
	answer.packet = packet;
	answer.packet_octets = (size_t)octets;
	return answer;
}
