#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_sendmail - what only a real Sendmail can show: its numbering of header fields, its replies, its macros, its quarantine, its time limits.

    MAILREEVE=build/mailreeve tests/lab/test_sendmail.py [NAME ...]

Sendmail is fetched and unpacked beside the program, never installed. Output: `ok - NAME` or `not ok - NAME: why`, then the counts; the exit
status is 1 when one failed, 77 after `skip - why` when there is no Sendmail to be had or no room for the laboratory.
"""
import os
import random
import re
import sys
import time

import mailreeve
import namespace
import sendmail
from demo_cases import called, listed, named, takes_mail
from dns_zones import reverse_name
from sendmail import DEFAULTS_PORT, PLAIN_PORT, SMTP_PORT, NoSendmail, SendmailLab
from sendmail_bench import AUTHOR, Bench, leave_politely
from sendmail_fields import FORGERIES, OCTETS, Fields
from test_postfix import expect, expect_reply

GOOD, GOOD_NAME = "203.0.113.5", "mail.example.net"
LISTED, UNNAMED, UNCONFIRMED, SIX = "203.0.113.90", "203.0.113.20", "203.0.113.6", "2001:db8:77::25"
SLOW_LIST, TOO_SLOW, DEAD_LIST, DEAD_NAME = "203.0.113.50", "203.0.113.53", "203.0.113.51", "203.0.113.52"
SPAMMY, PHISHING = "spammy.example", "phishing.example"  # 5 and 8 points
ZONE = "".join([
	takes_mail("example.net", SPAMMY, PHISHING),
	called("client.example", GOOD, LISTED, UNNAMED, UNCONFIRMED, SIX, SLOW_LIST, TOO_SLOW, DEAD_LIST, DEAD_NAME),
	called("second.example", UNNAMED),
	named(GOOD, GOOD_NAME),
	named(LISTED, "host90.example.com"),
	listed(LISTED, "zen.spamhaus.org", "127.0.0.4"),
	named(SIX, "six.example.com"),
	f"{reverse_name(UNCONFIRMED)} PTR forged.example.net\nforged.example.net A 192.0.2.99\n",
	f"{SPAMMY}.dbl.spamhaus.org A 127.0.1.2\n{PHISHING}.dbl.spamhaus.org A 127.0.1.4\n",
	named(SLOW_LIST, "slow.example.net"),
	listed(SLOW_LIST, "zen.spamhaus.org", "127.0.0.4"),
	f"{reverse_name(SLOW_LIST, 'zen.spamhaus.org')} A !slow=600\n",
	named(TOO_SLOW, "slower.example.net"),
	listed(TOO_SLOW, "zen.spamhaus.org", "127.0.0.4"),
	f"{reverse_name(TOO_SLOW, 'zen.spamhaus.org')} A !slow=600\n",
	named(DEAD_LIST, "dead.example.net"),
	f"{reverse_name(DEAD_LIST, 'zen.spamhaus.org')} A !timeout\n",
	f"{reverse_name(DEAD_NAME)} * !timeout\n",
])
SENDMAIL_DEFAULT_S = 10  # a command, unless T= says otherwise
# Recipients and logins could still exempt the sender: without these nothing is refused before RCPT.
AT_MAIL = ("policy.decide_from=mail", "exempt.recipients=[]", "exempt.senders=[]", "exempt.authenticated=false")
ADDED = re.compile(rb"(authentication-results|received-spf|x-spam-[a-z]+)$", re.IGNORECASE)
QUEUE_ID = re.compile(r"[0-9A-Za-z]{14}$")


# ---- headers

def test_clean_mail(bench):
	"""Our fields stand above Sendmail's Received, with Sendmail's name; one space behind the colon."""
	bench.start()
	fields, queue_id = bench.send(GOOD, [b"Subject: hello"])
	above, _below = fields.split_at_received()
	expect(above[0].startswith(b"Authentication-Results: mx.example.org;\n\tiprev=pass "), f"first field: {above[0]}")
	expect([field.split(b":")[0] for field in above[1:]] == [b"X-Spam-Score", b"X-Spam-Status", b"Received-SPF", b"Received-SPF"],
		   str(above))
	expect(fields.named(b"X-Spam-Score") == [b"X-Spam-Score: 0.0"], "score")
	line = bench.verdict()
	expect((line["action"], line["stage"], line.queue_id) == ("accept", "eom", queue_id), line.raw)


def check_fields(bench, sent, port=SMTP_PORT):
	"""Send (octets, stays) pairs; those that stay arrive octet for octet and in order, with nothing between them."""
	sent = sent + [(AUTHOR, True)]
	fields, _queue_id = bench.send(GOOD, [octets for octets, _stays in sent], port=port)
	_above, below = fields.split_at_received()
	wanted = [octets.replace(b"\r\n", b"\n") for octets, stays in sent if stays]
	expect(below[2:] == wanted, "differs: " + str([pair for pair in zip(below[2:] + [None], wanted + [None]) if pair[0] != pair[1]][:2]))


def test_forged_fields_go(bench):
	"""Ours and X-Spam-* go, foreign ones stay where they were."""
	bench.start()
	check_fields(bench, FORGERIES)


def test_forged_fields_in_any_order(bench):
	"""The same in random orders, several times each: Sendmail does not number anew after a deletion."""
	bench.start()
	shuffle = random.Random(8601)
	for _ in range(10):
		check_fields(bench, [shuffle.choice(FORGERIES) for _ in range(60)])


def test_octets_stay(bench):
	"""What a DKIM signature with c=simple covers: every octet of a field, white space too."""
	bench.start()
	check_fields(bench, [(octets, True) for octets in OCTETS])


def test_octets_stay_beside_forged_fields(bench):
	"""The same while other fields are taken out."""
	bench.start()
	sent = FORGERIES + [(octets, True) for octets in OCTETS]
	random.Random(6376).shuffle(sent)
	check_fields(bench, sent)


def test_the_filter_changes_nothing_else(bench):
	"""Addresses too come out as without a filter."""
	fields = OCTETS + [b"From: \"Alice A.\"   <alice@example.net>", b"To: bob@example.org,\r\n\tCarol  <carol@example.org>", b"Cc:dave@example.org"]
	bench.start()
	with_filter, _queue_id = bench.send(GOOD, fields)
	without, _queue_id = bench.send(GOOD, fields, port=PLAIN_PORT)
	with_filter, without = with_filter.split_at_received()[1], without.split_at_received()[1]
	expect(len(with_filter) == len(fields) + 2, f"{len(with_filter)} fields")
	expect(with_filter[2:] == without[2:], f"{with_filter}\n{without}")


def test_marked(bench):
	"""Above the threshold: all four X-Spam fields."""
	bench.start()
	fields, _queue_id = bench.send(UNNAMED, sender=f"win@{SPAMMY}")
	expect(fields.value(b"X-Spam-Flag") == " YES", "X-Spam-Flag")
	expect(fields.value(b"X-Spam-Level") == " ********", "X-Spam-Level")
	expect(fields.value(b"X-Spam-Score") == " 8.0" and fields.value(b"X-Spam-Status").startswith(" Yes, score=8.0 "), str(fields.all))
	expect("iprev=permerror" in fields.value(b"Authentication-Results"), "iprev=")


# ---- verdicts

def test_listed(bench):
	"""Refused at RCPT; the sender reads why, the log has the queue id that Sendmail knows."""
	bench.start()
	with bench.begin(LISTED) as connection:
		reply = bench.refused(connection)
		leave_politely(connection)
	line = bench.verdict()
	expect("on the block list zen (xbl)" in str(reply) and f"id {line['sid']}" in str(reply), str(reply))
	expect((line["action"], line["stage"], line["to"]) == ("reject", "rcpt", "<bob@example.org>"), line.raw)
	expect("dnsbl.zen.xbl" in line.facts and QUEUE_ID.match(line.queue_id), line.raw)
	expect(any(f" {line.queue_id}: Milter: to=<bob@example.org>, reject=550 5.7.1" in text for text in bench.lines), "Sendmail's line")


def test_two_verdicts(bench):
	"""Messages in one connection, each judged for itself."""
	bench.start()
	connection = bench.begin(UNNAMED)
	first, first_id = bench.finish(connection, leave=False)
	expect_reply(connection.command(f"MAIL FROM:<win@{PHISHING}>"), "250", "MAIL")
	bench.refused(connection)
	expect_reply(connection.command(b"RSET"), "250", "RSET")
	expect_reply(connection.command(f"MAIL FROM:<win@{SPAMMY}>"), "250", "MAIL")
	third, third_id = bench.finish(connection, leave=False)
	expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
	fourth, fourth_id = bench.finish(connection)
	lines = bench.verdicts()
	expect([line["action"] for line in lines] == ["accept", "reject", "tag", "accept"], str([line.raw for line in lines]))
	expect([line["score"] for line in lines] == ["3.0", "11.0", "8.0", "3.0"], str([line.raw for line in lines]))
	expect([line.queue_id for line in lines if line["action"] != "reject"] == [first_id, third_id, fourth_id], "queue ids")
	expect(len({line.queue_id for line in lines}) == 4 and len({line["sid"] for line in lines}) == 4, "identifiers come twice")
	expect([len(each.named(b"X-Spam-Flag")) for each in (first, third, fourth)] == [0, 1, 0], "X-Spam-Flag")


def test_reset_and_helo_again(bench):
	"""RSET and another HELO forget the transaction; the new HELO counts."""
	bench.start()
	connection = bench.begin(UNNAMED, sender=f"win@{PHISHING}", helo=f"mail.{PHISHING}".encode())
	bench.refused(connection)
	expect_reply(connection.command(b"RSET"), "250", "RSET")
	expect_reply(connection.command(f"MAIL FROM:<win@{PHISHING}>"), "250", "MAIL")
	bench.refused(connection)
	again = connection.command(b"HELO second.example")
	if not again.good:  # Sendmail may call it a duplicate
		expect_reply(again, "503", "HELO")
	expect_reply(connection.command(b"RSET"), "250", "RSET")
	expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
	bench.finish(connection)
	line = bench.verdicts()[-1]
	expect(line["from"] == "<alice@example.net>" and f"{PHISHING}" not in line["from"], line.raw)
	expect(line["helo"] == ("<second.example>" if again.good else f"<mail.{PHISHING}>"), line.raw)
	expect(line["action"] == "accept" and line["score"] == "3.0", line.raw)


def test_unknown_commands(bench):
	"""Unknown commands inside a transaction, MAIL without RSET: nothing of an earlier message shows in a later one."""
	bench.start()
	connection = bench.begin(UNNAMED, sender=f"win@{PHISHING}")
	for line in (b"XYZZY", b"BDAT 5 LAST", b"XYZZY \xff\x01"):
		expect(not connection.command(line).good, f"{line} was taken")
	reply = connection.command(b"MAIL FROM:<alice@example.net>")
	expect_reply(reply, "503", "MAIL in a transaction")
	bench.refused(connection)
	expect(bench.verdict()["from"] == f"<win@{PHISHING}>", "from=")
	expect_reply(connection.command(b"RSET"), "250", "RSET")
	expect(not connection.command(b"XYZZY").good, "XYZZY was taken")
	expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
	expect(not connection.command(b"XYZZY").good, "XYZZY was taken")
	bench.finish(connection)
	line = bench.verdict()
	expect((line["from"], line["score"], line["action"]) == ("<alice@example.net>", "3.0", "accept"), line.raw)


def test_mail_again_after_a_refusal(bench):
	"""decide_from = mail: MAIL is refused, and the next one needs no RSET."""
	bench.start(*AT_MAIL)
	connection = bench.connect(UNNAMED)
	bench.learn(connection, f"win@{PHISHING}")
	expect_reply(connection.command(f"MAIL FROM:<win@{PHISHING}>"), "550 5.7.1", "MAIL")
	line = bench.verdict()
	expect((line["action"], line["stage"]) == ("reject", "mail"), line.raw)
	expect(not connection.command(b"XYZZY").good, "XYZZY was taken")
	expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
	bench.finish(connection)
	line = bench.verdict()
	expect((line["from"], line["score"], line["action"]) == ("<alice@example.net>", "3.0", "accept"), line.raw)


def test_queue_id_at_mail(bench):
	"""Sendmail has a queue id from MAIL on: a sender refused there is logged with it."""
	bench.start(*AT_MAIL)
	with bench.connect(LISTED) as connection:
		bench.learn(connection, "alice@example.net")
		expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "550 5.7.1", "MAIL")
		leave_politely(connection)
	line = bench.verdict()
	expect(QUEUE_ID.match(line.queue_id), line.raw)
	expect(any(f" {line.queue_id}: " in text for text in bench.lines if " sendmail[" in text), "Sendmail does not know the queue id")


def test_postmaster(bench):
	"""A refused recipient beside postmaster, who gets the message."""
	bench.start()
	connection = bench.begin(LISTED)
	bench.refused(connection)
	expect_reply(connection.command(b"RCPT TO:<postmaster@example.org>"), "250", "RCPT postmaster")
	bench.refused(connection, "carol@example.org")
	_fields, queue_id = bench.finish(connection, rcpt=None)
	lines = bench.verdicts()
	expect([(line["action"], line["to"]) for line in lines] == [
		("reject", "<bob@example.org>"), ("reject", "<carol@example.org>"), ("accept", "<postmaster@example.org>")], str([line.raw for line in lines]))
	expect({line.queue_id for line in lines} == {queue_id}, "queue ids")


def test_refused_by_sendmail(bench):
	"""Recipients that Sendmail refuses itself do not disturb the next one."""
	bench.start()
	connection = bench.begin(GOOD)
	expect_reply(connection.command(b"RCPT TO:<someone@elsewhere.example>"), "550 5.7.1", "RCPT elsewhere")
	expect_reply(connection.command(b"RCPT TO:<refused@example.org>"), "550 5.1.1", "RCPT refused")
	bench.finish(connection)
	line = bench.verdict()
	expect(line["to"] == "<bob@example.org>" and line.get("nrcpt", "1") == "1", line.raw)


def test_deferred(bench):
	"""451 4.7.1 above the threshold for that."""
	bench.start("policy.defer=6.0")
	with bench.begin(UNNAMED, sender=f"win@{SPAMMY}") as connection:
		expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "451 4.7.1", "RCPT")
		leave_politely(connection)
	expect(bench.verdict()["action"] == "defer", "action=")


def test_refused_at_the_end(bench):
	"""decide_from = eom: refused after the final dot, and not delivered."""
	bench.start("policy.decide_from=eom")
	with bench.begin(LISTED) as connection:
		expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "250", "RCPT")
		_reply, message_id = bench.content(connection, wanted="550 5.7.1")
		leave_politely(connection)
	line = bench.verdict()
	expect((line["action"], line["stage"]) == ("reject", "eom"), line.raw)
	expect(bench.lab.sendmail.delivered(message_id, 0.5) is None, "delivered all the same")


def test_null_sender(bench):
	"""A bounce."""
	bench.start()
	bench.send(GOOD, sender="")
	expect(bench.verdict()["from"] == "<>", "from=")


# ---- slow DNS

def slow_mail(bench, client, port):
	"""A message from a client whose evidence is late: (verdict, what Sendmail waited for us at most, in seconds)."""
	connection = bench.begin(client, port=port)
	begin = time.monotonic()
	bench.finish(connection)
	took_s = time.monotonic() - begin
	line = bench.verdict()
	expect(line["action"] == "accept", line.raw)
	expect(int(line["ms"]) / 1000 <= took_s, f"ms={line['ms']}, but all of it took {took_s:.1f} s")
	return line


def test_dns_slow(bench):
	"""An answer that takes a second (unbound asks twice) is waited for, and refuses."""
	bench.start()
	with bench.begin(SLOW_LIST) as connection:
		bench.refused(connection)
		leave_politely(connection)
	line = bench.verdict()
	expect("dnsbl.zen.xbl" in line.facts and int(line["ms"]) >= 500, line.raw)


def test_dns_too_slow(bench):
	"""With less patience than that it is unsure, not a listing."""
	bench.start("wait.rcpt_ms=50", "wait.eom_ms=50")
	line = slow_mail(bench, TOO_SLOW, SMTP_PORT)
	expect("dnsbl.zen" in line.unsure and "dnsbl.zen.xbl" not in line.facts, line.raw)


def test_dns_dead(bench):
	"""No answer at all: accepted, unsure shown, below even the time limit that Sendmail has without T=."""
	bench.start()
	for port in (SMTP_PORT, DEFAULTS_PORT):
		line = slow_mail(bench, DEAD_LIST, port)
		expect("dnsbl.zen" in line.unsure, line.raw)
		expect(int(line["ms"]) / 1000 < SENDMAIL_DEFAULT_S, line.raw)


def test_dns_dead_for_the_name(bench):
	"""The client's name cannot be looked up, by Sendmail neither."""
	bench.start()
	line = slow_mail(bench, DEAD_NAME, SMTP_PORT)
	expect("rdns" in line.unsure and line["client"] == f"unknown[{DEAD_NAME}]", line.raw)


