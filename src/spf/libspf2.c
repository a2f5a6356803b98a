/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <netinet/in.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spf2/spf_server.h>
#include <spf2/spf_request.h>
#include <spf2/spf_response.h>
#include <spf2/spf_record.h>
#include <spf2/spf_dns.h>
#include <spf2/spf_dns_rr.h>

/*
 * What libspf2 sees of an evaluation: names that are handles ("t3": the third term that asks; "m1.t3": its second mail
 * exchange), qualifiers, prefix lengths, addresses. Nothing of it was written by a stranger.
 */
#define HANDLE_OCTETS_MAX 24
#define NO_LIMIT          1000 /* its own limits stay out of the way of those in terms.c */

/* Out of memory ends the process, as everywhere: libspf2 would follow a NULL. */
static void *never_null(void *memory)
{
	return memory != NULL ? memory : memory_new(SIZE_MAX / 2);
}

static SPF_dns_rr_t *new_answer(SPF_dns_server_t *dns, const char *domain, ns_type type, SPF_dns_stat_t status)
{
	return never_null(SPF_dns_rr_new_init(dns, domain, type, 0, status));
}

static void *add_answer(SPF_dns_rr_t *rr, size_t octets)
{
	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, octets) != SPF_E_SUCCESS)
		never_null(NULL);
	return rr->rr[rr->num_rr++];
}

static void add_address(SPF_dns_rr_t *rr, const struct ip *address)
{
	size_t octets = rr->rr_type == ns_t_a ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	memcpy(add_answer(rr, sizeof(SPF_dns_rr_data_t)), address->octets, octets);
}

static void add_exchange(SPF_dns_rr_t *rr, unsigned exchange, const char *handle)
{
	char name[2 * HANDLE_OCTETS_MAX];
	size_t octets;

	snprintf(name, sizeof(name), "m%u.%s", exchange, handle);
	octets = strlen(name) + 1;
	memcpy(add_answer(rr, octets), name, octets);
}

static SPF_dns_rr_t *answer(SPF_dns_server_t *dns, const char *domain, ns_type type, const struct spf_reply *reply)
{
	bool any = reply->n_exchanges > 0 || reply->n_addresses > 0;
	SPF_dns_rr_t *rr = new_answer(dns, domain, type, any ? NETDB_SUCCESS : HOST_NOT_FOUND);

	for (unsigned i = 0; i < reply->n_exchanges; i++)
		add_exchange(rr, i, domain);
	for (size_t i = 0; i < reply->n_addresses; i++)
		add_address(rr, &reply->addresses[i]);
	return rr;
}

/* Read a letter and a number ("t3"); *text moves behind them. */
static bool read_number(const char **text, char letter, unsigned *number)
{
	char *end;

	if (**text != letter)
		return false;
	*number = (unsigned)strtoul(*text + 1, &end, 10);
	*text = end;
	return true;
}

/* The hook for questions. */
static SPF_dns_rr_t *lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int should_cache)
{
	struct spf_pass *pass = dns->hook;
	struct spf_reply reply;
	const char *name = domain;
	unsigned handle, exchange;
	bool goes_on = false;

	(void)should_cache;
	if (read_number(&name, 't', &handle))
		goes_on = spf_handle_ask(pass, handle, &reply);
	else if (read_number(&name, 'm', &exchange) && *name++ == '.' && read_number(&name, 't', &handle))
		goes_on = spf_handle_ask_exchange(pass, handle, exchange, &reply);
	return goes_on ? answer(dns, domain, type, &reply) : new_answer(dns, domain, type, TRY_AGAIN);
}

static SPF_errcode_t compile(struct spf_pass *pass, SPF_server_t *server, SPF_response_t *response,
                             const struct spf_emitted *emitted, SPF_record_t **record)
{
	SPF_errcode_t failed = SPF_record_compile(server, response, record, emitted->text);

	if (failed == SPF_E_SUCCESS && (*record)->num_mech == emitted->n_terms)
		return SPF_E_SUCCESS;
	if (!pass->over)
		strbuf_addf(spf_pass_fail(pass, SPF_TEMPERROR, DNS_WHY_NOTHING), "libspf2 does not take \"%s\"",
		            emitted->text);
	return failed != SPF_E_SUCCESS ? failed : SPF_E_INTERNAL_ERROR;
}

/* The hook for records: libspf2 has come to an include. */
static SPF_errcode_t get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response,
                             SPF_record_t **record)
{
	struct spf_pass *pass = server->resolver->hook;
	const char *name = request->cur_dom;
	struct spf_emitted emitted;
	unsigned handle;

	if (!read_number(&name, 't', &handle) || !spf_handle_record(pass, handle, &emitted))
		return SPF_E_DNS_ERROR;
	return compile(pass, server, response, &emitted, record);
}

static void set_client(SPF_request_t *request, const struct ip *client)
{
	struct in_addr v4;
	struct in6_addr v6;

	memcpy(&v4, client->octets, sizeof(v4));
	memcpy(&v6, client->octets, sizeof(v6));
	if (client->family == 6)
		SPF_request_set_ipv6(request, v6);
	else
		SPF_request_set_ipv4(request, v4);
}

static SPF_server_t *open_server(SPF_dns_server_t *dns)
{
	SPF_server_t *server = never_null(SPF_server_new_dns(dns, 0));

	SPF_server_set_rec_dom(server, "r.example");
	SPF_server_set_max_dns_mech(server, NO_LIMIT);
	SPF_server_set_max_dns_mx(server, NO_LIMIT);
	SPF_server_set_max_dns_ptr(server, NO_LIMIT);
	return server;
}

static SPF_request_t *open_request(SPF_server_t *server, const struct ip *client)
{
	SPF_request_t *request = never_null(SPF_request_new(server));

	set_client(request, client);
	SPF_request_set_helo_dom(request, "h.example");
	SPF_request_set_env_from(request, "s@s.example");
	request->cur_dom = "t";
	return request;
}

static enum spf_code code_of(SPF_result_t result)
{
	switch (result) {
	case SPF_RESULT_PASS:
		return SPF_PASS;
	case SPF_RESULT_FAIL:
		return SPF_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return SPF_SOFTFAIL;
	case SPF_RESULT_NEUTRAL:
		return SPF_NEUTRAL;
	case SPF_RESULT_TEMPERROR:
		return SPF_TEMPERROR;
	default:
		return SPF_PERMERROR;
	}
}

enum spf_code spf_interpret(struct spf_pass *pass, struct spf_frame *frame)
{
	SPF_dns_server_t dns = { .lookup = lookup, .get_spf = get_spf, .name = "mailreeve", .hook = pass };
	SPF_server_t *server = open_server(&dns);
	SPF_request_t *request = open_request(server, &pass->spf->query.client);
	SPF_response_t *response = never_null(SPF_response_new(request));
	SPF_record_t *record = NULL;
	struct spf_emitted emitted;
	enum spf_code code = SPF_TEMPERROR;

	spf_emit(pass, frame, &emitted);
	if (compile(pass, server, response, &emitted, &record) == SPF_E_SUCCESS) {
		response->spf_record_exp = record;
		SPF_record_interpret(record, request, response, 0);
		code = code_of(SPF_response_result(response));
	}
	if (record != NULL)
		SPF_record_free(record);
	SPF_response_free(response);
	SPF_request_free(request);
	SPF_server_free(server);
	return code;
}
