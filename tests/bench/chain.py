# SPDX-License-Identifier: BSD-2-Clause
"""chain - Postfix end to end: alone, with mailreeve, and with the programs that do the same one after the other
(reject_rbl_client, policyd-spf, OpenDKIM, OpenDMARC). CPU is that of every process but the client: Postfix, filters,
DNS."""
import os
import socket
import threading
import time

import peers
from dns_zones import MX_ADDRESS
from figures import median, table
from namespace import write
from postfix import QUEUE, Postfix
from syslogd import MAIL_LOG
from world import LISTS, WARM_DOMAINS, address, domain

CLIENTS = 4
OPENDMARC_CONF = """Socket local:{socket}
Syslog false
AuthservID mx.example.org
TrustedAuthservIDs mx.example.org
PidFile {folder}/opendmarc.pid
UMask 000
RejectFailures false
IgnoreHosts {folder}/none
"""
POLICYD_CONF = """debugLevel = 0
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 192.0.2.1/32
"""
CHAIN_CF = """
smtpd_sasl_auth_enable = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = reject_unauth_destination
	{lists}
	check_policy_service unix:private/policyd-spf
policyd-spf_time_limit = 3600
"""
ALONE_CF = """
smtpd_sasl_auth_enable = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = reject_unauth_destination
"""
# What a delivered message must carry.
PROOF = {"Postfix": [], "Postfix + noop": ["X-Noop"], "Postfix + mailreeve": ["spf=pass", "dkim=pass", "dmarc=pass"],
	"Postfix + chain": ["Received-SPF: Pass", "dkim=pass", "dmarc=pass"]}


class ChainPostfix(Postfix):
	"""With the policy service, whether or not anything asks it."""

	def __init__(self, policyd, milter="", more_main_cf=""):
		super().__init__(milter, False, more_main_cf)
		self.policyd = policyd

	def configure(self):
		super().configure()
		with open("/etc/postfix/master.cf", "a", encoding="utf-8") as file:
			file.write(f"policyd-spf unix - n n - 0 spawn user=nobody argv={self.policyd}\n")
		os.utime("/etc/postfix/master.cf", (time.time() - 10, time.time() - 10))


# ---- the programs

def _opendmarc(folder, root):
	write(folder + "/none", "192.0.2.1\n")
	config = OPENDMARC_CONF.format(folder=folder, socket=folder + "/opendmarc.sock")
	path = write(folder + "/opendmarc.conf", config)
	return peers.Filter("opendmarc", folder, [peers.find(root, "/usr/sbin/opendmarc"), "-f", "-c", path], config,
			peers.environment(root))


def _policyd(folder, root):
	path = write(folder + "/policyd-spf.conf", POLICYD_CONF)
	packages = peers.find(root, "/usr/lib/python3/dist-packages")
	return (f"/usr/bin/env PYTHONPATH={root}/usr/lib/python3/dist-packages:{packages} /usr/bin/python3 "
		f"{peers.find(root, '/usr/bin/policyd-spf')} {path}")


# ---- mail

def _expect(lines, code):
	while True:
		line = lines.readline()
		if not line.startswith(code):
			raise RuntimeError(f"Postfix said {line!r} instead of {code!r}")
		if line[3:4] == b" ":
			return


def send(source, sender, message):
	"""One message in a connection of its own; how long the client waited for replies, in seconds."""
	begin = time.monotonic()
	with socket.create_connection((MX_ADDRESS, 25), 60, (source, 0)) as sock, sock.makefile("rb") as lines:
		_expect(lines, b"220")
		for command, code in ((b"EHLO c.clients.example", b"250"), (b"MAIL FROM:<" + sender.encode() + b">", b"250"),
				(b"RCPT TO:<bob1@example.org>", b"250"), (b"DATA", b"354")):
			sock.sendall(command + b"\r\n")
			_expect(lines, code)
		sock.sendall(message + b".\r\n")
		_expect(lines, b"250")
		waited = time.monotonic() - begin
		sock.sendall(b"QUIT\r\n")
		lines.read()
	return waited


def send_all(messages, count):
	"""`count` messages over CLIENTS connections at a time; (seconds, waits)."""
	waits, errors = [], []

	def work(first):
		try:
			for number in range(first, count, CLIENTS):
				which = number % WARM_DOMAINS
				waits.append(send(address(number), f"alice@{domain(which)}", messages[which]))
		except (OSError, RuntimeError) as error:
			errors.append(error)

	threads = [threading.Thread(target=work, args=(first,)) for first in range(CLIENTS)]
	begin = time.monotonic()
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	if errors:
		raise RuntimeError(f"end to end: {errors[0]}")
	return time.monotonic() - begin, waits


FILTERS = ("mailreeve", "noop", "opendkim", "opendmarc", "spawn")  # spawn(8) runs policyd-spf
DNS = ("unbound", "nsd", "delay")


def _ended_s(pid):
	"""(its name, the CPU of its children that have ended), in seconds."""
	with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
		head, _, tail = file.read().rpartition(")")
	return head.partition("(")[2], sum(map(int, tail.split()[13:15])) / os.sysconf("SC_CLK_TCK")


