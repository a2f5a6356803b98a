#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_dns_matrix - every fault of the chaos server at every question that a message asks.

    MAILREEVE=build/mailreeve tests/faults/test_dns_matrix.py [NAME ...]

A message through Postfix is recorded: the questions that it asks. Then each fault in turn: as many clients as there are
questions send that message at once, each of a world of its own in which one question has the fault. The daemon asks the
chaos server directly, so that nothing makes the faults milder.
"""
import collections
import contextlib
import re
import selectors
import socket
import sys
import threading

from faultlab import Failed, Verdicts, expect, run_tests, send
import mailreeve
import namespace
import world
import zonefile
from chaos_dns import ChaosServer
from dkim_signer import Key
from lab import TOOLS, Lab

FORWARDER = "198.51.100.60"
FIRST = 1       # the case that is recorded
CLIENTS = 60
# Short budgets, so that the whole matrix takes no longer than a cup of tea.
BUDGETS = ["dns.question_ms=3000", "dns.outstanding_max=8192", "wait.rcpt_ms=1500", "wait.eom_ms=4000",
           "wait.complete_ms=4000", f'greeting.test_networks=["{world.NETWORK}.0/24"]']
OPTIONS = ["dns.mode=forward", f'dns.forward=["{FORWARDER}"]'] + BUDGETS
BUDGET_S = 1.5 + 4.0 + 4.0
# What a busy machine may take on top of it: nobody is measured here, only that nobody hangs.
GRACE_S = 20

# What becomes of an answer. FAILS: nobody knows it: unsure, and no fact that costs more. COMES: late, in pieces, or
# large: as if nothing were. DENIES: an answer like any other; it may cost.
FAILS, COMES, DENIES = "fails", "comes", "denies"
FAULTS = {
	"servfail": FAILS, "refused": FAILS, "formerr": FAILS, "timeout": FAILS, "garbage": FAILS, "wrongid": FAILS,
	"cnameloop": FAILS, "referral": FAILS, "slow=400": COMES, "truncate": COMES, "huge": COMES, "nxdomain": DENIES,
}
LISTED_FAULTS = ("servfail", "timeout")
FORWARDED_FAULTS = ("servfail", "timeout", "garbage")
HUGE_STRINGS = 240

# What the log must call unsure when a question is not answered, and behind it what it may. Nothing, where another answer
# makes up for it. The first row that fits.
UNSURE = (
	(r"\.bl\.spamcop\.net ", "dnsbl.spamcop", ""),
	(r"\.list\.dnswl\.org ", "dnsbl.dnswl", ""),
	(r"\.zen\.spamhaus\.org ", "dnsbl.zen", ""),
	(r"\.dbl\.spamhaus\.org ", "dnsbl.dbl", ""),
	(r" PTR$", "rdns dnsbl.dbl", ""),
	(r"^ptr\.", "rdns", ""),
	(r"^helo\..* A$", "helo greeting spf", ""),
	(r"^helo\..* AAAA$", "", "greeting"),
	(r"^helo\..* TXT$", "spf", ""),
	(r"^(inc|red|a|m2|mxd)\.|\.ex\.", "spf", ""),
	(r"^c\d+\.example TXT$", "spf", ""),
	(r"^c\d+\.example MX$", "sender", ""),
	(r"^mx\..* A$", "sender", ""),
	(r"^mx\..* AAAA$", "", ""),
	(r"^_dmarc\.(sub\.)?c\d+\.example TXT$", "dmarc", ""),
	(r"^s\._domainkey\.", "dkim", ""),
	(r"^t\._domainkey\.", "", ""),
)


class Peers:
	"""A mail server on port 25 of each client, which greets with the name that the client says in HELO."""

	def __init__(self, count):
		self.connections = collections.Counter()
		self.selector = selectors.DefaultSelector()
		for number in range(1, count + 1):
			listening = socket.create_server((world.address(number), 25), backlog=64)
			listening.setblocking(False)
			self.selector.register(listening, selectors.EVENT_READ, number)
		threading.Thread(target=self._serve, daemon=True).start()

	def _serve(self):
		while True:
			for key, _events in self.selector.select():
				with contextlib.suppress(OSError):
					connection, _peer = key.fileobj.accept()
					self.connections[key.data] += 1
					threading.Thread(target=self._talk, args=(connection, world.helo(key.data)), daemon=True).start()

	@staticmethod
	def _talk(connection, name):
		with connection, contextlib.suppress(OSError):
			connection.settimeout(20)
			for text in (f"220 {name} ESMTP", f"250 {name}", "221 2.0.0 Bye"):
				connection.sendall(text.encode() + b"\r\n")
				connection.recv(1024)


class Case:
	"""A message in its own world; one question of it has the fault."""

	def __init__(self, number, question=None, fault="", kind="plain"):
		self.number, self.question, self.fault, self.kind = number, question, fault, kind
		self.message_id = f"<{fault.replace('=', '-')}-{kind}-{number}@lab.example>"
		self.sent = self.line = None

	def zone(self):
		"""Its world, with the fault in it."""
		text = world.records(self.number, Matrix.key, self.kind)
		if self.question is None:
			return text
		name, kind = self.question
		if self.fault != "huge":
			return text + f"{name} {kind} !{self.fault}\n"
		filler = " ".join(['"' + "x" * 250 + '"'] * HUGE_STRINGS)
		return text + f"{name} {kind} {filler}\n"

	def run(self, lab):
		"""Send the message."""
		octets = world.message(self.number, Matrix.key, self.message_id)
		self.sent = send(lab, world.address(self.number), octets, f"alice@{world.domain(self.number)}",
		                 helo=world.helo(self.number))

	def wrong(self, lab):
		"""What is wrong with its outcome, "" when nothing is."""
		if self.line is None:
			return f"no verdict; the sender saw {self.sent}"
		refused = self.line["action"] in ("reject", "defer")
		if self.sent.lost or self.sent.accepted == refused:
			return f"the sender saw {self.sent}"
		if refused and float(self.line["score"]) < float(self.line["threshold"]):
			return "refused below the threshold"
		if self.sent.accepted and lab.postfix.delivered(self.message_id) is None:
			return "taken, and not delivered"
		if sum(self.sent.waits_s.values()) > BUDGET_S + GRACE_S:
			return f"the sender waited {self.sent.waits_s}"
		return ""

	def unsure_wrong(self, fails):
		"""Does the log call unsure what it must, and nothing else?"""
		must = may = set()
		if fails and self.question:
			must, may = unsure_of(self.question)
		unsure = set(self.line.unsure)
		return "" if must <= unsure <= must | may else f"unsure is {sorted(unsure)}, not {sorted(must)}"


def send_all(lab, cases):
	"""The messages of all cases at once."""
	threads = [threading.Thread(target=case.run, args=(lab,)) for case in cases]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(BUDGET_S + GRACE_S + 60)


def unsure_of(question):
	"""What must, and what may be unsure without an answer to the question."""
	text = " ".join(question)
	for pattern, must, may in UNSURE:
		if re.search(pattern, text):
			return set(must.split()), set(may.split())
	raise Failed(f"nobody has said what {text} is for")


def paying(line):
	"""The facts of a verdict that cost something."""
	return {name for name, (points, _detail) in line.facts.items() if points and points > 0}


class Matrix:
	"""The laboratory and the forwarder."""

	key = None

	def __init__(self, lab, server):
		self.lab, self.server = lab, server

	def run(self, cases):
		"""Serve the cases' worlds, start a daemon without any memory, send all messages at once, find their verdicts."""
		text = world.tops() + "".join(case.zone() for case in cases)
		self.server.set_zone(zonefile.parse(text, "worlds"))
		self.lab.postfix.empty_mailbox()
		verdicts = Verdicts(self.lab)
		self.lab.daemon.start(OPTIONS)
		workers = self.lab.daemon.workers()
		send_all(self.lab, cases)
		expect(self.lab.daemon.workers() == workers, f"the worker died: {verdicts.said('died of')}")
		expect(self.lab.daemon.stop() == 0, "the daemon did not end well")
		lines = {line["helo"]: line for line in verdicts.read()}
		for case in cases:
			case.line = lines.get(f"<{world.helo(case.number)}>")
		return cases

	def record(self, kind="plain"):
		"""The message without a fault, and its questions (without those that no case has for itself)."""
		before = collections.Counter(self.server.counts.queries)
		case = self.run([Case(FIRST, kind=kind)])[0]
		wrong = case.wrong(self.lab)
		expect(not wrong, f"{kind}, without a fault: {wrong}")
		questions = sorted((self.server.counts.queries - before).keys())
		return case, [question for question in questions if world.question_of(question, 2) != question]

	def shared(self):
		"""The questions that every case asks alike, and so cannot have a fault for itself."""
		before = collections.Counter(self.server.counts.queries)
		self.run([Case(FIRST)])
		return sorted(question for question in self.server.counts.queries - before
		              if world.question_of(question, FIRST + 1) == question)

	def column(self, questions, fault, kind="plain"):
		"""A case for each question, all with the same fault."""
		return self.run([Case(number, world.question_of(question, number), fault, kind)
		                 for number, question in enumerate(questions, FIRST + 1)])


