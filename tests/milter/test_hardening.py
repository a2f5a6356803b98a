# SPDX-License-Identifier: BSD-2-Clause
"""test_hardening - what a running daemon has given up, and who may read a configuration with secrets.

    MAILREEVE=build/mailreeve python3 tests/milter/test_hardening.py [-v] [part of a name ...]
"""
import grp
import os
import platform
import signal
import stat
import sys
import tempfile

from daemon import EXIT_CONFIG, Daemon, exit_of, run, unstarted, wait_until
from runner import run_tests
from test_protocol import ZONE, check_serves

KEY = "topsecretkey00000000"
LIST = '{ name = "k"; zone = "%s"; %s codes = ( { code = "127.0.0.2"; name = "a"; points = 1.0; } ); }'
WITH_KEY = f'dnsbl: {{ lists = ( {LIST % ("{key}.bl.example", f"key = {chr(34)}{KEY}{chr(34)};")} ); }};\n'
WITH_KEYED_ZONE = f'dnsbl: {{ lists = ( {LIST % (f"{KEY}.bl.example", "")} ); }};\n'
WITHOUT = f'dnsbl: {{ lists = ( {LIST % ("bl.example", "")} ); }};\n'
UNCONFINED = "serves unconfined"

# Becomes the command behind it, which can load no filter: as in a container that forbids them.
REFUSE_FILTERS = """
import ctypes, os, platform, struct, sys
seccomp, prctl = {"x86_64": (317, 157), "aarch64": (277, 167)}[platform.machine()]
load, equal, back, eperm = 0x20, 0x15, 0x06, 0x00050001
code = [(load, 0, 0, 0), (equal, 4, 0, seccomp), (equal, 0, 2, prctl), (load, 0, 0, 16), (equal, 1, 0, 22),
	(back, 0, 0, 0x7fff0000), (back, 0, 0, eperm)]
text = b"".join(struct.pack("HBBI", *row) for row in code)
memory = ctypes.create_string_buffer(text)
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.create_string_buffer(program)) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def status_of(pid, *names):
	"""Those values of /proc/PID/status, as numbers; and that every thread has the same."""
	found = []
	for task in os.listdir(f"/proc/{pid}/task"):
		try:
			with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as file:
				values = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
		except OSError:
			continue  # a thread that has ended meanwhile
		found.append(tuple(int(values[name]) for name in names))
	assert len(set(found)) == 1, f"threads differ: {found}"
	return found[0]


def filters_work():
	"""None, or why this machine cannot filter calls (or is one whose calls this test does not know)."""
	if platform.machine() not in ("x86_64", "aarch64"):
		return f"skipped: the numbers of system calls on {platform.machine()} are not known here"
	with open("/proc/self/status", encoding="ascii", errors="replace") as file:
		return None if "Seccomp_filters:" in file.read() else "skipped: this kernel has no seccomp filters"


# ---- what was given up ----

def test_no_new_privileges():
	"""Neither the supervisor nor the worker; only the worker is filtered: it is the one that strangers talk to."""
	with Daemon([], ZONE) as daemon:
		assert status_of(daemon.pid, "NoNewPrivs", "Seccomp") == (1, 0)
		assert status_of(daemon.worker(), "NoNewPrivs") == (1,)


def test_worker_is_confined():
	why = filters_work()
	if why:
		return why
	with Daemon([], ZONE) as daemon:
		assert status_of(daemon.worker(), "Seccomp", "Seccomp_filters") == (2, status_of(daemon.pid,
				"Seccomp_filters")[0] + 1)
		check_serves(daemon)
		assert status_of(daemon.worker(), "Seccomp") == (2,), "a thread of a session is not confined"
		assert UNCONFINED not in daemon.log_text(), daemon.log_text()
	return None


def test_confinement_can_be_switched_off():
	"""And follows a reload."""
	if filters_work():
		return filters_work()
	daemon = Daemon([], ZONE)
	daemon.config = daemon.write("conf", "seccomp = false;\n")
	with daemon:
		assert status_of(daemon.worker(), "Seccomp") == (0,)
		check_serves(daemon)
		daemon.write("conf", "seccomp = true;\n")
		assert status_of(daemon.reload(), "Seccomp") == (2,)
		check_serves(daemon)
	return None


def test_where_filters_cannot_be_loaded():
	"""Under a filter that refuses further ones, as some containers have it: a warning, and mail is served."""
	if filters_work():
		return filters_work()
	daemon = Daemon([], ZONE)
	daemon.prefix = [sys.executable, daemon.write("refuse", REFUSE_FILTERS)]
	with daemon:
		check_serves(daemon)
		assert status_of(daemon.worker(), "Seccomp_filters") == (1,)
		daemon.wait_log("seccomp = true", UNCONFINED)
	return None


def test_death_of_a_worker_that_breaks_out_is_told():
	"""SIGSYS is how the kernel ends it; the next one serves at once."""
	with Daemon([], ZONE) as daemon:
		os.kill(daemon.worker(), signal.SIGSYS)
		daemon.wait_log("died of signal", "Bad system call")
		daemon.wait_log("replaced")
		check_serves(daemon)


# ---- who may read the secrets ----

def foreign_group():
	"""A group that is neither root's, ours nor the daemon's user's."""
	mine = {0, os.getegid(), *os.getgroups()}
	return next(group.gr_gid for group in grp.getgrall() if group.gr_gid not in mine and not group.gr_mem)


