# SPDX-License-Identifier: BSD-2-Clause
"""parts - what the bench measures: each part is a function of the Bench that adds its figures and tables."""
import json
import os
import re
import subprocess
import time

import peers
from figures import median, number, ratio, table

RTT_MS = 20  # of DNS, where it is far away
PATIENCE_S = 900


class Bench:
	"""What the parts share. `rounds`: how often each figure is taken; `values`: key of a target -> measured."""

	def __init__(self, build, folder, root, world, dns, rounds, small):
		self.build, self.folder, self.root, self.world, self.dns = build, folder, root, world, dns
		self.rounds, self.small = rounds, small
		self.values, self.raw, self.groups, self.configs, self.lines = {}, {}, [], {}, []

	def say(self, *lines):
		"""Print, and keep for the report."""
		for line in lines:
			print(line, flush=True)
			self.lines.append(line)

	def load(self, what, *arguments, fails=False):
		"""Run mailreeve-load against a filter; its figures. Errors end the bench unless `fails`."""
		command = [self.build + "/mailreeve-load", "--socket", what.where, "--pid", what.pid, "--json", "-", *arguments]
		done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_S,
				check=False)
		figures = json.loads(done.stdout) if done.stdout else {}
		if done.returncode and not fails:
			raise RuntimeError(f"{what.name}: {' '.join(map(str, arguments[-8:]))}: {figures.get('errors')} {done.stderr}")
		return figures

	# ---- filters

	def filter(self, name, **options):
		"""One of them, not started; None when it is not there."""
		folder = self.folder + "/run"
		os.makedirs(folder, exist_ok=True)
		if name == "noop":
			made = peers.noop(folder, self.build + "/tests/bench/noop")
		elif name.startswith("mailreeve"):
			made = peers.mailreeve(folder, self.build + "/mailreeve", self.shipped(), name=name, **options)
		elif self.root is None:
			return None
		else:
			made = getattr(peers, name)(folder, self.root)
		self.configs.setdefault(made.name, made.config)
		return made

	@staticmethod
	def shipped():
		return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "conf", "mailreeve.conf")

	def started(self, names):
		"""Those of the filters that are there, started; name -> filter."""
		made = [self.filter(name) if name != "mailreeve-all" else self.filter(name, options=[], lists=None)
			for name in names]
		filters = {one.name: one.start() for one in made if one is not None}
		for one in filters.values():
			one.prove(self.world.first)
		return filters


def stop(filters):
	for one in filters.values():
		one.stop()


def _median_of(rounds, *path):
	"""The median of a figure over rounds of figures."""
	values = []
	for figures in rounds:
		for key in path:
			figures = figures[key]
		values.append(figures)
	return median(values)


def _all(rounds, *path):
	values = []
	for figures in rounds:
		for key in path:
			figures = figures[key]
		values.append(figures)
	return values


# ---- CPU and speed, warm

def speed(bench):
	"""As fast as it goes over 4 connections, everything warm."""
	count = 1024 if bench.small else 4096
	filters = bench.started(["noop", "mailreeve", "mailreeve-all", "opendkim", "rspamd", "rspamd_stock"])
	warm = [*bench.world.warm, "--connections", 4, "--messages", count]
	try:
		for one in filters.values():
			bench.load(one, *bench.world.warm, "--connections", 4, "--messages", 4096)
		rounds = {name: [] for name in filters}
		for _round in range(bench.rounds):
			for name, one in filters.items():
				rounds[name].append(bench.load(one, *warm))
	finally:
		stop(filters)
	bench.raw["speed"] = rounds
	cpu = {name: _all(figures, "daemon", "cpu_us_per_message") for name, figures in rounds.items()}
	rate = {name: _all(figures, "messages_per_second") for name, figures in rounds.items()}
	bench.say("", f"Warm, 4 connections, {count} messages a round, {bench.rounds} rounds in turns (medians)")
	bench.say(*table(["", "messages/s", "CPU us", "wait p50 ms", "p99 ms", "CPU / noop"], [
		[name, median(rate[name]), median(cpu[name]), _median_of(rounds[name], "ms", "wait", "p50"),
			_median_of(rounds[name], "ms", "wait", "p99"), ratio(cpu[name], cpu["noop"])] for name in rounds]))
	for peer in ("rspamd", "rspamd_stock", "opendkim"):
		if peer in cpu:
			bench.values["cpu_" + peer] = ratio(cpu["mailreeve"], cpu[peer])
	bench.values["speed_noop"] = ratio(rate["mailreeve"], rate["noop"])
	bench.groups.append(("CPU for each message, warm", "us", [(name, median(cpu[name])) for name in rounds]))
	bench.groups.append(("Messages a second, warm, 4 connections", "", [(name, median(rate[name])) for name in rounds]))


