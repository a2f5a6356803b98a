#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_spf - SPF where it costs: real Postfix, real resolver, and a DNS server that counts and times what is asked.

    MAILREEVE=build/mailreeve [MAILREEVE_CHECK=build/mailreeve-check] tests/lab/test_spf.py [NAME ...]

Output: `ok - NAME` or `not ok - NAME: why`, then the counts; the exit status is 1 when one failed, 77 when this machine
has no room for the laboratory. What was measured is printed as `# ...`; nothing fails because a machine is slow.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import mailreeve
import namespace
import zonefile
from chaos_dns import ChaosServer, Counts
from demo_cases import named
from dns_servers import ROOT_HINTS
from lab import TOOLS, Lab
from test_postfix import Bench, Failed, expect, expect_reply, run_test

AUTHORITY = "198.51.100.60"
CLIENT, HOST = "203.0.113.240", "mail.spf-lab.example.net"
QUERIES_MAX = 125  # spf.queries_max, of one identity
PATIENCE_S = 30
MESSAGES_MAX = 100  # of one test
# A label slow-MS makes the server wait so long before each answer (chaos_dns.py). ROUND_MS is long, so that what is
# asked together arrives together on a busy machine, too.
ROUND_MS, SHORT_MS = 400, 20
INCLUDES = 10
# The verdict is not to be earlier than the result, however slow the machine is.
PATIENT = ["wait.rcpt_ms=20000", "wait.eom_ms=20000", "wait.complete_ms=20000", "wait.session_ms=60000"]

ROUNDS, SHORT = f"slow-{ROUND_MS}.example", f"slow-{SHORT_MS}.example"
DELEGATED = ("bomb.example", "deep.example", "mxbomb.example", "tcp.example", "two.example", ROUNDS, SHORT)
ROOT_ZONE = named(CLIENT, HOST) + f"authority.spf-lab.example A {AUTHORITY}\n" + "".join(
	f"{name} NS authority.spf-lab.example\n" for name in DELEGATED)


def includes(domain, prefix="i"):
	"""Ten includes side by side."""
	return " ".join(f"include:{prefix}{n}.{domain}" for n in range(INCLUDES))


def side_by_side(domain):
	"""A record with ten includes, none of which matches."""
	return f'{domain} TXT "v=spf1 " {strings(includes(domain))} " -all"\n' + "".join(
		f'i{n}.{domain} TXT "v=spf1 ip4:192.0.2.{n} ?all"\n' for n in range(INCLUDES))


def tree(domain, depth):
	"""A record for each name of a tree with ten branches at each knot."""
	lines = f'{domain} TXT "v=spf1 " {strings(includes(domain))} " -all"\n'
	if depth == 0:
		return f'{domain} TXT "v=spf1 ?all"\n'
	return lines + "".join(tree(f"i{n}.{domain}", depth - 1) for n in range(INCLUDES))


def strings(text):
	"""A text as strings of a TXT record."""
	return " ".join(f'"{text[at:at + 250]}"' for at in range(0, len(text), 250))


def mx_bomb(domain):
	"""Ten includes of ten mx terms with ten exchanges each."""
	lines = [f'{domain} TXT "v=spf1 " {strings(includes(domain))} " -all"']
	for i in range(INCLUDES):
		terms = " ".join(f"mx:m{n}.i{i}.{domain}" for n in range(10))
		lines.append(f'i{i}.{domain} TXT "v=spf1 " {strings(terms)} " ?all"')
		lines += [f"m{n}.i{i}.{domain} MX {k} h{k}.m{n}.i{i}.{domain}" for n in range(10) for k in range(10)]
	return "\n".join(lines) + f"\n*.{domain} A 192.0.2.99\n"


LONG = " ".join(f"ip4:198.51.100.{n}" for n in range(1, 200))
SENDERS = ("bomb.example", "*.deep.example", "mxbomb.example", "pass.tcp.example", "fail.tcp.example", "from.two.example",
           ROUNDS, f"chain.{ROUNDS}", SHORT)
