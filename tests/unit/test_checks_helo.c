/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_helo - the check helo against a world of DNS in a zone file: what each HELO states, what counts as our
 * own name, and what may still come.
 */
#include "check_rig.h"

#define CLIENT  "203.0.113.7"
#define CLIENT6 "2001:db8::7"
#define PTR7    "7.113.0.203.in-addr.arpa PTR "
#define PTR6    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR "

static const char zone[] = "good.example.net A " CLIENT "\n"
			   "good.example.net AAAA " CLIENT6 "\n"
			   "alias.example.net CNAME good.example.net\n"
			   "alias2.example.net CNAME alias.example.net\n"
			   "dangling.example.net CNAME nobody.example.net\n"
			   "many.example.net A 198.51.100.1\n"
			   "many.example.net A " CLIENT "\n"
			   "other.example.net A 198.51.100.1\n"
			   "six.example.net AAAA 2001:db8::9\n"
			   "under_score.example.net A " CLIENT "\n"
			   "mailonly.example.net MX 10 good.example.net\n"
			   "thief.example.net A 192.0.2.25\n"
			   "thief6.example.net A 198.51.100.1\n"
			   "thief6.example.net AAAA 2001:db8:25::25\n"
			   "servfail.example.net * !servfail\n"
			   "half.example.net A !servfail\n"
			   "half.example.net AAAA " CLIENT6 "\n"
			   "half6.example.net AAAA !servfail\n"
			   "half6.example.net A 198.51.100.1\n"
			   "only6.example.net AAAA !servfail\n"
			   "only6.example.net TXT \"no A\"\n"
			   "silent.example.net * !timeout\n"
			   "slow.example.net * !slow=20\n"
			   "slow.example.net A " CLIENT "\n";

struct scenario {
	const char *what;
	const char *overrides[3];
	const char *client; /* NULL: CLIENT; "": none */
	const char *helo;   /* NULL: none was said */
	const char *more_zone;
	const char *want;
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	/* form */
	{ .what = "no HELO", .helo = NULL, .want = "helo.missing" },
	{ .what = "no HELO, submitted here", .client = "", .want = "" },
	{ .what = "no name", .helo = "mail example.org", .want = "helo.syntax(mail example.org)" },
	{ .what = "hostile", .helo = "x\" action=\"\n(reject)", .want = "helo.syntax(x\\x22 action=\\x22\\x0a\\x28reject\\x29)" },
	{ .what = "empty", .helo = "", .want = "helo.syntax" },
	{ .what = "unqualified", .helo = "LOCALHOST", .want = "helo.unqualified(localhost)" },
	{ .what = "bare address, the client's", .helo = CLIENT, .want = "helo.bare_address(" CLIENT ")" },
	{ .what = "bare address of IPv6", .client = CLIENT6, .helo = CLIENT6, .want = "helo.bare_address(" CLIENT6 ")" },
	{ .what = "literal", .helo = "[" CLIENT "]", .want = "helo.literal(" CLIENT ")" },
	{ .what = "literal of IPv6", .client = CLIENT6, .helo = "[IPv6:2001:DB8:0::7]", .want = "helo.literal(" CLIENT6 ")" },
	{ .what = "literal, mapped", .helo = "[IPv6:::ffff:" CLIENT "]", .want = "helo.literal(" CLIENT ")" },
	{ .what = "literal of another host", .helo = "[198.51.100.1]", .want = "helo.literal_other(198.51.100.1)" },
	{ .what = "literal of another family", .helo = "[IPv6:" CLIENT6 "]", .want = "helo.literal_other(" CLIENT6 ")" },
	{ .what = "literal of loopback", .helo = "[127.0.0.1]", .want = "helo.literal_other(127.0.0.1)" },
	{ .what = "bad literal", .helo = "[203.0.113]", .want = "helo.literal_bad([203.0.113])" },
	{ .what = "IPv6 literal without its tag", .client = CLIENT6, .helo = "[" CLIENT6 "]",
	  .want = "helo.literal_bad([" CLIENT6 "])" },
	{ .what = "submitted here", .client = "", .helo = "mail example.org", .want = "" },

