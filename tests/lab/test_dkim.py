#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_dkim - signed mail through a real Postfix: what reaches the filter octet for octet, keys that come late or
never, and what becomes of the message.

    MAILREEVE=build/mailreeve [MAILREEVE_CHECK=build/mailreeve-check] tests/lab/test_dkim.py [NAME ...]

Messages are signed here (tests/tools/dkim_signer.py), one of them by python3-dkim where it is installed. Output:
`ok - NAME` or `not ok - NAME: why`, then the counts; the exit status is 1 when one failed, 77 when this machine has no
room for the laboratory.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from email.utils import formatdate

import mailreeve
import namespace
import zonefile
from chaos_dns import ChaosServer
from demo_cases import called, named, takes_mail
from lab import TOOLS, Lab
from postfix import header_fields
from test_postfix import expect, expect_reply, run_test
from test_spf import TimedCounts, rounds

sys.path[:0] = [os.path.join(mailreeve.SRCDIR, "tests", folder) for folder in ("tools", "milter")]

from dkim_signer import FIELDS, Key  # noqa: E402  (after the path)
from mta import MtaSession  # noqa: E402

CLIENT, HOST = "203.0.113.241", "mail.dkim-lab.example.net"
AUTHORITY = "198.51.100.61"
DOMAIN, OTHER = "dkim-lab.example", "dkim-other.example"
LIST, STRICT = "dkim-list.example", "dkim-strict.example"
WIDE = "xn--bcher-kva.example"
# The authority answers for these; a label slow-MS makes it wait so long (chaos_dns.py).
SLOW_MS = 400
PATIENCE_S = 30
SLOW, DEAD, SILENT = f"slow-{SLOW_MS}.dkim-slow.example", "dkim-dead.example", "dkim-silent.example"
DELEGATED = ("dkim-slow.example", DEAD, SILENT)
PATIENT = ["wait.rcpt_ms=20000", "wait.eom_ms=20000", "wait.complete_ms=20000", "wait.session_ms=60000"]
CANONS = ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed")

RSA, ED = Key("rsa", 2048), Key("ed25519")
ROOT_ZONE = named(CLIENT, HOST) + called("client.example", CLIENT) + "".join([
	takes_mail(DOMAIN, OTHER, LIST, STRICT, WIDE, "example.net"),
	"".join(RSA.record(f"rsa._domainkey.{name}") + ED.record(f"ed._domainkey.{name}")
	        for name in (DOMAIN, OTHER, LIST, STRICT, WIDE)),
	f'revoked._domainkey.{DOMAIN} TXT "v=DKIM1; p="\n',
	f'_dmarc.{STRICT} TXT "v=DMARC1; p=reject"\n',
	f'{LIST} TXT "v=spf1 ip4:{CLIENT} -all"\n',
	f"authority.dkim-lab.example.net A {AUTHORITY}\n",
	"".join(f"{name} NS authority.dkim-lab.example.net\n" for name in DELEGATED),
])
EARLY = f"early._domainkey.{SLOW}"
AUTHORITY_ZONE = "".join(ED.record(f"s{n}._domainkey.{SLOW}") for n in range(3)) + ED.record(EARLY) + \
	f"*.{DEAD} TXT !servfail\n*.{SILENT} TXT !timeout\n" + \
	"".join(f"{domain} MX 10 {HOST}\n" for domain in (SLOW, DEAD, SILENT))

BODY = """Dear Bob,\r
\r
this is  the body of a message,\twith odd  white space\t \r
. and a line that begins with a dot,\r
..and another,\r
\r
Alice\r
\r
\r
"""


class Authority(ChaosServer):
	"""The server of the names in DELEGATED."""

	def __init__(self):
		super().__init__(zonefile.parse(AUTHORITY_ZONE, "the authority's zone"), [AUTHORITY])
		self.counts = TimedCounts()


class Mail:
	"""A message, and what becomes of it. Each has a Message-ID of its own."""

	count = 0

	def __init__(self, sender=f"alice@{DOMAIN}", body=BODY, more="", subject=" Greetings"):
		Mail.count += 1
		self.sender = sender
		self.message_id = f"<dkim-{Mail.count}@lab.example>"
		text = (f"From: Alice <{sender}>\r\nTo: bob@example.org\r\nSubject:{subject}\r\n"
		        f"Date: {formatdate()}\r\nMessage-ID: {self.message_id}\r\n{more}\r\n{body}")
		self.octets = text.encode()

	def sign(self, key=ED, domain=DOMAIN, selector=None, canon="relaxed/relaxed", **options):
		"""One signature more, on top."""
		selector = selector or ("rsa" if key is RSA else "ed")
		self.octets = key.sign(self.octets, domain, selector, canon, **options)
		return self

	def change(self, old, new):
		"""On the way."""
		expect(old.encode() in self.octets, f"{old!r} is not in the message")
		self.octets = self.octets.replace(old.encode(), new.encode(), 1)
		return self

	def append(self, text):
		"""What a mailing list adds."""
		self.octets += text.encode()
		return self


