# SPDX-License-Identifier: BSD-2-Clause
"""namespace - a machine of our own inside this one: network, mounts, processes, host name.

enter() runs the calling script again in fresh namespaces. In there every IPv4 and IPv6 address is ours; /run, /dev,
/etc, /var/log and Postfix's directories are private copies in memory. Nothing outside is touched. Everything is gone
when the script ends, in whatever way.
"""
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys

WORK = "/run/lab"
HOSTNAME = "mx.example.org"
DAEMON_USER = "mailreeve"
MAIL_USER = "labmail"
EXIT_SKIPPED = 77

_INSIDE = "MAILREEVE_LAB_UP_FD"
_UNSHARE = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC = 2, 4, 4096, 16384
_PR_SET_PDEATHSIG = 1
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"))
_PRIVATE_VAR = ("/var/log", "/var/spool/postfix", "/var/lib/postfix")
_libc = ctypes.CDLL(None, use_errno=True)


class NoLab(Exception):
	"""The laboratory cannot be built on this machine; the text says why and what helps."""


def enter(tools=()):
	"""Come back inside the namespaces. The outer process ends here, with the inner one's exit status; with 77 when this
	machine cannot do it."""
	os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
	if _INSIDE in os.environ and os.getpid() == 1:
		_set_up()
		os.write(int(os.environ[_INSIDE]), b"up")
		os.close(int(os.environ.pop(_INSIDE)))
		return
	try:
		_check(tools)
		sys.exit(_run_inside())
	except NoLab as error:
		print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
		sys.exit(EXIT_SKIPPED)


# ---- outside

def _check(tools):
	if os.geteuid() != 0:
		raise NoLab("the laboratory needs root (for a network namespace with port 25): run it as root or with sudo")
	missing = [tool for tool in ("unshare", "ip") + tuple(tools) if shutil.which(tool) is None]
	if missing:
		raise NoLab(f"not installed: {', '.join(missing)} (tests/demo and tests/run install what is needed)")
	for what in (sys.argv[0], os.environ.get("MAILREEVE", "")):
		if os.path.realpath(what).startswith("/run/"):
			raise NoLab(f"{what} lies below /run, which the laboratory hides: put it elsewhere")


def _die_with_parent():
	_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _run_inside():
	"""unshare blocks SIGTERM, and SIGKILL gives nobody a chance: so it dies with us, and the namespaces die with it."""
	up_r, up_w = os.pipe()
	command = list(_UNSHARE) + [sys.executable, os.path.abspath(sys.argv[0])] + sys.argv[1:]
	env = dict(os.environ, **{_INSIDE: str(up_w)})
	child = subprocess.Popen(command, env=env, pass_fds=[up_w], preexec_fn=_die_with_parent)
	os.close(up_w)

	def end(number, _frame):
		os.kill(child.pid, signal.SIGKILL)
		os.waitpid(child.pid, 0)  # not child.wait(): the main line is in it, and holds its lock
		os._exit(128 + number)

	for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
		signal.signal(number, end)
	status = child.wait()
	was_up = os.read(up_r, 2) == b"up"
	if status and not was_up:
		raise NoLab("namespaces cannot be made here. In a container that takes more rights than usual "
		            "(CAP_SYS_ADMIN: podman or docker run --privileged)")
	return status if status >= 0 else 128 - status


# ---- inside

def mount(source, target, kind=None, flags=0, data=None):
	"""mount(2); raises OSError naming the target."""
	encode = lambda text: None if text is None else text.encode()
	if _libc.mount(encode(source), encode(target), encode(kind), flags, encode(data)) != 0:
		number = ctypes.get_errno()
		raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


def _set_up():
	try:
		_private_files()
		_network()
	except (OSError, subprocess.CalledProcessError) as error:
		sys.exit(f"the laboratory's namespace cannot be set up: {error}")
	socket.sethostname(HOSTNAME)
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _private_files():
	mount("tmpfs", "/run", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
	for folder in ("/run/lock", WORK):
		os.mkdir(folder)
	_private_etc()
	_private_dev()
	for number, folder in enumerate(_PRIVATE_VAR):
		private = f"{WORK}/var{number}"
		os.mkdir(private)
		if os.path.isdir(folder):
			mount(private, folder, flags=_MS_BIND)
	os.mkdir("/run/mailreeve")
	os.chown("/run/mailreeve", *ids_of(DAEMON_USER))


def _private_etc():
	"""A copy of /etc, so that users, resolver and Postfix configuration can be ours."""
	copy = WORK + "/etc"
	os.mkdir(copy)
	subprocess.run(["cp", "-a", "/etc/.", copy], check=True)
	mount(copy, "/etc", flags=_MS_BIND)
	write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
	write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
	files = "".join(f"{name}: files\n" for name in ("passwd", "group", "shadow", "services", "protocols"))
	write("/etc/nsswitch.conf", files + "hosts: files dns\n")
	for user in (DAEMON_USER, MAIL_USER):
		_add_user(user)


def _add_user(name):
	"""A user with a group of the same name and number, in the private files."""
	files = {}
	for path in ("/etc/passwd", "/etc/group"):
		with open(path, encoding="utf-8", errors="surrogateescape") as file:
			files[path] = [line for line in file if not line.startswith(name + ":")]
	used = {line.split(":")[2] for lines in files.values() for line in lines if line.count(":") > 2}
	number = next(number for number in range(900, 60000) if str(number) not in used)
	files["/etc/passwd"].append(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
	files["/etc/group"].append(f"{name}:x:{number}:\n")
	for path, lines in files.items():
		write(path, "".join(lines))


def _private_dev():
	"""The real /dev may be shared with the machine; /dev/log must be ours."""
	dev = WORK + "/dev"
	os.mkdir(dev)
	for name in _DEVICES:
		if os.path.exists("/dev/" + name):
			write(f"{dev}/{name}", "")
			mount("/dev/" + name, f"{dev}/{name}", flags=_MS_BIND)
	for name, target in _DEVICE_LINKS:
		os.symlink(target, f"{dev}/{name}")
	for name in ("pts", "shm"):
		os.mkdir(f"{dev}/{name}")
	if os.path.isdir("/dev/pts"):
		mount("/dev/pts", dev + "/pts", flags=_MS_BIND)
	mount("tmpfs", dev + "/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
	mount(dev, "/dev", flags=_MS_BIND | _MS_REC)


def _network():
	for command in ("ip link set lo up", "ip route add local 0.0.0.0/0 dev lo"):
		subprocess.run(command.split(), check=True)
	try:
		write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1\n")
		subprocess.run("ip -6 route add local ::/0 dev lo".split(), check=True, stderr=subprocess.DEVNULL)
	except (OSError, subprocess.CalledProcessError):
		pass


def has_ipv6():
	"""Can IPv6 addresses be used in here?"""
	try:
		with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
			probe.bind(("2001:db8::1", 0))
		return True
	except OSError:
		return False


def ids_of(user):
	"""(uid, gid) of a user."""
	entry = pwd.getpwnam(user)
	return entry.pw_uid, entry.pw_gid


def write(path, text):
	"""Write a whole file; its path."""
	with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
		file.write(text)
	return path