# ---- what the sender waits

def warm_wait(bench):
	"""100 messages a second by a schedule, everything warm, DNS near and far."""
	seconds = 2 if bench.small else 4
	filters = bench.started(["noop", "mailreeve", "opendkim", "rspamd"])
	arguments = [*bench.world.warm, "--connections", 32, "--rate", 100, "--messages", 100 * seconds]
	try:
		for one in filters.values():
			bench.load(one, *bench.world.warm, "--connections", 4, "--messages", 4096)
		rounds = {(name, far): [] for far in (0, RTT_MS) for name in filters}
		for _round in range(bench.rounds):
			for far in (0, RTT_MS):
				bench.dns.far(far)
				for name, one in filters.items():
					rounds[name, far].append(bench.load(one, *arguments))
	finally:
		bench.dns.far(0)
		stop(filters)
	bench.raw["warm_wait"] = {f"{name} {far} ms": figures for (name, far), figures in rounds.items()}
	p99 = {key: _all(figures, "ms", "wait", "p99") for key, figures in rounds.items()}
	bench.values["warm_p99"] = ratio(p99["mailreeve", 0], p99["noop", 0])
	bench.say("", f"Warm, 100 messages/s by a schedule, what the sender waits ({bench.rounds} rounds, medians, ms)")
	bench.say(*table(["", "DNS ms", "p50", "p90", "p99", "p99 / noop"], [
		[name, far, *(_median_of(figures, "ms", "wait", key) for key in ("p50", "p90", "p99")),
			ratio(p99[name, far], p99["noop", far])] for (name, far), figures in rounds.items()]))


def cold_wait(bench):
	"""Every name is asked for the first time: new clients, domains and keys with each message, caches empty."""
	messages = 100 if bench.small else 300
	names = [one for one in ("mailreeve", "opendkim", "rspamd") if bench.filter(one) is not None]
	cases = [(RTT_MS, 10), (RTT_MS, 0), (0, 10)]
	rounds = {(name, case): [] for case in cases for name in names}
	for _round in range(bench.rounds):
		for name, (far, rtt) in rounds:
			bench.dns.far(far)
			bench.dns.forget()
			one = bench.filter(name).start()
			try:
				rounds[name, (far, rtt)].append(bench.load(one, *bench.world.cold, "--connections", 200, "--rate", 100,
						"--messages", messages, "--smtp-rtt-ms", rtt))
			finally:
				one.stop()
	bench.dns.far(0)
	bench.raw["cold_wait"] = {f"{name} dns {far} ms smtp {rtt} ms": figures
		for (name, (far, rtt)), figures in rounds.items()}
	bench.say("", f"Cold, 100 messages/s by a schedule, what the sender waits ({bench.rounds} rounds, medians, ms)")
	bench.say(*table(["", "DNS ms", "SMTP ms", "p50", "p90", "p99", "CPU us"], [
		[name, far, rtt, *(_median_of(figures, "ms", "wait", key) for key in ("p50", "p90", "p99")),
			_median_of(figures, "daemon", "cpu_us_per_message")] for (name, (far, rtt)), figures in rounds.items()]))
	ours = rounds["mailreeve", (RTT_MS, 10)]
	bench.values["cold_p50"] = _median_of(ours, "ms", "wait", "p50") / RTT_MS
	bench.values["cold_p99"] = _median_of(ours, "ms", "wait", "p99") / RTT_MS
	bench.values["cold0_p50"] = _median_of(rounds["mailreeve", (RTT_MS, 0)], "ms", "wait", "p50") / RTT_MS
	for key in ("p50", "p99"):
		bench.groups.append((f"What the sender waits, cold DNS at 20 ms, SMTP round trip 10 ms, {key}", "ms",
			[(name, _median_of(rounds[name, (RTT_MS, 10)], "ms", "wait", key)) for name in names]))