	/* where it leads */
	{ .what = "leads to the client", .helo = "good.example.net", .want = "helo.match(good.example.net)" },
	{ .what = "upper case and a dot", .helo = "GOOD.example.NET.", .want = "helo.match(good.example.net)" },
	{ .what = "leads to the client by IPv6", .client = CLIENT6, .helo = "good.example.net",
	  .want = "helo.match(good.example.net)" },
	{ .what = "CNAME", .helo = "alias2.example.net", .want = "helo.match(alias2.example.net)" },
	{ .what = "one of several", .helo = "many.example.net", .want = "helo.match(many.example.net)" },
	{ .what = "leads elsewhere", .helo = "other.example.net", .want = "helo.mismatch(other.example.net)" },
	{ .what = "leads to the other family only", .helo = "six.example.net", .want = "helo.mismatch(six.example.net)" },
	{ .what = "the same for an IPv6 client", .client = CLIENT6, .helo = "other.example.net",
	  .want = "helo.mismatch(other.example.net)" },
	{ .what = "does not exist", .helo = "nobody.example.net", .want = "helo.unknown(nobody.example.net)" },
	{ .what = "CNAME to nothing", .helo = "dangling.example.net", .want = "helo.unknown(dangling.example.net)" },
	{ .what = "has only MX", .helo = "mailonly.example.net", .want = "helo.unknown(mailonly.example.net)" },
	{ .what = "underscore", .helo = "under_score.example.net",
	  .want = "helo.underscore(under_score.example.net) helo.match(under_score.example.net)" },

	/* unsure is never "no" */
	{ .what = "servfail", .helo = "servfail.example.net", .want = "helo.unsure(servfail)" },
	{ .what = "its own family is unsure", .helo = "half.example.net", .want = "helo.unsure(servfail)" },
	{ .what = "the other family is unsure", .helo = "half6.example.net", .want = "helo.mismatch(half6.example.net)" },
	{ .what = "the other family alone answers", .client = CLIENT6, .helo = "half.example.net",
	  .want = "helo.match(half.example.net)" },
	{ .what = "nothing here, the rest is unsure", .client = CLIENT6, .helo = "half6.example.net",
	  .want = "helo.unsure(servfail)" },
	{ .what = "nothing in its own family, the other one is unsure", .helo = "only6.example.net",
	  .want = "helo.unsure(servfail)" },

	/* ours */
	{ .what = "the MTA's name", .helo = "MX.example.org", .want = "helo.own_name(mx.example.org)" },
	{ .what = "below the MTA's name", .helo = "a.mx.example.org", .want = "helo.unknown(a.mx.example.org)" },
	{ .what = "a configured name", .overrides = { "helo.own_names=[ \"example.org\", \".internal.example.org\" ]" },
	  .helo = "example.org", .want = "helo.own_name(example.org)" },
	{ .what = "below a configured name", .overrides = { "helo.own_names=[ \".internal.example.org\" ]" },
	  .helo = "pc7.internal.example.org", .want = "helo.own_name(pc7.internal.example.org)" },
	{ .what = "a configured short name", .overrides = { "helo.own_names=[ \"reeve\" ]" }, .helo = "REEVE",
	  .want = "helo.own_name(reeve)" },
	{ .what = "the address it connected to", .helo = "[192.0.2.25]", .want = "helo.own_address(192.0.2.25)" },
	{ .what = "the same without brackets", .helo = "192.0.2.25", .want = "helo.own_address(192.0.2.25)" },
	{ .what = "a configured network", .overrides = { "helo.own_networks=[ \"2001:db8:25::/48\" ]" },
	  .helo = "[IPv6:2001:db8:25::1]", .want = "helo.own_address(2001:db8:25::1)" },
	{ .what = "a name that leads to us", .helo = "thief.example.net",
	  .want = "helo.own_name(thief.example.net is 192.0.2.25)" },
	{ .what = "a name that leads to us in the other family",
	  .overrides = { "helo.own_networks=[ \"2001:db8:25::/48\" ]" }, .helo = "thief6.example.net",
	  .want = "helo.own_name(thief6.example.net is 2001:db8:25::25)" },
	{ .what = "one of ours may use our name", .overrides = { "helo.own_networks=[ \"203.0.113.0/24\" ]" },
	  .helo = "mx.example.org", .want = "helo.unknown(mx.example.org)" },
	{ .what = "one of ours may lead to us", .overrides = { "helo.own_networks=[ \"203.0.113.0/24\" ]" },
	  .helo = "thief.example.net", .want = "helo.mismatch(thief.example.net)" },
	{ .what = "one of ours may use our address",
	  .overrides = { "helo.own_networks=[ \"203.0.113.0/24\" ]" }, .helo = "[203.0.113.8]",
	  .want = "helo.literal_other(203.0.113.8)" },

