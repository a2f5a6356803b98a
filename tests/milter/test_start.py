# SPDX-License-Identifier: BSD-2-Clause
"""test_start - starting, stopping, sockets, files, options and exit codes.

    MAILREEVE=build/mailreeve python3 tests/milter/test_start.py [-v] [part of a name ...]
"""
import grp
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

from daemon import (EXIT_CANTCREAT, EXIT_CONFIG, EXIT_NOPERM, EXIT_USAGE, HERE, Daemon, alive, background, default_config,
		exit_of, left_behind, run, unstarted, wait_until)
from probe import Prober
from runner import run_tests
from test_daemon import crash_and_check
from test_protocol import HEADERS, ZONE, check_serves, started


def free_port(family=socket.AF_INET, host="127.0.0.1"):
	"""A port that nobody listens on now."""
	with socket.socket(family, socket.SOCK_STREAM) as sock:
		sock.bind((host, 0))
		return sock.getsockname()[1]


# ---- the socket ----

def test_second_instance_refuses():
	"""Exit code 73, and the first one is not disturbed, whether it is asked once or again and again."""
	with Daemon([], ZONE) as first, started(first) as session:
		inode = os.stat(first.path("milter.sock")).st_ino
		with Prober(first.socket) as prober:
			for _turn in range(3):
				with unstarted(Daemon([], ZONE, socket=first.socket)) as second:
					assert exit_of(second) == EXIT_CANTCREAT, second.log_text()
					assert first.path("milter.sock") in second.log_text(), second.log_text()
		prober.check()
		assert os.stat(first.path("milter.sock")).st_ino == inode
		with open(first.path("pid"), encoding="ascii") as file:
			assert int(file.read()) == first.pid
		assert session.message(headers=HEADERS).accepted
		session.quit()


def test_second_instance_while_the_first_is_busy():
	"""The test for a live owner must not depend on the owner's answering."""
	with Daemon([], ZONE) as first:
		os.kill(first.worker(), 19)  # SIGSTOP
		try:
			with unstarted(Daemon([], ZONE, socket=first.socket)) as second:
				assert exit_of(second) == EXIT_CANTCREAT, second.log_text()
		finally:
			os.kill(first.worker(), 18)
		check_serves(first)


def test_stale_socket_is_taken_over():
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	path = os.path.join(directory, "milter.sock")
	try:
		dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		dead.bind(path)
		dead.listen(1)
		dead.close()
		with Daemon([], ZONE, socket="unix:" + path) as daemon:
			check_serves(daemon)
	finally:
		shutil.rmtree(directory)


def test_other_files_are_not_removed():
	"""A plain file, a directory or a symbolic link where the socket should be is the administrator's."""
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	try:
		for make in (lambda p: open(p, "w", encoding="ascii").close(), os.mkdir, lambda p: os.symlink("/nonexistent/x",
				p)):
			path = os.path.join(directory, "milter.sock")
			make(path)
			with unstarted(Daemon([], ZONE, socket="unix:" + path)) as daemon:
				assert exit_of(daemon) == EXIT_CANTCREAT, daemon.log_text()
			assert os.path.lexists(path), "it was removed"
			shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
	finally:
		shutil.rmtree(directory)


def test_socket_of_another_owner_is_not_unlinked():
	"""The path was given to somebody else while we ran: it is theirs when we stop."""
	with Daemon([], ZONE) as first:
		os.unlink(first.path("milter.sock"))
		with Daemon([], ZONE, socket=first.socket) as second:
			assert first.stop() == 0
			assert os.path.exists(first.path("milter.sock")), "the newer instance's socket was unlinked"
			check_serves(second)


def test_socket_mode_and_group():
	group = grp.getgrgid(os.getegid()).gr_name
	for mode in ("0660", "0666", "0600"):
		with Daemon([f"socket_mode={mode}", f"socket_group={group}"], ZONE) as daemon:
			found = os.stat(daemon.path("milter.sock"))
			assert stat.S_IMODE(found.st_mode) == int(mode, 8), f"{stat.S_IMODE(found.st_mode):o}, not {mode}"
			assert found.st_gid == os.getegid()


def test_socket_group_other():
	if os.geteuid() != 0:
		return "skipped: only root may give a socket to another group"
	with Daemon(["socket_group=mail"], ZONE) as daemon:
		assert os.stat(daemon.path("milter.sock")).st_gid == grp.getgrnam("mail").gr_gid
	return None


