#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_greeting - reverse greetings behind a real Postfix: mail servers of every kind answer on port 25 of addresses of
their own (smtp_peers.py), and count who comes.

    MAILREEVE=build/mailreeve tests/lab/test_greeting.py [NAME ...]

Output: `ok - NAME` or `not ok - NAME: why`, then the counts; the exit status is 1 when one failed, 77 when this machine
has no room for the laboratory. What was measured is printed as `# ...`; nothing fails because a machine is slow.
"""
import os
import sys
import time
from email.utils import formatdate

import mailreeve
import namespace
from demo_cases import called, listed, named, takes_mail
from lab import TOOLS, Lab
from run_scenarios import authenticate
from smtp_peers import (DOMAIN, INWARD_ADDRESSES, NETWORK, NXDOMAIN, PEERS, SmtpPeers, TWENTY, TWENTY_HOSTS, address_of,
                        look, own_name, zone)
from syslogd import MAIL_LOG
from test_postfix import expect, expect_reply, run_test

CLIENT, HOST = "203.0.113.243", "mail.greet-lab.example.net"
LISTED, LIST = "203.0.113.244", "zen.spamhaus.org"
# A name of twenty addresses and of the client's own, which greets with somebody else's name.
OWN_FIRST, OWN_FRIEND, OWN_PEER, FRIEND_PEER = "own-first.example.com", "own-friend.peers.example", "mismatch", "host7"
TEXT = f"From: Alice <alice@example.net>\r\nTo: bob@example.org\r\nSubject: test\r\nDate: {formatdate()}\r\n\r\nHello.\r\n"
INWARD = {f"inward{number}.{DOMAIN}": address for number, address in enumerate(INWARD_ADDRESSES)}
HOSTS = {peer.name: peer.host for peer in PEERS}
MESSAGE_PATIENCE_S = 40  # a message takes less than a second; what it must not wait for takes PROBE_S
PROBE_S = 60

# What is nothing but normal is in no log line: a rule for each says which it was.
NORMAL = ("no_name", "refused_by_peer", "not_smtp", "silent", "refused", "unreachable", "not_asked")
RULES = "policy.rules=(" + ",".join(
	f'{{ name="{name}"; all=[ "greeting.{name}" ]; none=[ ]; points=0.001; cancels=[ ]; }}' for name in NORMAL) + ")"
FACTS = [RULES, "greeting.points.match=0.001", "greeting.points.same_organisation=0.001"]
TEST_NETWORK = [f'greeting.test_networks=[ "{NETWORK}" ]']
PATIENT = ["wait.rcpt_ms=20000", "wait.eom_ms=20000", "wait.complete_ms=20000", "wait.session_ms=60000"]
# A peer that answers has done so by then, however slow the machine is: "slow" takes two seconds.
STEPS = ["greeting.connect_ms=4000", "greeting.step_ms=8000", "greeting.total_ms=15000"]
FORGET = ["greeting.match_ttl_s=0", "greeting.other_ttl_s=0"]

ROOT_ZONE = named(CLIENT, HOST) + named(LISTED, "host244.example.net") + takes_mail("example.net") + zone() + "".join([
	called(OWN_FIRST, *map(address_of, TWENTY_HOSTS), address_of(HOSTS[OWN_PEER])),
	called(OWN_FRIEND, *map(address_of, TWENTY_HOSTS), address_of(HOSTS[FRIEND_PEER])),
	"".join(called(name, address) for name, address in INWARD.items()),
	listed(LISTED, LIST, "127.0.0.2", "127.0.0.4"),
])

# What must be found of each; of the greeting's facts nothing else.
EXPECTED = {
	"good": ("match", "good.peers.example 192.0.2.129"),
	"slow": ("match", "slow.peers.example 192.0.2.132"),
	"lines": ("match", "lines.peers.example 192.0.2.130"),
	"two-names": ("match", "two-names.peers.example 192.0.2.142"),
	"busy": ("match", "busy.peers.example 192.0.2.149"),
	"host7": ("same_organisation", "relay.peers.example 192.0.2.141"),
	"mismatch": ("mismatch", "mail.example.net 192.0.2.140"),
	"nameless": ("no_name", None), "hostile": ("no_name", None),
	"refusing": ("refused_by_peer", None),
	"silent": ("silent", None), "reset": ("silent", None), "closes": ("silent", None), "trickle": ("silent", None),
	"incomplete": ("silent", None),
	"refused": ("refused", None),
	"blackhole": ("unreachable", None), "unreachable": ("unreachable", None),
	"ssh": ("not_smtp", None), "junk": ("not_smtp", None), "endless": ("not_smtp", None), "endless-line": ("not_smtp", None),
}


def start(bench, *overrides, network=True):
	"""The daemon, which waits as long as the machine is slow, and says every fact."""
	bench.lab.daemon.start(PATIENT + STEPS + FACTS + (TEST_NETWORK if network else []) + list(overrides))


def greeting_of(line):
	"""(fact, detail) of the greeting in a log line; None as detail where a rule says it."""
	facts = [(name[9:], detail) for name, (_points, detail) in line.facts.items() if name.startswith("greeting.")]
	facts += [(name[5:], None) for name in line.facts if name.startswith("rule.")]
	facts += [("unsure", detail) for name, detail in line.unsure.items() if name == "greeting"]
	expect(len(facts) == 1, f"one fact of the greeting expected: {line.raw}")
	return facts[0]


def expect_greeting(bench, fact, detail=None):
	"""The only verdict since the last look says this."""
	line = bench.verdict()
	found = greeting_of(line)
	expect(found[0] == fact and detail in (None, found[1]), f"{fact}({detail}) expected: {line.raw}")


def send(bench, helo, client=CLIENT, **options):
	"""A whole message that is taken."""
	return bench.finish(bench.begin(client, helo=helo.encode(), **options), TEXT)


def expect_nobody_came(bench, *names):
	"""At these peers; and at none of the inward addresses."""
	for name in names:
		seen = bench.peers.peer_connections(name)
		expect(seen == 0, f"{name}: {seen} connections")
	seen = bench.peers.inward_connections()
	expect(seen == 0, f"{seen} connections to inward addresses")


# ---- what each kind of server is taken for

def test_each_kind(bench):
	"""All peers at once, each name said by the host behind it; then the names."""
	start(bench)
	open_ones = {}
	for name in EXPECTED:
		# nobody can talk from where there is no way to
		client = CLIENT if name == "unreachable" else address_of(HOSTS[name])
		open_ones[name] = bench.begin(client, helo=own_name(name).encode())
	for connection in open_ones.values():
		bench.finish(connection, TEXT)
	lines = {line["helo"].strip("<>"): line for line in bench.verdicts()}
	for name, wanted in EXPECTED.items():
		line = lines[own_name(name)]
		found = greeting_of(line)
		expect(found == wanted, f"{name}: {wanted} expected: {line.raw}")
		expect(line["action"] == "accept", line.raw)
	for name in EXPECTED:
		if name not in ("refused", "blackhole", "unreachable"):
			seen = bench.peers.peer_connections(name)
			expect(seen == 1, f"{name}: {seen} connections")
	expect(set(EXPECTED) == {peer.name for peer in PEERS}, "a peer of smtp_peers.py is not in EXPECTED")


def test_names_without_a_server(bench):
	"""No such name, a literal, and no name at all: nobody is asked."""
	start(bench)
	for helo in (NXDOMAIN, f"[{CLIENT}]", "localhost", CLIENT):
		send(bench, helo)
		expect_greeting(bench, "not_asked")


def test_mismatch_can_refuse(bench):
	"""Where the administrator wants it so the verdict at RCPT waits for the slow ones, and says why in words."""
	start(bench, "policy.tag=\"off\"", "policy.reject=1.0")
	peer = address_of(HOSTS["mismatch"])
	with bench.begin(peer, helo=own_name("mismatch").encode()) as connection:
		expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550 5.7.25", "RCPT")
		connection.command(b"QUIT")
	expect_greeting(bench, "mismatch", f"mail.example.net {peer}")
	send(bench, own_name("slow"), address_of(HOSTS["slow"]))
	expect_greeting(bench, "match")


# ---- how we behave

def test_dialogue(bench):
	"""EHLO with the configured name, or the MTA's, and QUIT: nothing else, and QUIT alone after a refusal."""
	told = {}
	for overrides, ehlo in (([], namespace.HOSTNAME), (['greeting.ehlo_name="probe.example.org"'], "probe.example.org")):
		start(bench, *overrides)
		whole = [b"EHLO %s\r\n" % ehlo.encode(), b"QUIT\r\n"]
		for name, words in (("good", whole), ("lines", whole), ("refusing", whole[1:]), ("ssh", []), ("junk", [])):
			told[name] = told.get(name, []) + words
			send(bench, own_name(name))
			wait_until(lambda: len(bench.peers.said(name)) >= len(told[name]))
			expect(bench.peers.said(name) == told[name], f"{name} was told {bench.peers.said(name)}")
		bench.lab.daemon.stop()


