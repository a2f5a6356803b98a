#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_postfix - what only a real Postfix can show: crashes, reloads and drains under open sessions, chroot or not,
sockets of each kind, macros, XCLIENT, SMTPUTF8, recursion from root hints.

    MAILREEVE=build/mailreeve tests/lab/test_postfix.py [NAME ...]

Output: `ok - NAME` or `not ok - NAME: why`, then the counts; the exit status is 1 when one failed, 77 when this machine
has no room for the laboratory.
"""
import os
import signal
import sys
import threading
import time

import mailreeve
import namespace
from demo_cases import called, listed, named, takes_mail
from dns_servers import ROOT_HINTS
from lab import TOOLS, Lab
from mailreeve import SHIPPED
from postfix import MILTER_SOCKET, OPEN_PORT, QUEUE, XCLIENT_PORT, header_fields
from run_scenarios import authenticate

sys.path.insert(0, os.path.join(mailreeve.SRCDIR, "tests", "scenarios"))

from logline import parse_log_line  # noqa: E402  (after the path)

GOOD, GOOD_NAME = "203.0.113.5", "mail.example.net"
LISTED, UNNAMED, SIX = "203.0.113.90", "203.0.113.20", "2001:db8:77::25"
TWO_NAMES = "203.0.113.6"
ZONE = "".join([
	takes_mail("example.net", "xn--bcher-kva.example"),
	called("client.example", GOOD, LISTED, UNNAMED, TWO_NAMES, SIX),
	named(GOOD, GOOD_NAME),
	named(LISTED, "host90.example.com"),
	listed(LISTED, "zen.spamhaus.org", "127.0.0.4"),
	named(SIX, "six.example.com"),
	"6.113.0.203.in-addr.arpa PTR forged.example.net\nforged.example.net A 192.0.2.99\n",
])
PATIENCE_S = 60
SESSIONS = 20


class Failed(Exception):
	"""A test's expectation does not hold."""


def expect(condition, text):
	"""Fail with the text unless the condition holds."""
	if not condition:
		raise Failed(text)


def expect_reply(reply, wanted, what):
	"""The reply must begin with `wanted` ("550 5.7.1")."""
	expect(str(reply).startswith(wanted), f"{what}: expected {wanted}, got {reply}")


class Bench:
	"""The laboratory and the log lines of the running test."""

	count = 0  # messages of all tests: no Message-ID occurs twice

	def __init__(self, lab):
		self.lab = lab
		self.log = lab.log()

	def begin(self, client, sender="alice@example.net", port=25, helo=b"client.example"):
		"""A session after EHLO and MAIL."""
		connection = self.lab.client(client, port)
		expect_reply(connection.reply(), "220", "banner")
		expect_reply(connection.command(b"EHLO " + helo), "250", "EHLO")
		if sender is not None:
			expect_reply(connection.command(f"MAIL FROM:<{sender}>"), "250", "MAIL")
		return connection

	def finish(self, connection, text="Subject: test\r\n\r\nHello.\r\n", rcpt="bob@example.org"):
		"""RCPT to QUIT of a message that is taken; its header fields as delivered."""
		Bench.count += 1
		message_id = f"<postfix-{Bench.count}@lab.example>"
		expect_reply(connection.command(f"RCPT TO:<{rcpt}>"), "250", "RCPT")
		expect_reply(connection.command(b"DATA"), "354", "DATA")
		expect_reply(connection.message(f"Message-ID: {message_id}\r\n{text}".encode()), "250", "message")
		connection.command(b"QUIT")
		connection.close()
		octets = self.lab.postfix.delivered(message_id)
		expect(octets is not None, "the message was not delivered")
		return header_fields(octets)

	def send(self, client, **options):
		"""A whole message that is taken."""
		return self.finish(self.begin(client, **options))

	def refused(self, client, port=25):
		"""A listed client gets 550 at RCPT."""
		with self.begin(client, port=port) as connection:
			expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550 5.7.1", "RCPT of a listed client")
			connection.command(b"QUIT")

	def verdicts(self):
		"""The verdicts logged since the last call; LogLineError when one is malformed."""
		self.lab.syslogd.sync()
		found = [parse_log_line(line) for line in self.log.lines() if " mailreeve[" in line]
		return [line for line in found if line]

	def verdict(self):
		"""The only one."""
		found = self.verdicts()
		expect(len(found) == 1, f"one log line expected, there are {[line.raw for line in found]}")
		return found[0]


