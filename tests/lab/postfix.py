# SPDX-License-Identifier: BSD-2-Clause
"""postfix - a real Postfix whose queue, data, logs and configuration live and die with the laboratory."""
import os
import shutil
import signal
import subprocess
import time

from dns_zones import MX_ADDRESS, MX_ADDRESS6
from namespace import DAEMON_USER, HOSTNAME, MAIL_USER, WORK, has_ipv6, ids_of, write
from syslogd import MAIL_LOG

QUEUE = "/var/spool/postfix"
MILTER_SOCKET = "unix:mailreeve/mailreeve.sock"  # below the queue directory: the same path, chrooted or not
MAILBOXES = WORK + "/mail"
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace", "private")
XCLIENT_PORT, OPEN_PORT = 2525, 2526
PATIENCE_S = 30

MAIN_CF = """compatibility_level = 3.6
queue_directory = {queue}
data_directory = /var/lib/postfix
daemon_directory = {daemons}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}
myhostname = {hostname}
mydomain = example.org
myorigin = example.org
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
inet_protocols = {protocols}
inet_interfaces = all
alias_maps =
local_recipient_maps =
local_transport = error:there are no local mailboxes
# Nothing leaves.
default_transport = discard:
relay_transport = discard:
virtual_mailbox_domains = example.org
virtual_mailbox_base = {mailboxes}
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_relay_restrictions = permit_sasl_authenticated reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access regexp:{{{{/^unknown[0-9]*@/ 550 5.1.1 User unknown}}}}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
# No header fields but those of the sender and the filter.
local_header_rewrite_clients =
# The tests make mistakes on purpose.
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 10000
smtpd_hard_error_limit = 10000
smtpd_recipient_limit = 2000
in_flow_delay = 0
allow_percent_hack = no
allow_untrusted_routing = yes
queue_minfree = 0
notify_classes =
# What the laboratory is about; milter_default_action is Postfix's default.
smtpd_milters = {milter}
milter_default_action = tempfail
"""
SERVICES = """pickup unix n - {c} 60 1 pickup
cleanup unix n - {c} - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - {c} - - trivial-rewrite
bounce unix - - {c} - 0 bounce
defer unix - - {c} - 0 bounce
trace unix - - {c} - 0 bounce
proxymap unix - - n - - proxymap
showq unix n - {c} - - showq
error unix - - {c} - - error
retry unix - - {c} - - error
discard unix - - {c} - - discard
virtual unix - n n - - virtual
anvil unix - - {c} - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
	"""Between start() and stop(). `milter`: smtpd_milters; `chroot`: smtpd and others chrooted, as Debian does it."""

	def __init__(self, milter=MILTER_SOCKET, chroot=True, more_main_cf=""):
		self.milter, self.chroot, self.more_main_cf = milter, chroot, more_main_cf
		self.addresses = [MX_ADDRESS] + ([MX_ADDRESS6] if has_ipv6() else [])
		self.daemons = next((path for path in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix")
		                     if os.path.exists(path + "/master")), "/usr/lib/postfix/sbin")
		self.process = None
		self.log_start = 0

	def server_for(self, client):
		"""The address of ours that a client's address can reach."""
		return MX_ADDRESS6 if ":" in client else MX_ADDRESS

	# ---- files

	def prepare(self):
		"""The directories and their rights, the configuration, and what a chrooted smtpd needs."""
		postfix = ids_of("postfix")
		_directory(QUEUE, 0o755, 0, 0)
		for name in QUEUES:
			_directory(f"{QUEUE}/{name}", 0o700, postfix[0], 0)
		_directory(QUEUE + "/pid", 0o755, 0, 0)
		postdrop = _group("postdrop")
		_directory(QUEUE + "/maildrop", 0o1730, postfix[0], postdrop)
		_directory(QUEUE + "/public", 0o2710, postfix[0], postdrop)
		_directory("/var/lib/postfix", 0o755, *postfix)
		_directory(QUEUE + "/mailreeve", 0o2750, ids_of(DAEMON_USER)[0], postfix[1])
		_directory(MAILBOXES, 0o755, *ids_of(MAIL_USER))
		_directory(QUEUE + "/etc", 0o755, 0, 0)
		for name in ("resolv.conf", "hosts", "nsswitch.conf", "services"):
			if os.path.exists("/etc/" + name):
				shutil.copy("/etc/" + name, QUEUE + "/etc/" + name)
		open(MAIL_LOG, "ab").close()
		self.configure()

	def configure(self):
		"""Write main.cf and master.cf."""
		uid, gid = ids_of(MAIL_USER)
		main = MAIN_CF.format(queue=QUEUE, daemons=self.daemons, log=MAIL_LOG, hostname=HOSTNAME, mailboxes=MAILBOXES,
		                      uid=uid, gid=gid, milter=self.milter,
		                      protocols="all" if len(self.addresses) > 1 else "ipv4")
		chroot = "y" if self.chroot else "n"
		master = SERVICES.format(c=chroot)
		for address in self.addresses:
			host = f"[{address}]" if ":" in address else address
			master += f"{host}:25 inet n - {chroot} - - smtpd\n"
			master += f"{host}:{XCLIENT_PORT} inet n - {chroot} - - smtpd\n"
			master += "\t-o smtpd_authorized_xclient_hosts=0.0.0.0/0,[::]/0\n"
			master += f"{host}:{OPEN_PORT} inet n - {chroot} - - smtpd\n\t-o milter_default_action=accept\n"
		for name, text in (("main.cf", main + self.more_main_cf), ("master.cf", master)):
			path = write("/etc/postfix/" + name, text)
			# Postfix waits when a file was changed in this very second.
			os.utime(path, (time.time() - 10, time.time() - 10))

	# ---- life

	def start(self):
		"""Start master; wait_ready() waits for the banner."""
		self.prepare()
		return self.launch()

	def launch(self):
		"""Run master with the configuration that is there."""
		self.log_start = os.path.getsize(MAIL_LOG)
		with open(WORK + "/master.log", "ab") as log:
			self.process = subprocess.Popen([self.daemons + "/master", "-c", "/etc/postfix"], cwd=self.daemons,
			                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
		return self

	def wait_ready(self):
		"""Wait until master says so (a connection would leave its traces in the log)."""
		end = time.monotonic() + PATIENCE_S
		while b"daemon started" not in _read_from(MAIL_LOG, self.log_start):
			if self.process.poll() is not None or time.monotonic() > end:
				said = _read_from(MAIL_LOG, self.log_start).decode("utf-8", "replace")
				raise RuntimeError(f"Postfix does not start:\n{said}")
			time.sleep(0.01)

	def stop(self):
		"""SIGTERM ends master and all that it started: wait for all of it, since it shares the sockets and the lock."""
		if self.process is None or self.process.poll() is not None:
			return
		group = self.process.pid
		os.killpg(group, signal.SIGTERM)
		self.process.wait()
		end = time.monotonic() + PATIENCE_S
		while _reap(group):
			if time.monotonic() > end:
				os.killpg(group, signal.SIGKILL)
			time.sleep(0.005)

	def restart(self):
		"""With the configuration as the attributes say now."""
		self.stop()
		self.configure()
		self.launch()
		self.wait_ready()

	# ---- what became of a message

	def delivered(self, message_id, patience_s=PATIENCE_S):
		"""The octets of the message in the mailbox, or None when it does not come."""
		return _wait_for_message(message_id, self._delivered_messages, patience_s)

	def held(self, message_id, patience_s=PATIENCE_S):
		"""The octets of the message in the hold queue, or None."""
		return _wait_for_message(message_id, self._held_messages, patience_s)

	@staticmethod
	def _delivered_messages():
		folder = MAILBOXES + "/inbox/new"
		for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
			with open(f"{folder}/{name}", "rb") as file:
				yield file.read()

	@staticmethod
	def _held_messages():
		for name in sorted(os.listdir(QUEUE + "/hold")):
			command = ["postcat", "-bh", "-q", name]
			yield subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout

	@staticmethod
	def empty_mailbox():
		"""Forget what was delivered and held."""
		shutil.rmtree(MAILBOXES + "/inbox", ignore_errors=True)
		for name in os.listdir(QUEUE + "/hold"):
			os.unlink(f"{QUEUE}/hold/{name}")


def header_fields(octets):
	"""(name, value) texts of a message's header fields from the top; values as after the colon, folding kept."""
	fields = []
	for line in octets.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].split(b"\n"):
		text = line.decode("utf-8", "surrogateescape")
		if text[:1] in (" ", "\t") and fields:
			fields[-1] = (fields[-1][0], fields[-1][1] + "\n" + text)
		elif ":" in text:
			fields.append(tuple(text.split(":", 1)))
	return fields


def _wait_for_message(message_id, messages, patience_s):
	wanted = message_id.encode()
	end = time.monotonic() + patience_s
	while True:
		for octets in messages():
			if wanted in octets.split(b"\n\n", 1)[0]:
				return octets
		if time.monotonic() > end:
			return None
		time.sleep(0.02)


def _reap(group):
	"""Collect what has ended of a process group without its leader (orphans are ours: we are process 1). Is any left?"""
	try:
		while os.waitpid(-group, os.WNOHANG)[0]:
			pass
		return True
	except ChildProcessError:
		return False


def _directory(path, mode, uid, gid):
	os.makedirs(path, exist_ok=True)
	os.chown(path, uid, gid)
	os.chmod(path, mode)


def _group(name):
	with open("/etc/group", encoding="utf-8", errors="surrogateescape") as file:
		return next(int(line.split(":")[2]) for line in file if line.startswith(name + ":"))


def _read_from(path, position):
	with open(path, "rb") as file:
		file.seek(position)
		return file.read()