class Results:
	"""What Authentication-Results says."""

	def __init__(self, fields):
		found = [value for name, value in fields if name.lower() == "authentication-results"]
		self.value = " ".join(found[0].split()) if found else ""
		self.parts = re.findall(r'(?:[^;"]|"[^"]*")+', self.value)[1:]

	def of(self, method):
		"""[(result, part)] of a method, in order."""
		found = [re.match(rf" *{method}=(\w+)", part) for part in self.parts]
		return [(match[1], part) for match, part in zip(found, self.parts) if match]

	def expect(self, method, *wanted):
		"""The results of a method are these."""
		found = [result for result, _part in self.of(method)]
		expect(found == list(wanted), f"{method}: {found}, not {list(wanted)}: {self.value}")


def talk(bench, connection, mail, parameters=""):
	"""MAIL to the reply to the message."""
	expect_reply(connection.command(f"MAIL FROM:<{mail.sender}>{parameters}"), "250", "MAIL")
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "250", "RCPT")
	expect_reply(connection.command(b"DATA"), "354", "DATA")
	reply = connection.message(mail.octets)
	bench.lab.syslogd.sync()
	return reply


def delivered(bench, mail):
	"""Its octets."""
	octets = bench.lab.postfix.delivered(mail.message_id)
	expect(octets is not None, "the message was not delivered")
	return octets


def send(bench, mail, parameters=""):
	"""A message that is taken; its Results."""
	connection = bench.begin(CLIENT, sender=None, helo=HOST.encode())
	expect_reply(talk(bench, connection, mail, parameters), "250", "message")
	connection.command(b"QUIT")
	connection.close()
	return Results(header_fields(delivered(bench, mail)))


def start(bench, *overrides):
	"""The daemon, which waits as long as the machine is slow."""
	bench.lab.daemon.start([*PATIENT, *overrides])


# ---- what passes

def test_algorithms_and_forms(bench):
	"""RSA and Ed25519, simple and relaxed: all pass, and say who signed with what."""
	start(bench)
	for key, name, bits in ((RSA, "rsa-sha256", 2048), (ED, "ed25519-sha256", 256)):
		for canon in CANONS:
			results = send(bench, Mail().sign(key, canon=canon))
			results.expect("dkim", "pass")
			part = results.of("dkim")[0][1]
			for words in (f"header.d={DOMAIN}", f"header.a={name}", f"{bits}-bit"):
				expect(words in part, f"{canon}: no {words} in {part}")
			line = bench.verdict()
			expect(not [fact for fact in line.facts if fact.startswith("dkim")], line.raw)


def test_several_signatures(bench):
	"""Each has its result, in the order of the message."""
	start(bench)
	mail = Mail().sign(RSA).sign(ED, OTHER).sign(ED, selector="nobody").sign(RSA, OTHER)
	results = send(bench, mail)
	results.expect("dkim", "pass", "permerror", "pass", "pass")
	expect("dkim.permerror" not in bench.verdict().facts, "what is worth nothing costs nothing beside one that passes")


def test_no_signature(bench):
	"""None is not a failure."""
	start(bench)
	send(bench, Mail()).expect("dkim", "none")


def test_two_messages_in_one_connection(bench):
	"""Nothing of the first is left for the second."""
	start(bench)
	mails = [Mail().sign(RSA), Mail(), Mail().sign(ED).change("Bob", "Rob"), Mail().sign(ED)]
	with bench.begin(CLIENT, sender=None, helo=HOST.encode()) as connection:
		for mail in mails:
			expect_reply(talk(bench, connection, mail), "250", "message")
		connection.command(b"QUIT")
	for mail, result in zip(mails, ("pass", "none", "fail", "pass")):
		Results(header_fields(delivered(bench, mail))).expect("dkim", result)
	expect(["dkim.fail" in line.facts for line in bench.verdicts()] == [False, False, True, False], "facts")


