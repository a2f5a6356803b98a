# SPDX-License-Identifier: BSD-2-Clause
"""test_daemon - reload, drain, crash: running sessions finish under their own configuration, nobody who knocks is
refused.

    MAILREEVE=build/mailreeve python3 tests/milter/test_daemon.py [-v] [part of a name ...]
"""
import os
import signal
import sys
import threading
import time

from daemon import Daemon, alive, wait_until
from probe import Prober
from runner import run_tests
from smfi import Closed
from test_protocol import HEADERS, NAMELESS, STAGES, ZONE, check_serves, go_to, started

LENIENT = 'rdns: { points: { none = 1.0; }; };\n'
STRICT = 'rdns: { points: { none = 20.0; }; };\n'


def with_file(text, **options):
	"""A Daemon whose configuration is a file of its own, "conf" in its directory."""
	daemon = Daemon([], ZONE, **options)
	daemon.config = daemon.write("conf", text)
	return daemon


def rcpt_reply(session):
	"""What a recipient gets in a new transaction; the transaction is aborted."""
	session.mail("<alice@example.net>")
	reply = session.rcpt("<bob@example.org>")
	session.abort()
	return reply


def refuses_nameless(daemon):
	"""Is a client without a name refused in a new session?"""
	with started(daemon, NAMELESS) as session:
		reply = rcpt_reply(session)
		session.quit()
		return reply.code == "550"


# ---- reload ----

def test_reload_changes_the_verdict():
	with with_file(LENIENT) as daemon:
		with started(daemon, NAMELESS) as session:
			assert not rcpt_reply(session).refused
			session.quit()
		daemon.write("conf", STRICT)
		daemon.reload()
		wait_until(lambda: refuses_nameless(daemon), "a new session to see the new configuration")


def test_sessions_keep_their_configuration_across_a_reload():
	"""One session held at each stage; after the reload each finishes as it began, and the log shows both
	configurations."""
	with with_file(LENIENT) as daemon:
		held = {}
		for stage in STAGES:
			held[stage] = daemon.session()
			go_to(held[stage], stage, NAMELESS)
		old = daemon.worker()
		daemon.write("conf", STRICT)
		with Prober(daemon.socket) as prober:
			daemon.reload()
			prober.wait_served(20)
			wait_until(lambda: refuses_nameless(daemon), "a new session to see the new configuration")
			assert alive(old), "the old worker must stay while it has sessions"
			for stage, session in held.items():
				finish(session, stage)
			wait_until(lambda: not alive(old), "the old worker to end after its last session")
		prober.check()
		configurations = {line["cfg"] for line in daemon.verdicts()}
		assert len(configurations) == 2, configurations
		old_lines = [line for line in daemon.verdicts() if line["action"] == "accept" and line["stage"] == "eom"]
		assert len(old_lines) == len(STAGES) and len({line["cfg"] for line in old_lines}) == 1, [line.raw
				for line in old_lines]
		return f"{prober.served} knocks, the slowest {prober.slowest * 1000:.0f} ms"


def finish(session, stage):
	"""Bring a session that was left at `stage` to the end of its message, which must be accepted."""
	if stage == "negotiate":
		session.connect("unknown", NAMELESS)
	if stage in ("negotiate", "connect"):
		session.helo("held.example.net")
	if stage in ("negotiate", "connect", "helo"):
		session.mail("<held@example.net>")
	if stage in ("negotiate", "connect", "helo", "mail"):
		reply = session.rcpt("<bob@example.org>")
		assert not reply.refused, f"held at {stage}: {reply}"
	if stage not in ("header", "eoh", "body"):
		session.header("From", " Alice <held@example.net>")
		session.header("Subject", " held")
	if stage not in ("eoh", "body"):
		session.eoh()
	reply = session.eom()
	assert reply.kind in ("continue", "accept"), f"held at {stage}: {reply}"
	session.quit()