AUTHORITY_ZONE = "".join([
	# Somebody could answer to the senders.
	"".join(f"{domain} MX 10 {HOST}\n" for domain in SENDERS),
	f"helo.two.example A {CLIENT}\n",
	tree("bomb.example", 3),
	'*.deep.example TXT "v=spf1 ' + " ".join(f"include:{c}.%{{d}}" for c in "abcdefghij") + ' -all"\n',
	mx_bomb("mxbomb.example"),
	f'pass.tcp.example TXT "v=spf1 " {strings(LONG)} " ip4:{CLIENT} -all"\n',
	f'fail.tcp.example TXT "v=spf1 " {strings(LONG)} " -all"\n',
	f'helo.two.example TXT "v=spf1 -all"\nfrom.two.example TXT "v=spf1 ip4:{CLIENT} -all"\n',
	side_by_side(ROUNDS), side_by_side(SHORT),
	f'chain.{ROUNDS} TXT "v=spf1 include:a.chain.{ROUNDS} -all"\n'
	f'a.chain.{ROUNDS} TXT "v=spf1 include:b.chain.{ROUNDS} -all"\n'
	f'b.chain.{ROUNDS} TXT "v=spf1 ip4:{CLIENT} -all"\n',
])


class TimedCounts(Counts):
	"""Keeps what was asked in order, with the time."""

	def __init__(self):
		super().__init__()
		self.asked = []

	def add(self, query, source, listener, tcp):
		super().add(query, source, listener, tcp)
		if query is not None:
			name, kind = zonefile.text_of(query.labels), zonefile.type_name(query.type)
			self.asked.append((time.monotonic(), name, kind))


class Authority(ChaosServer):
	"""The server of the names in DELEGATED."""

	def __init__(self):
		super().__init__(zonefile.parse(AUTHORITY_ZONE, "the authority's zone"), [AUTHORITY])
		self.counts = TimedCounts()

	def asked(self, domain, kind=None):
		"""(time, name, type) of questions at and below a domain."""
		return [one for one in list(self.counts.asked)
		        if (one[1] == domain or one[1].endswith("." + domain)) and kind in (None, one[2])]

	def asked_for_spf(self, domain):
		"""Without the question about the sender's own exchange, which is another check's."""
		return [one for one in self.asked(domain) if one[1:] != (domain, "MX")]

	def wait_asked(self, domain, kind):
		"""Wait until a question has come."""
		end = time.monotonic() + PATIENCE_S
		while not self.asked(domain, kind):
			if time.monotonic() > end:
				raise Failed(f"{domain} {kind} was not asked within {PATIENCE_S} s")
			time.sleep(0.01)


def rounds(questions, round_ms):
	"""How often questions had to wait for answers: what comes within round_ms of the first belongs to its round."""
	first = {}
	for when, name, kind in questions:
		first.setdefault((name, kind), when)  # resolvers ask again what takes long
	count, end = 0, 0.0
	for when in sorted(first.values()):
		if when >= end:
			count, end = count + 1, when + round_ms / 1000
	return count


def spf_fields(fields):
	"""The values of Received-SPF, unfolded."""
	return [" ".join(value.split()) for name, value in fields if name.lower() == "received-spf"]


def expect_field(fields, *words):
	"""One Received-SPF contains all of the words."""
	found = spf_fields(fields)
	expect(any(all(word in value for word in words) for value in found), f"no Received-SPF with {words}: {found}")


# ---- the budget

def bomb(bench, domain):
	"""Mail from a domain whose record is a bomb: permerror, and no more questions than the budget allows."""
	bench.lab.daemon.start(PATIENT)
	fields = bench.send(CLIENT, sender=f"alice@{domain}", helo=HOST.encode())
	expect_field(fields, "permerror", "identity=mailfrom")
	line = bench.verdict()
	expect("spf.permerror" in line.facts, line.raw)
	seen = len(bench.lab.authority.asked_for_spf(domain))
	expect(1 <= seen <= QUERIES_MAX, f"{seen} questions arrived; {QUERIES_MAX} is the budget")
	print(f"# {domain}: {seen} questions arrived at its server, {QUERIES_MAX} are allowed")


