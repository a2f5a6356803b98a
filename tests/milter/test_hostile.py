# SPDX-License-Identifier: BSD-2-Clause
"""test_hostile - packets that no MTA sends and contents that only an enemy sends: the daemon survives, other sessions
go on, the log stays clean.

    MAILREEVE=build/mailreeve python3 tests/milter/test_hostile.py [-v] [part of a name ...]

The socket belongs to the MTA, so broken packets are a matter of sturdiness. What is inside them comes from strangers.
"""
import random
import socket
import struct
import sys

import smfi
from daemon import Daemon, resident_kb, sanitized
from runner import run_tests
from smfi import Closed
from test_protocol import HEADERS, NAMED, ZONE, check_serves, go_to, started

NEGOTIATE = smfi.packet(smfi.OPTNEG, struct.pack("!III", 6, smfi.ALL_ACTIONS, smfi.ALL_PROTOCOL))
CONNECT = smfi.packet(smfi.CONNECT, b"named.example.net\0004" + struct.pack("!H", 4000) + NAMED.encode() + b"\0")
HELO = smfi.packet(smfi.HELO, b"named.example.net\0")
MAIL = smfi.packet(smfi.MAIL, b"<alice@example.net>\0")
RCPT = smfi.packet(smfi.RCPT, b"<bob@example.org>\0")
ALL_OCTETS = bytes(range(1, 256))

BROKEN = {
	"zero length": b"\0\0\0\0",
	"huge length": b"\xff\xff\xff\xff" + b"O",
	"length of 2 GB": b"\x7f\xff\xff\xff" + b"O" * 100,
	"length of 1 MB": struct.pack("!I", 1 << 20) + b"O" * 100,
	"truncated length": b"\0\0",
	"truncated packet": struct.pack("!I", 13) + b"O\0\0",
	"no negotiation": CONNECT + HELO + MAIL,
	"short negotiation": smfi.packet(smfi.OPTNEG, b"\0\0\0\6"),
	"version 0": smfi.packet(smfi.OPTNEG, struct.pack("!III", 0, 0, 0)),
	"version 4294967295": smfi.packet(smfi.OPTNEG, struct.pack("!III", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)),
	"two negotiations": NEGOTIATE * 2,
	"HTTP": b"GET / HTTP/1.0\r\n\r\n",
	"TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200,
	"unknown commands": NEGOTIATE + b"".join(smfi.packet(bytes([c])) for c in range(256)
	if bytes([c]) not in b"ABCDEHKLMNOQRTU"),
	"connect without NUL": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name"),
	"connect without family": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0"),
	"connect with unknown family": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0Z\0\0addr\0"),
	"connect without port": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0004\1"),
	"connect with bad address": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0004\0\x01999.999.999.999\0"),
	"connect with bad IPv6": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0006\0\x01IPv6:::::\0"),
	"connect without address NUL": NEGOTIATE + smfi.packet(smfi.CONNECT, b"name\0004\0\x01192.0.2.1"),
	"empty connect": NEGOTIATE + smfi.packet(smfi.CONNECT),
	"empty HELO": NEGOTIATE + CONNECT + smfi.packet(smfi.HELO),
	"HELO without NUL": NEGOTIATE + CONNECT + smfi.packet(smfi.HELO, b"x"),
	"empty MAIL": NEGOTIATE + CONNECT + HELO + smfi.packet(smfi.MAIL),
	"MAIL without NUL": NEGOTIATE + CONNECT + HELO + smfi.packet(smfi.MAIL, b"<a@example.net>"),
	"MAIL of NULs": NEGOTIATE + CONNECT + HELO + smfi.packet(smfi.MAIL, b"\0" * 1000),
	"empty RCPT": NEGOTIATE + CONNECT + HELO + MAIL + smfi.packet(smfi.RCPT),
	"RCPT without MAIL": NEGOTIATE + CONNECT + HELO + RCPT,
	"RCPT before connect": NEGOTIATE + RCPT,
	"end without message": NEGOTIATE + CONNECT + HELO + smfi.packet(smfi.BODYEOB),
	"end before connect": NEGOTIATE + smfi.packet(smfi.BODYEOB),
	"headers before MAIL": NEGOTIATE + CONNECT + smfi.packet(smfi.HEADER, b"A\0b\0") + smfi.packet(smfi.EOH),
	"header without value": NEGOTIATE + CONNECT + HELO + MAIL + RCPT + smfi.packet(smfi.HEADER, b"Subject\0"),
	"header without NUL": NEGOTIATE + CONNECT + HELO + MAIL + RCPT + smfi.packet(smfi.HEADER, b"Subject"),
	"empty header": NEGOTIATE + CONNECT + HELO + MAIL + RCPT + smfi.packet(smfi.HEADER),
	"macros without stage": NEGOTIATE + smfi.packet(smfi.MACRO),
	"macros of unknown stage": NEGOTIATE + smfi.packet(smfi.MACRO, b"?j\0x\0"),
	# Not here: an odd number of macros. libmilter itself reads beyond its array then; the MTA is trusted that far.
	"empty macro names": NEGOTIATE + smfi.packet(smfi.MACRO, b"C\0\0\0\0") + CONNECT,
	"quit_nc first": smfi.packet(smfi.QUIT_NC) + NEGOTIATE,
	"quit_nc and no connect": NEGOTIATE + CONNECT + smfi.packet(smfi.QUIT_NC) + HELO + MAIL + RCPT,
	"connect twice": NEGOTIATE + CONNECT + CONNECT + HELO + HELO + MAIL + MAIL + RCPT + MAIL + RCPT,
	"abort storm": NEGOTIATE + CONNECT + HELO + smfi.packet(smfi.ABORT) * 200 + MAIL + smfi.packet(smfi.ABORT) * 3,
}