def test_reload_with_a_broken_file():
	"""The old configuration stays; the log names file, line, option and value."""
	broken = {
		"policy: {\n\treject = \"many\";\n};\n": ("conf:2", "policy.reject", "many"),
		"rdns: { points: { none = 1.0; }; };\n\npolicy: { rejct = 5.0; };\n": ("conf:3", "policy.rejct", "reject"),
		"policy: { reject = 5.0 \n": ("conf:",),
		"mode = \"sometimes\";\n": ("conf:1", "mode", "sometimes", "monitor"),
		"wait: { rcpt_ms = -5; };\n": ("conf:1", "wait.rcpt_ms", "-5"),
	}
	with with_file(LENIENT) as daemon:
		worker = daemon.worker()
		for text, words in broken.items():
			seen = len(daemon.log_lines())
			daemon.write("conf", text)
			daemon.signal(signal.SIGHUP)
			daemon.wait_log(*words, after=seen)
			daemon.wait_log("reload refused", "stays", after=seen)
			assert daemon.workers() == [worker], f"the worker was replaced for {text!r}"
			with started(daemon, NAMELESS) as session:
				assert not rcpt_reply(session).refused
				session.quit()
		os.unlink(daemon.path("conf"))
		daemon.signal(signal.SIGHUP)
		daemon.wait_log(daemon.path("conf"), "No such file")
		check_serves(daemon)
		assert daemon.workers() == [worker]
		daemon.write("conf", STRICT)
		daemon.reload()


def test_fifty_reloads_under_load():
	"""Messages and probes all the time: no session is lost, every worker but the last ends."""
	complaints, counts, stopping = [], [0], threading.Event()

	def load():
		while not stopping.is_set():
			try:
				with started(daemon) as session:
					for _turn in range(3):
						if not session.message(headers=HEADERS).accepted:
							complaints.append("refused")
					session.quit()
					counts[0] += 1
			except (Closed, OSError) as error:
				complaints.append(repr(error))

	with with_file(LENIENT) as daemon:
		threads = [threading.Thread(target=load) for _number in range(4)]
		for thread in threads:
			thread.start()
		with Prober(daemon.socket) as prober:
			for turn in range(50):
				daemon.write("conf", (LENIENT, STRICT)[turn % 2])
				daemon.reload()
		stopping.set()
		for thread in threads:
			thread.join(60)
		prober.check()
		assert not complaints, f"{len(complaints)} of {counts[0]}: {complaints[:3]}"
		wait_until(lambda: len(daemon.workers()) == 1, "the old workers to end")
		return f"{counts[0]} sessions and {prober.served} knocks, the slowest {prober.slowest * 1000:.0f} ms"


def test_many_signals_at_once():
	with with_file(LENIENT) as daemon:
		with Prober(daemon.socket) as prober:
			for _turn in range(30):
				daemon.signal(signal.SIGHUP)
				time.sleep(0.01)
			prober.wait_served(20)
		prober.check()
		check_serves(daemon)
		wait_until(lambda: len(daemon.workers()) == 1, "one worker to be left")


# ---- drain ----

def test_sigterm_lets_sessions_finish():
	with Daemon([], ZONE) as daemon:
		held = {}
		for stage in ("helo", "mail", "rcpt", "header", "body"):
			held[stage] = daemon.session()
			go_to(held[stage], stage)
		daemon.signal(signal.SIGTERM)
		time.sleep(0.3)
		assert daemon.process.poll() is None, "gone although sessions are running"
		for stage, session in held.items():
			finish(session, stage)
		assert daemon.wait_exit() == 0
		assert len(daemon.verdicts()) == len(held)
		assert not os.path.exists(daemon.path("milter.sock")), "the socket was left behind"
		assert not os.path.exists(daemon.path("pid")), "the pid file was left behind"


def test_sigterm_refuses_nobody_while_it_drains():
	"""As long as a session holds the daemon, a knock is taken; whether it is served is the next instance's affair."""
	with Daemon([], ZONE) as daemon, started(daemon) as session:
		daemon.signal(signal.SIGTERM)
		end = time.monotonic() + 0.5
		while time.monotonic() < end:
			assert daemon.connectable(), "refused while draining"
		assert session.message(headers=HEADERS).accepted
		session.quit()
		assert daemon.wait_exit() == 0


