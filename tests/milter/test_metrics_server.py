# SPDX-License-Identifier: BSD-2-Clause
"""test_metrics_server - the process that serves the metrics: where it listens, what it says of the daemon's health, and
that nobody who asks, however hostile, costs a session anything.

    MAILREEVE=build/mailreeve python3 tests/milter/test_metrics_server.py [-v] [part of a name ...]
"""
import contextlib
import os
import random
import signal
import stat
import sys
import threading
import time

from daemon import EXIT_CANTCREAT, EXIT_CONFIG, Daemon, alive, exit_of, process_name, run, unstarted, wait_until
from mta import open_socket
from prometheus import value
from runner import run_tests
from scrape import Metered, Scraper, ask, exchange, free_port, health, metered, page, server
from test_protocol import HEADERS, ZONE, check_serves, started

CUT_S = 5  # so long a connection may last: CONNECTION_MS of metrics_http.c


# ---- what is answered ----

def test_answers():
	with metered() as daemon:
		for method, path, wanted in (
				("GET", "/metrics", 200), ("GET", "/health", 200), ("HEAD", "/metrics", 200), ("GET", "/", 404),
				("GET", "/metrics/", 404), ("GET", "/metrics/../health", 404), ("GET", "//metrics", 404),
				("POST", "/strange", 404), ("GET", "/metrics?x=1", 200), ("DELETE", "/health", 405),
				("POST", "/metrics", 405), ("PROPFIND", "/metrics", 405)):
			status, fields, text = ask(daemon.metrics, path, method)
			assert status == wanted, f"{method} {path}: {status}"
			assert fields["connection"] == "close" and fields["content-type"].startswith("text/plain"), fields
			assert method != "HEAD" or (text == "" and int(fields["content-length"]) > 10000), (method, fields)
			assert status != 405 or fields["allow"] == "GET, HEAD", fields
			assert "strange" not in text, f"it repeats what a stranger chose: {text[:80]!r}"


def test_off_by_default():
	with Daemon() as daemon:
		assert len(daemon.children()) == 1, daemon.children()
		assert "metrics" not in daemon.log_text()