def report(cases, complaints):
	"""The words for a column; Failed when something was wrong."""
	found = [f"{' '.join(case.question)}: {text} | {case.line.raw if case.line else ''}"
	         for case, text in zip(cases, complaints) if text]
	expect(not found, f"{len(found)} of {len(cases)}: " + " || ".join(found[:3]))
	slowest = max(sum(case.sent.waits_s.values()) for case in cases)
	return f"{len(cases)} questions, the slowest message took {slowest:.1f} s"


def check_column(matrix, questions, fault):
	"""A fault at every question of the message that has nothing else against it."""
	def complaint(case):
		wrong = case.wrong(matrix.lab)
		if wrong or FAULTS[fault] == DENIES:
			return wrong or case.unsure_wrong(False)
		if not case.sent.accepted or paying(case.line):
			return f"it costs: the sender saw {case.sent}"
		return case.unsure_wrong(FAULTS[fault] == FAILS)
	if fault == "huge":
		questions = [question for question in questions if question[1] == "TXT"]
	cases = matrix.column(questions, fault)
	return report(cases, [complaint(case) for case in cases])


def check_shared(matrix, questions, fault):
	"""What no case has for itself, one after the other: the parent domains in which DMARC looks for a policy."""
	def complaint(case):
		wrong = case.wrong(matrix.lab)
		if wrong or not case.sent.accepted or paying(case.line):
			return wrong or f"it costs: the sender saw {case.sent}"
		unsure = set(case.line.unsure) - {"dmarc"}  # where it had to look there
		return f"unsure is {sorted(unsure)}" if unsure else ""
	expect(questions, "there are none")
	cases, complaints = [], []
	for question in questions:
		cases += matrix.run([Case(FIRST, question, fault)])
		complaints.append(complaint(cases[-1]))
	return report(cases, complaints)


