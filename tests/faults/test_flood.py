#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_flood - very many of everything: memory and threads stay bounded, and others are served meanwhile.

    MAILREEVE=build/mailreeve [FLOOD_OCTETS=1000000] tests/faults/test_flood.py [NAME ...]

The figures are printed. What is asserted is generous: that a flood costs what it must, not that a machine is fast.
"""
import resource
import sys
import time

from faultlab import expect, option, run_tests, tests_of, wait_until
import smfi
from daemon import Daemon, sanitized
from dkim_signer import Key
from flood import HEADERS, Bystander
from test_protocol import NAMED, ZONE, started

IDLE_SESSIONS = option("FLOOD_SESSIONS", 5000)
CONNECTS_A_SECOND, CONNECT_SECONDS = 2000, 4
MESSAGES = option("FLOOD_MESSAGES", 10000)
FIELDS = 100000
FIELD_OCTETS = 1 << 20
LARGE_OCTETS = 900000      # with its name and what stands around it, still a packet that is taken
BODY_OCTETS = option("FLOOD_BODY", 200 << 20)
SINGLE_OCTETS = option("FLOOD_OCTETS", 2000000)  # 200 MB of them take minutes
SIGNATURES = 1000
RECIPIENTS = 1000
FLOOD_S = 1.5
LATENCY_S = 5.0
SESSION_KB = 64           # of an idle session
MESSAGE_KB = 32 * 1024    # of one message, however large
THREADS = 64
THREADS_CONNECTING = 1024  # libmilter starts one for a connection when all that it has are busy


def flooded(flood, grown_kb=MESSAGE_KB, threads=THREADS, zone=ZONE):
	"""Run `flood(daemon)` beside a bystander, again and again until he has seen something; its words and the
	bystander's."""
	with Daemon([], zone) as daemon:
		with Bystander(daemon) as bystander:
			begin, times, took = time.monotonic(), 0, 0.0
			while took < FLOOD_S:
				note, times = flood(daemon), times + 1
				took = time.monotonic() - begin
		expect(bystander.grown_kb < grown_kb or sanitized(daemon.worker()), f"memory grew by {bystander.grown_kb} kB")
		expect(bystander.threads < threads, f"{bystander.threads} threads")
		expect(bystander.p99_s < LATENCY_S, f"others' messages: {bystander.words()}")
		return f"{times} times {note} in {took:.1f} s; {bystander.words()}"


def test_idle_sessions():
	def flood(daemon):
		sessions = [started(daemon) for _number in range(IDLE_SESSIONS)]
		time.sleep(1)
		expect(sessions[0].message(headers=HEADERS).accepted and sessions[-1].message(headers=HEADERS).accepted,
		       "one of the idle sessions was refused")
		for session in sessions:
			session.quit()
		return f"{len(sessions)} sessions"
	return flooded(flood, IDLE_SESSIONS * SESSION_KB, THREADS_CONNECTING)


def test_connects_with_nothing_after():
	"""Each stays open for a second."""
	def flood(daemon):
		sessions, begin, due = [], time.monotonic(), CONNECTS_A_SECOND * CONNECT_SECONDS
		while len(sessions) < due:
			sessions.append(daemon.session())
			if len(sessions) > CONNECTS_A_SECOND:
				sessions[-1 - CONNECTS_A_SECOND].close()
			ahead = len(sessions) / CONNECTS_A_SECOND - (time.monotonic() - begin)
			if ahead > 0.01:
				time.sleep(ahead)
		rate = due / (time.monotonic() - begin)
		for session in sessions:
			session.close()
		return f"{due} connects, {rate:.0f} a second"
	return flooded(flood, CONNECTS_A_SECOND * SESSION_KB, THREADS_CONNECTING)


def test_messages_in_one_session():
	packets = [(smfi.MAIL, b"<alice@example.net>\0"), (smfi.RCPT, b"<bob@example.org>\0")]
	packets += [(smfi.HEADER, f"{name}\0{value}\0".encode()) for name, value in HEADERS]
	packets += [(smfi.EOH, b""), (smfi.BODY, b"Hello.\r\n"), (smfi.MACRO, smfi.BODYEOB + b"i\0ABC123\0"), (smfi.BODYEOB, b"")]
	octets = b"".join(smfi.packet(*one) for one in packets)

	def flood(daemon):
		with started(daemon) as session:
			expect(session.wants(smfi.P_NR_BODY), "the body is answered")
			for number in range(MESSAGES):
				session.send_raw(octets)
				kinds = [session.reply().kind for _reply in range(3)]
				expect(set(kinds) <= {"continue", "accept"}, f"message {number}: {kinds}")
			session.quit()
		verdicts = sum(line.startswith("mailreeve") and " ABC123: sid=" in line for line in daemon.log_lines())
		expect(verdicts % MESSAGES == 0 and verdicts, f"{verdicts} verdicts for {MESSAGES} messages")
		return f"{MESSAGES} messages"
	return flooded(flood)


def in_a_message(daemon, fill, address=NAMED):
	"""A message whose header or body `fill(session)` sends; its reply."""
	with started(daemon, address) as session:
		session.mail("<alice@example.net>")
		session.rcpt("<bob@example.org>")
		for field in HEADERS:
			session.header(*field)
		fill(session)
		reply = session.eom()
		expect(reply.kind in ("continue", "accept"), f"refused: {reply}")
		session.quit()


