/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/unbound_setup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/ip.h"
#include "base/log.h"

#define RESOLV_LINES_MAX 1000
#define FILES_KEPT_MAX   1024 /* descriptors left to sessions, sockets and files of the daemon */

/*
 * Caches are small because the front cache answers what repeats; what stays here are delegations, servers and keys.
 * Each slab costs memory and only one thread asks, so there is one.
 */
static const struct unbound_option options_common[] = {
	{ "unblock-lan-zones:", "yes" },
	{ "edns-buffer-size:", "1232" },
	{ "num-queries-per-thread:", "4096" },
	{ "incoming-num-tcp:", "0" },
	{ "msg-cache-size:", "1m" },
	{ "rrset-cache-size:", "3m" },
	{ "key-cache-size:", "512k" },
	{ "neg-cache-size:", "256k" },
	{ "msg-cache-slabs:", "1" },
	{ "rrset-cache-slabs:", "1" },
	{ "infra-cache-slabs:", "1" },
	{ "key-cache-slabs:", "1" },
	{ "infra-cache-numhosts:", "4000" },
	/*
	 * Block lists put an address in front of their zone. Minimised names would ask each of them once for every
	 * octet, one after the other: slow, and counted against the free use that lists grant.
	 */
	{ "qname-minimisation:", "no" },
	{ NULL, NULL },
};

/*
 * libunbound learns one round-trip time for a server. A forwarder answers in 1 ms from its cache and in seconds when it
 * has to ask itself, so the time learnt from the quick answers makes it give up on the slow ones and call that
 * SERVFAIL.
 */
static const struct unbound_option options_forward[] = {
	{ "infra-cache-min-rtt:", "1500" },
	{ "outbound-msg-retry:", "2" },
	{ "infra-host-ttl:", "2" },
	{ NULL, NULL },
};

/* The private and documentation zones are opened by unblock-lan-zones. onion. stays closed (RFC 7686). */
static const char *const zones_open[] = { "test.", "invalid.", "home.arpa.", NULL };

const struct unbound_option *unbound_options_common(void)
{
	return options_common;
}

const struct unbound_option *unbound_options_forward(void)
{
	return options_forward;
}

const char *const *unbound_zones_open(void)
{
	return zones_open;
}

long unbound_file_limit_wanted(void)
{
	return UNBOUND_PORTS_WANTED + UNBOUND_TCP_SLOTS + FILES_KEPT_MAX;
}

int unbound_ports_for(long file_limit)
{
	if (file_limit < 0 || file_limit >= unbound_file_limit_wanted())
		return UNBOUND_PORTS_WANTED;

	long kept = file_limit / 2 < FILES_KEPT_MAX ? file_limit / 2 : FILES_KEPT_MAX;
	long ports = file_limit - kept - UNBOUND_TCP_SLOTS;

	return ports < UNBOUND_PORTS_LEAST ? UNBOUND_PORTS_LEAST : (int)ports;
}

static long file_limit_now(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1 << 24)
		return -1;
	return (long)limit.rlim_cur;
}

static bool is_loopback(const struct ip *ip)
{
	static const uint8_t six[16] = { [15] = 1 };

	if (ip->family == 4)
		return ip->octets[0] == 127;
	return ip->family == 6 && memcmp(ip->octets, six, sizeof(six)) == 0;
}

/* "port" is 1 to 65535 in digits. */
static bool port_ok(const char *text)
{
	if (strspn(text, "0123456789") != strlen(text) || text[0] == '\0' || strlen(text) > 5)
		return false;

	long port = strtol(text, NULL, 10);

	return port >= 1 && port <= 65535;
}

/* Take "address", "address@port", "[address]"; an IPv6 address may carry a scope ("%eth0"). */
static bool forward_add(struct unbound_plan *plan, const char *text)
{
	char address[UNBOUND_ADDRESS_MAX];
	struct ip ip;

	if (strlen(text) >= sizeof(address) || plan->n_forward == UNBOUND_FORWARD_MAX)
		return false;
	snprintf(address, sizeof(address), "%s", text);

	char *at = strchr(address, '@');

	if (at != NULL)
		*at++ = '\0';
	if (at != NULL && !port_ok(at))
		return false;

	char *scope = strchr(address, '%');

	if (scope != NULL)
		*scope++ = '\0';
	if (!ip_parse(&ip, address) || (scope != NULL && (ip.family != 6 || *scope == '\0')))
		return false;

	char plain[IP_TEXT_MAX];
	char *out = plan->forward[plan->n_forward++];

	snprintf(out, UNBOUND_ADDRESS_MAX, "%s%s%s@%s", ip_format(&ip, plain), scope != NULL ? "%" : "",
	         scope != NULL ? scope : "", at != NULL ? at : "53");
	plan->forward_loopback = plan->forward_loopback || is_loopback(&ip);
	return true;
}

static int forward_from_settings(struct unbound_plan *plan, const struct dns_settings *settings, struct err *err)
{
	if (settings->n_forward > UNBOUND_FORWARD_MAX)
		return err_set(err, "dns.forward: %zu addresses; at most %d are used", settings->n_forward,
		               UNBOUND_FORWARD_MAX);
	for (size_t i = 0; i < settings->n_forward; i++) {
		if (!forward_add(plan, settings->forward[i]))
			return err_set(err,
			               "dns.forward: \"%.100s\" is not an address of a resolver; right would be "
			               "\"192.0.2.53\", \"192.0.2.53@5353\" or \"2001:db8::53\"",
			               settings->forward[i]);
	}
	return 0;
}

