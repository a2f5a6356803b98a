# SPDX-License-Identifier: BSD-2-Clause
"""test_metrics - what is counted is what happened, survives workers and reloads, and is there for whoever asks.

    MAILREEVE=build/mailreeve python3 tests/milter/test_metrics.py [-v] [part of a name ...]
"""
import collections
import os
import random
import re
import signal
import sys
import threading

import prometheus
from daemon import SRCDIR, alive, wait_until
from prometheus import total, value
from runner import run_tests
from scrape import Scraper, at_rest, metered, number, page, server, wait_number
from smfi import Closed
from test_protocol import HEADERS, NAMED, NAMELESS, REFUSE_NAMELESS, ZONE, check_serves, started

ACTIONS = ("accept", "tag", "quarantine", "defer", "reject")
REFUSE_AT_EOM = ["policy.decide_from=eom", *REFUSE_NAMELESS]


def ends(found):
	"""{result: how many messages ended so}, without those that are 0."""
	return {dict(labels)["result"]: count
			for (_name, labels), count in found["mailreeve_messages_ended_total"].samples.items() if count}


def verdicts_of(found, name="mailreeve_verdicts_total"):
	"""{(stage, action): count}, without those that are 0."""
	return {(dict(labels)["stage"], dict(labels)["action"]): count
			for (_name, labels), count in found[name].samples.items() if count}


def one_message(daemon, address=NAMED, **options):
	"""A session with a whole message; delivery.Delivered."""
	with started(daemon, address) as session:
		delivered = session.message(headers=HEADERS, **options)
		session.quit()
		return delivered


# ---- the page ----

def test_names_are_those_of_the_manual():
	with open(os.path.join(SRCDIR, "man", "mailreeve.8"), encoding="utf-8") as file:
		documented = re.findall(r"^\.It Li (mailreeve_[a-z_]+)", file.read(), re.M)
	assert len(documented) == len(set(documented)), "a metric stands there twice"
	with metered() as daemon:
		real = page(daemon)
		assert set(documented) == set(real), f"in one only: {sorted(set(documented) ^ set(real))}"
		facts = {line.split()[0] for line in os.popen(f"{daemon.command()[0]} --print-facts -c /dev/null")}
		shown = {dict(labels)["fact"] for _name, labels in real["mailreeve_facts_total"].samples}
		assert shown >= {fact for fact in facts if not fact.startswith("dnsbl.")}, sorted(facts - shown)
		return f"{len(real)} metrics, {sum(len(family.samples) for family in real.values())} samples"


def test_the_parser_is_strict():
	good = '# HELP a_total x\n# TYPE a_total counter\na_total{l="v\\"\\\\\\n"} 1\n'
	found = prometheus.parse(good)
	assert value(found, "a_total", l='v"\\\n') == 1
	histogram = "# HELP h_seconds x\n# TYPE h_seconds histogram\n"
	bad = [
		good[:-1], good + good, good.replace("counter", "gauge"), good.replace("a_total", "a_ms_total"), good + "\n",
		good.replace("# HELP a_total x\n", ""), good.replace("# TYPE a_total counter\n", ""),
		good + 'a_total{l="v\\"\\\\\\n"} 2\n', good + 'a_total{m="v"} 1\n', good.replace("\\n", "\\t"),
		good.replace(" 1\n", " -1\n"), good.replace(" 1\n", " NaN\n"), good.replace(" 1\n", "  1\n"),
		good.replace('l="', "l='"), good.replace("a_total", "1_total"), good.replace("a_total", "A_total"),
		good + "b_total 1\n", good.replace('"} 1', '",} 1'), good.replace("l=", "__l="),
		histogram + 'h_seconds_bucket{le="1"} 1\nh_seconds_sum 1\nh_seconds_count 1\n',
		histogram + 'h_seconds_bucket{le="1"} 2\nh_seconds_bucket{le="+Inf"} 1\nh_seconds_sum 1\nh_seconds_count 1\n',
		histogram + 'h_seconds_bucket{le="+Inf"} 2\nh_seconds_sum 1\nh_seconds_count 1\n',
		histogram + 'h_seconds_bucket{le="+Inf"} 1\nh_seconds_count 1\n',
	]
	for text in bad:
		try:
			prometheus.parse(text)
		except prometheus.FormatError:
			continue
		raise AssertionError(f"taken: {text!r}")
	return f"{len(bad)} bad pages"