def wait_until(condition):
	"""The peer's thread may hear a little later than the verdict is there."""
	end = time.monotonic() + MESSAGE_PATIENCE_S
	while not condition() and time.monotonic() < end:
		time.sleep(0.01)


def test_own_address_first(bench):
	"""Among twenty others the client's own address is asked first; where it says a clear word, alone."""
	start(bench)
	for helo, name, fact, said in ((OWN_FIRST, OWN_PEER, "mismatch", "mail.example.net"),
			(OWN_FRIEND, FRIEND_PEER, "same_organisation", "relay.peers.example")):
		client = address_of(HOSTS[name])
		send(bench, helo, client)
		expect_greeting(bench, fact, f"{said} {client}")
		seen = bench.peers.peer_connections(name)
		expect(seen == 1, f"{name}: {seen} connections")
	expect_nobody_came(bench, TWENTY)


def test_twenty_addresses(bench):
	"""As many are asked as the administrator allows, and what is not known is no mismatch."""
	start(bench)
	send(bench, own_name(TWENTY))
	expect_greeting(bench, "unsure", "more addresses")
	seen = bench.peers.peer_connections(TWENTY)
	expect(seen == 3, f"{seen} connections; greeting.addresses_max is 3")


def test_one_conversation_for_several(bench):
	"""Five clients of one name at a time are one connection."""
	start(bench)
	connections = [bench.begin(address_of(HOSTS["slow"]), helo=own_name("slow").encode()) for _ in range(5)]
	for connection in connections:
		bench.finish(connection, TEXT)
	expect([greeting_of(line)[0] for line in bench.verdicts()] == ["match"] * 5, "facts")
	seen = bench.peers.peer_connections("slow")
	expect(seen == 1, f"{seen} connections")


