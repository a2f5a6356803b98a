#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_limits - no descriptors left, a wall clock that jumps, an MTA that hangs or goes away at any octet.

    MAILREEVE=build/mailreeve tests/faults/test_limits.py [NAME ...]

Through the milter client; DNS comes from a chaos server on this machine.
"""
import contextlib
import itertools
import mmap
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from faultlab import HERE, expect, fd_count, run_tests, status_of, tests_of, wait_until
import smfi
import zonefile
from chaos_dns import ChaosServer
from daemon import Daemon
from dns_zones import reverse_name
from smfi import Closed
from test_protocol import check_serves, go_to
from world import SOA, tops

CLIENT = "203.0.113.9"
SLOW_MS = 800
KNOCKS = 200
ZONE = tops() + f"""load.example {SOA}
{reverse_name(CLIENT)} PTR ptr.load.example
*.load.example A {CLIENT}
*.load.example MX 10 mx.load.example
*.load.example TXT "v=spf1 a -all"
example.net MX 10 mx.load.example
named.example.net A {CLIENT}
*.slow.load.example TXT "v=spf1 a -all"
*.slow.load.example A {CLIENT}
*.slow.load.example TXT !slow={SLOW_MS}
"""
HEADERS = [("From", " Alice <alice@load.example>"), ("Subject", " a test"), ("Message-ID", " <1@load.example>")]
numbers = itertools.count(1)


def free_port():
	"""A port that nobody listens on, for UDP and for TCP."""
	with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
		sock.bind(("127.0.0.1", 0))
		return sock.getsockname()[1]


@contextlib.contextmanager
def served(**options):
	"""A daemon that asks a chaos server; (daemon, server)."""
	where = f"127.0.0.1@{free_port()}"
	server = ChaosServer(zonefile.parse(ZONE, "limits"), [where]).start()
	overrides = ["dns.mode=forward", f'dns.forward=["{where}"]', "helo.enabled=true", "sender.enabled=true",
	             "greeting.enabled=false", *options.pop("overrides", [])]
	try:
		with Daemon(overrides, "", **options) as daemon:
			yield daemon, server
	finally:
		server.stop()


def began(daemon, part="load", **options):
	"""A session behind HELO, with a name that nobody has said before."""
	session = daemon.session(**options)
	session.start("ptr.load.example", CLIENT, f"h{next(numbers)}.{part}.example")
	return session


def whole(daemon, part="load"):
	"""A message in a session of its own, of a domain that nobody has seen before; it must be taken. How long it took."""
	begin = time.monotonic()
	with began(daemon, part) as session:
		delivered = session.message(f"<alice@d{next(numbers)}.{part}.example>", headers=HEADERS)
		expect(delivered.accepted, f"refused: {delivered.reply}")
		session.quit()
	return time.monotonic() - begin


def stats(daemon):
	"""The worker's statistics line as numbers."""
	seen = len(daemon.log_lines())
	daemon.signal(signal.SIGUSR1)
	return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", daemon.wait_log("sessions=", after=seen))}


# ---- descriptors

def test_no_descriptors_left():
	"""Open sessions go on, without DNS if need be; who comes later is served when there is room again."""
	with served() as (daemon, _server):
		whole(daemon)
		worker, held = daemon.worker(), [began(daemon) for _number in range(10)]
		limit, waiting, failed = fd_count(worker) + 20, [], []
		resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, limit))

		def knock():
			try:
				session = daemon.session(timeout=60)
				session.negotiate()
				waiting.append(session)
			except (OSError, Closed) as error:
				failed.append(repr(error))
		threads = [threading.Thread(target=knock) for _number in range(KNOCKS)]
		for thread in threads:
			thread.start()
		wait_until(lambda: fd_count(worker) == limit, "the descriptors to be used up")
		lines = len(daemon.log_lines())
		for number, session in enumerate(held):
			delivered = session.message(f"<alice@full{number}.load.example>", headers=HEADERS)
			expect(delivered.accepted, f"an open session was refused: {delivered.reply}")
		early = len(waiting)
		expect(early < KNOCKS, "this test is about sessions that must wait")
		logged = len(daemon.log_lines()) - lines
		expect(logged < 200, f"{logged} log lines meanwhile")
		for session in held:
			session.quit()
		served_late = set()
		while len(served_late) < KNOCKS and not failed:
			for session in wait_until(lambda: [one for one in list(waiting) if one not in served_late] or failed, "the waiting ones"):
				if session not in failed:
					served_late.add(session)
					session.quit()
		for thread in threads:
			thread.join(60)
		expect(not failed, f"{len(failed)} of {KNOCKS} later sessions: {failed[:2]}")
		wait_until(lambda: fd_count(worker) < limit - 20, "the descriptors to be free again")
		whole(daemon)
		expect(daemon.workers() == [worker], "the worker was replaced")
		unsure = sum(bool(line.unsure) for line in daemon.verdicts())
		return f"{early} of {KNOCKS} later sessions had room at once, the others when there was; {unsure} messages without DNS"