def test_many_header_fields():
	def fill(session):
		expect(session.wants(smfi.P_NR_HDR), "header fields are answered")
		for name in ("X-Filler", "Authentication-Results", "Received", "Subject"):
			octets = smfi.packet(smfi.HEADER, name.encode() + b"\0 mx.example.org; spf=pass\0")
			session.send_raw(octets * (FIELDS // 4))
		session.eoh()

	def flood(daemon):
		in_a_message(daemon, fill)
		return f"{FIELDS} header fields"
	return flooded(flood)


def test_large_header_field():
	"""A field that is larger than any MTA lets it be goes through; one of a megabyte ends its session, and no other."""
	def flood(daemon):
		for octets in (65000, 200000, FIELD_OCTETS):
			with started(daemon) as session:
				session.mail("<alice@example.net>")
				session.rcpt("<bob@example.org>")
				try:
					session.header("Subject", " " + "x" * octets)
					session.eoh()
					kind = session.eom().kind
				except (smfi.Closed, OSError) as error:
					kind = type(error).__name__
				expect(kind in ("continue", "accept") or octets == FIELD_OCTETS and kind != "TimeoutError", f"{octets} octets: {kind}")
		return f"a field of {FIELD_OCTETS} octets: {kind}"
	return flooded(flood)


# What each parser walks over: comments and quotes that never end, words, addresses, tags, white space, escapes.
FILLERS = ("(", '"', "<", "=?utf-8?q?", "a@b.example,", "a=b;", " \t", "\\", "\x7f")
PARSED = ("Subject", "From", "Sender", "Resent-From", "DKIM-Signature", "Authentication-Results", "Received", "Date",
          "Message-ID", "Content-Type", "List-Unsubscribe", "X-Spam-Flag")


def test_large_field_of_every_kind():
	"""Each field that is parsed, as long as a packet may be, full of what makes its parser work: all are answered."""
	def flood(daemon):
		slowest = 0, "", ""
		for name in PARSED:
			for filler in FILLERS:
				begin = time.monotonic()
				with started(daemon) as session:
					session.mail("<alice@example.net>")
					session.rcpt("<bob@example.org>")
					session.header(name, (" " + filler * (LARGE_OCTETS // len(filler) + 1))[:LARGE_OCTETS])
					session.eoh()
					kind = session.eom().kind
				expect(kind in ("continue", "accept"), f"{name} full of {filler!r}: {kind}")
				slowest = max(slowest, (time.monotonic() - begin, name, filler))
		return f"{len(PARSED)} fields, {len(FILLERS)} fillers; the slowest {slowest[1]} of {slowest[2]!r}, {slowest[0] * 1000:.0f} ms;"
	return flooded(flood)


KEY = Key("rsa")
KEYS = KEY.record("*.sig.example")


def signature():
	"""The value of a signature field, over a body that does not come; its key is in the zone."""
	octets = KEY.sign(b"From: Alice <alice@example.net>\r\n\r\nNot this.\r\n", "d.sig.example", "s", names=("from",))
	return octets.partition(b":")[2].partition(b"\r\nFrom:")[0].replace(b"\r\n", b"\n").decode()


def test_large_body():
	"""In pieces of 64 KB, with a signature, so that all of it is hashed."""
	field = signature()

	def fill(session):
		session.header("DKIM-Signature", field)
		session.eoh()
		piece = smfi.packet(smfi.BODY, (b"x" * 76 + b"\r\n") * (smfi.CHUNK_OCTETS // 78))
		expect(session.wants(smfi.P_NR_BODY), "the body is answered")
		for _turn in range(BODY_OCTETS // len(piece)):
			session.send_raw(piece)

	def flood(daemon):
		in_a_message(daemon, fill)
		return f"a body of {BODY_OCTETS >> 20} MB"
	return flooded(flood, zone=ZONE + KEYS)


def test_body_of_single_octets():
	field = signature()

	def fill(session):
		session.header("DKIM-Signature", field)
		session.eoh()
		piece, at_once = smfi.packet(smfi.BODY, b"x"), 500
		for _turn in range(SINGLE_OCTETS // at_once):
			session.send_raw(piece * at_once)

	def flood(daemon):
		in_a_message(daemon, fill)
		return f"{SINGLE_OCTETS} pieces of one octet"
	return flooded(flood, zone=ZONE + KEYS)


def test_many_signatures():
	"""Of as many domains, each with a key; the body is another one."""
	one = signature()
	fields = [one.replace("d=d.", f"d=d{number}.") for number in range(SIGNATURES)]

	def fill(session):
		for field in fields:
			session.header("DKIM-Signature", field)
		session.eoh()
		session.body(b"Hello.\r\n")

	def flood(daemon):
		in_a_message(daemon, fill)
		return f"{SIGNATURES} signatures"
	return flooded(flood, zone=ZONE + KEYS)


def test_many_recipients():
	def flood(daemon):
		with started(daemon) as session:
			recipients = [f"<user{number}@example.org>" for number in range(RECIPIENTS)]
			delivered = session.message(recipients=recipients, headers=HEADERS)
			expect(delivered.accepted, f"refused: {delivered.reply}")
			session.quit()
		wait_until(lambda: any(line.get("nrcpt") == str(RECIPIENTS) for line in daemon.verdicts()), "the verdict")
		return f"{RECIPIENTS} recipients"
	return flooded(flood)


if __name__ == "__main__":
	_soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
	resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
	sys.exit(run_tests(tests_of(globals())))
