#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_dns_recursion - the daemon asks the authoritative servers itself, and one of them fails.

    MAILREEVE=build/mailreeve tests/faults/test_dns_recursion.py [NAME ...]

As test_dns_matrix, but each name with a fault is delegated to a server of its own, so that a server that is lame for its
zone can be shown as well (of a resolver that answers so, nothing can be told: its answer looks as if there were nothing).
"""
import sys
import threading

from faultlab import Verdicts, expect, run_tests
import mailreeve
import namespace
import world
import zonefile
from dkim_signer import Key
from dns_servers import ROOT_HINTS
from lab import TOOLS, Lab
from test_dns_matrix import BUDGETS, FIRST, Case, Matrix, Peers, paying, report, unsure_of

FAULTS = ("lame", "servfail", "timeout")


def questions():
	"""What a message asks about its own names: every record of its world, and the one that DMARC looks for in vain."""
	found = {(record.name, record.type) for record in zonefile.parse(world.records(FIRST, Matrix.key), "world").records}
	return sorted(found | {("_dmarc.sub." + world.domain(FIRST), "TXT")})


def all_cases():
	"""Every question with every fault."""
	pairs = [(question, fault) for fault in FAULTS for question in questions()]
	return [Case(number, world.question_of(question, number), fault)
	        for number, (question, fault) in enumerate(pairs, FIRST + 1)]


def check(lab, cases):
	"""All messages at once; wrong are those that cost, or whose missing answer nobody mentions."""
	verdicts = Verdicts(lab)
	lab.daemon.start(["dns.mode=recurse", f"dns.root_hints={ROOT_HINTS}"] + BUDGETS)
	threads = [threading.Thread(target=case.run, args=(lab,)) for case in cases]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	lines = {line["helo"]: line for line in verdicts.read()}
	for case in cases:
		case.line = lines.get(f"<{world.helo(case.number)}>")
	return cases


def complaint(lab, case):
	"""What is wrong with a case. A server that fails takes its whole zone along: more may be unsure than the question."""
	wrong = case.wrong(lab)
	if wrong:
		return wrong
	if not case.sent.accepted or paying(case.line):
		return f"it costs: the sender saw {case.sent}"
	must = {name for name in unsure_of(case.question)[0] if not name.startswith("dnsbl.")}
	return "" if must <= set(case.line.unsure) else f"unsure is {sorted(case.line.unsure)}, not {sorted(must)}"


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	Matrix.key = Key("ed25519")
	cases = all_cases()
	expect(len(cases) < world.CASES_MAX, "more cases than clients")
	Peers(len(cases) + 1)
	with Lab("".join(case.zone() for case in cases)) as lab:
		lab.postfix.empty_mailbox()
		done = check(lab, cases)

		def column(fault):
			of_fault = [case for case in done if case.fault == fault]
			return report(of_fault, [complaint(lab, case) for case in of_fault])
		return run_tests([(f"every_server_{fault}", lambda fault=fault: column(fault)) for fault in FAULTS])


if __name__ == "__main__":
	sys.exit(main())
