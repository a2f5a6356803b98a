#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""soak - mixed traffic through a real Postfix for a long time, with a fault every moment.

    MAILREEVE=build/mailreeve [SOAK_SECONDS=60] [SOAK_SEED=N] tests/faults/soak.py

First with faults that replace the worker (kills, reloads), then with those that it must live through; over that part
memory and descriptors are measured. What must hold: every message in is exactly one verdict out, what was answered with
250 is delivered, the worker's own counters say the same, and nothing grows.
"""
import collections
import os
import random
import re
import resource
import signal
import sys
import threading
import time

from faultlab import Verdicts, expect, fd_count, option, run_tests, status_of, wait_until
import mailreeve
import namespace
import zonefile
from chaos_dns import ChaosServer
from dkim_signer import Key
from lab import TOOLS, Lab
from mailreeve import CONFIG, SHIPPED, SOCKET
from mta import MtaSession
from postfix import MAILBOXES
from soak_mail import ANY, DELIVERED, NONE, REFUSED, Client, zone

SECONDS = option("SOAK_SECONDS", 60)
SEED = option("SOAK_SEED", 0) or random.SystemRandom().randrange(1, 1 << 31)
CLIENTS = 6
PAUSE_S = 0.08             # between two sessions of a client, at most
FAULT_EVERY_S = 0.7        # at most
FIRST_SHARE = 0.35         # of the time, with faults that replace the worker
WARM_SHARE = 0.3           # of the rest: caches fill
GROWTH_KB = 3 * 1024       # of a worker, over the time that is measured
GROWTH_KB_HOUR = 8 * 1024  # projected, where the time measured is long enough to project it
PROJECT_S = 600
CALM_S = 1.0
STATISTICS = "messages="
ACTIONS = ("accept", "tag", "quarantine", "defer", "reject")
FORWARDER = "198.51.100.60"
OPTIONS = ["dns.mode=forward", f'dns.forward=["{FORWARDER}"]', "dns.cache_kb=1024", "dns.question_ms=1500",
           "wait.rcpt_ms=1000", "wait.eom_ms=2000", "greeting.enabled=false"]


class Faults:
	"""What goes wrong, one thing at a time; `count`: how often each did."""

	def __init__(self, lab, server, key, chance):
		self.lab, self.server, self.key, self.chance = lab, server, key, chance
		self.count = collections.Counter()
		with open(SHIPPED, encoding="utf-8") as file:
			self.config = file.read()

	def one(self, replacing):
		"""Any, or any but those that replace the worker."""
		kinds = [self.silence, self.servfail, self.broken_reload, self.idle_sessions, self.statistics, self.nothing]
		fault = self.chance.choice(kinds + [self.kill, self.reload] * 2 if replacing else kinds)
		self.count[fault.__name__] += 1
		fault()

	def silence(self):
		"""No DNS server answers."""
		self.server.mute = True
		time.sleep(self.chance.uniform(0.1, 2.5))
		self.server.mute = False

	def servfail(self):
		"""All lists and all SPF records fail."""
		self.server.set_zone(zonefile.parse(zone(self.key, self.chance.choice(("servfail", "refused", "garbage"))), "soak"))
		time.sleep(self.chance.uniform(0.1, 2))
		self.server.set_zone(zonefile.parse(zone(self.key), "soak"))

	def broken_reload(self):
		"""SIGHUP with an error in the file."""
		self.lab.daemon.reload(self.config.replace('mode = "enforce"', 'mode = "sometimes"'), "reload refused")
		namespace.write(CONFIG, self.config)

	def idle_sessions(self):
		"""Connections that the MTA forgets, with and without a word."""
		held = [MtaSession("unix:" + SOCKET) for _number in range(self.chance.randrange(1, 60))]
		for session in held[::2]:
			session.negotiate()
		time.sleep(self.chance.uniform(0, 0.5))
		for session in held:
			session.close()

	def statistics(self):
		"""SIGUSR1."""
		self.lab.daemon.process.send_signal(signal.SIGUSR1)

	def nothing(self):
		"""A moment of peace."""
		time.sleep(0.2)

	def kill(self):
		"""The worker dies of a signal."""
		worker = wait_until(self.lab.daemon.workers, "a worker")[-1]
		os.kill(worker, self.chance.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)))

	def reload(self):
		"""A good one."""
		self.lab.daemon.reload(self.config)


class Mailbox(threading.Thread):
	"""Takes the mail away while it comes: an hour of it would not fit into memory. `found`: Message-IDs and how often."""

	def __init__(self):
		super().__init__(daemon=True)
		self.found, self.lock = collections.Counter(), threading.Lock()

	def run(self):
		while True:
			self.collect()
			time.sleep(1)

	def collect(self):
		"""What is there now."""
		folder = MAILBOXES + "/inbox/new"
		with self.lock:
			for name in os.listdir(folder) if os.path.isdir(folder) else ():
				with open(f"{folder}/{name}", "rb") as file:
					head = file.read(65536).partition(b"\n\n")[0]
				for found in re.findall(rb"(?mi)^message-id:\s*<([^>]*)>", head):
					self.found[found.decode()] += 1
				os.unlink(f"{folder}/{name}")


class Soak:
	"""One run."""

	def __init__(self, lab, server, key):
		self.lab, self.key = lab, key
		self.faults = Faults(lab, server, key, random.Random(SEED))
		self.clients = [Client(lab, random.Random(SEED + 1 + number), key) for number in range(CLIENTS)]
		self.verdicts, self.mailbox = Verdicts(lab), Mailbox()
		self.stopping, self.going, self.busy = threading.Event(), threading.Event(), set()
		self.samples, self.fds, self.broken, self.before = [], (), [], ()
		self.going.set()

	def _send(self, client):
		try:
			while not self.stopping.is_set():
				self.going.wait()
				self.busy.add(client)
				client.session()
				self.busy.discard(client)
				time.sleep(client.chance.uniform(0, PAUSE_S))
		except Exception as error:  # told at the end
			self.broken.append(f"{type(error).__name__}: {error}")
		finally:
			self.busy.discard(client)

	def _quiet(self):
		"""Wait until nobody sends and nothing is under way; the worker's counters, and what its log lines say."""
		self.going.clear()
		time.sleep(2 * PAUSE_S)
		wait_until(lambda: not self.busy, "the clients to pause")
		count, since = -1, time.monotonic()
		while time.monotonic() - since < CALM_S:  # what was cut off at its end may still be judged
			if len(self.verdicts.read()) != count:
				count, since = len(self.verdicts.read()), time.monotonic()
			time.sleep(0.1)
		seen = len(self.verdicts.said(STATISTICS))
		self.faults.statistics()
		wait_until(lambda: len(self.verdicts.said(STATISTICS)) > seen, "the statistics")
		told = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", self.verdicts.said(STATISTICS)[-1])}
		said = collections.Counter(line["action"] for line in self.verdicts.read())
		self.going.set()
		return {action: told[action] for action in ACTIONS}, {action: said[action] for action in ACTIONS}

	def _sample(self, worker):
		begin = time.monotonic()
		while not self.stopping.wait(0.25):
			self.samples.append((time.monotonic() - begin, status_of(worker, "VmRSS"), fd_count(worker)))

	def _fault_until(self, end, replacing):
		while time.monotonic() < end and not self.broken:
			self.faults.one(replacing)
			time.sleep(self.faults.chance.uniform(0, FAULT_EVERY_S))

	def run(self):
		"""Both parts, and then quiet."""
		threads = [threading.Thread(target=self._send, args=(client,)) for client in self.clients]
		self.mailbox.start()
		for thread in threads:
			thread.start()
		try:
			self._run(threads)
		finally:
			self.stopping.set()
			self.going.set()
			for thread in threads:
				thread.join(120)

	def _run(self, threads):
		begin = time.monotonic()
		self._fault_until(begin + SECONDS * FIRST_SHARE, True)
		worker = wait_until(self.lab.daemon.workers, "a worker")[-1]
		wait_until(lambda: self.lab.daemon.workers() == [worker], "older workers to end")
		self.before = self._quiet()
		supervisor = self.lab.daemon.process.pid
		self.fds = fd_count(supervisor), status_of(supervisor, "VmRSS")
		threads.append(threading.Thread(target=self._sample, args=(worker,)))
		threads[-1].start()
		self._fault_until(begin + SECONDS, False)
		self.stopping.set()
		for thread in threads:
			thread.join(120)
		self.fds += fd_count(supervisor), status_of(supervisor, "VmRSS")
		expect(not self.broken, f"{len(self.broken)} clients broke: {self.broken[:2]}")
		expect(self.lab.daemon.workers() == [worker], "the worker was replaced when nothing replaced it")

	# ---- what must hold

	def check_verdicts(self):
		"""Every message that was taken or refused has exactly one, and nobody else has any."""
		seen = collections.Counter(line["from"].strip("<>") for line in self.verdicts.read())
		wrong, due, any_due = [], 0, 0
		for sent in (sent for client in self.clients for sent in client.messages):
			count = seen.pop(sent.sender, 0)
			due += sent.due in (DELIVERED, REFUSED)
			any_due += sent.due == ANY
			if count > 1 or sent.due == NONE and count or sent.due in (DELIVERED, REFUSED) and count != 1:
				wrong.append(f"{sent} has {count} verdicts")
		expect(not wrong, f"{len(wrong)}: {wrong[:3]}")
		expect(not seen, f"verdicts of messages that nobody sent: {list(seen.items())[:3]}")
		return f"{due} messages with exactly one verdict, {any_due} deferred or cut off at their end"

	def check_delivered(self):
		"""What was answered with 250 is in the mailbox."""
		taken = [sent.sender for client in self.clients for sent in client.messages if sent.due == DELIVERED]

		def missing():
			self.mailbox.collect()
			return [sender for sender in taken if not self.mailbox.found[sender]]
		wait_until(lambda: not missing(), "all that was taken to be delivered", 60)
		return f"{len(taken)} delivered"

	def check_refusals(self):
		"""Only those are refused against whom there is evidence."""
		wrong = [line.raw for line in self.verdicts.read() if line["action"] == "reject" and "dnsbl.zen.xbl" not in line.facts]
		expect(not wrong, f"{len(wrong)}: {wrong[:2]}")

	def check_counters(self):
		"""Over the second part, in which nothing was killed, the counters are what the log lines say."""
		after = self._quiet()
		told, said = ({action: after[kind][action] - self.before[kind][action] for action in ACTIONS} for kind in (0, 1))
		expect(told == said, f"counted {told}, logged {said}")
		return ", ".join(f"{count} {action}" for action, count in said.items())

	def check_growth(self):
		"""Memory by the slope over the time behind the warming-up; descriptors at the end."""
		length = self.samples[-1][0]
		points = [(at, kb) for at, kb, _fds in self.samples if at > length * WARM_SHARE]
		slope = slope_of(points)
		measured = points[-1][0] - points[0][0]
		grown, hour = slope * measured, slope * 3600
		text = f"the worker {points[0][1]} kB, then {points[-1][1]} kB, slope {hour / 1024:.2f} MB/h over {measured:.0f} s"
		expect(grown < GROWTH_KB, text)
		expect(measured < PROJECT_S or hour < GROWTH_KB_HOUR, text)
		low = [min(fds for at, _kb, fds in self.samples if first <= at <= last)
		       for first, last in ((0, length / 2), (length / 2, length))]
		expect(low[1] <= low[0] + 4, f"descriptors of the worker, at their lowest: {low[0]}, later {low[1]}")
		expect(self.fds[2] <= self.fds[0] and self.fds[3] - self.fds[1] < GROWTH_KB, f"the supervisor: {self.fds}")
		return text + f"; {low[1]} descriptors"


def slope_of(points):
	"""By least squares."""
	n = len(points)
	mean_x, mean_y = sum(x for x, _y in points) / n, sum(y for _x, y in points) / n
	return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _y in points)


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	print(f"# SOAK_SEED={SEED} SOAK_SECONDS={SECONDS}", flush=True)
	key = Key("ed25519")
	server = ChaosServer(zonefile.parse(zone(key), "soak"), [FORWARDER]).start()
	with Lab("") as lab:
		lab.daemon.start(OPTIONS)
		soak = Soak(lab, server, key)

		def run():
			soak.run()
			return f"seed {SEED}; " + ", ".join(f"{count} {name}" for name, count in sorted(soak.faults.count.items()))
		return run_tests([("traffic", run), ("one_verdict_each", soak.check_verdicts), ("delivered", soak.check_delivered),
		                  ("refusals", soak.check_refusals), ("counters", soak.check_counters),
		                  ("growth", soak.check_growth)])


if __name__ == "__main__":
	sys.exit(main())
