#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_dns_recursion - the daemon asks the authoritative servers itself, and one of them fails.

    MAILREEVE=build/mailreeve tests/faults/test_dns_recursion.py [NAME ...]

As test_dns_matrix: each question of a message, those at DNS lists among them, with each fault. But each name with a
fault is delegated to a server of its own, so that a server that is lame for its zone can be shown as well (of a resolver
that refers upwards nothing can be told: libunbound hides whom it names, and what is left looks as if there were nothing).

Not shown: an authoritative server that names itself instead of answering. libunbound asks it once more, to recurse, and
then hands its referral on as if there were nothing, without the names.
"""
import re
import shutil
import sys

from faultlab import Verdicts, expect, run_tests
import dns_zones
import mailreeve
import namespace
import world
import zonefile
from chaos_dns import ChaosServer
from dkim_signer import Key
from dns_servers import ROOT_HINTS, DnsServers
from lab import TOOLS, Lab
from test_dns_matrix import (BUDGETS, COMES, DENIES, FAILS, FAULTS, FIRST, FORWARDER, LISTED_FAULTS, Case, Matrix, Peers,
                             paying, report, send_all, unsure_of)

OPTIONS = ["dns.mode=recurse", f"dns.root_hints={ROOT_HINTS}"] + BUDGETS
# A server that is quick with other names is not waited for as long as one that is always slow: libunbound may give up.
MAY_COME = "may come"
# "huge" needs no fault of a server.
RECURSION_FAULTS = {name: kind for name, kind in FAULTS.items() if name not in ("referral", "huge")}
RECURSION_FAULTS.update({"lame": FAILS, "slow=400": MAY_COME})
CAUSE = re.compile("servfail|timeout")


def is_lists(question):
	"""Is it a question at a DNS list?"""
	return question[0].endswith(tuple("." + name for name in world.LISTS))


class Recursion:
	"""The laboratory with a server of its own for each question of the message; question n is case n's."""

	def __init__(self, lab, questions):
		self.lab, self.questions = lab, questions
		self.server = ChaosServer(zonefile.parse(""), self._serve().chaos_addresses).start()

	def cases(self, fault, kind="plain"):
		"""A case for each question, all with the same fault."""
		return [Case(number, world.question_of(question, number), fault, kind)
		        for number, question in enumerate(self.questions, FIRST + 1)]

	@staticmethod
	def _deal(cases):
		"""The lists are no zones here, so that one name of a list can have a server as well."""
		return dns_zones.deal(zonefile.parse("".join(case.zone() for case in cases), "worlds"))

	def _serve(self, kind="plain"):
		"""Let nsd serve what has no fault; the cuts are the same whatever the fault."""
		cases = self.cases("servfail", kind)
		deal = self._deal(cases)
		expect(len(deal.chaos_addresses) == len(cases), "names with a fault share a server")
		servers = self.lab.dns
		servers.stop()
		shutil.rmtree(servers.folder)
		self.lab.dns = DnsServers(zonefile.parse(""))
		self.lab.dns.deal.root = deal.root
		self.lab.dns.start()
		self.lab.dns.wait_ready()
		self.kind = kind
		return deal

	def column(self, fault, kind="plain"):
		"""All messages at once, to a daemon without any memory; their verdicts."""
		if kind != self.kind:
			self._serve(kind)
		cases = self.cases(fault, kind)
		self.server.set_zone(zonefile.parse(self._deal(cases).chaos, "worlds"))
		before = self.server.counts.queries.copy()
		self.lab.postfix.empty_mailbox()
		verdicts = Verdicts(self.lab)
		self.lab.daemon.start(OPTIONS)
		send_all(self.lab, cases)
		expect(self.lab.daemon.stop() == 0, "the daemon did not end well")
		lines = {line["helo"]: line for line in verdicts.read()}
		asked = self.server.counts.queries - before
		for case in cases:
			case.line = lines.get(f"<{world.helo(case.number)}>")
			# Who is refused for a list is not asked for the rest.
			expect(asked[case.question] or kind != "plain", f"nobody asked for {' '.join(case.question)}")
		return cases


def complaint(lab, case):
	"""What is wrong with a case. A server that fails takes its whole zone along: more may be unsure than the question,
	but not where all that it has is a client's entry in a list."""
	kind = RECURSION_FAULTS[case.fault]
	wrong = case.wrong(lab)
	if wrong or kind == DENIES:
		return wrong or case.unsure_wrong(False)
	if not case.sent.accepted or paying(case.line):
		return f"it costs: the sender saw {case.sent}"
	must, unsure = unsure_of(case.question)[0] if kind == FAILS else set(), set(case.line.unsure)
	if kind == COMES or kind == FAILS and is_lists(case.question):
		wrong = case.unsure_wrong(kind == FAILS)
	if wrong or not must <= unsure:
		return wrong or f"unsure is {sorted(unsure)}, not {sorted(must)}"
	unexplained = sorted(name for name in unsure if not CAUSE.search(case.line.unsure[name]))
	return f"nothing says why these are unsure: {unexplained}" if unexplained else ""


def check_column(recursion, fault):
	"""A fault at every question of the message that has nothing else against it."""
	cases = recursion.column(fault)
	at_lists = sum(is_lists(case.question) for case in cases)
	return report(cases, [complaint(recursion.lab, case) for case in cases]) + f"; {at_lists} of them at lists"


def check_listed(recursion, fault):
	"""A listed client is refused whatever else is not known; unless the list's own answer is missing."""
	def listed_complaint(case):
		listed = ".zen." not in case.question[0]
		if case.line and (case.line["action"] == "reject") != listed:
			return "not refused" if listed else "refused without the answer"
		return case.wrong(recursion.lab)
	cases = recursion.column(fault, "listed")
	return report(cases, [listed_complaint(case) for case in cases])


def record(lab):
	"""The questions that a message asks, by way of a forwarder."""
	server = ChaosServer(zonefile.parse(world.tops(), "world"), [FORWARDER]).start()
	questions = Matrix(lab, server).record()[1]
	server.stop()
	at_lists = {name for question in questions for name in world.LISTS if question[0].endswith("." + name)}
	expect(at_lists == set(world.LISTS), f"asked only {sorted(at_lists)} of the lists")
	return questions


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	Matrix.key = Key("ed25519")
	Peers(world.CASES_MAX)
	with Lab("") as lab:
		recursion = Recursion(lab, record(lab))
		tests = [(f"every_server_{fault.replace('=', '_')}", lambda fault=fault: check_column(recursion, fault))
		         for fault in RECURSION_FAULTS]
		tests += [(f"listed_{fault}", lambda fault=fault: check_listed(recursion, fault)) for fault in LISTED_FAULTS]
		return run_tests(tests, after=lab.daemon.stop)


if __name__ == "__main__":
	sys.exit(main())