# ---- macros

def test_client_names(bench):
	"""The verified name, or unknown: never a name that does not lead back."""
	bench.start()
	bench.send(GOOD)
	expect(bench.verdict()["client"] == f"{GOOD_NAME}[{GOOD}]", "client= of a good name")
	bench.send(UNCONFIRMED)
	line = bench.verdict()
	expect("rdns.unconfirmed" in line.facts and line["client"] == f"unknown[{UNCONFIRMED}]", line.raw)
	bench.send(UNNAMED)
	line = bench.verdict()
	expect("rdns.none" in line.facts and line["client"] == f"unknown[{UNNAMED}]", line.raw)


def test_ipv6(bench):
	"""An IPv6 client through Sendmail's IPv6 listener."""
	bench.start()
	fields, _queue_id = bench.send(SIX)
	expect(bench.verdict()["client"] == f"six.example.com[{SIX}]", "client=")
	expect(f"policy.iprev={SIX}" in fields.value(b"Authentication-Results").replace('"', ""), str(fields.all[0]))


# ---- quarantine, monitor mode

def test_quarantine(bench):
	"""Held back in the queue as hfID, with the reason; "sendmail -Q -qQ -qI ID" lets it go."""
	bench.start("policy.quarantine=6.0")
	connection = bench.begin(UNNAMED, sender=f"win@{SPAMMY}")
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "250", "RCPT")
	reply, message_id = bench.content(connection, [b"X-Spam-Flag: NO", b"Subject: held"])
	leave_politely(connection)
	queue_id = str(reply).split()[2]
	line = bench.verdict()
	expect((line["action"], line.queue_id) == ("quarantine", queue_id), line.raw)
	mta = bench.lab.sendmail
	held = mta.queue_file("hf", queue_id)
	expect(held is not None and mta.queue_file("qf", queue_id) is None, "there is no hf file, or a qf file beside it")
	reason = next((text for text in held.decode("latin-1").split("\n") if text.startswith("q")), "")
	expect(reason.startswith("qmailreeve: score 8.0, id " + line["sid"]), f"reason {reason!r}")
	expect(mta.delivered(message_id, 0.5) is None, "delivered all the same")
	expect(reason[1:] in mta.run("-bp", "-qQ"), "mailq -qQ does not show the reason")
	said = mta.run("-Q", "-qQ", f"-qI{queue_id}") + mta.run(f"-qI{queue_id}")
	octets = mta.delivered(message_id)
	expect(octets is not None, f"not delivered after it was let go: {said}")
	expect(Fields(octets).value(b"X-Spam-Flag") == " YES", str(Fields(octets).all))