PEER = """import dkim, sys
selector, domain, path = sys.argv[1:]
octets = sys.stdin.buffer.read()
sys.stdout.buffer.write(dkim.sign(octets, selector.encode(), domain.encode(), open(path, "rb").read()))"""


def test_signed_by_a_peer(bench):
	"""A signature of python3-dkim's, where it is installed."""
	python = next((path for path in (sys.executable, "/usr/bin/python3") if shutil.which(path) and subprocess.run(
		[path, "-c", "import dkim"], check=False, capture_output=True).returncode == 0), None)
	if not python:
		print("# python3-dkim is not installed: not run")
		return
	start(bench)
	mail = Mail()
	with tempfile.NamedTemporaryFile() as key:
		key.write(RSA.private)
		key.flush()
		command = [python, "-c", PEER, "rsa", DOMAIN, key.name]
		done = subprocess.run(command, input=mail.octets, capture_output=True, check=True, timeout=60)
	mail.octets = done.stdout + mail.octets
	send(bench, mail).expect("dkim", "pass")


# ---- octet for octet

def test_simple_with_odd_white_space(bench):
	"""What stands behind the colon, and at the end of lines, is what was signed: leading space is kept."""
	start(bench)
	for subject in ("none", "   three spaces", "\ta tab", " \t both, and at the end \t ", " two  inside\tone tab",
			"  folded\r\n \tand\r\n\t  again"):
		for canon in CANONS:
			results = send(bench, Mail(subject=subject).sign(RSA, canon=canon))
			expect([one[0] for one in results.of("dkim")] == ["pass"], f"{canon}, Subject:{subject!r}: {results.value}")


def test_simple_with_odd_fields(bench):
	"""Names in odd case, empty values, two fields of one name."""
	start(bench)
	more = "x-OdD: 1\r\nX-Empty:\r\nX-Blank: \r\nComments: one\r\nComments: two\r\n"
	names = (*FIELDS, "x-odd", "x-empty", "x-blank", "comments", "comments")
	for canon in CANONS:
		send(bench, Mail(more=more).sign(ED, canon=canon, names=names)).expect("dkim", "pass")


def test_white_space_forgiven_or_not(bench):
	"""White space that was changed breaks simple, and does not break relaxed."""
	start(bench)
	for canon, result in (("relaxed/relaxed", "pass"), ("simple/relaxed", "fail")):
		send(bench, Mail().sign(ED, canon=canon).change("Subject: Greetings", "Subject:  Greetings")).expect("dkim", result)
	for canon, result in (("relaxed/relaxed", "pass"), ("relaxed/simple", "fail")):
		send(bench, Mail().sign(ED, canon=canon).change("is  the", "is   the")).expect("dkim", result)


def test_8bit(bench):
	"""8BITMIME: octets above 127 in the body are hashed as they are."""
	start(bench)
	more = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
	for canon in CANONS:
		mail = Mail(more=more, body="Grüße aus Köln, 日本\r\n").sign(RSA, canon=canon)
		send(bench, mail, " BODY=8BITMIME").expect("dkim", "pass")


def test_smtputf8(bench):
	"""SMTPUTF8: UTF-8 in the header, and d= in U-labels."""
	start(bench)
	for key, canon in ((RSA, "relaxed/relaxed"), (ED, "simple/simple")):
		mail = Mail(sender="jürgen@bücher.example", subject=" Größe").sign(key, "bücher.example", canon=canon)
		results = send(bench, mail, " SMTPUTF8 BODY=8BITMIME")
		results.expect("dkim", "pass")
		expect(f"header.d={WIDE}" in results.value and results.value.isascii(), results.value)


def test_sizes(bench):
	"""No body, one line end, a large body, long lines."""
	start(bench)
	for body in ("", "\r\n", "\r\n\r\n\r\n", "x", ("0123456789" * 7 + "\r\n") * 30000, ("y" * 900 + " \r\n") * 100):
		for canon in ("relaxed/relaxed", "simple/simple"):
			results = send(bench, Mail(body=body).sign(ED, canon=canon))
			expect([one[0] for one in results.of("dkim")] == ["pass"], f"{canon}, {len(body)} octets: {results.value}")


# ---- what was changed on the way

def test_changed(bench):
	"""Body, covered field, and a field that is not covered."""
	start(bench)
	for old, new, result in (("Dear Bob", "Dear Rob", "fail"), ("Greetings", "greetings", "fail"),
			("To: bob", "X-New: field\r\nTo: bob", "pass"), ("To: bob", "Subject: more\r\nTo: bob", "pass"),
			("Subject: Greetings\r\n", "Subject: Greetings\r\nSubject: more\r\n", "fail")):
		results = send(bench, Mail().sign(RSA).change(old, new))
		expect([one[0] for one in results.of("dkim")] == [result], f"{new!r}: {results.value}")
		expect(("dkim.fail" in bench.verdict().facts) == (result == "fail"), f"{new!r}: facts")