def test_umask_does_not_widen_or_narrow():
	old = os.umask(0o000)
	try:
		with Daemon(["socket_mode=0660"], ZONE) as daemon:
			assert stat.S_IMODE(os.stat(daemon.path("milter.sock")).st_mode) == 0o660
			assert not os.stat(daemon.path("pid")).st_mode & 0o022, "the pid file can be written by others"
	finally:
		os.umask(old)


def check_inet(where):
	with Daemon([], ZONE, socket=where) as daemon:
		check_serves(daemon)
		with Prober(daemon.socket) as prober:
			daemon.reload()
			prober.wait_served(10)
		prober.check()
		with unstarted(Daemon([], ZONE, socket=where)) as second:
			assert exit_of(second) == EXIT_CANTCREAT, second.log_text()
		check_serves(daemon)


def test_inet():
	check_inet(f"inet:{free_port()}@127.0.0.1")


def test_inet6():
	try:
		port = free_port(socket.AF_INET6, "::1")
	except OSError:
		return "skipped: no IPv6 here"
	check_inet(f"inet6:{port}@::1")
	return None


def test_inet_restart_at_once():
	"""No waiting for TIME_WAIT."""
	where = f"inet:{free_port()}@127.0.0.1"
	for _turn in range(3):
		with Daemon([], ZONE, socket=where) as daemon:
			check_serves(daemon)


# ---- systemd ----

def run_activated(listening, directory):
	"""Start a daemon as systemd does with a socket unit: the listening socket as descriptor 3."""
	daemon = Daemon([], ZONE, directory=directory, socket="unix:/nonexistent/never-bound.sock")
	shell = 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$0" "$@"' % listening.fileno()
	with open(daemon.log_path, "ab") as log:
		daemon.process = subprocess.Popen(["/bin/bash", "-c", shell, *daemon.command()], stdout=log, stderr=log,
				pass_fds=[listening.fileno()])
	daemon.socket = "unix:" + listening.getsockname()
	return daemon


def test_socket_activation():
	"""A socket that systemd hands over is used, survives the stop, and a restart refuses nobody."""
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	try:
		with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
			listening.bind(os.path.join(directory, "activated.sock"))
			listening.listen(128)
			with unstarted(run_activated(listening, directory)) as daemon:
				daemon.wait_serving()
				check_serves(daemon)
				with Prober(daemon.socket) as prober:
					daemon.reload()
					prober.wait_served(5)
					assert daemon.stop() == 0
					assert os.path.exists(listening.getsockname()), "systemd's socket was removed"
					with unstarted(run_activated(listening, directory)) as again:
						prober.wait_served(5)
						prober.stop()
						assert again.stop() == 0
				prober.check()
	finally:
		shutil.rmtree(directory)


def wait_message(notify, word):
	"""Read notifications until one contains the word; that one."""
	while True:
		text = notify.recv(4096).decode()
		if word in text.split("\n"):
			return text


def test_systemd_notify():
	"""READY=1 when it serves, RELOADING=1 around a reload, STOPPING=1 at the end."""
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	try:
		with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
			notify.bind(os.path.join(directory, "notify"))
			notify.settimeout(20)
			with Daemon([], ZONE, env={"NOTIFY_SOCKET": notify.getsockname()}) as daemon:
				wait_message(notify, "READY=1")
				daemon.reload()
				assert "MONOTONIC_USEC=" in wait_message(notify, "RELOADING=1")
				wait_message(notify, "READY=1")
				assert daemon.stop() == 0
				wait_message(notify, "STOPPING=1")
	finally:
		shutil.rmtree(directory)


# ---- a libmilter without fd:N ----

def check_serves_all_the_same(**options):
	"""Messages, reload, crash, stop."""
	with Daemon([], ZONE, **options) as daemon:
		check_serves(daemon)
		assert "fd:N" in daemon.log_text(), "it is not said plainly:\n" + daemon.log_text()
		with Prober(daemon.socket) as prober:
			daemon.reload()
			prober.wait_served(10)
		prober.check()
		crash_and_check(daemon)
		names = set(os.listdir(daemon.directory))
		assert names <= {"milter.sock", "pid", "log", "zone"}, f"left in the directory: {names}"
		assert daemon.stop() == 0
		return daemon.log_text()


def test_no_fd_option():
	check_serves_all_the_same(arguments=["--no-fd-conn"])


def test_no_fd_option_inet():
	check_serves_all_the_same(arguments=["--no-fd-conn"], socket=f"inet:{free_port()}@127.0.0.1")


def preload():
	"""The shim nofd.c, compiled; None where there is no compiler."""
	compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
	if not compiler:
		return None, None
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	path = os.path.join(directory, "nofd.so")
	subprocess.run([compiler, "-shared", "-fPIC", "-o", path, os.path.join(HERE, "nofd.c"), "-ldl"], check=True)
	return directory, path