def test_remembered(bench):
	"""Who was asked once is not asked again, whatever it said: over sessions and messages."""
	start(bench)
	for name, fact in (("good", "match"), ("mismatch", "mismatch"), ("closes", "silent"), ("ssh", "not_smtp"),
			("refusing", "refused_by_peer")):
		for _ in range(3):
			send(bench, own_name(name))
			expect_greeting(bench, fact)
		seen = bench.peers.peer_connections(name)
		expect(seen == 1, f"{name}: {seen} connections for three messages")


def test_hourly_limit(bench):
	"""An address over its limit is asked no more; nor is its network."""
	start(bench, *FORGET, "greeting.address_hour_max=1")
	send(bench, own_name("busy"))
	expect_greeting(bench, "match")
	send(bench, own_name("busy"))
	expect_greeting(bench, "not_asked")
	seen = bench.peers.peer_connections("busy")
	expect(seen == 1, f"busy: {seen} connections; greeting.address_hour_max is 1")
	bench.lab.daemon.stop()
	start(bench, *FORGET, "greeting.net_hour_max=2")
	for name, fact in (("good", "match"), ("lines", "match"), ("mismatch", "not_asked")):
		send(bench, own_name(name))
		expect_greeting(bench, fact)
	expect_nobody_came(bench, "mismatch")