def test_who_serves_has_nothing_else():
	"""Neither the sockets of the mail server nor anything else of the supervisor's."""
	with metered() as daemon:
		pid = server(daemon)
		wait_until(lambda: page(daemon), "the page")
		wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) == 6, "the last connection to be closed")
		held = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
		kinds = sorted(name.partition(":")[0] for fd, name in held.items() if int(fd) > 2)
		assert kinds.count("socket") == 1 and kinds.count("pipe") == 1, held  # where it listens; the supervisor's end
		assert all(kind in ("socket", "pipe", "anon_inode") for kind in kinds), held
		with open(f"/proc/{pid}/status", encoding="ascii") as file:
			text = file.read()
		assert "Threads:\t1\n" in text and "NoNewPrivs:\t1\n" in text, text
		assert "Seccomp:\t2\n" in text or "Seccomp_filters:" not in text, text
		for worker in daemon.workers():
			links = [os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd")]
			assert not set(links) & {name for fd, name in held.items() if int(fd) > 2 and "inode" not in name}, links


# ---- health ----

def test_health():
	with metered() as daemon:
		wait_until(lambda: health(daemon)[0] == 200, "a worker to serve")
		assert health(daemon)[1].startswith("serving: cfg="), health(daemon)
		reasons = set()

		def sick():
			for worker in daemon.workers():
				with contextlib.suppress(ProcessLookupError):
					os.kill(worker, signal.SIGKILL)
			status, text = health(daemon)
			if status == 503:
				reasons.add(text)
			return any("pause" in text for text in reasons)
		wait_until(sick, "several workers that die quickly")
		assert all(text.startswith("not serving: ") for text in reasons), reasons
		wait_until(lambda: health(daemon)[0] == 200, "the next worker")
		check_serves(daemon)
		return f"{reasons}"


def test_health_while_it_stops():
	"""As long as it serves new sessions it says so; then its part is over, and it does not outlast the daemon."""
	with metered(["drain_s=60"], ZONE) as daemon:
		pid = server(daemon)
		with started(daemon) as session:
			daemon.signal(signal.SIGTERM)
			daemon.wait_log("stopping")
			assert health(daemon)[0] == 200
			assert session.message(headers=HEADERS).accepted
			session.quit()
		assert daemon.wait_exit() == 0
		assert not alive(pid) and not os.path.lexists(daemon.path("metrics.sock"))


def test_it_ends_with_a_killed_supervisor():
	port = free_port()
	with metered(listen=f"inet:{port}@127.0.0.1") as daemon:
		pid = server(daemon)
		daemon.process.kill()
		daemon.wait_exit()
		wait_until(lambda: not alive(pid), "the process to end")
		daemon.start()
		assert health(daemon)[0] == 200, "the next one must have the port"


# ---- where it listens ----

def test_every_kind_of_address():
	for listen in (f"inet:{free_port()}@127.0.0.1", f"inet:{free_port()}@127.9.8.7", f"inet6:{free_port()}@::1",
			f"inet:{free_port()}@localhost"):
		try:
			with metered(listen=listen) as daemon:
				assert health(daemon)[0] == 200, listen
		except AssertionError as error:
			if "Cannot assign requested address" not in str(error) or "::1" not in listen:
				raise  # only IPv6 may be missing
	with metered(["metrics.socket_mode=0606"]) as daemon:
		assert health(daemon)[0] == 200
		mode = stat.S_IMODE(os.lstat(daemon.path("metrics.sock")).st_mode)
		assert mode == 0o606, f"{mode:o}"


def test_addresses_that_are_refused():
	remote = "other machines can reach this address"
	for listen, words in (
			("on", ('or "off"', "inet:PORT@ADDRESS")), ("inet:0@127.0.0.1", ("port", 'or "off"')),
			("inet:8896", (remote, "metrics.allow_remote")), ("inet:8896@192.0.2.1", (remote, "127.0.0.1")),
			("inet6:8896@2001:db8::1", (remote,)), ("inet:8896@0.0.0.0", (remote,)),
			("inet6:8896@::ffff:127.0.0.1", (remote,)), ("unix:metrics.sock", ("slash",)), ("", ("1 to 255",))):
		with unstarted(Daemon()) as daemon:
			path = daemon.write("conf", f'\nmetrics: {{\n\tlisten = "{listen}";\n}};\n')
			done = run("-n", "-c", path, "-o", "user=")
			assert done.returncode == EXIT_CONFIG, f"{listen}: {done.returncode}"
			assert f"{path}:3: metrics.listen = " in done.stderr, f"{listen}: {done.stderr}"
			assert all(word in done.stderr for word in words), f"{listen}: {done.stderr}"
	done = run("-n", "-c", "/dev/null", "-o", "user=", "-o", "metrics.listen=inet:8896@192.0.2.1", "-o",
			"metrics.allow_remote=true")
	assert done.returncode == 0 and "warning" in done.stdout and "metrics.listen" in done.stdout, done


def test_an_address_in_use():
	"""At the start that is an error; at a reload nothing changes."""
	with metered() as owner:
		with unstarted(Daemon([f"metrics.listen={owner.metrics}"])) as daemon:
			assert exit_of(daemon) == EXIT_CANTCREAT
			assert f'metrics.listen = "{owner.metrics}": another instance owns it' in daemon.log_text()
		with metered() as daemon:
			daemon.overrides.pop(0)
			daemon.stop()
			daemon.config = daemon.write("conf", f'metrics: {{ listen = "{daemon.metrics}"; }};\n')
			daemon.start()
			worker, pid = daemon.worker(), server(daemon)
			daemon.write("conf", f'metrics: {{ listen = "{owner.metrics}"; }};\n')
			daemon.signal(signal.SIGHUP)
			daemon.wait_log("reload refused", f'metrics.listen = "{owner.metrics}"', "owns it")
			wait_until(lambda: health(daemon)[0] == 200, "the old address")
			assert daemon.workers() == [worker] and server(daemon) == pid
		assert health(owner)[0] == 200


def reload_to(daemon, text):
	"""Reload with this configuration."""
	seen = len(daemon.log_lines())
	daemon.write("conf", text)
	daemon.signal(signal.SIGHUP)
	daemon.wait_log("reloaded:", after=seen)


def test_the_address_may_change():
	first, second = f"inet:{free_port()}@127.0.0.1", f"inet:{free_port()}@127.0.0.2"
	text = 'metrics: {{ listen = "{}"; }};\n'
	with Metered() as daemon:
		daemon.stop()
		daemon.config = daemon.write("conf", "")
		daemon.start()
		assert len(daemon.children()) == 1
		reload_to(daemon, text.format(first))
		daemon.metrics = first
		wait_until(lambda: health(daemon)[0] == 200, "the metrics")
		begun = value(page(daemon), "mailreeve_start_time_seconds")
		pid = server(daemon)
		reload_to(daemon, text.format(first) + "drain_s = 31;\n")
		assert server(daemon) == pid, "it was restarted without need"
		reload_to(daemon, text.format(second))
		daemon.metrics = second
		wait_until(lambda: health(daemon)[0] == 200, "the metrics at the new address")
		wait_until(lambda: not alive(pid), "the old process to end")
		found = page(daemon)
		assert value(found, "mailreeve_reloads_total", result="done") == 3
		assert value(found, "mailreeve_start_time_seconds") == begun
		try:
			ask(first, "/health")
			raise AssertionError("the old address still answers")
		except ConnectionRefusedError:
			pass
		pid = server(daemon)
		reload_to(daemon, 'metrics: { listen = "off"; socket_mode = "0600"; };\n')
		daemon.wait_log("metrics.socket_mode", "takes a restart")
		wait_until(lambda: not alive(pid), "the process to end")
		assert "error" not in daemon.log_text(), daemon.log_text()


# ---- hostile clients ----

def test_hostile_requests():
	chance = random.Random(6)
	requests = [
		b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 50000 + b"\r\n",
		b"GET /metrics HTTP/1.1\r\nX: " + b"z" * 200000 + b"\r\n\r\n", b"A" * 100000, b"\0" * 10000, b"\r\n" * 10000,
		b"GET /metrics HTTP/9.9\r\n\r\n", b"GET /metrics\r\n\r\n", b"GET\r\n\r\n", b" \r\n\r\n", b"\x16\x03\x01\x02\0",
		b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
		b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nabc",
		b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
		b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 100, b"GET /%00%0a%0d HTTP/1.1\r\nHost: a\r\n\r\n",
		b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	] + [bytes(chance.randrange(256) for _octet in range(chance.randrange(1, 400))) + b"\r\n\r\n" for _turn in range(40)]
	with metered([], ZONE) as daemon:
		pid, worker = server(daemon), daemon.worker()
		for request in requests:
			answer = exchange(daemon.metrics, request)
			assert answer == b"" or answer.startswith(b"HTTP/1."), f"{request[:40]!r}: {answer[:80]!r}"
			assert b"200 OK" not in answer[:20] or request.startswith(b"GET /metrics"), request[:80]
		assert server(daemon) == pid, f"it died:\n{daemon.log_text()}"
		assert daemon.workers() == [worker]
		page(daemon)
		assert "HTTP" not in daemon.log_text()
		return f"{len(requests)} requests"


def test_who_is_slow_is_cut_off():
	"""However busy they look: a request of an octet at a time, one that never comes, and an answer that nobody reads."""
	with metered([], ZONE) as daemon:
		begin = time.monotonic()
		trickling, silent = open_socket(daemon.metrics), open_socket(daemon.metrics)
		done, text = 0, b"GET /metrics HTTP/1.1\r\nX-Long: " + b"a" * 100000
		with trickling, silent:
			while time.monotonic() - begin < 4 * CUT_S:
				try:
					trickling.sendall(text[done:done + 1])
					done += 1
				except OSError:
					break
				time.sleep(0.05)
			took = time.monotonic() - begin
			assert CUT_S - 1 < took < 4 * CUT_S, f"{took:.1f} s, {done} octets"
			silent.settimeout(2 * CUT_S)
			with contextlib.suppress(ConnectionError):
				assert not silent.recv(1).startswith(b"H2")
		page(daemon)
		return f"cut off after {took:.1f} s and {done} octets"


def test_many_connections():
	"""More than it takes at once, none of which asks anything: mail is served meanwhile, and who asks gets an answer."""
	with metered([], ZONE) as daemon, contextlib.ExitStack() as stack:
		worker, pid = daemon.worker(), server(daemon)
		for _number in range(300):
			stack.enter_context(open_socket(daemon.metrics))
		with started(daemon) as session:
			begin = time.monotonic()
			for _turn in range(20):
				assert session.message(headers=HEADERS).accepted
			mail_s = time.monotonic() - begin
			session.quit()
		assert len(os.listdir(f"/proc/{pid}/fd")) < 64, "it takes connections without end"
		stack.close()
		begin = time.monotonic()
		found = page(daemon)
		assert value(found, "mailreeve_messages_total") == 20
		assert daemon.workers() == [worker] and server(daemon) == pid
		return f"20 messages in {mail_s * 1000:.0f} ms; then a page in {(time.monotonic() - begin) * 1000:.0f} ms"


def messages_ms(daemon, count):
	"""Milliseconds of each message, sorted."""
	spans = []
	with started(daemon) as session:
		for _turn in range(count):
			begin = time.monotonic()
			assert session.message(headers=HEADERS).accepted
			spans.append((time.monotonic() - begin) * 1000)
		session.quit()
	return sorted(spans)


def test_mail_goes_on_while_many_ask():
	"""No message fails; the figures are shown, not demanded: a busy machine makes anything slow."""
	with metered([], ZONE) as daemon:
		messages_ms(daemon, 50)
		alone = messages_ms(daemon, 200)
		with Scraper(daemon) as one, Scraper(daemon) as two:
			asked = messages_ms(daemon, 200)
		one.check()
		two.check()
		return f"median {alone[100]:.2f} ms alone, {asked[100]:.2f} ms while {one.pages + two.pages} pages were asked for"


def test_many_ask_at_once():
	with metered([], ZONE) as daemon:
		complaints = []

		def ask_often():
			try:
				for _turn in range(10):
					page(daemon)
			except (OSError, AssertionError, ValueError) as error:
				complaints.append(repr(error))
		threads = [threading.Thread(target=ask_often) for _number in range(50)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert not complaints, f"{len(complaints)}: {complaints[:3]}"
		assert process_name(server(daemon)) and health(daemon)[0] == 200


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
