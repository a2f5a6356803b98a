# SPDX-License-Identifier: BSD-2-Clause
"""test_parallel - many sessions that wait for DNS at the same moment: none may wait for another (libmilter's pool
strands sessions).

    MAILREEVE=build/mailreeve python3 tests/milter/test_parallel.py [-v]

64 sessions that stand behind MAIL send RCPT at the same moment and wait one second each; the best of three tries must
have all of them done within 1.2 s. The same with --no-kick is shown, not demanded: there a session waits for one that waits.
"""
import selectors
import struct
import sys
import time

import smfi
from daemon import Daemon
from mta import SLOWNESS
from runner import run_tests

SESSIONS = 64
TRIES = 3
LIMIT_S = 1.2 * SLOWNESS
PATIENCE_S = 30 * SLOWNESS
# Each try has its own clients: a name that timed out is not waited for again. Nobody answers, so that each session
# waits for just what wait.rcpt_ms allows, whenever its questions were asked.
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")[:TRIES]
ZONE = "".join(f"*.{'.'.join(reversed(network.split('.')))}.in-addr.arpa * !timeout\n" for network in NETWORKS)


def stand_behind_mail(daemon, address):
	session = daemon.session()
	session.negotiate()
	session.connect("unknown", address)
	session.helo("waiter.example.net")
	session.mail("<alice@example.net>")
	return session


def one_try(daemon, network):
	"""Seconds from RCPT to its reply for each session, sorted. All RCPTs leave in one go, from one thread."""
	sessions = [stand_behind_mail(daemon, f"{network}.{number + 1}") for number in range(SESSIONS)]
	command = smfi.RCPT + b"<bob@example.org>\0"
	packet = struct.pack(">I", len(command)) + command
	waits = []
	with selectors.DefaultSelector() as selector:
		for session in sessions:
			selector.register(session.sock, selectors.EVENT_READ)
		begin = time.monotonic()
		for session in sessions:
			session.sock.sendall(packet)
		while len(waits) < SESSIONS and time.monotonic() - begin < PATIENCE_S:
			for key, _events in selector.select(1):
				selector.unregister(key.fileobj)
				waits.append(time.monotonic() - begin)
	assert len(waits) == SESSIONS, f"only {len(waits)} of {SESSIONS} sessions were answered"
	for session in sessions:
		session.reply()
		session.quit()
	return waits


def measure(arguments):
	"""The slowest session of each try."""
	# A single point between accept and refusal must depend on the answer, or nobody waits.
	overrides = ["rdns.points.none=10.0", "policy.groups=()", "policy.rules=()", "wait.rcpt_ms=1000"]
	with Daemon(overrides, ZONE, arguments=arguments) as daemon:
		tries = [one_try(daemon, network) for network in NETWORKS]
		assert all(waits[0] > 0.9 for waits in tries), f"nobody waited: {[waits[0] for waits in tries]}"
		return [waits[-1] for waits in tries]


def test_64_sessions_wait_one_second():
	slowest = measure([])
	assert min(slowest) <= LIMIT_S, f"the slowest session of each try waited {[f'{wait:.3f}' for wait in slowest]} s"
	return f"slowest session of each try: {', '.join(f'{wait:.3f}' for wait in slowest)} s"


def test_the_same_without_the_remedy():
	slowest = measure(["--no-kick"])
	return f"with --no-kick: {', '.join(f'{wait:.3f}' for wait in slowest)} s (shown, not demanded)"


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