# ---- messages and verdicts ----

def test_every_end_of_a_message():
	with metered(REFUSE_NAMELESS, ZONE) as daemon:
		assert one_message(daemon).accepted
		assert not one_message(daemon, NAMELESS).accepted  # at RCPT
		with started(daemon) as session:
			session.mail("<a@example.net>")
			session.abort()
			session.mail("<a@example.net>")
			session.rcpt("<b@example.org>")
			session.mail("<a@example.net>")  # without RSET between them
			session.helo("named.example.net")
			session.mail("<a@example.net>")
			session.close()
		found = at_rest(daemon)
		assert ends(found) == {"accept": 1, "reject": 1, "abandoned": 4}, ends(found)
		assert value(found, "mailreeve_messages_total") == 6
		# one more connection asks whether the daemon serves
		assert value(found, "mailreeve_sessions_total") == 4, value(found, "mailreeve_sessions_total")
		assert verdicts_of(found) == {("eom", "accept"): 1, ("rcpt", "reject"): 1}, verdicts_of(found)
		assert value(found, "mailreeve_message_delay_seconds_count") == 1
		assert value(found, "mailreeve_session_memory_bytes_count") == 6
		assert 100 < value(found, "mailreeve_session_memory_bytes_sum") < 1e6


def test_verdicts_are_those_of_the_log():
	"""Each stage and action; what the log says, counted."""
	cases = {
		"eom reject": (REFUSE_AT_EOM, {"reject": 2}),
		"mail reject": (["policy.decide_from=mail", "exempt.recipients=[]", "exempt.authenticated=false",
				"dnsbl.lists=()", *REFUSE_NAMELESS], {"reject": 2}),
		"eom tag": (["policy.tag=1.0", "rdns.points.none=2.0"], {"tag": 2}),
		"rcpt defer": (["policy.defer=9.0", "policy.reject=off", *REFUSE_NAMELESS], {"defer": 2}),
		"monitor": (["mode=monitor", *REFUSE_NAMELESS], {"accept": 2}),
	}
	for name, (overrides, wanted) in cases.items():
		with metered(overrides, ZONE) as daemon:
			for _turn in range(2):
				one_message(daemon, NAMELESS)
			found = at_rest(daemon)
			assert ends(found) == wanted, f"{name}: {ends(found)}"
			assert name == "monitor" or set(verdicts_of(found)) == {tuple(name.split())}, f"{name}: {verdicts_of(found)}"
			logged = collections.Counter((line["stage"], line["action"]) for line in daemon.verdicts())
			assert verdicts_of(found) == dict(logged), f"{name}: {verdicts_of(found)}, the log: {dict(logged)}"
			would = collections.Counter((line["stage"], line.get("would") or line["action"])
					for line in daemon.verdicts()) if name == "monitor" else {}
			assert verdicts_of(found, "mailreeve_monitored_verdicts_total") == dict(would), name


def test_recipients_refused_and_taken():
	"""A message with a recipient left is not refused; one of whom one was deferred comes back."""
	overrides = [*REFUSE_NAMELESS, 'exempt.recipients=["postmaster@"]']
	with metered(overrides, ZONE) as daemon:
		one_message(daemon, NAMELESS, recipients=("<bob@example.org>", "<postmaster@example.org>"))
		with started(daemon, NAMELESS) as session:
			session.mail("<a@example.net>")
			session.rcpt("<bob@example.org>")
			session.rcpt("<postmaster@example.org>")
			session.abort()
			session.quit()
		found = at_rest(daemon)
		assert ends(found) == {"accept": 1, "abandoned": 1} or ends(found) == {"tag": 1, "abandoned": 1}, ends(found)


