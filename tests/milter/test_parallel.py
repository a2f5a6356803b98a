# SPDX-License-Identifier: BSD-2-Clause
"""test_parallel - many sessions that wait for DNS at the same moment: none may wait for another (libmilter's pool
strands sessions).

    MAILREEVE=build/mailreeve python3 tests/milter/test_parallel.py [-v]

64 sessions wait one second each at RCPT; the best of three tries must have all of them done within 1.2 s. The same with
--no-kick is shown, not demanded.
"""
import sys
import threading
import time

from daemon import Daemon
from runner import run_tests

SESSIONS = 64
TRIES = 3
LIMIT_S = 1.2
# Each try has its own clients, since an answer is kept in the cache.
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")[:TRIES]
ZONE = "".join(f"*.{'.'.join(reversed(network.split('.')))}.in-addr.arpa * !slow=1000\n" for network in NETWORKS)


def one_try(daemon, network):
	"""Seconds from connect to the reply at RCPT for each session, sorted."""
	sessions, waits = [], [0.0] * SESSIONS
	start = threading.Barrier(SESSIONS)

	def run(number):
		session = daemon.session()
		sessions.append(session)
		session.negotiate()
		start.wait(30)
		begin = time.monotonic()
		session.connect("unknown", f"{network}.{number + 1}")
		session.helo("waiter.example.net")
		session.mail("<alice@example.net>")
		session.rcpt("<bob@example.org>")
		waits[number] = time.monotonic() - begin
		session.quit()

	threads = [threading.Thread(target=run, args=(number,)) for number in range(SESSIONS)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(60)
	return sorted(waits)


def measure(arguments):
	"""The slowest session of each try."""
	# A single point between accept and refusal must depend on the answer, or nobody waits.
	overrides = ["rdns.points.none=10.0", "policy.groups=()", "policy.rules=()", "dns.session_outstanding_max=64"]
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