def test_second_from(bench):
	"""A second From never passes."""
	start(bench, "policy.reject=1000.0", "policy.tag=900.0")
	for where in ("To: bob", "From: Alice"):
		mail = Mail().sign(ED).change(where, f"From: <ceo@{OTHER}>\r\n{where}")
		results = send(bench, mail)
		expect("pass" not in [one[0] for one in results.of("dkim") + results.of("dmarc")], results.value)
		expect("dmarc.from_several" in bench.verdict().facts, "dmarc.from_several")


def test_mailing_list_footer(bench):
	"""A footer breaks the signature; with l= it does not, but that is no pass either."""
	start(bench)
	footer = "--\r\nThe list: https://lists.example.net/\r\n"
	send(bench, Mail().sign(RSA).append(footer)).expect("dkim", "fail")
	expect("dkim.fail" in bench.verdict().facts, "dkim.fail")
	send(bench, Mail().sign(RSA, length=40).append(footer)).expect("dkim", "policy")
	expect("dkim.partial" in bench.verdict().facts, "dkim.partial")


def test_mailing_list_signs_too(bench):
	"""The list's own signature passes; the author's does not."""
	start(bench)
	mail = Mail().sign(RSA).change("Subject: ", "List-Id: <all.dkim-list.example>\r\nSubject: [list] ")
	mail.append("-- \r\nlist\r\n")
	mail.sender = f"bounces@{LIST}"
	results = send(bench, mail.sign(ED, LIST))
	results.expect("dkim", "pass", "fail")
	expect(f"header.d={LIST}" in results.of("dkim")[0][1], results.value)
	expect("dkim.fail" not in bench.verdict().facts, "facts")


# ---- keys

def test_key_missing(bench):
	"""Nothing is published."""
	start(bench)
	send(bench, Mail().sign(ED, selector="nobody")).expect("dkim", "permerror")
	expect("dkim.permerror" in bench.verdict().facts, "dkim.permerror")


def test_key_revoked(bench):
	"""p= is empty."""
	start(bench)
	results = send(bench, Mail().sign(ED, selector="revoked"))
	results.expect("dkim", "permerror")
	expect("revoked" in results.value, results.value)
	expect("dkim.permerror" in bench.verdict().facts, "dkim.permerror")


def test_key_of_somebody_else(bench):
	"""Signed with another key than the published one."""
	start(bench)
	send(bench, Mail().sign(Key("rsa", 2048), selector="rsa")).expect("dkim", "fail")


def test_dns_failing(bench):
	"""SERVFAIL is no "no": temperror, nothing is charged, the message is taken."""
	start(bench)
	send(bench, Mail(sender=f"a@{DEAD}").sign(ED, DEAD)).expect("dkim", "temperror")
	line = bench.verdict()
	expect(line["action"] == "accept" and "dkim" in line["unsure"], line.raw)
	expect(not [fact for fact in line.facts if fact.startswith("dkim")], line.raw)


def test_key_too_slow(bench):
	"""A key that never comes: the verdict does not wait beyond its time."""
	start(bench, "wait.eom_ms=1000", "wait.complete_ms=1000")
	begin = time.monotonic()
	send(bench, Mail(sender=f"a@{SILENT}").sign(ED, SILENT)).expect("dkim", "temperror")
	print(f"# a key that never comes, wait.eom_ms=1000: {time.monotonic() - begin:.1f} s in all")
	line = bench.verdict()
	expect(line["action"] == "accept" and "dkim" in line["unsure"], line.raw)


def test_slow_keys_together(bench):
	"""Three keys that take their time are asked for side by side."""
	start(bench)
	mail = Mail(sender=f"a@{SLOW}")
	for number in range(3):
		mail.sign(ED, SLOW, f"s{number}")
	send(bench, mail).expect("dkim", "pass", "pass", "pass")
	asked = [one for one in list(bench.lab.authority.counts.asked) if re.match(r"s\d\._domainkey\.", one[1])]
	asked = [one for one in asked if one[2] == "TXT"]
	found = rounds(asked, SLOW_MS)
	print(f"# three keys, {SLOW_MS} ms each: {found} rounds")
	expect(len({name for _when, name, _type in asked}) >= 3 and found <= 2, f"{found} rounds of {asked}")