/* The word after "nameserver" in a line of resolv.conf, terminated in place; NULL for every other line. */
static char *nameserver_of(char *line)
{
	static const char key[] = "nameserver";

	line += strspn(line, " \t");
	if (strncmp(line, key, sizeof(key) - 1) != 0 || !isblank((unsigned char)line[sizeof(key) - 1]))
		return NULL;
	line += sizeof(key) - 1;
	line += strspn(line, " \t");
	line[strcspn(line, " \t\r\n#;")] = '\0';
	return *line == '\0' ? NULL : line;
}

static bool nameserver_wanted(const char *address, bool loopback_only)
{
	struct ip ip;

	return !loopback_only || (ip_parse(&ip, address) && is_loopback(&ip));
}

static int resolv_conf_read(struct unbound_plan *plan, const char *path, bool loopback_only, FILE *file,
                            struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	for (int number = 1; result == 0 && number <= RESOLV_LINES_MAX && getline(&line, &size, file) >= 0; number++) {
		const char *address = nameserver_of(line);

		if (address == NULL || plan->n_forward == UNBOUND_FORWARD_MAX ||
		    !nameserver_wanted(address, loopback_only))
			continue;
		if (strchr(address, '@') != NULL || !forward_add(plan, address))
			result = err_set(err, "dns.resolv_conf: %s line %d: \"%.100s\" is not an IP address", path,
			                 number, address);
	}
	free(line);
	return result;
}

static int forward_from_resolv_conf(struct unbound_plan *plan, const struct dns_settings *settings, struct err *err)
{
	const char *path = settings->resolv_conf != NULL ? settings->resolv_conf : "";
	bool automatic = settings->mode == DNS_MODE_AUTO;
	FILE *file = fopen(path, "re");

	/* No file is an answer in AUTO: no resolver of this machine is named. */
	if (file == NULL && automatic && (errno == ENOENT || path[0] == '\0'))
		return 0;
	if (file == NULL)
		return err_set(err, "dns.resolv_conf: cannot read \"%s\": %s", path, strerror(errno));

	int result = resolv_conf_read(plan, path, automatic, file, err);

	fclose(file);
	if (result == 0 && !automatic && plan->n_forward == 0)
		return err_set(err,
		               "dns.resolv_conf: \"%s\" names no nameserver; name one there, set dns.forward, or "
		               "set dns.mode to \"recurse\"",
		               path);
	return result;
}

/* A line that is neither blank nor a comment. libunbound takes an empty file for a good one. */
static bool has_records(FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (!found && getline(&line, &size, file) >= 0) {
		char first = line[strspn(line, " \t\r\n")];

		found = first != '\0' && first != ';';
	}
	free(line);
	return found;
}

static int file_usable(const char *option, const char *path, struct err *err)
{
	struct stat st;

	if (path == NULL || path[0] == '\0')
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, "%s: \"%s\" is a %s; a file is needed", option, path,
		               S_ISDIR(st.st_mode) ? "directory" : "device or socket");

	FILE *file = fopen(path, "re");

	if (file == NULL)
		return err_set(err, "%s: cannot read \"%s\": %s", option, path, strerror(errno));

	bool records = has_records(file);

	fclose(file);
	if (!records)
		return err_set(err, "%s: \"%s\" holds no records; right would be records in zone file form", option,
		               path);
	return 0;
}

static int forwarders(struct unbound_plan *plan, const struct dns_settings *settings, struct err *err)
{
	if (settings->n_forward > 0 && settings->mode != DNS_MODE_FORWARD)
		return err_set(
			err, "dns.forward: \"%.100s\" is only used with dns.mode = \"forward\"; set that, or remove it",
			settings->forward[0]);
	if (settings->mode == DNS_MODE_RECURSE)
		return 0;
	if (settings->n_forward > 0)
		return forward_from_settings(plan, settings, err);
	return forward_from_resolv_conf(plan, settings, err);
}

int unbound_plan_make(struct unbound_plan *plan, const struct dns_settings *settings, struct err *err)
{
	*plan = (struct unbound_plan){ .mode = DNS_MODE_RECURSE };
	if (forwarders(plan, settings, err) != 0)
		return -1;
	if (plan->n_forward > 0)
		plan->mode = DNS_MODE_FORWARD;
	if (file_usable("dns.root_hints", settings->root_hints, err) != 0 ||
	    file_usable("dns.trust_anchor", settings->trust_anchor, err) != 0)
		return -1;
	plan->file_limit = file_limit_now();
	plan->ports = unbound_ports_for(plan->file_limit);
	return 0;
}

void unbound_plan_report(const struct unbound_plan *plan, const struct dns_settings *settings)
{
	if (plan->mode == DNS_MODE_FORWARD)
		log_info("dns: forwarding to %s%s%s", plan->forward[0], plan->n_forward > 1 ? " and others" : "",
		         settings->n_forward == 0 ? " (from dns.resolv_conf)" : "");
	else
		log_info("dns: resolving from the root servers, %s DNSSEC validation",
		         settings->trust_anchor != NULL && settings->trust_anchor[0] != '\0' ? "with" : "without");
	if (plan->ports < UNBOUND_PORTS_WANTED)
		log_warning(
			"dns: the limit of open files (RLIMIT_NOFILE) is %ld: only %d questions can be at the network at "
			"a time instead of %d; raise it to %ld (systemd: LimitNOFILE=)",
			plan->file_limit, plan->ports, UNBOUND_PORTS_WANTED, unbound_file_limit_wanted());
}