def test_facts_and_causes():
	zone = ZONE + "79.113.0.203.in-addr.arpa PTR !servfail\n80.113.0.203.in-addr.arpa PTR !timeout\n"
	with metered(["dns.question_ms=200"], zone) as daemon:
		for address in (NAMELESS, NAMELESS, "203.0.113.79", "203.0.113.80"):
			one_message(daemon, address)
		found = at_rest(daemon)
		assert value(found, "mailreeve_facts_total", fact="rdns.none") == 2
		assert value(found, "mailreeve_facts_total", fact="rdns.unsure") == 2
		assert value(found, "mailreeve_unsure_total", cause="servfail") >= 1
		assert value(found, "mailreeve_unsure_total", cause="timeout") >= 1
		assert value(found, "mailreeve_unsure_total", cause="bogus") == 0
		assert value(found, "mailreeve_dns_answers_total", result="servfail") >= 1
		# The second question for the same name comes from the cache.
		assert value(found, "mailreeve_dns_questions_total", how="hit") >= 1
		asked = total(found, "mailreeve_dns_questions_total")
		answered = total(found, "mailreeve_dns_answers_total") + value(found, "mailreeve_dns_questions_total",
				how="limited")
		assert asked == answered, f"{asked} questions, {answered} answered"
		assert value(found, "mailreeve_dns_wait_seconds_count", check="rdns") >= 3
		assert value(found, "mailreeve_dns_wait_seconds_bucket", check="rdns", le="0.1") < value(found,
				"mailreeve_dns_wait_seconds_count", check="rdns"), "nobody waited for the time-out"
		assert value(found, "mailreeve_dns_wait_seconds_count", check="format") == 0


def test_statistics_line_says_the_same():
	with metered(REFUSE_NAMELESS, ZONE) as daemon:
		one_message(daemon)
		one_message(daemon, NAMELESS)
		found = at_rest(daemon)
		daemon.signal(signal.SIGUSR1)
		line = daemon.wait_log("statistics:")
		said = dict(re.findall(r" ([a-z_]+)=(\d+)", line))
		assert int(said["messages"]) == value(found, "mailreeve_messages_total") == 2
		assert int(said["accept"]) == 1 and int(said["reject"]) == 1, line
		assert int(said["dns_asked"]) == total(found, "mailreeve_dns_questions_total") > 0, line


# ---- what outlives a worker ----

def test_a_killed_worker_loses_no_count():
	with metered([], ZONE) as daemon:
		one_message(daemon)
		with started(daemon) as held, started(daemon) as idle:
			held.mail("<a@example.net>")
			wait_number(daemon, 1, "mailreeve_messages_open")
			wait_number(daemon, 2, "mailreeve_sessions_open")
			os.kill(daemon.worker(), signal.SIGKILL)
			daemon.wait_log("replaced:")
			for session in (held, idle):
				session.close()
		one_message(daemon)
		found = at_rest(daemon)
		assert ends(found) == {"accept": 2, "lost": 1}, ends(found)
		assert value(found, "mailreeve_worker_deaths_total") == value(found, "mailreeve_worker_restarts_total") == 1
		assert value(found, "mailreeve_worker_starts_total") == 2
		assert value(found, "mailreeve_workers", state="serving") == 1
		assert value(found, "mailreeve_facts_total", fact="rdns.confirmed") == 4


LIST = 'dnsbl: { lists = ( { name = "%s"; zone = "bl.example.org"; codes = ( { code = "127.0.0.2"; name = "seen"; ' \
	'points = 1.0; } ); } ); };\n'


