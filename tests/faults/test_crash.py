#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_crash - the worker, the supervisor or Postfix dies or is replaced while many sessions are open.

    MAILREEVE=build/mailreeve tests/faults/test_crash.py [NAME ...]

What the sender must see: a session whose filter died is told to come again (451), nothing else is; what was answered with
250 is in the mailbox, and has exactly one verdict.
"""
import itertools
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time

from faultlab import (Sent, Verdicts, expect, fd_count, message, option, run_tests, say, send, status_of,
                      tests_of, undelivered, wait_until)
import mailreeve
import namespace
from daemon import alive, sanitized
from demo_cases import called, named, takes_mail
from dkim_signer import Key
from dns_zones import reverse_name
from lab import TOOLS, Lab
from mailreeve import SHIPPED, SOCKET
from postfix import OPEN_PORT
from probe import Prober
from smtp_client import Gone

GOOD, WAITING = "203.0.113.5", "203.0.113.66"  # of the second nobody says whether it is listed
KEY = None
SLOW = "slow.example"
STAGES = ("banner", "helo", "mail", "rcpt", "half", "rcpt_waits", "eom_waits")
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)
SESSIONS = 50
RELOADS = option("RELOADS", 200)
LOADERS = 6
AT_ONCE_S = 5            # what "at once" may be on a busy machine
GROWTH_KB = 2048
EXIT_CANTCREAT = 73
ZONE = "".join([takes_mail("example.net", SLOW), called("client.example", GOOD, WAITING), named(GOOD, "mail.example.net"),
                named(WAITING, "waiting.example.net"), f"s._domainkey.{SLOW} TXT !timeout\n",
                f"{reverse_name(WAITING, 'zen.spamhaus.org')} A !timeout\n"])
numbers = itertools.count(1)


def new_id():
	"""A Message-ID that no other message has."""
	return f"<crash-{next(numbers)}@lab.example>"


def start(lab):
	"""The daemon reads its DNS from a file: who waits there, waits for certain."""
	os.makedirs("/etc/mailreeve", exist_ok=True)
	return lab.daemon.start(["dns.mode=zone", "dns.zone_file=" + namespace.write("/etc/mailreeve/zone", ZONE)])


class Held:
	"""A session that was brought to a stage, and stands there."""

	def __init__(self, lab, stage, signed, port=25):
		self.stage, self.sent = stage, Sent()
		self.message_id = new_id()
		self.octets = signed if stage == "eom_waits" else message(self.message_id)
		self.client = lab.client(WAITING if stage == "rcpt_waits" else GOOD, port)
		sender = f"alice@{SLOW}" if stage == "eom_waits" else "alice@example.net"
		self.steps = [("banner", self.client.reply), ("helo", lambda: self.client.command(b"EHLO client.example")),
		              ("mail", lambda: self.client.command(f"MAIL FROM:<{sender}>")),
		              ("rcpt", lambda: self.client.command(b"RCPT TO:<bob@example.org>")),
		              ("data", lambda: self.client.command(b"DATA"))]
		self.before = STAGES.index(stage) + 1 if stage in ("banner", "helo", "mail", "rcpt") else 5
		if stage == "rcpt_waits":
			self.before = 3
		for name, ask in self.steps[:self.before]:
			expect(say(self.sent, name, ask), f"{name}: {self.sent}")
		if stage == "half":
			self.client.send(self.octets[:-3])
		elif stage == "rcpt_waits":
			self.client.send(b"RCPT TO:<bob@example.org>\r\n")
		elif stage == "eom_waits":
			self.client.send(self.octets + b".\r\n")

	def finish(self):
		"""On to the end, or to the first command that is not granted; the Sent."""
		try:
			if self.stage == "rcpt_waits":
				say(self.sent, "rcpt", self.client.reply)
				self.before = 4
			if self.stage == "eom_waits":
				say(self.sent, "content", self.client.reply)
			elif self.stage == "half":
				say(self.sent, "content", lambda: self.client.message(self.octets[-3:]))
			elif self.sent.code[0] in "23" and all(say(self.sent, name, ask) for name, ask in self.steps[self.before:]):
				say(self.sent, "content", lambda: self.client.message(self.octets))
		except (Gone, OSError) as error:
			self.sent.lost = f"{type(error).__name__}: {error}"
		self.client.close()
		return self.sent


def at_once(function, arguments):
	"""Call the function with each argument, all at the same time; the results in order."""
	results = [None] * len(arguments)

	def run(number):
		try:
			results[number] = function(arguments[number])
		except Exception as error:  # it is told with the others
			results[number] = error
	threads = [threading.Thread(target=run, args=(number,)) for number in range(len(arguments))]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
	failed = [result for result in results if isinstance(result, Exception) or result is None]
	expect(not failed, f"{len(failed)} of {len(arguments)}: {failed[:2]}")
	return results


class Load:
	"""Messages without a pause; `sent`: (Sent, Message-ID)."""

	def __init__(self, lab):
		self.lab, self.sent, self.stopping = lab, [], threading.Event()
		self.threads = [threading.Thread(target=self._run) for _number in range(LOADERS)]

	def __enter__(self):
		for thread in self.threads:
			thread.start()
		return self

	def __exit__(self, *_args):
		self.stopping.set()
		for thread in self.threads:
			thread.join(60)

	def _run(self):
		while not self.stopping.is_set():
			message_id = new_id()
			self.sent.append((send(self.lab, GOOD, message(message_id)), message_id))

	def check_all_taken(self):
		"""Nobody was refused, deferred or dropped, and all of it was delivered."""
		wrong = [str(sent) for sent, _message_id in self.sent if not sent.accepted]
		expect(self.sent and not wrong, f"{len(wrong)} of {len(self.sent)}: {wrong[:3]}")
		check_delivered(self.sent)


def check_delivered(pairs):
	"""What was taken is there."""
	lost = undelivered(message_id for sent, message_id in pairs if sent.accepted)
	expect(not lost, f"{len(lost)} taken, and not delivered: {lost[:3]}")


def check_one_verdict(verdicts, pairs):
	"""Each message that was taken has exactly one, and no other one has."""
	taken = sorted(sent.queue_id for sent, _message_id in pairs if sent.accepted)
	judged = sorted(line.queue_id for line in verdicts.read() if line["action"] in ("accept", "tag") and line["stage"] == "eom")
	expect(taken == judged, f"{len(taken)} taken, {len(judged)} verdicts: {sorted(set(taken) ^ set(judged))[:3]}")


def check_next(lab):
	"""A new connection is served at once; how long it took."""
	begin, message_id = time.monotonic(), new_id()
	sent = send(lab, GOOD, message(message_id))
	took = time.monotonic() - begin
	expect(sent.accepted and took < AT_ONCE_S, f"the next connection: {sent} after {took:.1f} s")
	return sent, message_id, took


# ---- the worker

def kill_worker(lab, stage, number):
	"""All sessions at one stage (or dealt over all), a signal for the worker; what the senders saw."""
	verdicts, signed = Verdicts(lab), KEY.sign(message("<slow@lab.example>").replace(b"example.net", SLOW.encode()), SLOW, "s")
	held = at_once(lambda where: Held(lab, where, signed), [stage] * SESSIONS)
	if stage.endswith("_waits"):
		time.sleep(0.3)
		answered = select.select([session.client.socket for session in held], [], [], 0)[0]
		expect(not answered, f"{len(answered)} of {SESSIONS} sessions did not wait: this test is about those that do")
	worker = lab.daemon.workers()[-1]
	os.kill(worker, number)
	wait_until(lambda: not alive(worker), "the worker to die")
	pairs = [check_next(lab)[:2]]
	seen = at_once(Held.finish, held)
	wrong = [str(sent) for sent in seen if sent.lost or sent.code != "451"]
	expect(not wrong, f"{len(wrong)} of {SESSIONS} sessions at {stage}: {wrong[:2]}")
	expect(verdicts.said(f"{worker} died of signal {int(number)}"), "the log does not say that it died")
	check_delivered(pairs)
	check_one_verdict(verdicts, pairs)


def worker_dies(lab, number):
	"""At every stage."""
	start(lab)
	slowest = 0.0
	for stage in STAGES:
		begin = time.monotonic()
		kill_worker(lab, stage, number)
		time.sleep(max(0.0, 1.1 - (time.monotonic() - begin)))  # workers that die within a second are replaced with a pause
		slowest = max(slowest, check_next(lab)[2])
	return f"{SESSIONS} sessions at each of {len(STAGES)} stages got 451; the next connection's message took {slowest:.2f} s at most"


def test_worker_killed(lab):
	return worker_dies(lab, signal.SIGKILL)


def test_worker_segfault(lab):
	return worker_dies(lab, signal.SIGSEGV)


def test_worker_aborts(lab):
	return worker_dies(lab, signal.SIGABRT)


def test_worker_killed_and_accepted(lab):
	"""Where Postfix is told to accept (milter_default_action), the sessions go on without the filter."""
	start(lab)
	verdicts = Verdicts(lab)
	held = at_once(lambda stage: Held(lab, stage, b"", OPEN_PORT), [STAGES[number % 5] for number in range(SESSIONS)])
	os.kill(lab.daemon.workers()[-1], signal.SIGKILL)
	pair = check_next(lab)[:2]
	seen = at_once(Held.finish, held)
	wrong = [f"{sent.stage}: {sent}" for sent in seen if not sent.accepted]
	expect(not wrong, f"{len(wrong)} of {SESSIONS}: {wrong[:2]}")
	check_delivered([pair] + [(session.sent, session.message_id) for session in held])
	check_one_verdict(verdicts, [pair])
	return f"{SESSIONS} sessions were taken without a verdict"


# ---- the supervisor

def test_supervisor_killed(lab):
	"""Open sessions are finished by the worker that lost it; a new start takes the socket over; nobody is left behind."""
	daemon, verdicts = start(lab), Verdicts(lab)
	held = at_once(lambda stage: Held(lab, stage, b""), [STAGES[number % 5] for number in range(SESSIONS)])
	workers = daemon.workers()
	daemon.process.kill()
	daemon.process.wait()
	expect(os.path.exists(SOCKET), "this test is about a socket that is left over")
	begin = time.monotonic()
	start(lab)
	took = time.monotonic() - begin
	expect(took < AT_ONCE_S, f"the restart took {took:.1f} s")
	pair = check_next(lab)[:2]
	seen = at_once(Held.finish, held)
	wrong = [str(sent) for sent in seen if not sent.accepted]
	expect(not wrong, f"{len(wrong)} of {SESSIONS} open sessions: {wrong[:2]}")
	wait_until(lambda: not any(map(alive, workers)), "the orphan to end", AT_ONCE_S)
	pairs = [pair] + [(session.sent, session.message_id) for session in held]
	check_delivered(pairs)
	check_one_verdict(verdicts, pairs)
	return f"restarted after {took:.2f} s; {SESSIONS} open sessions finished by the orphan, which then ended"


def test_supervisor_killed_under_load(lab):
	"""Five times: messages are taken or deferred, never lost and never refused."""
	start(lab)
	verdicts = Verdicts(lab)
	with Load(lab) as load:
		for _turn in range(5):
			workers = lab.daemon.workers()
			lab.daemon.process.kill()
			lab.daemon.process.wait()
			start(lab)
			wait_until(lambda workers=workers: not any(map(alive, workers)), "the orphan to end")
			time.sleep(0.3)
	wrong = [str(sent) for sent, _message_id in load.sent if sent.lost or not sent.accepted and sent.code != "451"]
	expect(not wrong, f"{len(wrong)} of {len(load.sent)}: {wrong[:3]}")
	check_delivered(load.sent)
	check_one_verdict(verdicts, load.sent)
	deferred = sum(not sent.accepted for sent, _message_id in load.sent)
	return f"{len(load.sent)} messages, {deferred} of them deferred"


# ---- reloads, a second instance

def variants():
	"""Two good configurations and a broken one."""
	with open(SHIPPED, encoding="utf-8") as file:
		text = file.read()
	good = text.replace("tag = 5.0;", "tag = 6.0;")
	broken = text.replace('mode = "enforce"', 'mood = "enforce"')
	expect(text not in (good, broken), "the shipped configuration has changed")
	return (text, "reloaded:"), (good, "reloaded:"), (broken, "reload refused")


def test_reloads_under_load(lab):
	"""A third of them with a broken file: nobody is refused, nothing is lost, and nothing grows."""
	daemon, verdicts, before = start(lab), Verdicts(lab), None
	files = variants()
	with Load(lab) as load, Prober("unix:" + SOCKET) as prober:
		for turn in range(RELOADS):
			daemon.reload(*files[turn % 3])
			if turn == RELOADS // 4:
				before = fd_count(daemon.process.pid), status_of(daemon.process.pid, "VmRSS")
		refused = len(verdicts.said("the configuration stays as it was"))
	prober.check()
	load.check_all_taken()
	check_one_verdict(verdicts, load.sent)
	expect(refused == RELOADS // 3, f"{refused} reloads were refused")
	wait_until(lambda: len(daemon.workers()) == 1, "the old workers to end")
	after = fd_count(daemon.process.pid), status_of(daemon.process.pid, "VmRSS")
	expect(after[0] <= before[0], f"descriptors of the supervisor: {before[0]}, then {after[0]}")
	expect(after[1] - before[1] < GROWTH_KB or sanitized(daemon.process.pid), f"kilobytes of the supervisor: {before[1]}, then {after[1]}")
	return (f"{RELOADS} reloads, {len(load.sent)} messages and {prober.served} knocks, the slowest {prober.slowest * 1000:.0f} ms; "
	        f"the supervisor: {before[0]} descriptors and {before[1]} kB, then {after[0]} and {after[1]} kB")


def test_second_instance_under_load(lab):
	"""Started by mistake on the same socket: it says so and ends, and the first one is not disturbed."""
	daemon, verdicts = start(lab), Verdicts(lab)
	workers = daemon.workers()
	with Load(lab) as load:
		for _turn in range(4):
			done = subprocess.run(daemon.command(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
			expect(done.returncode == EXIT_CANTCREAT, f"it ended with {done.returncode}: {done.stderr}")
			expect(b"another instance owns it" in done.stderr, f"it does not say why: {done.stderr}")
	expect(daemon.workers() == workers, "the first one's worker was replaced")
	load.check_all_taken()
	check_one_verdict(verdicts, load.sent)
	return f"{len(load.sent)} messages meanwhile"


# ---- Postfix

def test_postfix_restarts(lab):
	"""Open sessions end with it; the daemon forgets them, and serves the new one."""
	daemon, verdicts = start(lab), Verdicts(lab)
	worker = daemon.workers()[-1]
	first = check_next(lab)[:2]
	quiet = fd_count(worker)
	pairs = [first]
	for _turn in range(2):
		held = at_once(lambda stage: Held(lab, stage, b""), [STAGES[number % 5] for number in range(SESSIONS)])
		# A busy Postfix may have given some of them up already.
		sessions = fd_count(worker) - quiet
		expect(sessions >= SESSIONS // 2, f"this test is about open sessions, there are {sessions}")
		lab.postfix.restart()
		wait_until(lambda: fd_count(worker) <= quiet, f"the sessions to be gone; {fd_count(worker)} descriptors, {quiet} before")
		for session in held:
			session.client.close()
		pairs.append(check_next(lab)[:2])
	expect(daemon.workers() == [worker], "the worker was replaced")
	check_delivered(pairs)
	check_one_verdict(verdicts, pairs)
	return f"twice with {SESSIONS} sessions"


def busy_smtpds():
	"""Postfix's smtpd processes that have a session with the filter."""
	found = []
	for pid in filter(str.isdigit, os.listdir("/proc")):
		try:
			with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
				if file.read().strip() == "smtpd" and fd_count(pid) > 0:
					found.append(int(pid))
		except OSError:
			continue
	return found