# ---- macros and headers

def test_macros_arrive(bench):
	"""The verified name, the queue id, and no name for a client whose name does not lead back."""
	bench.lab.daemon.start()
	fields = bench.send(GOOD)
	line = bench.verdict()
	expect(line["client"] == f"{GOOD_NAME}[{GOOD}]", f"client={line['client']}")
	received = next(value for name, value in fields if name == "Received")
	expect(f"id {line.queue_id}" in received, f"queue id {line.queue_id} is not the one in {received!r}")
	bench.send(TWO_NAMES)
	line = bench.verdict()
	expect(line["client"] == f"unknown[{TWO_NAMES}]" and "rdns.unconfirmed" in line.facts, line.raw)


def test_results_stand_on_top(bench):
	"""Authentication-Results above Postfix's own Received, with Postfix's name as the authserv-id."""
	bench.lab.daemon.start()
	names = [(name.lower(), value) for name, value in bench.send(GOOD)]
	kinds = [name for name, _value in names]
	expect(kinds.index("authentication-results") < kinds.index("received"), f"order: {kinds}")
	value = dict(names)["authentication-results"]
	expect(value.split(";")[0].strip() == namespace.HOSTNAME and "iprev=pass" in value, value)


def test_authenticated(bench):
	"""AUTH through the SASL service: {auth_authen} arrives."""
	bench.lab.daemon.start()
	connection = bench.begin(LISTED, sender=None)
	expect(not authenticate(connection, "frank"), "AUTH failed")
	expect_reply(connection.command(b"MAIL FROM:<frank@example.org>"), "250", "MAIL")
	bench.finish(connection)
	line = bench.verdict()
	expect(line.get("auth", "").strip("<>") == "frank" and line["decided_by"] == "exempt.authenticated", line.raw)


def test_ipv6(bench):
	"""An IPv6 client through Postfix's IPv6 listener."""
	bench.lab.daemon.start()
	bench.send(SIX)
	expect(bench.verdict()["client"] == f"six.example.com[{SIX}]", "client=")


def test_smtputf8(bench):
	"""Internationalised addresses pass; log and headers stay ASCII."""
	bench.lab.daemon.start()
	connection = bench.begin(GOOD, sender=None)
	expect_reply(connection.command("MAIL FROM:<jörg@bücher.example> SMTPUTF8"), "250", "MAIL")
	fields = bench.finish(connection, "Subject: größer\r\n\r\nHallo.\r\n", "böb@example.org")
	line = bench.verdict()
	expect(line["action"] == "accept" and "b" in line["from"], line.raw)
	added = [value for name, value in fields if name.lower().startswith(("x-spam", "authentication-results"))]
	expect(added and all(value.isascii() for value in added), str(added))


def test_xclient(bench):
	"""XCLIENT begins a second filter session, about the other client."""
	bench.lab.daemon.start()
	with bench.begin(GOOD, sender=None, port=XCLIENT_PORT) as connection:
		expect_reply(connection.command(f"XCLIENT ADDR={LISTED} NAME=host90.example.com"), "220", "XCLIENT")
		expect_reply(connection.command(b"EHLO client.example"), "250", "EHLO")
		expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
		expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550 5.7.1", "RCPT")
		connection.command(b"QUIT")
	expect(f"[{LISTED}]" in bench.verdict()["client"], "client=")


def test_refused_by_postfix(bench):
	"""A recipient that Postfix refuses does not disturb the next one."""
	bench.lab.daemon.start()
	connection = bench.begin(GOOD)
	expect_reply(connection.command(b"RCPT TO:<someone@elsewhere.example>"), "554 5.7.1", "RCPT elsewhere")
	bench.finish(connection)
	expect(bench.verdicts()[-1]["to"] == "<bob@example.org>", "to=")


