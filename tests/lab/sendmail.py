# SPDX-License-Identifier: BSD-2-Clause
"""sendmail - a real Sendmail that was unpacked and never installed: files, queue and mailbox live and die with the laboratory.

fetch() runs outside of the laboratory, where the package archive can be reached; everything else inside.
"""
import glob
import os
import re
import signal
import subprocess
import time

from dns_servers import DnsServers
from dns_zones import MX_ADDRESS, MX_ADDRESS6
from lab import shipped_lists
from mailreeve import SRCDIR, Mailreeve, program
from namespace import HOSTNAME, MAIL_USER, WORK, has_ipv6, ids_of, write
from smtp_client import SmtpClient
from syslogd import LogReader, Syslogd
import zonefile

HOME = WORK + "/sendmail"  # Sendmail takes no file below a directory that others can write to
QUEUE, INBOX, SCRATCH = HOME + "/queue", HOME + "/inbox", HOME + "/scratch"
CONFIG, DELIVER = HOME + "/sendmail.cf", HOME + "/deliver"
SMTP_PORT, PLAIN_PORT, DEFAULTS_PORT = 25, 2525, 2526
TOOLS = ("nsd", "rbldnsd", "unbound", "m4")
PATIENCE_S = 30
# What Sendmail says of a filter that broke the protocol, came too late or went away.
TROUBLE = re.compile(r"Milter \([a-z]+\): (?:.*(?:error|timeout|unknown|bogus|unexpected|connect|read|write|local socket)|.*returned)")

SENDMAIL_MC = """divert(-1)
define(`confDOMAIN_NAME', `{hostname}')
define(`confDEF_USER_ID', `{user}:{user}')
define(`QUEUE_DIR', `{queue}')
define(`ALIAS_FILE', `')
define(`HELP_FILE', `')
define(`STATUS_FILE', `')
define(`confPID_FILE', `{home}/sendmail.pid')
define(`confDELIVERY_MODE', `background')
define(`confTO_IDENT', `0s')
define(`confTO_RESOLVER_RETRANS', `1s')
define(`confTO_RESOLVER_RETRY', `1')
define(`confBAD_RCPT_THROTTLE', `0')
define(`confQUEUE_LA', `9999')
define(`confREFUSE_LA', `9999')
define(`confDELAY_LA', `0')
define(`confMIN_FREE_BLOCKS', `0')
define(`confLOG_LEVEL', `9')
FEATURE(`no_default_msa')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
RELAY_DOMAIN(`example.org')
{filter}
MAIL_FILTER(`defaults', `{socket}, F=T')
{daemons}
MAILER(`smtp')
MAILER_DEFINITIONS
# Neither addresses nor 8-bit octets are touched; no field is added but Received.
Minbox,	P={deliver}, F=lns8, S=0, R=0, E=\\n, U={user}:{user}, T=DNS/RFC822/X-Unix,
	A=deliver $u
LOCAL_RULE_0
R refused <@ example.org . >	$#error $@ 5.1.1 $: "550 no such user here"
R $+ <@ example.org . >	$#inbox $@ example.org $: $1
"""
DELIVER_SH = """#!/bin/sh
# Sendmail's mailer: one file a message, complete when it appears.
umask 022
file=$(mktemp {scratch}/XXXXXXXXXX) || exit 75
cat >"$file" && mv "$file" {inbox}/ || exit 75
"""


class NoSendmail(Exception):
	"""There is no Sendmail to be had; the text says why."""


def folder():
	"""Where the unpacked packages are kept: beside the program under test."""
	return os.path.join(os.path.dirname(program()), "sendmail")