def cpu_s():
	"""Of every process here but our own, those that have ended included: seconds for Postfix, the filters and DNS."""
	spent = {"Postfix": 0.0, "filters": 0.0, "DNS": 0.0}
	for name in os.listdir("/proc"):
		if not name.isdigit():
			continue
		try:
			comm, seconds = _ended_s(name)
			if int(name) != os.getpid():
				seconds += time.clock_gettime((~int(name) << 3) | 2)  # the process's own clock: /proc tells ticks
		except OSError:
			continue
		kind = "filters" if comm in FILTERS or "policyd" in comm else "DNS" if comm.startswith(DNS) else "Postfix"
		spent[kind] += seconds
	return spent


def _settled():
	"""Wait until the queue is empty: delivery belongs to the message."""
	end = time.monotonic() + 60
	while time.monotonic() < end:
		if not any(files for name in ("incoming", "active") for _path, _dirs, files in os.walk(f"{QUEUE}/{name}")):
			return
		time.sleep(0.02)
	raise RuntimeError("Postfix does not deliver")


def _one_round(server, messages, count, warm, proof):
	"""CPU in us a message (of Postfix, filters, DNS), messages a second, and what the clients waited in ms."""
	server.start()
	server.wait_ready()
	server.empty_mailbox()
	try:
		send_all(messages, warm)
		delivered = server.delivered("<0.4200@d0.example>") or b""
		missing = [word for word in proof if word.encode() not in delivered]
		if missing:
			raise RuntimeError(f"not all of the work is done, no {missing}: {delivered[:1500]!r}")
		_settled()
		before = cpu_s()
		seconds, waits = send_all(messages, count)
		_settled()
		after = cpu_s()
		cpu = {kind: (after[kind] - before[kind]) * 1e6 / count for kind in after}
		return cpu, count / seconds, sorted(waits)[len(waits) // 2] * 1e3
	except RuntimeError as error:
		raise RuntimeError(f"{error}: {_octets(MAIL_LOG)[-2000:].decode('utf-8', 'replace')}") from error
	finally:
		server.stop()


def postfix(bench):
	"""All of them in turns. What a filter that does nothing costs is the protocol: Postfix's part of it and libmilter's."""
	if bench.root is None:
		bench.say("", "Postfix end to end: left out, the peers are not there")
		return
	count = 160 if bench.small else 1200
	folder = QUEUE + "/filters"
	os.makedirs(folder, exist_ok=True)
	policyd = _policyd(folder, bench.root)
	ours = peers.mailreeve(folder, bench.build + "/mailreeve", bench.shipped(),
			peers.ONLY_WORKLOAD + ['socket_mode="0666"'])
	nothing = peers.noop(folder, bench.build + "/tests/bench/noop")
	filters = [ours, nothing, peers.opendkim(folder, bench.root), _opendmarc(folder, bench.root)]
	lists = " ".join(f"reject_rbl_client {name}" for name in LISTS)
	servers = {"Postfix": ChainPostfix(policyd, "", ALONE_CF),
		"Postfix + noop": ChainPostfix(policyd, "unix:filters/noop.sock", ALONE_CF),
		"Postfix + mailreeve": ChainPostfix(policyd, "unix:filters/mailreeve.sock", ALONE_CF),
		"Postfix + chain": ChainPostfix(policyd, "unix:filters/opendkim.sock, unix:filters/opendmarc.sock",
			CHAIN_CF.format(lists=lists))}
	messages = [_octets(f"{bench.world.folder}/{number}.eml") for number in range(WARM_DOMAINS)]
	rounds = {name: [] for name in servers}
	try:
		for one in filters:
			one.start()
		os.chmod(nothing.socket, 0o666)
		for number in range(bench.rounds):
			# Each client is known before the first round counts; then a server only has to find its feet.
			warm = count // 4 if number else count
			for name, server in servers.items():
				rounds[name].append(_one_round(server, messages, count, warm, PROOF[name]))
	finally:
		for one in filters:
			one.stop()
	_report(bench, rounds, count, filters, lists)


def _octets(path):
	with open(path, "rb") as file:
		return file.read()


def _report(bench, rounds, count, filters, lists):
	bench.raw["postfix"] = rounds
	bench.configs["postfix-chain"] = CHAIN_CF.format(lists=lists) + "\npolicyd-spf:\n" + POLICYD_CONF
	bench.configs.update({f"{one.name} (end to end)": one.config for one in filters})
	extra = {name: [{kind: one[0][kind] - base[0][kind] for kind in base[0]}
		for one, base in zip(rounds[name], rounds["Postfix"])] for name in rounds}
	added = {name: [sum(one.values()) for one in extra[name]] for name in rounds}
	cpu = {name: median([sum(one[0].values()) for one in rounds[name]]) for name in rounds}
	bench.values["chain"] = median(added["Postfix + mailreeve"]) / median(added["Postfix + chain"])
	bench.say("", f"Postfix end to end, a connection for each message, {CLIENTS} at a time, {count} messages a round "
		"(medians; CPU us a message, and what is added to Postfix alone: to itself, by filters, by DNS)")
	bench.say(*table(["", "messages/s", "CPU us", "added", "Postfix", "filters", "DNS", "client waits p50 ms"], [
		[name, median([one[1] for one in rounds[name]]), cpu[name], median(added[name]),
			*(median([one[kind] for one in extra[name]]) for kind in ("Postfix", "filters", "DNS")),
			median([one[2] for one in rounds[name]])] for name in rounds]))
	floor = median(added["Postfix + noop"]) / median(added["Postfix + chain"])
	bench.say(f"(a filter that does nothing: {floor:.2f} of what the chain adds; no filter on libmilter can add less)")
	bench.groups.append(("Postfix end to end: CPU for each message", "us",
		[(name, cpu[name]) for name in rounds]))