def test_thousand_recipients(bench):
	"""A thousand recipients, and a message of some size."""
	bench.lab.daemon.start()
	connection = bench.begin(GOOD)
	for number in range(999):
		expect_reply(connection.command(f"RCPT TO:<user{number}@example.org>"), "250", f"RCPT {number}")
	bench.finish(connection, "Subject: to all\r\n\r\n" + ("x" * 70 + "\r\n") * 20000)
	expect(bench.verdict()["nrcpt"] == "1000", "nrcpt=")


def test_long_header_fields(bench):
	"""A field longer than Postfix keeps of one (60,000 octets) is cut by Postfix, and no session ends of it."""
	bench.lab.daemon.start()
	for octets in (59000, 65530, 66000, 102000):
		names = [f" user{number}@example.org" for number in range(octets // 22)]
		field = "To: bob@example.org,\r\n" + ",\r\n".join(names)
		connection = bench.begin(GOOD)
		fields = bench.finish(connection, f"{field[:octets]}\r\nSubject: to all\r\n\r\nHello.\r\n")
		length = next(len(value) for name, value in fields if name == "To")
		expect(length > min(octets, 60000) * 0.9, f"{octets} octets, delivered: {length}")
		expect(bench.verdict()["action"] == "accept", "action=")


# ---- ways to be attached

def test_not_chrooted(bench):
	"""smtpd outside of the chroot finds the same relative socket."""
	lab = bench.lab
	lab.daemon.start()
	with_postfix(lab, chroot=False, check=lambda: (bench.refused(LISTED), bench.send(GOOD)))
	expect([line["action"] for line in bench.verdicts()] == ["reject", "accept"], "actions")


def test_absolute_socket(bench):
	"""Not chrooted, with the absolute path."""
	lab = bench.lab
	lab.daemon.start()
	milter = f"unix:{QUEUE}/mailreeve/mailreeve.sock"
	with_postfix(lab, chroot=False, milter=milter, check=lambda: bench.refused(LISTED))


def test_inet_socket(bench):
	"""An inet socket."""
	bench.lab.daemon.start(socket_option="inet:8895@127.0.0.1")
	with_postfix(bench.lab, milter="inet:127.0.0.1:8895", check=lambda: (bench.refused(LISTED), bench.send(GOOD)))


def test_inet6_socket(bench):
	"""An inet6 socket."""
	bench.lab.daemon.start(socket_option="inet6:8895@::1")
	with_postfix(bench.lab, milter="inet:[::1]:8895", check=lambda: (bench.refused(LISTED), bench.send(GOOD)))


def with_postfix(lab, check, milter=MILTER_SOCKET, chroot=True):
	"""Run `check` with another Postfix configuration."""
	postfix = lab.postfix
	postfix.milter, postfix.chroot = milter, chroot
	postfix.restart()
	try:
		check()
	finally:
		postfix.milter, postfix.chroot = MILTER_SOCKET, True
		postfix.restart()


def test_serves_as_its_own_user(bench):
	"""The worker is no root and has no groups of root's."""
	bench.lab.daemon.start()
	uid, gid = namespace.ids_of(namespace.DAEMON_USER)
	for worker in bench.lab.daemon.workers():
		with open(f"/proc/{worker}/status", encoding="ascii") as file:
			status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
		expect(set(status["Uid"].split()) == {str(uid)}, f"user {status['Uid']}")
		expect(set(status["Gid"].split()) == {str(gid)}, f"group {status['Gid']}")
		expect("0" not in status["Groups"].split(), f"groups {status['Groups']}")
	bench.refused(LISTED)


# ---- crash, reload, drain

def test_daemon_killed(bench):
	"""Postfix defers the session that had it; when it is back the next connection works."""
	bench.lab.daemon.start()
	connection = bench.begin(GOOD)
	bench.lab.daemon.kill()
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "451", "RCPT after the crash")
	with bench.lab.client(GOOD) as other:
		other.reply()
		other.command(b"EHLO client.example")
		expect_reply(other.command(b"MAIL FROM:<alice@example.net>"), "451", "MAIL without a daemon")
	bench.lab.daemon.start()
	connection.close()
	bench.send(GOOD)


def test_default_action_accept(bench):
	"""With milter_default_action=accept mail flows without it."""
	bench.lab.daemon.start()
	bench.lab.daemon.kill()
	bench.send(LISTED, port=OPEN_PORT)
	expect(not bench.verdicts(), "there are verdicts")


def test_worker_killed(bench):
	"""The supervisor has a new worker on the same socket at once."""
	bench.lab.daemon.start()
	connection = bench.begin(GOOD)
	for worker in bench.lab.daemon.workers():
		os.kill(worker, signal.SIGKILL)
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "451", "RCPT after the crash")
	connection.close()
	bench.refused(LISTED)
	bench.send(GOOD)