def test_mta_hangs(lab):
	"""All of Postfix's smtpd stop in the middle of their sessions, and go on later: other sessions do not notice, and
	nothing is lost."""
	start(lab)
	lab.postfix.restart()  # else there are idle ones, and Postfix would wait for them
	verdicts, worker = Verdicts(lab), lab.daemon.workers()
	held = at_once(lambda stage: Held(lab, stage, b""), [STAGES[number % 5] for number in range(SESSIONS)])
	stopped = busy_smtpds()
	expect(len(stopped) == SESSIONS, f"{len(stopped)} smtpd for {SESSIONS} sessions")
	for pid in stopped:
		os.kill(pid, signal.SIGSTOP)
	try:
		pairs = [check_next(lab)[:2] for _turn in range(5)]
	finally:
		for pid in stopped:
			os.kill(pid, signal.SIGCONT)
	seen = at_once(Held.finish, held)
	wrong = [str(sent) for sent in seen if not sent.accepted]
	expect(not wrong, f"{len(wrong)} of {SESSIONS} sessions: {wrong[:2]}")
	pairs += [(session.sent, session.message_id) for session in held]
	check_delivered(pairs)
	check_one_verdict(verdicts, pairs)
	expect(lab.daemon.workers() == worker, "the worker was replaced")
	return f"{SESSIONS} sessions stood still and finished"


def main():
	"""The command line."""
	global KEY
	mailreeve.program()
	namespace.enter(TOOLS)
	resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	KEY = Key("ed25519")
	with Lab(ZONE) as lab:
		def clean():
			lab.daemon.stop()
			lab.postfix.empty_mailbox()
		return run_tests(tests_of(globals()), lambda: (lab,), clean)


if __name__ == "__main__":
	sys.exit(main())