def test_bomb_of_includes(bench):
	"""A tree of includes, ten at each knot, 1,111 records."""
	bomb(bench, "bomb.example")


def test_bomb_without_end(bench):
	"""The same by macros, without an end."""
	bomb(bench, "x.deep.example")


def test_bomb_of_exchanges(bench):
	"""Includes of mx terms: 10 x 10 x 10 exchanges."""
	bomb(bench, "mxbomb.example")


def test_budget_of_the_administrator(bench):
	"""spf.queries_max is a limit for what is asked ahead, too."""
	bench.lab.daemon.start(PATIENT + ["spf.queries_max=20"])
	bench.send(CLIENT, sender="alice@y.deep.example", helo=HOST.encode())
	seen = len(bench.lab.authority.asked_for_spf("y.deep.example"))
	expect(1 <= seen <= 20, f"{seen} questions arrived; 20 is the budget")


# ---- the time

def test_side_by_side(bench):
	"""Ten includes side by side are two rounds of questions, not eleven."""
	bench.lab.daemon.start(PATIENT)
	fields = bench.send(CLIENT, sender=f"alice@{ROUNDS}", helo=HOST.encode())
	expect_field(fields, "fail", f"{ROUNDS}", "identity=mailfrom")
	questions = [one for one in bench.lab.authority.asked(ROUNDS, "TXT") if "chain" not in one[1]]
	found = rounds(questions, ROUND_MS)
	print(f"# ten includes side by side: {found} rounds")
	expect(found <= 4, f"{found} rounds: about 2 are right, 11 is one after the other")


def test_nesting(bench):
	"""Waiting is as deep as the record: three records in a row are three rounds."""
	bench.lab.daemon.start(PATIENT)
	bench.send(CLIENT, sender=f"alice@chain.{ROUNDS}", helo=HOST.encode())
	found = rounds(bench.lab.authority.asked(f"chain.{ROUNDS}", "TXT"), ROUND_MS)
	print(f"# three records in a row: {found} rounds")
	expect(found >= 3, f"{found} rounds cannot be: a record names the next")


def test_time_at_20_ms(bench):
	"""Prints how long ten includes take at 20 ms an answer; peers for comparison, where they are installed."""
	bench.lab.daemon.start(PATIENT)
	connection = bench.begin(CLIENT, sender=None, helo=HOST.encode())
	begin = time.monotonic()
	expect_reply(connection.command(f"MAIL FROM:<alice@{SHORT}>"), "250", "MAIL")
	fields = bench.finish(connection)
	questions = bench.lab.authority.asked(SHORT, "TXT")
	expect_field(fields, "fail", f"{SHORT}", "identity=mailfrom")
	took_ms = (time.monotonic() - begin) * 1000
	print(f"# ten includes, {SHORT_MS} ms an answer: {spent(questions)} round trips; {took_ms:.0f} ms in all")
	peer = pyspf()
	if peer:
		bench.lab.authority.counts.asked.clear()
		domain = f"peer.{SHORT}"
		bench.lab.authority.set_zone(zonefile.parse(AUTHORITY_ZONE + side_by_side(domain)))
		subprocess.run([peer, "-c", PYSPF, CLIENT, f"alice@{domain}", HOST], check=True, timeout=120,
		               stdout=subprocess.DEVNULL)
		print(f"# pyspf, the same: {spent(bench.lab.authority.asked(domain, 'TXT'))} round trips")


PYSPF = "import spf, sys; print(spf.check2(*sys.argv[1:]))"


def spent(questions):
	"""Round trips until the answer to the last question."""
	times = [one[0] for one in questions]
	return f"{(max(times) - min(times)) * 1000 / SHORT_MS + 1:.1f}" if times else "no"


