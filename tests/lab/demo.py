#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""demo - mailreeve at work: telling messages through a real Postfix; what sender, reader and postmaster see of each.

    MAILREEVE=build/mailreeve tests/lab/demo.py         (tests/demo installs, builds and runs this)

It runs in the laboratory: a private network with DNS of its own. The configuration is the one that is shipped. Exit
status 1 when a message came out otherwise than described.
"""
import os
import sys
import threading
from email.utils import formatdate

import demo_show
import mailreeve
import namespace
from demo_cases import CASES, ZONE, Outcome
from demo_show import say
from lab import TOOLS, Lab
from postfix import header_fields
from run_scenarios import authenticate
from smtp_client import Gone

sys.path.insert(0, os.path.join(mailreeve.SRCDIR, "tests", "scenarios"))

from logline import parse_log_line  # noqa: E402  (after the path)


def message_id(number):
	"""By which the delivered message is found."""
	return f"<demo-{number}@lab.example>"


def sent_fields(number, case):
	"""The header fields that the sender writes."""
	texts = [f"From: {case.sender}", f"To: {case.rcpts[-1]}", f"Subject: {case.title}",
	         f"Message-ID: {message_id(number)}", f"Date: {formatdate()}", *case.fields]
	return [tuple(text.split(":", 1)) for text in texts]


def converse(lab, number, case, outcome):
	"""One SMTP session; the replies that tell something go into the outcome."""
	with lab.client(case.client) as client:
		client.reply()
		client.command(b"EHLO " + case.helo)
		if case.auth:
			authenticate(client, case.auth)
		client.command(f"MAIL FROM:<{case.sender}>")
		taken = 0
		for rcpt in case.rcpts:
			reply = client.command(f"RCPT TO:<{rcpt}>")
			taken += reply.good
			if not reply.good or len(case.rcpts) > 1:
				outcome.replies.append((f"RCPT TO:<{rcpt}>", reply))
		if taken:
			client.command(b"DATA")
			fields = "".join(f"{name}:{value}\r\n" for name, value in outcome.sent)
			outcome.replies.append(("message", client.message(f"{fields}\r\nHello.\r\n".encode())))
		client.command(b"QUIT")


def run(lab, number, case):
	"""The Outcome of a case."""
	outcome = Outcome(case, sent=sent_fields(number, case))
	try:
		converse(lab, number, case, outcome)
	except (Gone, OSError) as error:
		say(f"number {number}: {error}")
	if outcome.replies and outcome.replies[-1][1].code == "250":
		octets = lab.postfix.delivered(message_id(number))
		outcome.fields = header_fields(octets) if octets else None
	return outcome


def find_verdicts(lab, log, outcome, lines):
	"""The log lines about the case's client (each case has a client of its own)."""
	lab.syslogd.sync()
	lines += [line for line in log.lines() if " mailreeve[" in line]
	verdicts = [parse_log_line(line) for line in lines]
	outcome.verdicts = [found for found in verdicts if found and f"[{outcome.case.client}]" in found["client"]]


def run_all(lab):
	"""Send and show everything; the outcomes."""
	log, lines, outcomes, background = lab.log(), [], [], {}
	mode = ""
	for number, case in enumerate(CASES, 1):
		if case.mode != mode:
			lab.daemon.stop()
			mode = case.mode
			lab.daemon.start([] if mode == "enforce" else [f"mode={mode}"])
			background.update(start_slow(lab, mode))
		if case.slow:
			thread, found = background[number]
			thread.join()
			outcome = found[0]
		else:
			outcome = run(lab, number, case)
		find_verdicts(lab, log, outcome, lines)
		demo_show.show(number, outcome)
		outcomes.append(outcome)
	return outcomes


def start_slow(lab, mode):
	"""Those that wait for DNS begin at once, so that nobody has to watch them."""
	started = {}
	for number, case in enumerate(CASES, 1):
		if case.slow and case.mode == mode:
			found = []
			thread = threading.Thread(target=_run_into, args=(found, lab, number, case))
			thread.start()
			started[number] = thread, found
	return started


def _run_into(found, lab, number, case):
	found.append(run(lab, number, case))


def main():
	"""The command line (there are no options)."""
	mailreeve.program()
	namespace.enter(TOOLS)
	cases = [case for case in CASES if ":" not in case.client or namespace.has_ipv6()]
	CASES[:] = cases
	say(demo_show.colour("bold", "mailreeve at work"))
	say(f"{len(cases)} messages through a real Postfix, from real addresses, with real DNS servers and lists, on a private")
	say("network inside this machine. The configuration is conf/mailreeve.conf as shipped, but for the place of")
	say("the socket.")
	with Lab(ZONE) as lab:
		outcomes = run_all(lab)
	wrong = demo_show.summary(outcomes)
	say(demo_show.ATTACH)
	return 1 if wrong else 0


if __name__ == "__main__":
	sys.exit(main())