def test_facts_keep_their_counts_across_reloads():
	"""The catalogue changes under a session of before: it counts into its own facts, not into what took their places."""
	zone = ZONE + "78.113.0.203.bl.example.org A 127.0.0.2\n2.0.0.127.bl.example.org A 127.0.0.2\n"
	with metered([], zone) as daemon:
		daemon.config = daemon.write("conf", LIST % "first")
		daemon.stop()
		daemon.start()
		one_message(daemon)
		old = daemon.worker()
		with daemon.session() as held:
			held.negotiate()
			daemon.write("conf", 'recipient: { enabled = false; };\n' + LIST % "second")
			daemon.reload()
			one_message(daemon)
			assert alive(old)
			held.connect("named.example.net", NAMED)
			held.helo("named.example.net")
			assert held.message(headers=HEADERS).accepted
			held.quit()
		wait_until(lambda: not alive(old), "the old worker to end")
		found = at_rest(daemon)
		assert value(found, "mailreeve_facts_total", fact="dnsbl.first.seen") == 2
		assert value(found, "mailreeve_facts_total", fact="dnsbl.second.seen") == 1
		assert value(found, "mailreeve_reloads_total", result="done") == 1
		digest = daemon.wait_log("reloaded").rpartition("cfg=")[2]
		assert value(found, "mailreeve_configuration_info", digest=digest) == 1
		daemon.write("conf", "nonsense = 1;\n")
		daemon.signal(signal.SIGHUP)
		wait_number(daemon, 1, "mailreeve_reloads_total", result="refused")
		assert value(page(daemon), "mailreeve_facts_total", fact="dnsbl.first.seen") == 2


def random_session(daemon, chance):
	"""Whatever an MTA may do, up to any point."""
	address = chance.choice((NAMED, NAMELESS))
	with started(daemon, address) as session:
		for _turn in range(chance.randint(0, 3)):
			what = chance.randint(0, 5)
			if what <= 2:
				session.message(headers=HEADERS)
			elif what == 3:
				session.mail("<a@example.net>")
				session.abort()
			elif what == 4:
				session.mail("<a@example.net>")
				session.rcpt("<b@example.org>")
			else:
				session.helo("again.example.net")
		if chance.random() < 0.7:
			session.quit()


def test_every_message_in_is_one_verdict_out():
	"""Sessions of all kinds, workers killed, reloads, and somebody who asks all the time: nothing sinks, and at rest it
	all adds up."""
	with metered(REFUSE_NAMELESS, ZONE) as daemon, Scraper(daemon, 0.02) as scraper:
		stopping, sessions = threading.Event(), collections.Counter()

		def load(seed):
			chance = random.Random(seed)
			while not stopping.is_set():
				try:
					random_session(daemon, chance)
					sessions["whole"] += 1
				except (Closed, OSError):
					sessions["cut"] += 1
		threads = [threading.Thread(target=load, args=(seed,)) for seed in range(3)]
		for thread in threads:
			thread.start()
		for turn in range(6):
			want = sessions["whole"] + 20
			wait_until(lambda want=want: sessions["whole"] >= want, "sessions")
			if turn % 2:
				seen = len(daemon.log_lines())
				os.kill(daemon.worker(), signal.SIGKILL)
				daemon.wait_log("replaced:", after=seen)
			else:
				daemon.reload()
		stopping.set()
		for thread in threads:
			thread.join()
		wait_until(lambda: len(daemon.workers()) == 1, "older workers to end")
		found = at_rest(daemon)
		scraper.check()
		assert value(found, "mailreeve_worker_deaths_total") == 3
		assert value(found, "mailreeve_reloads_total", result="done") == 3
		logged = collections.Counter((line["stage"], line["action"]) for line in daemon.verdicts())
		assert sum(verdicts_of(found).values()) - sum(logged.values()) in range(10), (verdicts_of(found), logged)
		return f"{dict(sessions)}, {scraper.pages} pages, {ends(found)}"


def test_who_serves_them_may_die():
	with metered([], ZONE) as daemon:
		one_message(daemon)
		before, first = at_rest(daemon), server(daemon)
		worker = daemon.worker()
		for turn in range(1, 4):
			os.kill(first, signal.SIGKILL)
			first = server(daemon, other_than=first)
			wait_number(daemon, turn, "mailreeve_metrics_restarts_total")
		assert not prometheus.monotone(before, page(daemon))
		assert daemon.workers() == [worker], "the worker was replaced as well"
		assert number(daemon, "mailreeve_worker_deaths_total") == 0
		check_serves(daemon)


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