def test_monitor(bench):
	"""Nothing is refused, added or removed."""
	bench.start("mode=monitor")
	sent = [octets for octets, _stays in FORGERIES] + OCTETS + [AUTHOR]
	fields, _queue_id = bench.send(LISTED, sent)
	above, below = fields.split_at_received()
	expect(not [field for field in above if ADDED.match(field.split(b":")[0])], f"added: {above}")
	expect(below[2:] == [octets.replace(b"\r\n", b"\n") for octets in sent], "fields differ")
	expect([(line["action"], line["would"]) for line in bench.verdicts()][-1] == ("accept", "reject"), "would=")


# ---- the daemon is away

def test_daemon_killed(bench):
	"""F=T: the session that had it and the next ones are deferred; when it is back, mail flows."""
	bench.start()
	connection = bench.begin(GOOD)
	bench.lab.daemon.kill()
	expect_reply(connection.command(b"RCPT TO:<bob@example.org>"), "451", "RCPT after the crash")
	connection.close()
	with bench.lab.client(GOOD) as other:
		replies = [other.reply(), other.command(b"EHLO client.example"), other.command(b"MAIL FROM:<alice@example.net>")]
		expect(replies[-1].code in ("451", "421"), f"without a daemon: {replies[-1]}")
	expect(bench.trouble(), "Sendmail says nothing about it")
	bench.lines.clear()
	bench.start()
	bench.send(GOOD)