def ten_includes(bench):
	"""SPF records with ten includes, cold: two questions in turn, as long as they are asked side by side."""
	waits = []
	for _round in range(bench.rounds):
		bench.dns.far(RTT_MS)
		bench.dns.forget()
		one = bench.filter("mailreeve", options=peers.ONLY_WORKLOAD + ["dkim.enabled=false", "dmarc.enabled=false",
			"dnsbl.enabled=false"], lists=0).start()
		try:
			waits.append(bench.load(one, *bench.world.ten, "--connections", 4)["ms"]["wait"]["p50"])
		finally:
			one.stop()
	bench.dns.far(0)
	bench.raw["ten_includes"] = waits
	bench.values["ten"] = median(waits) / RTT_MS
	bench.say("", f"SPF with ten includes, cold, DNS {RTT_MS} ms: {number(median(waits))} ms")


def parallel(bench):
	"""64 sessions that nobody's DNS answers wait 1 s at RCPT, all at once: does one wait for another?"""
	zone = bench.folder + "/silent"
	with open(zone, "w", encoding="ascii") as file:
		file.write("*.in-addr.arpa * !timeout\n")
	rounds = []
	for _round in range(bench.rounds):
		one = bench.filter("mailreeve", options=["dns.mode=zone", f"dns.zone_file={zone}", "wait.rcpt_ms=1000",
			"rdns.points.none=10.0", "helo.enabled=false", "sender.enabled=false", "greeting.enabled=false"], lists=0).start()
		try:
			rounds.append(bench.load(one, *bench.world.warm, "--connections", 64, "--messages", 64, "--cut-after", "rcpt"))
		finally:
			one.stop()
	bench.raw["parallel"] = rounds
	if _median_of(rounds, "ms", "rcpt", "p50") < 900:
		raise RuntimeError("the sessions do not wait")
	bench.values["parallel_p99"] = _median_of(rounds, "ms", "rcpt", "p99") / 1e3
	p50, p99 = (number(_median_of(rounds, "ms", "rcpt", key)) for key in ("p50", "p99"))
	bench.say("", f"64 sessions at once, each waits 1 s at RCPT (ms): p50 {p50}, p99 {p99}")


# ---- memory, many connections

def memory(bench):
	"""Idle connections, and nothing at all."""
	count = 500 if bench.small else 2000
	names = [one for one in ("noop", "mailreeve", "opendkim", "rspamd") if bench.filter(one) is not None]
	cells = {name: [] for name in names}
	for stage in ("connect", "rcpt"):
		for name in names:
			held = 500 if name == "opendkim" else count  # it ends at 1,024 files
			kb = []
			for _round in range(bench.rounds if name == "mailreeve" else 1):
				one = bench.filter(name).start()
				try:
					kb.append(bench.load(one, *bench.world.warm, "--warmup", 4096, "--idle", held, "--idle-at", stage,
							"--messages", 1)["idle"]["kb_each"])
				finally:
					one.stop()
			cells[name].append(median(kb))
	for name in names:
		one = (bench.filter(name) if name != "mailreeve" else bench.filter("mailreeve-all", options=[], lists=None)).start()
		try:
			cells[name].append(bench.load(one, "--messages", 1)["daemon"]["first"]["pss_kb"] / 1024)
		finally:
			one.stop()
	bench.values["idle_connect"], bench.values["idle_rcpt"], bench.values["base"] = cells["mailreeve"]
	bench.raw["memory"] = cells
	bench.say("", f"Memory: {count} idle connections (PSS, kB each), and the base (MB; mailreeve as shipped)")
	bench.say(*table(["", "at CONNECT", "at RCPT", "base MB"], [[name, *cells[name]] for name in names]))