def check_config(text, mode, group=None, included=""):
	"""(exit status, what it says) of -n for a file with this text and these rights."""
	with tempfile.TemporaryDirectory(prefix="mailreeve-test-") as directory:
		os.chmod(directory, 0o755)
		path = os.path.join(directory, "conf")
		for name, content in (("conf", text), ("included", included)):
			with open(os.path.join(directory, name), "w", encoding="ascii") as file:
				file.write(content)
		os.chmod(os.path.join(directory, "included" if included else "conf"), mode)
		if group is not None:
			os.chown(path, -1, group)
		done = run("-n", "-c", path, "-o", "user=", "-o", "policy.rules=()")
		said = done.stdout + done.stderr
		assert KEY not in said, f"the secret is shown: {said}"
		return done.returncode, said.replace(directory, "DIR")


def test_rights_of_a_file_with_secrets():
	for text, mode, fine in ((WITH_KEY, 0o600, True), (WITH_KEY, 0o400, True), (WITH_KEY, 0o640, True),
			(WITH_KEY, 0o644, False), (WITH_KEY, 0o604, False), (WITH_KEY, 0o602, False), (WITH_KEY, 0o666, False),
			(WITH_KEYED_ZONE, 0o640, True), (WITH_KEYED_ZONE, 0o644, False), (WITHOUT, 0o644, True),
			(WITHOUT, 0o666, True)):
		status, said = check_config(text, mode)
		assert status == (0 if fine else EXIT_CONFIG), f"{mode:o}: {said}"
		if not fine:
			for word in ("DIR/conf:1: dnsbl.lists[0].", f"{mode:04o}", "every user", "chmod 0640 DIR/conf", "chgrp"):
				assert word in said, f"{word} is not in: {said}"


def test_rights_of_the_included_file_count():
	main = '# nothing here\n@include "included"\n'
	status, said = check_config(main, 0o644, included=WITH_KEY)
	assert status == EXIT_CONFIG and "DIR/included:1: dnsbl.lists[0].key" in said and "chmod 0640 DIR/included" in said, said
	status, said = check_config(main, 0o640, included=WITH_KEY)
	assert status == 0, said


def test_group_of_others():
	if os.geteuid() != 0:
		return "skipped: only root may give a file to another group"
	status, said = check_config(WITH_KEY, 0o640, foreign_group())
	assert status == EXIT_CONFIG and "a group that mailreeve does not belong to" in said, said
	status, said = check_config(WITH_KEY, 0o600, foreign_group())
	assert status == 0, said
	return None


def test_group_of_the_configured_user():
	"""root:mailreeve 0640 is what the manual recommends: it must do while root starts us."""
	if os.geteuid() != 0:
		return "skipped: only root may give a file to another group"
	gid = foreign_group()
	text = f'group = "{grp.getgrgid(gid).gr_name}";\n' + WITH_KEY
	status, said = check_config(text, 0o640, gid)
	assert status == 0, said
	return None


def test_secrets_on_the_command_line_are_warned_of():
	done = run("-n", "-c", "/dev/null", "-o", "dnsbl." + WITH_KEY[len("dnsbl: { "):-len("; };\n")], "-o",
			"policy.rules=()", "-o", "user=")
	assert done.returncode == 0 and "seen by every user" in done.stdout and KEY not in done.stdout, done


def test_start_and_reload_refuse_too():
	daemon = Daemon(["policy.rules=()"], ZONE)
	daemon.config = daemon.write("conf", WITH_KEY)
	os.chmod(daemon.config, 0o644)
	assert exit_of(daemon) == EXIT_CONFIG and "chmod 0640" in daemon.log_text(), daemon.log_text()
	assert KEY not in daemon.log_text()
	os.chmod(daemon.config, 0o600)
	with unstarted(daemon):
		daemon.start()
		os.chmod(daemon.config, stat.S_IRUSR | stat.S_IROTH)
		daemon.signal(signal.SIGHUP)
		daemon.wait_log("reload refused", "every user")
		check_serves(daemon)
		os.chmod(daemon.config, 0o600)
		daemon.reload()
		wait_until(lambda: "reloaded" in daemon.log_text(), "a reload")


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