# ---- the wall clock

class Clock:
	"""The shim clock.c, and the offset that it reads."""

	def __init__(self):
		self.directory = tempfile.mkdtemp(prefix="mailreeve-test-")
		shim, offset = os.path.join(self.directory, "clock.so"), os.path.join(self.directory, "offset")
		compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))))
		subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "clock.c"), "-ldl"], check=True)
		with open(offset, "wb") as file:
			file.write(bytes(8))
		with open(offset, "r+b") as file:
			self.memory = mmap.mmap(file.fileno(), 8)
		self.env = {"LD_PRELOAD": shim, "CLOCK_OFFSET": offset, "ASAN_OPTIONS": "verify_asan_link_order=0"}

	def jump(self, to_s):
		"""So far ahead of the true time."""
		self.memory[:] = struct.pack("=q", to_s)

	def close(self):
		"""Remove its files."""
		self.memory.close()
		shutil.rmtree(self.directory)


def jump_and_look(daemon, clock, to_s):
	"""Jump while messages are under way that wait for a slow answer: none may lose it, wait longer, or cost."""
	taken, threads = [], []
	for _number in range(8):
		threads.append(threading.Thread(target=lambda: taken.append(whole(daemon, "slow.load"))))
		threads[-1].start()
	time.sleep(SLOW_MS / 2000)
	clock.jump(to_s)
	for thread in threads:
		thread.join(60)
	expect(len(taken) == len(threads), f"{len(threads) - len(taken)} of {len(threads)} messages under way were not taken")
	return max(taken + [whole(daemon) for _number in range(20)])


def test_wall_clock_jumps():
	"""An hour ahead, an hour behind, and back, under way and with sessions held open at every stage."""
	clock = Clock()
	try:
		with served(env=clock.env) as (daemon, _server):
			worker, slowest = daemon.worker(), 0.0
			held = {stage: daemon.session() for stage in ("connect", "helo", "mail", "rcpt", "header", "body")}
			for stage, session in held.items():
				go_to(session, stage, CLIENT)
			for to_s in (3600, -3600, 0, -3600, 3600, 0):
				slowest = max(slowest, jump_and_look(daemon, clock, to_s))
			for stage, session in held.items():
				if stage in ("rcpt", "mail", "helo"):
					session.abort()
					expect(session.message("<alice@d0.load.example>", headers=HEADERS).accepted, f"the session held at {stage}")
				session.quit()
			expect(daemon.workers() == [worker], "the worker was replaced")
			unsure = [line.raw for line in daemon.verdicts() if line.unsure or float(line["score"]) > 2]
			expect(not unsure, f"{len(unsure)} messages: {unsure[:2]}")
			expect(slowest < 20, f"a message took {slowest:.1f} s")
			waited = max(int(line["ms"]) for line in daemon.verdicts())
			expect(waited < 20000, f"the log says that a message waited {waited} ms")
			return f"{len(daemon.verdicts())} messages, the slowest took {slowest:.2f} s, the longest wait was {waited} ms"
	finally:
		clock.close()


# ---- an MTA that hangs