def many(bench):
	"""4,000 connections that all bring mail."""
	one = bench.filter("mailreeve").start()
	try:
		bench.load(one, *bench.world.warm, "--messages", 4096)
		figures = bench.load(one, *bench.world.warm, "--connections", 4000, "--messages", 8000, fails=True)
	finally:
		one.stop()
	bench.raw["many"] = figures
	bench.values["many"] = sum(value for value in figures["errors"].values() if isinstance(value, int))
	bench.say("", f"4,000 connections: {figures['messages']} messages, {bench.values['many']} errors, "
		f"{number(figures['messages_per_second'])} messages/s, p99 {number(figures['ms']['wait']['p99'])} ms")


# ---- DKIM alone

def dkim(bench):
	"""The ratios that tests/bench/dkim prints."""
	done = subprocess.run([bench.build + "/tests/bench/dkim"], capture_output=True, text=True, timeout=PATIENCE_S,
			check=False)
	rows = re.findall(r"^(\S+)\s+(4 KB|10 MB)\s+(\S+).*?([\d.]+) x", done.stdout, re.M)
	bench.say("", *done.stdout.rstrip().split("\n"))
	small = [float(value) for name, size, _canon, value in rows if name == "RSA-2048" and size == "4 KB"]
	large = [float(value) for _name, size, canon, value in rows if size == "10 MB" and canon == "relaxed"]
	bench.values["dkim_small"] = max(small, default=None)
	bench.values["dkim_large"] = min(large, default=None)


# ---- growth

def growth(bench):
	"""What more of something costs: connections, lists, recipients, octets."""
	rows = []
	rows += _grow(bench, "connections", (1, 8, 64, 512, 4000),
			lambda n: (3, [*bench.world.warm, "--connections", n, "--messages", max(4000, 2 * n)]))
	rows += _grow(bench, "DNS lists", (0, 1, 3, 10, 30, 100), lambda n: (n, [*bench.world.warm, "--messages", 2000]))
	rows += _grow(bench, "recipients", (1, 10, 100, 1000),
			lambda n: (3, [*bench.world.warm, "--recipients", n, "--messages", max(40, 4000 // n)]))
	rows += _grow(bench, "octets", (4096, 65536, 1 << 20, 10 << 20, 50 << 20),
			lambda n: (3, [*bench.world.sized(n), "--messages", max(12, min(2000, (200 << 20) // n))]))
	bench.raw["growth"] = rows
	bench.say("", "Growth (warm, 4 connections unless said)")
	bench.say(*table(["", "n", "messages/s", "CPU us", "us each", "wait p50 ms", "p99 ms", "PSS MB", "errors"], rows))


def _grow(bench, what, sizes, case):
	rows = []
	for size in sizes if not bench.small else sizes[:3]:
		lists, arguments = case(size)
		one = bench.filter("mailreeve", lists=lists).start()
		try:
			bench.load(one, *bench.world.warm, "--connections", 4, "--messages", 4096)
			begin = time.monotonic()
			figures = bench.load(one, *arguments, fails=True)
		finally:
			one.stop()
		cpu = figures["daemon"]["cpu_us_per_message"]
		rows.append([what, size, figures["messages_per_second"], cpu, cpu / max(1, size), figures["ms"]["wait"]["p50"],
			figures["ms"]["wait"]["p99"], figures["daemon"]["last"]["pss_kb"] / 1024,
			sum(value for value in figures["errors"].values() if isinstance(value, int))])
		print(f"# {what} {size}: {time.monotonic() - begin:.1f} s", flush=True)
	return rows