def shipped_with(old, new):
	"""The shipped configuration with one line changed."""
	with open(SHIPPED, encoding="utf-8") as file:
		text = file.read()
	expect(old in text, f"the shipped configuration has no {old!r}")
	return text.replace(old, new)


def test_reload_under_open_session(bench):
	"""An open session is judged by the configuration it began with; the next by the new one."""
	bench.lab.daemon.start()
	connection = bench.begin(LISTED)
	bench.lab.daemon.reload(shipped_with('mode = "enforce"', 'mode = "monitor"'))
	bench.send(LISTED)
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "550 5.7.1", "RCPT of the old session")
	connection.command(b"QUIT")
	connection.close()
	*new, old = bench.verdicts()
	expect(old["action"] == "reject" and "would" not in old.fields, old.raw)
	for line in new:
		expect((line["action"], line["would"]) == ("accept", "reject") and line["cfg"] != old["cfg"], line.raw)


def test_reload_of_a_broken_file(bench):
	"""A configuration with an error changes nothing; the log names the option."""
	bench.lab.daemon.start()
	bench.lab.daemon.reload(shipped_with('mode = "enforce"', 'mood = "enforce"'), says="mood")
	bench.refused(LISTED)


def test_sigterm_drains(bench):
	"""SIGTERM: the running session finishes, then the daemon ends with 0."""
	daemon = bench.lab.daemon.start()
	connection = bench.begin(GOOD)
	daemon.process.send_signal(signal.SIGTERM)
	time.sleep(0.3)
	bench.finish(connection)
	expect(daemon.process.wait(PATIENCE_S) == 0, f"exit status {daemon.process.returncode}")
	expect(bench.verdict()["action"] == "accept", "action=")


def test_many_at_once(bench):
	"""Sessions at the same time, each with its own verdict."""
	bench.lab.daemon.start()
	wrong = []

	def one(number):
		try:
			bench.refused(LISTED) if number % 2 else bench.begin(GOOD).close()
		except (Failed, OSError) as error:
			wrong.append(str(error))

	threads = [threading.Thread(target=one, args=(number,)) for number in range(SESSIONS)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(PATIENCE_S)
	expect(not wrong, "; ".join(wrong))
	expect(len(bench.verdicts()) == SESSIONS // 2, "verdicts")


# ---- DNS

def test_recursion(bench):
	"""Without a resolver: from the root hints to the lists, documentation addresses included."""
	bench.lab.daemon.start(["dns.mode=recurse", f"dns.root_hints={ROOT_HINTS}"])
	bench.refused(LISTED)
	fields = bench.send(GOOD)
	expect(any("iprev=pass" in value for _name, value in fields), str(fields))
	bench.send(UNNAMED)
	expect("rdns.none" in bench.verdicts()[-1].facts, "no PTR")


# ---- running them

def run_test(lab, name, test):
	"""Run one; did it pass?"""
	bench = Bench(lab)
	why = ""
	try:
		test(bench)
	except Exception as error:  # a test may fail in any way; the next one runs all the same
		why = f"{type(error).__name__}: {error}"
	try:
		lab.daemon.stop()
	except RuntimeError as error:
		why = why or str(error)
	print(f"not ok - {name}: {why}" if why else f"ok - {name}", flush=True)
	return not why


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]
	tests = [(name, test) for name, test in tests if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
	without = [name for name, _test in tests if "6" in name] if not namespace.has_ipv6() else []
	for name in without:
		print(f"ok - {name} # SKIP there is no IPv6 here")
	with Lab(ZONE) as lab:
		passed = [run_test(lab, name, test) for name, test in tests if name not in without]
	skipped = f", {len(without)} skipped" if without else ""
	print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed{skipped}")
	return 0 if passed and all(passed) else 1


if __name__ == "__main__":
	sys.exit(main())