def pyspf():
	"""A Python that has the peer, or None."""
	for python in filter(shutil.which, (sys.executable, "/usr/bin/python3")):
		if subprocess.run([python, "-c", "import spf"], check=False, capture_output=True).returncode == 0:
			return python
	return None


# ---- answers over TCP

def over_tcp(bench, overrides):
	"""Records beyond any datagram: their ends count."""
	bench.lab.daemon.start(PATIENT + overrides)
	before = bench.lab.authority.counts.tcp
	fields = bench.send(CLIENT, sender="alice@pass.tcp.example", helo=HOST.encode())
	expect_field(fields, "pass", f'mechanism="ip4:{CLIENT}"')
	fields = bench.send(CLIENT, sender="alice@fail.tcp.example", helo=HOST.encode())
	expect_field(fields, "fail", "mechanism=-all")
	return bench.lab.authority.counts.tcp - before


def test_tcp_forwarding(bench):
	"""Through the resolver."""
	expect(over_tcp(bench, []) >= 2, "nothing was asked over TCP")


def test_tcp_recursing(bench):
	"""And by the daemon's own recursion."""
	expect(over_tcp(bench, ["dns.mode=recurse", f"dns.root_hints={ROOT_HINTS}"]) >= 2, "nothing was asked over TCP")


# ---- two identities

def test_helo_begins_at_helo(bench):
	"""HELO's record is asked for before MAIL is said; both results are in the message."""
	bench.lab.daemon.start(PATIENT + ["spf.points.helo_fail=1.0"])
	connection = bench.begin(CLIENT, sender=None, helo=b"helo.two.example")
	bench.lab.authority.wait_asked("helo.two.example", "TXT")
	expect(not bench.lab.authority.asked("from.two.example"), "MAIL FROM was asked about before it was known")
	expect_reply(connection.command(b"MAIL FROM:<alice@from.two.example>"), "250", "MAIL")
	bench.lab.authority.wait_asked("from.two.example", "TXT")
	fields = bench.finish(connection)
	expect_field(fields, "fail", "identity=helo", "helo=helo.two.example")
	expect_field(fields, "pass", "identity=mailfrom")
	names = [name.lower() for name, _value in fields]
	expect(names.index("received-spf") < names.index("received"), f"order: {names}")
	expect("spf.helo_fail" in bench.verdict().facts, "facts")


def test_null_sender(bench):
	"""A bounce: postmaster at the HELO name, one field with the result."""
	bench.lab.daemon.start(PATIENT)
	connection = bench.begin(CLIENT, sender="", helo=b"from.two.example")
	expect_field(bench.finish(connection), "pass", "identity=mailfrom", "helo=from.two.example")


# ---- the tool, on live DNS

def test_tool_live(bench):
	"""mailreeve-check asks the resolver, and keeps to the same budget."""
	tool = os.environ.get("MAILREEVE_CHECK", "")
	if not tool:
		print("# MAILREEVE_CHECK does not name the tool: not run")
		return
	command = [tool, "--spf", "--json", "--ip", CLIENT, "--helo", HOST, "--from", "alice@z.deep.example"]
	command += ["--resolver", "127.0.0.1"]
	done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
	expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
	found = json.loads(done.stdout)
	expect(found["result"] == "permerror" and found["queries"] <= QUERIES_MAX, str(found))
	seen = len(bench.lab.authority.asked("z.deep.example"))
	expect(1 <= seen <= QUERIES_MAX, f"{seen} questions arrived")


def numbered(test, number):
	"""The test, with Message-IDs of its own."""
	def run(bench):
		bench.count = MESSAGES_MAX * number
		test(bench)
	return run


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]
	words = sys.argv[1:]
	tests = [(name, test) for name, test in tests if not words or any(word in name for word in words)]
	authority = Authority().start()
	with Lab(ROOT_ZONE) as lab:
		lab.authority = authority
		passed = [run_test(lab, name, numbered(test, number)) for number, (name, test) in enumerate(tests)]
	authority.stop()
	print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
	return 0 if passed and all(passed) else 1


if __name__ == "__main__":
	sys.exit(main())
