#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_dns_outage - no DNS server answers any more, under load; then they are back.

    MAILREEVE=build/mailreeve [OUTAGE_SECONDS=60] tests/faults/test_dns_outage.py [NAME ...]

Every message is of a new domain, so that nothing can be known from before. Mail must flow throughout, within the budgets
of the shipped configuration, and the first message that everything is known about must come soon after the end.
"""
import itertools
import sys
import threading
import time

from faultlab import Verdicts, expect, message, option, run_tests, send, undelivered, wait_until
import mailreeve
import namespace
import zonefile
from chaos_dns import ChaosServer
from dns_zones import reverse_name
from lab import TOOLS, Lab
from world import SOA, tops

FORWARDERS = ("198.51.100.60", "198.51.100.61")
CLIENT = "203.0.113.9"
ZONE = tops() + f"""load.example {SOA}
{reverse_name(CLIENT)} PTR ptr.load.example
*.load.example A {CLIENT}
*.load.example MX 10 mx.load.example
*.load.example TXT "v=spf1 a -all"
"""
OUTAGE_S = option("OUTAGE_SECONDS", 15)
WARM_S = 2
SENDERS = 24
RCPT_S, EOM_S = 3, 8      # wait.rcpt_ms, wait.eom_ms as shipped
GRACE_S = 10              # a busy machine
RECOVERY_S = 20           # dns.timeout_ttl_s is 15, and that is for a name that had timed out


class Load:
	"""Senders that never pause; `done`: (begin, end, Sent, domain) of each message."""

	def __init__(self, lab):
		self.lab, self.done, self.count = lab, [], itertools.count()
		self.stopping = threading.Event()
		self.threads = [threading.Thread(target=self._run) for _number in range(SENDERS)]

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
			name = f"d{next(self.count)}.load.example"
			octets = message(f"<{name}@lab.example>").replace(b"example.net", name.encode())
			begin = time.monotonic()
			sent = send(self.lab, CLIENT, octets, f"alice@{name}", helo="h" + name)
			self.done.append((begin, time.monotonic(), sent, name))


class Outage:
	"""The laboratory with two resolvers that can be silenced."""

	def __init__(self, lab, servers):
		self.lab, self.servers = lab, servers

	def mute(self, silent):
		"""Nobody answers, or everybody does."""
		for server in self.servers:
			server.mute = silent
		return time.monotonic()

	def run(self, options=()):
		"""(load, begin and end of the outage, verdicts by domain)."""
		verdicts = Verdicts(self.lab)
		forward = ",".join(f'"{address}"' for address in FORWARDERS)
		self.lab.daemon.start(["dns.mode=forward", f"dns.forward=[{forward}]", *options])
		workers = self.lab.daemon.workers()
		with Load(self.lab) as load:
			time.sleep(WARM_S)
			begin = self.mute(True)
			time.sleep(OUTAGE_S)
			end = self.mute(False)
			wait_until(lambda: self.recovered(verdicts, load, end), "everything to be known again", RECOVERY_S + GRACE_S)
		expect(self.lab.daemon.workers() == workers, "the worker died")
		return load, begin, end, {line["helo"].strip("<h>"): line for line in verdicts.read()}

	@staticmethod
	def recovered(verdicts, load, since):
		"""When was the first message done that began behind the outage, and of which everything is known?"""
		time.sleep(0.2)
		known = {line["helo"].strip("<h>") for line in verdicts.read() if not line.unsure}
		return min((end for begin, end, _sent, name in list(load.done) if begin > since and name in known), default=None)


def check(outage, load, begin, end, lines):
	"""Nothing lost, nothing refused, nobody kept waiting, and the log says why; a few words."""
	wrong = [f"{name}: {sent}" for _begin, _end, sent, name in load.done if not sent.accepted]
	expect(not wrong, f"{len(wrong)} of {len(load.done)} not taken: {wrong[:3]}")
	missing = [name for _begin, _end, _sent, name in load.done if name not in lines]
	expect(not missing, f"{len(missing)} without a verdict: {missing[:3]}")
	expect(len(lines) == len(load.done), f"{len(lines)} verdicts for {len(load.done)} messages")
	paying = [line.raw for line in lines.values() if float(line["score"]) > 0]
	expect(not paying, f"{len(paying)} cost something: {paying[:2]}")
	during = [(sent, name) for at, done, sent, name in load.done if begin < at and done < end]
	sure = [name for _sent, name in during if not lines[name].unsure]
	expect(during and not sure, f"{len(sure)} of {len(during)} in the outage are sure of everything: {sure[:3]}")
	rcpt = max(sent.waits_s["rcpt"] for sent, _name in during)
	content = max(sent.waits_s["content"] for sent, _name in during)
	expect(rcpt < RCPT_S + GRACE_S and content < EOM_S + GRACE_S, f"RCPT took {rcpt:.1f} s, the content {content:.1f} s")
	lost = undelivered(f"<{name}@lab.example>" for _begin, _end, _sent, name in load.done)
	expect(not lost, f"{len(lost)} taken, and not delivered: {lost[:3]}")
	return (f"{len(load.done)} messages, {len(during)} of them wholly in the {end - begin:.0f} s without DNS, where RCPT took "
	        f"{rcpt:.2f} s and the content {content:.2f} s at most")


def test_all_servers_dead(outage):
	"""As shipped."""
	load, begin, end, lines = outage.run()
	first = min(done for at, done, _sent, name in load.done if at > end and not lines[name].unsure)
	expect(first - end < RECOVERY_S, f"the first message with all answers was done {first - end:.1f} s after the outage")
	return check(outage, load, begin, end, lines) + f"; everything was known again after {first - end:.2f} s"


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	servers = [ChaosServer(zonefile.parse(ZONE, "load"), [address]).start() for address in FORWARDERS]
	with Lab("") as lab:
		outage = Outage(lab, servers)
		return run_tests([("all_servers_dead", test_all_servers_dead)], lambda: (outage,), lab.daemon.stop)


if __name__ == "__main__":
	sys.exit(main())