def is_asked(bench, name, patience_s=0.0):
	"""Has a name's TXT record been asked for, or is it within the time?"""
	end = time.monotonic() + patience_s
	while not (found := any(one[1:] == (name, "TXT") for one in list(bench.lab.authority.counts.asked))):
		if time.monotonic() >= end:
			break
		time.sleep(0.01)
	return found


def test_keys_before_the_body(bench):
	"""The key is asked for when the header is there: an MTA that keeps the body back sees no difference."""
	start(bench)
	mail = Mail(sender=f"a@{SLOW}").sign(ED, SLOW, "early")
	with MtaSession("unix:" + mailreeve.SOCKET) as session:
		session.start(HOST, CLIENT, HOST)
		for reply in (session.mail(f"<{mail.sender}>"), session.rcpt("<bob@example.org>"), session.data()):
			expect(reply.kind in ("continue", "none"), f"before the header: {reply}")
		expect(not is_asked(bench, EARLY), "the key was asked for before it was known")
		for name, value in header_fields(mail.octets):
			session.header(name, value)
		session.eoh()
		# not a single octet of the body has been sent
		expect(is_asked(bench, EARLY, PATIENCE_S), f"the key was not asked for within {PATIENCE_S} s")
		session.body(mail.octets.split(b"\r\n\r\n", 1)[1])
		changes = session.eom().modifications
		session.quit()
	found = [change.value for change in changes if change.name == b"Authentication-Results"]
	expect(len(found) == 1 and b"dkim=pass" in found[0], f"{changes}")


# ---- what it is good for

def test_dmarc(bench):
	"""p=reject: with the author's signature the message is taken, without one, or with another's, refused."""
	start(bench)
	author = f"alice@{STRICT}"
	results = send(bench, Mail(sender=author).sign(RSA, STRICT))
	results.expect("dmarc", "pass")
	expect(f"header.from={STRICT}" in results.value, results.value)
	bench.verdicts()
	changed = Mail(sender=author).sign(ED, STRICT).change("Bob", "Rob")
	for mail in (Mail(sender=author), Mail(sender=author).sign(RSA, OTHER), changed):
		with bench.begin(CLIENT, sender=None, helo=HOST.encode()) as connection:
			expect_reply(talk(bench, connection, mail), "550 5.7.", "message without the author's signature")
			connection.command(b"QUIT")
		line = bench.verdict()
		expect(line["action"] == "reject" and "dmarc.fail_reject" in line.facts, line.raw)


def test_dmarc_without_an_answer(bench):
	"""The key does not come: nobody knows, and the message is not refused."""
	start(bench)
	results = send(bench, Mail(sender=f"alice@{DEAD}").sign(ED, DEAD))
	results.expect("dmarc", "temperror")
	expect("dmarc" in bench.verdict()["unsure"], "unsure")


def test_forged_results_are_verified_first(bench):
	"""A signature may cover a field that claims to be ours: it passes, and the field is gone."""
	start(bench)
	forged = f"Authentication-Results: {namespace.HOSTNAME}; dkim=pass header.d=forged.example\r\n"
	mail = Mail(more=forged).sign(RSA, names=(*FIELDS, "authentication-results"))
	send(bench, mail).expect("dkim", "pass")
	expect(b"forged.example" not in delivered(bench, mail), "the forged field is still there")


def test_tool_on_what_was_delivered(bench):
	"""mailreeve-check verifies the mailbox's file, with the keys as they are now."""
	tool = os.environ.get("MAILREEVE_CHECK", "")
	if not tool:
		print("# MAILREEVE_CHECK does not name the tool: not run")
		return
	start(bench)
	mail = Mail(sender=f"alice@{STRICT}").sign(RSA, STRICT, canon="simple/simple").sign(ED, STRICT)
	send(bench, mail)
	command = [tool, "--dkim", "--json", "--message", "-", "--resolver", "127.0.0.1"]
	done = subprocess.run(command, input=delivered(bench, mail), capture_output=True, check=False, timeout=120)
	expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
	found = json.loads(done.stdout)
	expect([one["result"] for one in found["signatures"]] == ["pass", "pass"], done.stdout.decode())
	expect(found["dmarc"]["result"] == "pass" and found["dmarc"]["aligned_dkim"], done.stdout.decode())


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
		passed = [run_test(lab, name, test) for name, test in tests]
	authority.stop()
	print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
	return 0 if passed and all(passed) else 1


if __name__ == "__main__":
	sys.exit(main())