def with_shim(where):
	directory, shim = preload()
	if shim is None:
		return "skipped: no compiler"
	try:
		check_serves_all_the_same(env={"LD_PRELOAD": shim, "NOFD": where, "ASAN_OPTIONS": "verify_asan_link_order=0"})
	finally:
		shutil.rmtree(directory)
	return None


def test_libmilter_whose_setconn_refuses_fd():
	return with_shim("setconn")


def test_libmilter_whose_opensocket_refuses_fd():
	return with_shim("opensocket")


# ---- files, options, exit codes ----

def test_pid_file():
	with Daemon([], ZONE) as daemon:
		with open(daemon.path("pid"), encoding="ascii") as file:
			assert int(file.read()) == daemon.pid
		daemon.reload()
		with open(daemon.path("pid"), encoding="ascii") as file:
			assert int(file.read()) == daemon.pid
		assert daemon.stop() == 0
		assert not os.path.exists(daemon.path("pid")), "left behind"


def test_pid_file_of_another_instance():
	"""Two instances with one pid file, whatever their sockets are: the second is refused, the first keeps its file."""
	with Daemon([], ZONE) as first, unstarted(Daemon([f"pid_file={first.path('pid')}"], ZONE)) as second:
		assert exit_of(second) == EXIT_CANTCREAT, second.log_text()
		assert not os.path.exists(second.path("milter.sock")), "the socket was left behind"
		with open(first.path("pid"), encoding="ascii") as file:
			assert int(file.read()) == first.pid


def test_stale_pid_file():
	"""One that names a process that is gone, or a stranger, is taken over."""
	with Daemon([], ZONE) as daemon:
		for text in ("999999999\n", f"{os.getpid()}\n", "nonsense", ""):
			assert daemon.stop() == 0
			daemon.write("pid", text)
			daemon.start()
			with open(daemon.path("pid"), encoding="ascii") as file:
				assert int(file.read()) == daemon.pid


def test_pid_file_that_cannot_be_written():
	with unstarted(Daemon(["pid_file=/nonexistent/dir/pid"], ZONE)) as daemon:
		assert exit_of(daemon) == EXIT_CANTCREAT, daemon.log_text()
		assert "/nonexistent/dir/pid" in daemon.log_text()
		assert not os.path.exists(daemon.path("milter.sock")), "the socket was left behind"


def test_background():
	"""Without -f: the command returns when it serves, and what is left is the supervisor of the pid file."""
	with unstarted(Daemon(["log=syslog"], ZONE)) as daemon:
		done = subprocess.run(background(daemon), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
				stderr=subprocess.DEVNULL, timeout=20, check=False)
		assert done.returncode == 0, done.returncode
		with open(daemon.path("pid"), encoding="ascii") as file:
			pid = int(file.read())
		try:
			check_serves(daemon)
			assert os.getsid(pid) != os.getsid(0), "it is still in our session"
		finally:
			os.kill(pid, 15)
			wait_until(lambda: not alive(pid), "the daemon to end")


def test_background_that_fails():
	"""The command returns the exit code and says why, although a child found out."""
	with unstarted(Daemon(["dns.zone_file=/nonexistent/zone"], ZONE)) as daemon:
		done = run(*background(daemon)[1:])
		assert done.returncode == EXIT_CONFIG, f"{done.returncode}: {done.stderr}"
		assert "/nonexistent/zone" in done.stderr, done.stderr


def test_check_option():
	done = run("-n", "-c", default_config())
	assert done.returncode == 0, done.stdout + done.stderr
	with Daemon() as daemon:
		path = daemon.write("bad",
				"policy: {\n\treject = \"many\";\n};\nexempt: { networks = [ \"10.0.0.0/33\" ]; };\n")
		done = run("-n", "-c", path)
		text = done.stdout + done.stderr
		assert done.returncode == EXIT_CONFIG, f"{done.returncode}: {text}"
		for word in (f"{path}:2", "policy.reject", "many", f"{path}:4", "10.0.0.0/33"):
			assert word in text, f"{word} is not in {text}"
		assert daemon.connectable(), "-n has touched the socket"


def test_check_with_the_socket_in_use():
	"""-n only looks: it may be run beside the live daemon."""
	with Daemon([], ZONE) as daemon:
		done = run("-n", "-c", default_config(), "-o", f"socket={daemon.socket}", "-o",
				f"pid_file={daemon.path('pid')}")
		assert done.returncode == 0, done.stderr
		check_serves(daemon)