def throw(daemon, data):
	"""Send octets, half-close, read until the daemon closes (it must, or answer and wait: then we close)."""
	with daemon.session(timeout=3) as session:
		try:
			session.send_raw(data)
			session.sock.shutdown(socket.SHUT_WR)
			while session.sock.recv(65536):
				pass
		except (Closed, OSError):
			pass


def survives(daemon, worker):
	"""Same worker, and it serves."""
	check_serves(daemon)
	assert daemon.workers() == [worker], f"the worker died:\n{daemon.log_text()[-2000:]}"


def test_broken_packets():
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		with started(daemon) as bystander:
			for name, data in BROKEN.items():
				throw(daemon, data)
				assert daemon.workers() == [worker], f"{name}: the worker died:\n{daemon.log_text()[-2000:]}"
			assert bystander.message(headers=HEADERS).accepted, "a session that had begun before"
			bystander.quit()
		survives(daemon, worker)
		return f"{len(BROKEN)} kinds"


def test_every_cut_of_a_conversation():
	"""The whole conversation, cut behind every octet of it (in steps that are coprime to the packets)."""
	whole = NEGOTIATE + smfi.packet(smfi.MACRO, b"Cj\0mx.example.org\0") + CONNECT + HELO + MAIL + RCPT
	whole += smfi.packet(smfi.HEADER, b"Subject\0 x\0") + smfi.packet(smfi.EOH) + smfi.packet(smfi.BODYEOB)
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		for end in range(1, len(whole), 3):
			throw(daemon, whole[:end])
		survives(daemon, worker)
		return f"{len(range(1, len(whole), 3))} cuts"


def test_random_damage():
	"""A conversation with random octets changed; the seed is fixed. No macros: see BROKEN."""
	chance = random.Random(20261120)
	changes = [octet for octet in range(256) if octet != smfi.MACRO[0]]
	whole = NEGOTIATE + CONNECT + HELO + MAIL + RCPT
	whole += b"".join(smfi.packet(smfi.HEADER, b"Authentication-Results\0 mx.example.org; a=b\0") for _n in range(3))
	whole += smfi.packet(smfi.EOH) + smfi.packet(smfi.BODYEOB) + smfi.packet(smfi.QUIT)
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		for _turn in range(300):
			data = bytearray(whole)
			for _change in range(chance.randint(1, 8)):
				data[chance.randrange(len(data))] = chance.choice(changes)
			throw(daemon, bytes(data))
		survives(daemon, worker)
		for line in daemon.log_lines():
			assert all(" " <= c <= "~" for c in line), f"not clean: {line!r}"