def test_worker_replaced(bench):
	"""A reload between two messages of a connection."""
	bench.start()
	connection = bench.begin(GOOD)
	bench.lab.daemon.reload()
	bench.finish(connection, leave=False)
	expect_reply(connection.command(b"MAIL FROM:<alice@example.net>"), "250", "MAIL")
	bench.finish(connection)
	bench.send(GOOD)
	expect([line["action"] for line in bench.verdicts()] == ["accept"] * 3, "verdicts")


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
	trouble = bench.trouble()
	if trouble and not why:
		why = f"Sendmail complains: {trouble[0]}"
	lab.sendmail.forget()
	print(f"not ok - {name}: {why}" if why else f"ok - {name}", flush=True)
	return not why


def main():
	"""The command line."""
	mailreeve.program()
	if os.getpid() != 1:  # outside: there the archive can be reached
		try:
			sendmail.fetch()
		except NoSendmail as error:
			print(f"skip - {error}")
			return namespace.EXIT_SKIPPED
	namespace.enter(sendmail.TOOLS)
	tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_") and callable(test)]
	tests = [(name, test) for name, test in tests if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
	without = [name for name, _test in tests if "ipv6" in name] if not namespace.has_ipv6() else []
	for name in without:
		print(f"ok - {name} # SKIP there is no IPv6 here")
	with SendmailLab(ZONE) as lab:
		passed = [run_test(lab, name, test) for name, test in tests if name not in without]
	print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed" + (f", {len(without)} skipped" if without else ""))
	return 0 if passed and all(passed) else 1


if __name__ == "__main__":
	sys.exit(main())