	/* the organisation of the PTR name */
	{ .what = "same organisation", .helo = "good.example.net", .more_zone = PTR7 "out-7.pool.example.net\n",
	  .want = "helo.match(good.example.net) helo.ptr_same(out-7.pool.example.net)" },
	{ .what = "the very name", .helo = "good.example.net", .more_zone = PTR7 "good.example.net\n",
	  .want = "helo.match(good.example.net) helo.ptr_same(good.example.net)" },
	{ .what = "one of several", .helo = "good.example.net",
	  .more_zone = PTR7 "a.example.org\n" PTR7 "z.example.net\n" PTR7 "y.example.net\n",
	  .want = "helo.match(good.example.net) helo.ptr_same(y.example.net)" },
	{ .what = "another organisation", .helo = "good.example.net",
	  .more_zone = PTR7 "b.example.org\n" PTR7 "a.example.com\n",
	  .want = "helo.match(good.example.net) helo.ptr_other(a.example.com)" },
	{ .what = "an IPv6 client", .client = CLIENT6, .helo = "good.example.net", .more_zone = PTR6 "six.example.net\n",
	  .want = "helo.match(good.example.net) helo.ptr_same(six.example.net)" },
	{ .what = "below a public suffix", .helo = "a.co.uk", .more_zone = PTR7 "b.co.uk\n",
	  .want = "helo.unknown(a.co.uk) helo.ptr_other(b.co.uk)" },
	{ .what = "nobody knows the PTR name", .helo = "good.example.net", .more_zone = PTR7 "!servfail\n",
	  .want = "helo.match(good.example.net)" },
};
/* clang-format on */

static const char *const helo_only[] = { "helo", NULL };