def fetch():
	"""Get and unpack the packages unless they are there. NoSendmail when that fails."""
	script = 'TOP=$1; . "$TOP/tests/setup.sh"; setup_sendmail_files "$2"'
	done = subprocess.run(["bash", "-c", script, "test_sendmail", SRCDIR, folder()], stdin=subprocess.DEVNULL,
	                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
	if done.returncode:
		said = done.stdout.decode("utf-8", "replace").strip().split("\n")[-1]
		raise NoSendmail(f"Sendmail's packages cannot be fetched: {said or 'exit status %d' % done.returncode}")


def documented_filter():
	"""The line for sendmail.mc that README tells people to use: it is what is tested."""
	with open(os.path.join(SRCDIR, "README"), encoding="utf-8") as file:
		line = re.search(r"^\s*(INPUT_MAIL_FILTER\(`mailreeve',\s*`(S=unix:([^,]+)),[^']*'\))dnl", file.read(), re.MULTILINE)
	if not line:
		raise RuntimeError("README has no INPUT_MAIL_FILTER line with a unix socket")
	return line[1], line[2], line[3]


class Sendmail:
	"""Between start() and stop(). Port 25 has the filter as README has it, 2525 none, 2526 Sendmail's own time limits."""

	def __init__(self):
		self.root = folder() + "/root"
		self.filter, self.socket, _path = documented_filter()
		self.addresses = [("inet", MX_ADDRESS)] + ([("inet6", MX_ADDRESS6)] if has_ipv6() else [])
		self.process = None

	# ---- files

	def _program(self):
		found = [path for where in ("/usr/libexec/sendmail", "/usr/lib/sm.bin") for path in glob.glob(self.root + where + "/sendmail")]
		if not found:
			raise NoSendmail(f"there is no sendmail below {self.root}")
		return found[0]

	def _environment(self):
		libraries = glob.glob(self.root + "/lib/*-linux-*") + glob.glob(self.root + "/usr/lib/*-linux-*")
		return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))

	def _daemon_options(self):
		lines = []
		for family, address in self.addresses:
			for name, port, filters in (("MTA", SMTP_PORT, "mailreeve"), ("plain", PLAIN_PORT, ""), ("late", DEFAULTS_PORT, "defaults")):
				only = f", InputMailFilters={filters}"
				lines.append(f"DAEMON_OPTIONS(`Name={name}{family[4:]}, Family={family}, Addr={address}, Port={port}{only}')")
		return "\n".join(lines)

	def prepare(self):
		"""Directories, the mailer, and the configuration made with m4."""
		for path, owner in ((HOME, None), (QUEUE, None), (INBOX, MAIL_USER), (SCRATCH, MAIL_USER)):
			os.makedirs(path, exist_ok=True)
			os.chmod(path, 0o700 if path == QUEUE else 0o755)
			if owner:
				os.chown(path, *ids_of(owner))
		write(DELIVER, DELIVER_SH.format(scratch=SCRATCH, inbox=INBOX))
		os.chmod(DELIVER, 0o755)
		source = write(HOME + "/sendmail.mc", SENDMAIL_MC.format(
			hostname=HOSTNAME, user=MAIL_USER, queue=QUEUE, home=HOME, filter=self.filter, socket=self.socket,
			daemons=self._daemon_options(), deliver=DELIVER))
		macros = self.root + "/usr/share/sendmail/cf/"
		made = subprocess.run(["m4", "-D_CF_DIR_=" + macros, macros + "m4/cf.m4", source], stdout=subprocess.PIPE,
		                      stderr=subprocess.PIPE, check=True)
		with open(CONFIG, "wb") as file:
			file.write(made.stdout)

	# ---- life

	def start(self):
		"""Start the daemon; wait_ready() waits until it listens."""
		self.prepare()
		with open(HOME + "/stderr", "wb") as log:
			self.process = subprocess.Popen([self._program(), "-C" + CONFIG, "-bD"], cwd=HOME, env=self._environment(),
			                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
		return self

	def wait_ready(self):
		"""The port without a filter answers, so nobody asks the daemon under test."""
		end = time.monotonic() + PATIENCE_S
		while True:
			try:
				with SmtpClient("203.0.113.250", MX_ADDRESS, PLAIN_PORT) as client:
					client.reply()
					client.command(b"QUIT")
				return
			except OSError:
				if self.process.poll() is not None or time.monotonic() > end:
					with open(HOME + "/stderr", encoding="utf-8", errors="replace") as log:
						raise RuntimeError(f"Sendmail does not start:\n{log.read()}") from None
				time.sleep(0.02)

	def stop(self):
		"""SIGTERM; what serves a session then ends with its session."""
		if self.process is not None and self.process.poll() is None:
			self.process.send_signal(signal.SIGTERM)
			try:
				self.process.wait(PATIENCE_S)
			except subprocess.TimeoutExpired:
				self.process.kill()
				self.process.wait()

	def server_for(self, client):
		"""The address of ours that a client's address can reach."""
		return MX_ADDRESS6 if ":" in client else MX_ADDRESS

	def run(self, *arguments):
		"""Sendmail's program with other arguments; its output."""
		return subprocess.run([self._program(), "-C" + CONFIG] + list(arguments), cwd=HOME, env=self._environment(),
		                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
		                      timeout=60).stdout.decode("utf-8", "replace")

	# ---- what became of a message

	def delivered(self, message_id, patience_s=PATIENCE_S):
		"""The octets of the message in the mailbox, or None when it does not come."""
		wanted = message_id.encode()
		end = time.monotonic() + patience_s
		while True:
			for name in sorted(os.listdir(INBOX)):
				with open(f"{INBOX}/{name}", "rb") as file:
					octets = file.read()
				if wanted in octets.split(b"\n\n", 1)[0]:
					return octets
			if time.monotonic() > end:
				return None
			time.sleep(0.02)

	@staticmethod
	def queue_file(kind, queue_id):
		"""The octets of a file in the queue ("qf": to be delivered, "hf": held back), or None."""
		try:
			with open(f"{QUEUE}/{kind}{queue_id}", "rb") as file:
				return file.read()
		except FileNotFoundError:
			return None

	@staticmethod
	def forget():
		"""Empty the mailbox and the queue."""
		for where in (INBOX, QUEUE):
			for name in os.listdir(where):
				os.unlink(f"{where}/{name}")


class SendmailLab:
	"""The laboratory with Sendmail where lab.Lab has Postfix. daemon.start(socket_option=lab.socket) is the caller's."""

	def __init__(self, zone="", lists=()):
		self.dns = DnsServers(zonefile.parse(zone, "the laboratory's zone"), shipped_lists() | set(lists))
		self.sendmail = Sendmail()
		self.syslogd = Syslogd(HOSTNAME)
		self.daemon = Mailreeve()
		self.socket = "unix:" + documented_filter()[2]

	def __enter__(self):
		self.syslogd.start()
		self.dns.start()
		self.sendmail.start()
		self.dns.wait_ready()
		self.sendmail.wait_ready()
		return self

	def __exit__(self, *_):
		self.daemon.stop()
		self.sendmail.stop()
		self.dns.stop()
		self.syslogd.stop()

	def client(self, source, port=SMTP_PORT):
		"""An SmtpClient from an address of the caller's choice; the banner has not been read yet."""
		return SmtpClient(source, self.sendmail.server_for(source), port)

	def log(self):
		"""A LogReader of mail.log that begins now."""
		self.syslogd.sync()
		return LogReader()