def test_sigterm_without_sessions_is_quick():
	with Daemon([], ZONE) as daemon:
		check_serves(daemon)
		begin = time.monotonic()
		daemon.signal(signal.SIGTERM)
		assert daemon.wait_exit() == 0
		took = time.monotonic() - begin
		assert took < 5, f"{took:.1f} s"
		return f"{took * 1000:.0f} ms"


def test_second_sigterm_does_not_wait():
	with Daemon([], ZONE) as daemon, started(daemon):
		daemon.signal(signal.SIGTERM)
		time.sleep(0.2)
		workers = daemon.workers()
		daemon.signal(signal.SIGTERM)
		daemon.wait_exit()
		wait_until(lambda: not any(map(alive, workers)), "the worker to end")


# ---- crash ----

def crash_and_check(daemon, number=signal.SIGKILL):
	"""Kill the worker in the middle of sessions: the held one is lost, nobody else is, and the next worker serves."""
	worker = daemon.worker()
	held = started(daemon)
	with Prober(daemon.socket) as prober:
		os.kill(worker, number)
		wait_until(lambda: not alive(worker), "the worker to die")
		prober.wait_served(20)
	prober.check(lost=len(prober.threads))
	try:
		held.mail("<alice@example.net>")
	except (Closed, OSError):
		held.close()
	else:
		raise AssertionError("a session of the dead worker was answered")
	assert daemon.process.poll() is None, "the supervisor died with its worker"
	check_serves(daemon)


def crash(number):
	"""Three times in a row."""
	with Daemon([], ZONE) as daemon:
		for _turn in range(3):
			crash_and_check(daemon, number)
		assert daemon.stop() == 0


def test_worker_killed():
	crash(signal.SIGKILL)


def test_worker_segfault():
	crash(signal.SIGSEGV)


def test_crash_during_reload():
	"""The old worker drains; it dies; the new one is not touched, and none is started in its place."""
	with with_file(LENIENT) as daemon:
		held = started(daemon)
		old = daemon.worker()
		new = daemon.reload()
		os.kill(old, signal.SIGKILL)
		wait_until(lambda: not alive(old), "the old worker to die")
		held.close()
		check_serves(daemon)
		assert daemon.workers() == [new], daemon.workers()


def test_worker_that_cannot_live():
	"""Workers that die at once must not turn the supervisor into a fork bomb."""
	with Daemon([], ZONE) as daemon:
		seen = set()
		end = time.monotonic() + 1.5
		while time.monotonic() < end:
			for pid in daemon.workers():
				if pid not in seen:
					seen.add(pid)
					os.kill(pid, signal.SIGKILL)
			time.sleep(0.001)
		assert len(seen) < 200, f"{len(seen)} workers in 1.5 s"
		assert daemon.process.poll() is None, "the supervisor gave up"
		daemon.wait_serving()
		check_serves(daemon)
		return f"{len(seen)} workers in 1.5 s"


def test_supervisor_killed():
	"""No orphan stays behind, and a new start takes the socket over."""
	with Daemon([], ZONE) as daemon:
		workers = daemon.workers()
		daemon.signal(signal.SIGKILL)
		daemon.process.wait()
		wait_until(lambda: not any(map(alive, workers)), "the worker to follow its supervisor")
		daemon.start()
		check_serves(daemon)
		assert daemon.stop() == 0


def test_supervisor_killed_with_a_session():
	"""The worker may finish what it has or end at once; it must not stay for ever, nor keep the next start from
	serving."""
	with Daemon([], ZONE) as daemon:
		workers = daemon.workers()
		session = started(daemon)
		daemon.signal(signal.SIGKILL)
		daemon.process.wait()
		daemon.start()
		check_serves(daemon)
		session.close()
		wait_until(lambda: not any(map(alive, workers)), "the worker to follow its supervisor")


def test_signals_to_the_worker_alone():
	"""A process group gets SIGTERM or SIGINT (a terminal's Ctrl-C): the worker must not break its sessions off by
	itself."""
	with Daemon([], ZONE) as daemon, started(daemon) as session:
		for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1):
			try:
				os.kill(daemon.worker(), number)
			except ProcessLookupError:
				pass
			time.sleep(0.05)
		with Prober(daemon.socket) as prober:
			prober.wait_served(10)
		prober.check()
		assert session.message(headers=HEADERS).accepted
		session.quit()


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