# ---- where nobody goes

def inward(bench, *overrides, network=True):
	"""A client says each of the names that lead inward, and one that leads to all of those places."""
	start(bench, *overrides, network=network)
	for helo in (*INWARD, own_name("inward")):
		send(bench, helo)
		expect_greeting(bench, "not_asked")
	expect_nobody_came(bench)


def test_inward(bench):
	"""Loopback, private, mapped and translated addresses, with test networks and without."""
	inward(bench)
	bench.lab.daemon.stop()
	inward(bench, network=False)
	# the count is no accident: who goes there is counted
	for address in ("127.0.0.1", "10.0.0.1"):
		look(address, MESSAGE_PATIENCE_S)
	wait_until(lambda: bench.peers.inward_connections() == 2)
	expect(bench.peers.inward_connections() == 2, "the listeners do not count")


def test_not_global(bench):
	"""Documentation addresses, as all of the laboratory's, are asked only as test networks; deny_networks go before."""
	start(bench, network=False)
	for name in ("good", "mismatch", TWENTY):
		send(bench, own_name(name))
		expect_greeting(bench, "not_asked")
	bench.lab.daemon.stop()
	denied = f'greeting.deny_networks=[ "{address_of(HOSTS["good"])}", "{address_of(TWENTY_HOSTS[0])}/27" ]'
	start(bench, denied)
	for name in ("good", TWENTY):
		send(bench, own_name(name))
		expect_greeting(bench, "not_asked")
	expect_nobody_came(bench, "good", "mismatch", TWENTY)
	send(bench, own_name("mismatch"))
	expect_greeting(bench, "mismatch")


def test_hello_alone(bench):
	"""Who says EHLO and goes away makes us connect nowhere: two servers that check each other stop at once."""
	start(bench)
	for last in (b"QUIT", b"NOOP", b"RSET"):
		with bench.begin(address_of(HOSTS["good"]), sender=None, helo=own_name("good").encode()) as connection:
			expect_reply(connection.command(last), "2", last.decode())
	send(bench, own_name("lines"), address_of(HOSTS["lines"]))
	expect_greeting(bench, "match")
	expect_nobody_came(bench, "good")
	expect(bench.peers.peer_connections("lines") == 1, "lines")


def test_not_judged(bench):
	"""Exempt networks, exempt senders, and authenticated clients."""
	start(bench, f'exempt.networks=[ "127.0.0.0/8", "{CLIENT}/32" ]', 'exempt.senders=[ "alice@example.net" ]')
	send(bench, own_name("good"))
	send(bench, own_name("lines"), client=address_of(HOSTS["lines"]))
	connection = bench.begin(LISTED, sender=None, helo=own_name("mismatch").encode())
	expect(not authenticate(connection, "frank"), "AUTH failed")
	expect_reply(connection.command(b"MAIL FROM:<frank@example.org>"), "250", "MAIL")
	bench.finish(connection, TEXT)
	decided = [line["decided_by"] for line in bench.verdicts()]
	expect(decided == ["exempt.network", "exempt.sender", "exempt.authenticated"], str(decided))
	send(bench, own_name("busy"), sender="bob@example.net")  # the exempt network's own; then one that is asked
	send(bench, own_name("slow"), client=address_of(HOSTS["slow"]), sender="bob@example.net")
	expect_nobody_came(bench, "good", "lines", "mismatch", "busy")
	expect(bench.peers.peer_connections("slow") == 1, "slow")