static void open_rig(struct rig *rig, const struct scenario *scenario)
{
	const char *client = scenario->client != NULL ? scenario->client : CLIENT;
	char world[2 * sizeof(zone)];
	struct err err = { "" };

	if (rig_configure(rig, helo_only, scenario->overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	snprintf(world, sizeof(world), "%s%s", zone, scenario->more_zone != NULL ? scenario->more_zone : "");
	rig_prepare(rig, world);
	rig_open_dns(rig);
	if (client[0] != '\0')
		assert_true(ip_parse(&rig->subject.client_ip, client));
	assert_true(ip_parse(&rig->subject.daemon_ip, "192.0.2.25"));
	rig->subject.mta_name = "mx.example.org";
}

/* What is said is known when it is said, and not before. */
static void say_helo(struct rig *rig, const struct scenario *scenario)
{
	rig_start(rig, STAGE_CONNECT);
	rig->subject.helo = scenario->helo;
	if (scenario->helo != NULL)
		rig_start(rig, STAGE_HELO);
	else
		rig->stage = STAGE_HELO;
}

static void each_helo_states_its_facts(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i / 2];
		struct rig rig;
		open_rig(&rig, scenario);
		say_helo(&rig, scenario);
		if (i % 2 == 0)
			rig_finish(&rig);
		rig_start(&rig, STAGE_RCPT);
		rig_finish(&rig);
		if (strcmp(rig_text(&rig, text), scenario->want) != 0) {
			print_error("%s: %s; must be: %s\n", scenario->what, text, scenario->want);
			wrong++;
		}
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

static void silence_is_unsure(void **state)
{
	static const struct scenario silence = { .what = "silence",
		                                 .helo = "silent.example.net",
		                                 .more_zone = PTR7 "!timeout\n" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &silence);
	say_helo(&rig, &silence);
	assert_string_equal(rig_text(&rig, text), "");
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "helo.unsure(timeout)");
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

/* A match needs no second answer, and what is missing of the rest is not waited for. */
static void a_match_ends_the_wait(void **state)
{
	static const struct scenario half = { .what = "half",
		                              .helo = "found.example.net",
		                              .more_zone = "found.example.net A " CLIENT "\n"
		                                           "found.example.net AAAA !timeout\n" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &half);
	say_helo(&rig, &half);
	rig_finish(&rig);
	assert_string_equal(rig_text(&rig, text), "helo.match(found.example.net)");
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

/* An address of nobody is not ours: Sendmail gives it where it listens everywhere. */
static void an_unspecified_address_is_not_ours(void **state)
{
	static const struct scenario zero = { .what = "zero", .helo = "[0.0.0.0]" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &zero);
	assert_true(ip_parse(&rig.subject.daemon_ip, "0.0.0.0"));
	rig.subject.mta_name = NULL;
	say_helo(&rig, &zero);
	assert_string_equal(rig_text(&rig, text), "helo.literal_other(0.0.0.0)");
	rig_close(&rig);
}

/* Every second host is called so. */
static void an_mta_of_one_label_has_no_name_of_its_own(void **state)
{
	static const struct scenario local = { .what = "local", .helo = "localhost" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &local);
	rig.subject.mta_name = "localhost";
	say_helo(&rig, &local);
	assert_string_equal(rig_text(&rig, text), "helo.unqualified(localhost)");
	rig_close(&rig);
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

/* That is what ends a wait early. */
static void what_may_come_shrinks(void **state)
{
	static const struct scenario half = { .what = "half",
		                              .helo = "half.example.org",
		                              .more_zone = "half.example.org A 198.51.100.1\n"
		                                           "half.example.org AAAA !timeout\n" PTR7 "!timeout\n" };
	struct rig rig;

	(void)state;
	open_rig(&rig, &half);
	rig_start(&rig, STAGE_CONNECT);
	assert_true(may(&rig, "helo.missing") && may(&rig, "helo.syntax") && may(&rig, "helo.mismatch"));
	say_helo(&rig, &half);
	assert_false(may(&rig, "helo.missing") || may(&rig, "helo.syntax") || may(&rig, "helo.literal"));
	while (may(&rig, "helo.match")) {
		dns_session_wait(rig.session, clock_now() + 60000);
		assert_true(rig_collect(&rig, false) > 0);
	}
	assert_false(may(&rig, "helo.unknown") || may(&rig, "helo.unsure"));
	assert_true(may(&rig, "helo.mismatch") && may(&rig, "helo.own_name") && may(&rig, "helo.ptr_other"));
	rig_collect(&rig, true);
	assert_false(may(&rig, "helo.mismatch") || may(&rig, "helo.own_name") || may(&rig, "helo.ptr_other"));
	rig_close(&rig);
}

static void patterns_are_checked(void **state)
{
	static const struct {
		const char *override, *says;
	} bad[] = {
		{ "helo.own_names=[ \"*.example.org\" ]", "there are no wildcards" },
		{ "helo.own_names=[ \"user@example.org\" ]", "must be \"example.org\"" },
		{ "helo.own_names=[ \"\" ]", "must be" },
		{ "helo.own_names=[ \".\" ]", "must be" },
		{ "helo.own_networks=[ \"192.0.2.1/24\" ]", "helo.own_networks" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		rig_refuses(helo_only, bad[i].override, bad[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_helo_states_its_facts),
		cmocka_unit_test(silence_is_unsure),
		cmocka_unit_test(a_match_ends_the_wait),
		cmocka_unit_test(an_unspecified_address_is_not_ours),
		cmocka_unit_test(an_mta_of_one_label_has_no_name_of_its_own),
		cmocka_unit_test(what_may_come_shrinks),
		cmocka_unit_test(patterns_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