def hostile_texts():
	"""Texts for every place where a stranger's text may stand (no NUL: it ends a text)."""
	yield ALL_OCTETS
	yield b"\n: sid=x v=1 action=reject"
	yield b'" action=reject facts="'
	yield b"%s%n%s%n%1000000s"
	yield b"\xff" * 65000
	yield b"A" * 65000
	yield b"(" * 30000 + b")" * 30000
	yield b'"' + b"\\" * 60000
	yield b"<@" + b"a," * 20000 + b":x@y>"
	yield b"<" + b"a" * 60000 + b"@" + b"b." * 2000 + b"example>"
	yield b"." * 60000
	yield b"xn--" + b"a-" * 20000
	yield b"\xc2\x9b2J\x1b[2J\x1b]0;x\x07"
	yield b""


def test_hostile_texts_everywhere():
	"""Each text in each place: macros, client name, HELO, sender, recipient, header names and values."""
	with Daemon(["rdns.points.none=2.0"], ZONE) as daemon:
		worker = daemon.worker()
		count = 0
		for text in hostile_texts():
			count += 1
			with daemon.session() as session:
				for name in ("{client_name}", "{client_ptr}", "{client_resolve}", "{client_port}", "{daemon_name}",
						"j", "v",
							 "{tls_version}", "{auth_type}", "{rcpt_addr}", "{mail_addr}"):
					session.values[name] = text[:65000 // 11]
				session.negotiate()
				session.connect(text[:60000], "203.0.113.80", macros={"{client_name}": text[:5000],
						"{client_ptr}": text[:5000],
																	  "{client_resolve}": text[:5000],
																	  "{client_port}": text[:5000]})
				session.helo(text)
				session.mail(text, text[:100], macros={"{auth_authen}": None, "{mail_addr}": text[:5000]})
				session.rcpt(text, macros={"{rcpt_addr}": text[:5000]})
				session.rcpt(b"<bob@example.org>")
				session.values["i"] = text[:5000] or "Q"
				delivered = session.content([(text[:200].replace(b":", b"") or b"X", text), (b"Authentication-Results",
						text),
											 (b"X-Spam-Flag", text)], b"body\r\n")
				assert delivered.reply.kind in ("continue", "accept"), delivered.reply
				assert not delivered.trouble, delivered.trouble[:1]
				session.quit()
		survives(daemon, worker)
		lines = daemon.wait_verdicts(count)
		assert len(lines) == count + 1, f"{len(lines)} verdicts for {count + 1} messages"
		for line in daemon.log_lines():
			assert len(line) <= 8192 and all(" " <= c <= "~" for c in line), f"not clean: {line[:300]!r}"


def test_macro_authserv_id_hostile():
	"""The MTA's name is the administrator's, but what we write must be clean whatever it is."""
	with Daemon([], ZONE) as daemon:
		for name in (b"mx\r\nX-Evil: 1", b"mx; spf=pass", b"(mx", b'"mx', b"m\xffx", b"a" * 5000, b" "):
			with daemon.session(macros={"j": name}) as session:
				session.start("named.example.net", NAMED)
				delivered = session.message(headers=HEADERS)
				assert delivered.accepted and not delivered.trouble, (name, delivered.trouble)
				session.quit()


def test_nul_in_texts():
	"""NUL inside a field's value ends it for libmilter; nothing behind it may be taken for another text."""
	with Daemon([], ZONE) as daemon, started(daemon) as session:
		session.mail("<alice@example.net>")
		session.rcpt("<bob@example.org>")
		session.header(b"Subject", b" a\0Authentication-Results\0 mx.example.org; spf=pass")
		session.eoh()
		assert session.eom().kind in ("continue", "accept")
		session.quit()
		check_serves(daemon)


def test_large_headers():
	"""Fields of 64 KB, and folded ones of a thousand lines; the forged results among them still go."""
	big = b" mx.example.org; " + b"x" * 64000
	folded = b" mx.example.org;" + b"\n\tspf=pass" * 6000
	headers = [(b"X-Big", b" " + b"y" * 65000), (b"Authentication-Results", big), (b"Authentication-Results", folded),
			   (b"Authentication-Results", b" other.example.com; none")]
	with Daemon(["headers.authserv_id=mx.example.org"], ZONE) as daemon, started(daemon) as session:
		delivered = session.message(headers=headers)
		assert delivered.accepted and not delivered.trouble, delivered.trouble
		values = delivered.values("Authentication-Results")
		assert len(values) == 2 and "iprev" in values[0] and "other" in values[1], [value[:80] for value in values]
		session.quit()


def test_many_forged_results():
	"""More Authentication-Results than are looked at: those beyond are removed, never believed."""
	headers = [("Authentication-Results", f" {'mx.example.org' if number % 2 else 'other.example.com'}; spf=pass")
			for number in range(4300)]
	for mta in ("postfix", "sendmail"):
		with Daemon(["headers.authserv_id=mx.example.org"], ZONE) as daemon, started(daemon, mta=mta) as session:
			delivered = session.message(headers=headers)
			assert delivered.accepted and not delivered.trouble, delivered.trouble[:1]
			ours = [value for value in delivered.values("Authentication-Results") if value.startswith("mx.example.org")]
			assert len(ours) == 1 and "iprev=pass" in ours[0], len(ours)
			session.quit()


def grow(daemon, fill, rounds):
	"""Resident memory after each round of `fill(session)` in one session."""
	worker, sizes = daemon.worker(), []
	with started(daemon) as session:
		for _turn in range(rounds):
			fill(session)
			sizes.append(resident_kb(worker))
		session.quit()
	return sizes


def test_memory_of_one_session_is_bounded():
	"""A client that sends recipients and headers without end: 30,000 recipients, then 20,000 fields of 1 kB."""
	def recipients(session):
		session.mail("<alice@example.net>")
		for number in range(5000):
			session.rcpt(f"<{'x' * 200}{number}@example.org>")

	def headers(session):
		session.mail("<alice@example.net>")
		session.rcpt("<bob@example.org>")
		for number in range(5000):
			session.header("Authentication-Results", f" mx.example.org; a{number}=" + "y" * 1000)
		session.abort()

	with Daemon(["headers.authserv_id=mx.example.org"], ZONE) as daemon:
		first = resident_kb(daemon.worker())
		sizes = grow(daemon, recipients, 6) + grow(daemon, headers, 4)
		if sanitized(daemon.worker()):
			return "not measured under a sanitizer"
		assert max(sizes) - first < 16 * 1024, f"kilobytes: {first} at first, then {sizes}"
		check_serves(daemon)
		return f"grew by {max(sizes) - first} kB"


def test_memory_after_many_sessions():
	"""A thousand sessions leave nothing behind."""
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()

		def many(count):
			for _turn in range(count):
				check_serves(daemon)
			return resident_kb(worker)

		warm = many(300)
		later = many(700)
		if sanitized(worker):
			return "not measured under a sanitizer"
		assert later - warm < 4 * 1024, f"from {warm} to {later} kB in 700 sessions"
		return f"grew by {later - warm} kB in 700 sessions"


def idle_kb(daemon, stage, count=400):
	"""Kilobytes of the worker for each of `count` sessions that the client leaves at a stage."""
	def at_stage():
		session = daemon.session()
		go_to(session, stage)
		return session

	for session in [at_stage() for _number in range(16)]: # what is allocated once, and the DNS cache
		session.quit()
	before = resident_kb(daemon.worker())
	sessions = [at_stage() for _number in range(count)]
	after = resident_kb(daemon.worker())
	for session in sessions:
		session.quit()
	return (after - before) / count


def test_idle_sessions_are_cheap():
	"""With all checks that are shipped, a session that waits for nothing but its client holds nearly nothing."""
	kilobytes = {}
	for stage, most in (("connect", 2.5), ("rcpt", 5.0)):
		with Daemon(["helo.enabled=true", "sender.enabled=true"], ZONE) as daemon:
			kilobytes[stage] = idle_kb(daemon, stage)
			if sanitized(daemon.worker()):
				return "not measured under a sanitizer"
		assert kilobytes[stage] < most, f"{kilobytes[stage]:.1f} kB for an idle session at {stage}"
	return ", ".join(f"{size:.1f} kB at {stage}" for stage, size in kilobytes.items())


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