def test_print_config_can_be_read_again():
	first = run("--print-config", "-c", default_config(), "-o", "policy.reject=7.25")
	assert first.returncode == 0, first.stderr
	assert "7.25" in first.stdout and "-o" in first.stdout and "mailreeve.conf:" in first.stdout, first.stdout[:500]
	with Daemon() as daemon:
		again = run("--print-config", "-c", daemon.write("printed", first.stdout))
		assert again.returncode == 0, again.stderr

		def values(text):
			return [line.partition("#")[0].strip() for line in text.split("\n") if line.partition("#")[0].strip()]
		assert values(first.stdout) == values(again.stdout)


def test_print_config_hides_secrets():
	codes = '({ code="127.0.0.2"; name="a"; points=1.0; })'
	lists = 'dnsbl.lists=({ name="k"; zone="{key}.zen.dq.bl.example"; key="topsecretkey00000000"; codes=%s; })' % codes
	done = run("--print-config", "-o", lists, "-o", "policy.groups=()", "-o", "policy.rules=()", "-c", default_config())
	assert done.returncode == 0, done.stderr
	assert "topsecretkey" not in done.stdout + done.stderr


def test_version_and_help():
	done = run("-V")
	assert done.returncode == 0 and "mailreeve" in done.stdout, done
	done = run("-h")
	assert done.returncode == 0 and "--print-config" in done.stdout + done.stderr, done


def test_exit_codes():
	cases = [
		(["--no-such-option"], EXIT_USAGE), (["-o"], EXIT_USAGE), (["-c"], EXIT_USAGE), (["stray"], EXIT_USAGE),
		(["-n", "-c", "/nonexistent/mailreeve.conf"], EXIT_CONFIG),
		(["-n", "-c", default_config(), "-o", "policy.rejct=1.0"], EXIT_CONFIG),
		(["-n", "-c", default_config(), "-o", "policy.reject=x"], EXIT_CONFIG),
		(["-n", "-c", default_config(), "-o", "nonsense"], EXIT_CONFIG),
		(["-f", "-c", default_config(), "-o", "socket=fish:3"], EXIT_CONFIG),
		(["-f", "-c", default_config(), "-o", "user=nobodywouldhavethisname", "-o", "log=stderr"], EXIT_CONFIG),
	]
	wrong = []
	for arguments, expected in cases:
		done = run(*arguments)
		if done.returncode != expected or not done.stderr.strip():
			wrong.append(f"{arguments}: {done.returncode}, not {expected}: {done.stderr.strip()!r}")
	assert not wrong, "; ".join(wrong)


def test_never_serves_as_root():
	if os.geteuid() != 0:
		return "skipped: not root"
	with unstarted(Daemon([], ZONE)) as daemon:
		done = run(*[word for word in daemon.command()[1:] if word != "--allow-root"])
		assert done.returncode == EXIT_NOPERM, f"{done.returncode}: {done.stderr}"
		assert not os.path.exists(daemon.path("milter.sock"))
	return None


def test_drops_privileges():
	if os.geteuid() != 0:
		return "skipped: not root"
	directory = tempfile.mkdtemp(prefix="mailreeve-test-")
	try:
		os.chmod(directory, 0o755)
		with Daemon(["user=nobody"], ZONE, directory=directory) as daemon:
			for pid in [daemon.pid, *daemon.workers()]:
				with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
					status = dict(line.split(":", 1) for line in file if ":" in line)
				assert "0" not in status["Uid"].split(), f"{pid} has the ids {status['Uid'].split()}"
				assert "0" not in status["Gid"].split() and "0" not in status["Groups"].split(), status["Groups"]
				assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0
			check_serves(daemon)
			daemon.reload()
			check_serves(daemon)
			assert daemon.stop() == 0
			left = left_behind(daemon)
			assert daemon.start().stop() == 0, "it did not take over what was left behind"
			return f"left behind, and taken over: {left}"
	finally:
		shutil.rmtree(directory)


def test_inherits_nothing():
	"""The worker's descriptors: none of ours that it should not have."""
	reading, writing = os.pipe()
	os.set_inheritable(reading, True)
	try:
		with Daemon([], ZONE) as daemon:
			check_serves(daemon)
			count = len(os.listdir(f"/proc/{daemon.worker()}/fd"))
			for _turn in range(100):
				check_serves(daemon)
			later = len(os.listdir(f"/proc/{daemon.worker()}/fd"))
			assert later <= count + 3, f"{count} descriptors at first, {later} after 100 sessions"
			return f"{later} descriptors"
	finally:
		os.close(reading)
		os.close(writing)


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