def test_skipped_names(bench):
	"""A name, and all names below one."""
	start(bench, f'greeting.skip_names=[ "{OWN_FIRST}", ".{DOMAIN}" ]')
	for helo in (OWN_FIRST, own_name("good"), own_name("mismatch").upper(), OWN_FRIEND + "."):
		send(bench, helo)
		expect_greeting(bench, "not_asked")
	expect_nobody_came(bench, *HOSTS, TWENTY)


def test_decided(bench):
	"""A client that is refused whatever its server says: with the shipped exemptions of recipients."""
	start(bench, "dnsbl.lists=({ name=\"zen\"; zone=\"%s\"; codes=({ code=\"127.0.0.2\"; name=\"sbl\"; points=100.0; }); })"
	      % LIST)
	with bench.begin(LISTED, helo=HOST.encode()) as connection:
		# now the list has answered
		expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550", "RCPT of a listed client")
		for name in ("good", "mismatch", TWENTY):
			expect_reply(connection.command(b"EHLO " + own_name(name).encode()), "250", "EHLO")
			expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
			expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550", "RCPT of a listed client")
		connection.command(b"QUIT")
	expect(len(bench.verdicts()) == 4, "four verdicts")
	send(bench, own_name("lines"))
	expect_greeting(bench, "match")
	expect_nobody_came(bench, "good", "mismatch", TWENTY)


# ---- what the sender sees of it

def test_nobody_waits_long(bench):
	"""A server that is silent for a minute: the sender waits as long as wait.* say."""
	long_ms = PROBE_S * 1000
	probe = [f"greeting.{name}={long_ms}" for name in ("connect_ms", "step_ms", "total_ms")]
	budget = ["wait.rcpt_ms=500", "wait.eom_ms=500", "wait.complete_ms=300"]
	for name, more in (("silent", []), ("trickle", []), ("blackhole", []),
			("silent", ["policy.tag=\"off\"", "policy.reject=1.0"])):
		bench.lab.daemon.start(FACTS + TEST_NETWORK + probe + budget + more)
		begin = time.monotonic()
		send(bench, own_name(name), address_of(HOSTS[name]))
		took_s = time.monotonic() - begin
		print(f"# {name}{' (it could refuse)' if more else ''}, wait.rcpt_ms=500: {took_s:.1f} s for the whole message")
		expect(took_s < MESSAGE_PATIENCE_S, f"{name}: {took_s:.1f} s")
		expect_greeting(bench, "unsure", "timeout")
		bench.lab.daemon.stop()


def test_hostile_banner(bench):
	"""Nothing of it gets anywhere: not into the log, nor into the message."""
	start(bench)
	begin = os.path.getsize(MAIL_LOG)
	octets = b""
	for name in ("hostile", "junk", "ssh", "nameless", "refusing"):
		fields = send(bench, own_name(name), address_of(HOSTS[name]))
		octets += "".join(f"{field}:{value}\n" for field, value in fields).encode("utf-8", "surrogateescape")
	bench.lab.syslogd.sync()
	with open(MAIL_LOG, "rb") as log:
		log.seek(begin)
		octets += log.read()
	expect(len(bench.verdicts()) == 5, "five verdicts")
	for word in (b"evil", b"OpenSSH", b"*" * 15, b"no service"):
		expect(word not in octets, f"{word!r} got through")
	bad = {octet for octet in octets if not (32 <= octet < 127 or octet in b"\t\n")}
	expect(not bad, f"octets {bad}")


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]
	words = sys.argv[1:]
	tests = [(name, test) for name, test in tests if not words or any(word in name for word in words)]
	with Lab(ROOT_ZONE) as lab:
		passed = [run_test(lab, name, with_peers(test)) for name, test in tests]
	print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
	return 0 if passed and all(passed) else 1


def with_peers(test):
	"""The test, with peers that nobody has come to."""
	def run(bench):
		with SmtpPeers() as bench.peers:
			test(bench)
	return run


if __name__ == "__main__":
	sys.exit(main())