def conversation():
	"""Everything that an MTA says for a message, as packets."""
	connect = b"ptr.load.example\0004" + struct.pack("!H", 4000) + CLIENT.encode() + b"\0"
	macros = b"j\0mx.example.org\0{client_name}\0ptr.load.example\0"
	packets = [(smfi.OPTNEG, struct.pack("!III", 6, smfi.ALL_ACTIONS, smfi.ALL_PROTOCOL)), (smfi.MACRO, smfi.CONNECT + macros),
	           (smfi.CONNECT, connect), (smfi.HELO, b"h.load.example\0"), (smfi.MAIL, b"<alice@d.load.example>\0"),
	           (smfi.RCPT, b"<bob@example.org>\0"), (smfi.MACRO, smfi.BODYEOB + b"i\0ABC123\0")]
	packets += [(smfi.HEADER, f"{name}\0{value}\0".encode()) for name, value in HEADERS]
	packets += [(smfi.EOH, b""), (smfi.BODY, b"Hello.\r\n"), (smfi.BODYEOB, b"")]
	return [smfi.packet(*one) for one in packets]


def test_mta_hangs_in_mid_packet():
	"""Twenty of them at each packet: the others do not notice. (idle_timeout_s would end them; here they go by themselves.)"""
	packets = conversation()
	with served() as (daemon, _server):
		whole(daemon)
		worker, hanging = daemon.worker(), []
		quiet, before = fd_count(worker), max(whole(daemon) for _turn in range(50))
		for number in range(len(packets)):
			for _session in range(20):
				hanging.append(daemon.session())
				hanging[-1].send_raw(b"".join(packets[:number]) + packets[number][:3])
		slowest = max(whole(daemon) for _turn in range(50))
		expect(slowest < 10, f"another session took {slowest:.1f} s")
		threads = status_of(worker, "Threads")
		for session in hanging:
			session.close()
		wait_until(lambda: fd_count(worker) <= quiet, f"{len(hanging)} hanging sessions to be closed")
		expect(len(daemon.verdicts()) == 101, f"{len(daemon.verdicts())} verdicts")
		whole(daemon)
		expect(daemon.workers() == [worker], "the worker was replaced")
		return (f"{len(hanging)} sessions hung on {threads} threads; others took {before * 1000:.0f} ms at most before, and "
		        f"{slowest * 1000:.0f} ms meanwhile")


# ---- a connection that is cut

def cut(daemon, octets, how):
	"""Say so much, then be gone: "close", "reset" (what was answered is not read), or "half" (and read to the end)."""
	with daemon.session(timeout=20) as session:
		with contextlib.suppress(Closed, OSError):
			session.send_raw(octets)
			if how == "half":
				session.sock.shutdown(socket.SHUT_WR)
				while session.sock.recv(65536):
					pass


def test_cut_at_every_octet():
	"""Behind every octet of a session with two messages: none but whole messages have a verdict, and no session is left."""
	first = conversation()
	second = first[4:]
	octets = b"".join(first + second)
	ends = [len(b"".join(first)), len(octets)]
	with served() as (daemon, _server):
		whole(daemon)
		worker = daemon.worker()
		quiet, bystander = fd_count(worker), began(daemon)
		before = stats(daemon)
		for length in range(len(octets) + 1):
			cut(daemon, octets[:length], "half")
		expect(bystander.message(headers=HEADERS).accepted, "a session that had begun before")
		bystander.quit()
		due = sum(len(octets) - end + 1 for end in ends)
		wait_until(lambda: fd_count(worker) <= quiet, "all sessions to be closed")
		daemon.wait_verdicts(due + 2)
		expect(len(daemon.verdicts()) == due + 2, f"{len(daemon.verdicts())} verdicts, not {due + 2}")
		after = stats(daemon)
		counted = sum(after[action] - before[action] for action in ("accept", "tag", "quarantine", "defer", "reject"))
		expect(counted == due + 1, f"counted {counted}, not {due + 1}: {before}, {after}")
		sids = [line["sid"] for line in daemon.verdicts()]
		expect(len(set(sids)) == len(sids), "two messages have the same sid")
		for length in range(0, len(octets) + 1, 2):
			cut(daemon, octets[:length], "close")
		wait_until(lambda: fd_count(worker) <= quiet, "all sessions to be closed")
		check_serves(daemon)
		expect(daemon.workers() == [worker], "the worker was replaced")
		return f"{len(octets) + 1} cuts, {due} whole messages among them; {len(octets) // 2 + 1} more without reading the answers"


if __name__ == "__main__":
	sys.exit(run_tests(tests_of(globals())))