def check_listed(matrix, questions, fault):
	"""A listed client is refused whatever else is not known; unless the list's own answer is missing."""
	def complaint(case):
		listed = ".zen." not in case.question[0]
		if case.line and (case.line["action"] == "reject") != listed:
			return "not refused" if listed else "refused without the answer"
		return case.wrong(matrix.lab)
	cases = matrix.column(questions, fault, "listed")
	return report(cases, [complaint(case) for case in cases])


def check_forwarded(matrix, questions, fault):
	"""SPF fails, the author's domain asks for rejection, and only DKIM speaks for the message: it is never refused for
	what is not known."""
	def complaint(case):
		wrong = case.wrong(matrix.lab)
		if not wrong and not case.sent.accepted:
			return f"refused: {case.sent}"
		if not wrong and case.question[0].startswith("s._domainkey.") and "dkim" not in " ".join(case.line.unsure):
			return "the key is not unsure"
		return wrong
	cases = matrix.column(questions, fault, "forwarded")
	return report(cases, [complaint(case) for case in cases])


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	Matrix.key = Key("ed25519")
	server = ChaosServer(zonefile.parse(world.tops(), "world"), [FORWARDER]).start()
	peers = Peers(CLIENTS)
	with Lab("") as lab:
		matrix = Matrix(lab, server)
		recorded = {kind: matrix.record(kind) for kind in ("plain", "listed", "forwarded")}

		def no_fault():
			(plain, questions), (listed, _none), (forwarded, _none) = recorded.values()
			expect(plain.sent.accepted and forwarded.sent.accepted and not listed.sent.accepted, "refused, or not")
			expect(not plain.line.unsure and not paying(plain.line), plain.line.raw)
			expect(peers.connections[FIRST] > 0, "nobody looked how the client greets")
			return f"{len(questions)} questions of a message"
		shared = matrix.shared()
		tests = [("no_fault", no_fault)]
		tests += [(f"shared_question_{fault}", lambda fault=fault: check_shared(matrix, shared, fault)) for fault in LISTED_FAULTS]
		for name, check, kind, faults in (
				("every_question", check_column, "plain", list(FAULTS)), ("listed", check_listed, "listed", LISTED_FAULTS),
				("forwarded", check_forwarded, "forwarded", FORWARDED_FAULTS)):
			tests += [(f"{name}_{fault.replace('=', '_')}",
			           lambda check=check, kind=kind, fault=fault: check(matrix, recorded[kind][1], fault)) for fault in faults]
		return run_tests(tests, after=lab.daemon.stop)


if __name__ == "__main__":
	sys.exit(main())
