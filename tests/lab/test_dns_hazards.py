#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The hazards of asking DNS through libunbound, each shown to be met, on real parts (dns_lab.py).

Needs the environment variable DNSASK (the built helper: the project's DNS layer and nothing else). Prints "ok - ..." or
"not ok - ..." lines; exit status 1 when any test failed, 77 when the machine cannot run them. With names as arguments only
those tests run.
"""

import concurrent.futures
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dns_lab import INSIDE, NSD, REVERSE, UNBOUND, UNBOUND_LOCAL, Asker, Failed, Lab, enter_namespace, expect, expect_found

DEAD_NAMES = 2000


# each test gets the laboratory and returns a few words for its line

def test_crowd_recurse(lab):
	"""hazard 1: 2,000 dead questions outstanding and a healthy name is still answered (recursion)"""
	dead = ["n%d.dead.example" % i for i in range(DEAD_NAMES)]
	with Asker(lab.recurse("--concurrency", "2040", "--question-ms", "15000")) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		a.ask(*dead)
		outstanding = a.stats()["outstanding"]
		expect(outstanding >= DEAD_NAMES * 9 // 10, "only %d outstanding" % outstanding)
		expect_found(a.query("x1.w.healthy.example"), "192.0.2.82")
		expect_found(a.query("one.odd.example"), "192.0.2.1")
		after = a.stats()["outstanding"]
		expect(after >= DEAD_NAMES // 2, "only %d still outstanding: the crowd was gone too early to show anything" % after)
		expect(a.finish(quit_now=True) == 0 and a.lines[-1] == "closed", "closing with questions open failed")
	return "%d outstanding, closed with them open" % after


def test_crowd_forward(lab):
	"""hazard 1: the same through a forwarder that does not answer for the dead names"""
	dead = ["n%d.dead.example" % i for i in range(DEAD_NAMES)]
	with Asker(lab.forward("crowd", "--concurrency", "2040", "--question-ms", "15000")) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		a.ask(*dead)
		outstanding = a.stats()["outstanding"]
		expect(outstanding >= DEAD_NAMES * 9 // 10, "only %d outstanding" % outstanding)
		expect_found(a.query("x1.w.healthy.example"), "192.0.2.82")
		expect(a.finish(quit_now=True) == 0 and a.lines[-1] == "closed", "closing with questions open failed")
	return "%d outstanding" % outstanding


def blocked_zones(lab, args):
	with Asker(args) as a:
		for name, kind, value in REVERSE:
			expect_found(a.query(name, kind), value)


def test_zones_recurse(lab):
	"""hazard 1: private and documentation zones, .test and .invalid are answered from our data (recursion)"""
	blocked_zones(lab, lab.recurse())


def test_zones_forward(lab):
	"""hazard 1: private and documentation zones, .test and .invalid are answered from our data (forwarding to unbound)"""
	blocked_zones(lab, lab.forward(UNBOUND))


def deadline(lab, args):
	with Asker(args + ["--question-ms", "1500"]) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		first = a.query("a.late.example")
		expect((first.status, first.why) == ("unsure", "timeout"), str(first))
		for _ in range(100):
			again = a.query("a.late.example")
			if again.status == "found":
				break
			expect(again.status == "unsure", str(again))
			time.sleep(0.2)
		expect_found(again, "192.0.2.61")
		expect(again.cached, "the late answer did not come from the cache: " + again.rest)
		return "unsure after %s ms, then found in the cache" % first.fields["ms"]


def test_deadline_recurse(lab):
	"""hazard 2: the deadline is ours, the late answer fills the cache (recursion)"""
	return deadline(lab, lab.recurse())


def test_deadline_forward(lab):
	"""hazard 2: the deadline is ours, the late answer fills the cache (forwarding)"""
	return deadline(lab, lab.forward("late"))


def test_mixed_latency(lab):
	"""hazard 3: forwarding, 5 % dead names: no false SERVFAIL on healthy names that take 300 ms and 1 s"""
	names = []
	for i in range(600):
		kind = {5: "dead", 10: "slow300", 15: "slow1000"}.get(i % 20, "w.healthy")
		names.append("m%d.%s.example" % (i, kind))
	with Asker(lab.forward("mixed", "--concurrency", "1000", "--question-ms", "6000")) as a:
		for i in range(0, len(names), 10):
			a.ask(*names[i:i + 10])
			time.sleep(0.05)
		wrong = [str(a.answer(name)) for name in names
		         if ".dead." not in name and a.answer(name).status != "found"]
		unsure = [a.answer(name).status for name in names if ".dead." in name]
	expect(not wrong, "%d healthy names failed: %s" % (len(wrong), wrong[:3]))
	expect(set(unsure) == {"unsure"}, "dead names: %s" % set(unsure))
	return "%d names, %d dead" % (len(names), len(unsure))


def test_idle_dead(lab):
	"""hazard 3: forwarding, two dead names while nothing else is asked: the next healthy name is answered"""
	with Asker(lab.forward("idle", "--question-ms", "4000")) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		a.ask("d1.dead.example", "d2.dead.example")
		for name in ("d1.dead.example", "d2.dead.example"):
			expect(a.answer(name).status == "unsure", str(a.answer(name)))
		for i in range(30):  # while libunbound still tries the dead ones, and after it gave up
			expect_found(a.query("h%d.w.healthy.example" % i), "192.0.2.82")
			time.sleep(0.25)


def test_outage(lab):
	"""hazard 3: forwarding, the forwarder is silent for 20 s: unsure meanwhile, answers come back after it"""
	server = lab.forwarders["outage"]
	with Asker(lab.forward("outage", "--question-ms", "2500", "--concurrency", "400")) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		server.mute = True
		for i in range(100):
			a.ask("o%d.w.healthy.example" % i)
			time.sleep(0.2)
		server.mute = False
		back, i = time.monotonic(), 0
		while a.query("r%d.w.healthy.example" % i).status != "found":
			# with libunbound's own settings it takes as long again as the outage
			expect(time.monotonic() - back < 12, "no answer 12 s after the outage")
			i += 1
			time.sleep(0.1)
		took = time.monotonic() - back
		during = [a.answer("o%d.w.healthy.example" % i).status for i in range(80)]
	expect(set(during) == {"unsure"}, "during the outage: %s" % set(during))
	return "answers again %.1f s after it" % took


def unsure_kinds(lab, args):
	kinds = ["dead", "servfail", "refused", "formerr", "garbage", "wrongid"]
	with Asker(args + ["--question-ms", "3000"]) as a:
		for kind in kinds:
			for record_type in ("A", "TXT", "PTR"):
				a.ask("u.%s.example" % kind, type=record_type)
		for kind in kinds:
			for record_type in ("A", "TXT", "PTR"):
				got = a.answer("u.%s.example" % kind, record_type)
				expect(got.status == "unsure", "%s is not unsure" % got)
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		got = a.query("missing.healthy.example")
		expect((got.status, got.why) == ("none", "nxdomain"), str(got))
		got = a.query("ok.healthy.example", "MX")
		expect((got.status, got.why) == ("none", "nodata"), str(got))
	return ", ".join(kinds)


def test_unsure_recurse(lab):
	"""hazard 4: timeout, SERVFAIL, REFUSED, FORMERR, garbage and wrong ids are unsure, absence is none (recursion)"""
	return unsure_kinds(lab, lab.recurse())


def test_unsure_forward(lab):
	"""hazard 4: timeout, SERVFAIL, REFUSED, FORMERR, garbage and wrong ids are unsure, absence is none (forwarding)"""
	return unsure_kinds(lab, lab.forward("plain"))


def test_referral(lab):
	"""hazard 4: forwarding to a server that does not recurse: its referrals say nothing about the name, its answers count"""
	with Asker(lab.forward(NSD, "--failure-ttl", "1")) as a:
		for name, kind in (("u.odd.example", "A"), ("u.odd.example", "TXT"), ("odd.example", "MX")):
			got = a.query(name, kind)
			expect((got.status, got.why) == ("unsure", "servfail"), "of a referral: %s" % got)
		time.sleep(1.5)  # what libunbound remembers of it is no answer either
		got = a.query("u.odd.example")
		expect(got.status == "unsure" and not got.cached, "asked again: " + got.rest)
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		got = a.query("ok.healthy.example", "MX")
		expect((got.status, got.why) == ("none", "nodata"), str(got))
		got = a.query("missing.healthy.example")
		expect((got.status, got.why) == ("none", "nxdomain"), str(got))


def bogus(lab, args):
	with Asker(args + ["--trust-anchor", lab.anchor]) as a:
		got = a.query("unsigned.example")
		expect((got.status, got.why) == ("unsure", "bogus"), str(got))
		expect(not got.records, "a bogus answer shows its data: " + got.rest)
		got = a.query("ok.healthy.example")
		expect_found(got, "192.0.2.80")
		expect(got.fields["secure"] == "0", "unsigned data is said to be secure")
		expect(a.stats()["bogus"] == 1, "the counter of bogus answers is not 1")


def test_bogus_recurse(lab):
	"""hazard 4: bogus data (a trust anchor for a zone that is not signed) is unsure, never found (recursion)"""
	bogus(lab, lab.recurse())


def test_bogus_forward(lab):
	"""hazard 4: bogus data is unsure, never found (forwarding to unbound)"""
	bogus(lab, lab.forward(UNBOUND))


def test_local_answer(lab):
	"""hazard 5: an answer that arrives inside the call that asks (localhost), alone and 64 times at once"""
	with Asker(lab.recurse()) as a:
		expect_found(a.query("localhost"), "127.0.0.1")
		a.ask(*["%d.0.0.127.in-addr.arpa" % i for i in range(2, 66)], type="PTR")
		for i in range(2, 66):
			expect(a.answer("%d.0.0.127.in-addr.arpa" % i, "PTR").status == "none", "127.0.0.%d" % i)


def file_limit(lab, args, zone):
	dead = ["n%d.%s.example" % (i, zone) for i in range(DEAD_NAMES)]
	with Asker(args + ["--concurrency", "2040", "--question-ms", "3000"], files=1024) as a:
		expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		a.ask(*dead)
		for name in dead:
			expect(a.answer(name).status == "unsure", str(a.answer(name)))
		begun, i = time.monotonic(), 0
		while True:
			got = a.query("f%d.w.healthy.example" % i)
			if got.status == "found":
				break
			expect(got.status == "unsure", str(got))
			expect(time.monotonic() - begun < 45, "no healthy answer 45 s after the dead ones")
			i += 1
			time.sleep(0.1)
		took = time.monotonic() - begun
		expect(any("RLIMIT_NOFILE" in line and "1024" in line for line in a.log), "the limit is not in the log: %s" % a.log)
		expect(a.finish() == 0, "dnsask did not end well: %s" % a.log[-3:])
	return "healthy again %.1f s after the last deadline" % took


def test_file_limit_recurse(lab):
	"""hazard 6: 1,024 files, 2,000 dead names: healthy names are answered afterwards, the limit is reported (recursion)"""
	return file_limit(lab, lab.recurse(), "dead6")


def test_file_limit_forward(lab):
	"""hazard 6: the same, forwarding"""
	return file_limit(lab, lab.forward("outage2"), "dead")


def shapes(lab, args, server):
	with Asker(args) as a:
		got = a.query("c1.odd.example")
		expect_found(got, "192.0.2.90")
		expect(got.fields["canonical"] == "far.healthy.example", "canonical name: " + got.rest)
		for record_type in ("A", "TXT"):
			got = a.query("loop.odd.example", record_type)
			expect(got.status == "unsure", "a CNAME loop: %s" % got)
		got = a.query("strings.odd.example", "TXT")
		expect("strings=4:7,8,0,2" in got.records and "octets=17" in got.records, "TXT strings: " + got.rest)
		before = server.counts.as_dict()["tcp"]
		expect_found(a.query("cut.odd.example"), "192.0.2.7")
		expect(server.counts.as_dict()["tcp"] > before, "nothing was asked over TCP")
		got = a.query("big.odd.example", "TXT")
		expect("octets=3000" in got.records and "strings=12:" + ",".join(["250"] * 12) in got.records,
		       "3 kB TXT: " + got.rest)


def test_shapes_recurse(lab):
	"""CNAME chains and loops, TXT of several strings, truncation to TCP, a TXT of 3 kB (recursion)"""
	shapes(lab, lab.recurse(), lab.chaos["odd"])


def test_shapes_forward(lab):
	"""CNAME chains and loops, TXT of several strings, truncation to TCP, a TXT of 3 kB (forwarding)"""
	shapes(lab, lab.forward("plain"), lab.forwarders["plain"])


def test_shapes_unbound(lab):
	"""the same, forwarding to a real unbound"""
	shapes(lab, lab.forward(UNBOUND), lab.chaos["odd"])


def test_coalesced(lab):
	"""identical questions in flight are asked once"""
	with Asker(lab.recurse()) as a:
		a.query("one.odd.example")
		before = a.stats()
		a.ask(*["slow-400.many.odd.example"] * 60)
		for i in range(60):
			expect_found(a.answer("slow-400.many.odd.example", number=i), "192.0.2.8")
		after = a.stats()
	expect(after["miss"] - before["miss"] == 1, "%d questions were handed on" % (after["miss"] - before["miss"]))
	expect(after["coalesced"] - before["coalesced"] == 59, "%d joined" % (after["coalesced"] - before["coalesced"]))


def test_few_queries(lab):
	"""a name far below its zone costs its servers one question, not one a label"""
	name = "1.2.3.4.5.many.odd.example"
	with Asker(lab.recurse()) as a:
		expect_found(a.query(name), "192.0.2.8")
	asked = lab.chaos["odd"].counts.as_dict()["queries"]
	extra = [key for key in asked if key.split()[0] in [name[i:] for i in (2, 4, 6, 8)]]
	expect(not extra, "also asked: %s" % extra)


def test_signals(lab):
	"""the resolver's thread takes no signal"""
	with Asker(lab.recurse()) as a:
		a.query("ok.healthy.example")
		blocked = {}
		for task in glob.glob("/proc/%d/task/*/status" % a.process.pid):
			with open(task, encoding="ascii") as file:
				status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
			blocked[status["Name"]] = int(status["SigBlk"], 16)
	for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE):
		expect(blocked["dns"] >> (number - 1) & 1, "%s is not blocked: %s" % (number, blocked))


def test_auto(lab):
	"""mode auto: forwards where resolv.conf names a loopback resolver, else recurses"""
	loopback, remote = lab.folder + "/resolv-loopback", lab.folder + "/resolv-remote"
	with open(loopback, "w", encoding="ascii") as file:
		file.write("# comment\nsearch example.org\nnameserver 192.0.2.200\nnameserver %s\n" % UNBOUND_LOCAL)
	with open(remote, "w", encoding="ascii") as file:
		file.write("nameserver 192.0.2.200\n")
	for path, words in ((loopback, "forwarding to 127.0.0.1"), (remote, "from the root servers"),
	                    (lab.folder + "/none", "from the root servers")):
		with Asker(["--mode", "auto", "--resolv-conf", path, "--root-hints", lab.hints]) as a:
			expect_found(a.query("ok.healthy.example"), "192.0.2.80")
		expect(any(words in line for line in a.log), "%s: %s" % (path, a.log))


def test_refused_settings(lab):
	"""settings that cannot work are refused with the option's name"""
	junk, empty = lab.folder + "/junk", lab.folder + "/empty"
	with open(junk, "w", encoding="ascii") as file:
		file.write("this is (no zone file\n\"\n")
	open(empty, "w", encoding="ascii").close()
	cases = [
		(["--mode", "forward", "--forward", "resolver.example.org"], "dns.forward", "resolver.example.org"),
		(["--mode", "forward", "--forward", "192.0.2.53@0"], "dns.forward", "192.0.2.53@0"),
		(["--mode", "forward", "--forward", "192.0.2.53@99999"], "dns.forward", "99999"),
		(["--mode", "recurse", "--forward", "192.0.2.53"], "dns.forward", "dns.mode"),
		(["--mode", "forward", "--resolv-conf", lab.folder + "/none"], "dns.resolv_conf", "No such file"),
		(["--mode", "forward", "--resolv-conf", empty], "dns.resolv_conf", "nameserver"),
		(["--mode", "recurse", "--root-hints", lab.folder + "/none"], "dns.root_hints", "No such file"),
		(["--mode", "recurse", "--root-hints", lab.folder], "dns.root_hints", "directory"),
		(["--mode", "recurse", "--root-hints", junk], "dns.root_hints", junk),
		(["--mode", "recurse", "--trust-anchor", lab.folder + "/none"], "dns.trust_anchor", "No such file"),
		(["--mode", "recurse", "--trust-anchor", junk], "dns.trust_anchor", junk),
		(["--mode", "recurse", "--trust-anchor", empty], "dns.trust_anchor", empty),
		(["--mode", "recurse", "--root-hints", empty], "dns.root_hints", empty),
	]
	for args, *words in cases:
		for extra in (["--check"], []):
			out = subprocess.run([os.environ["DNSASK"]] + args + extra, stdin=subprocess.DEVNULL, capture_output=True,
			                     text=True)
			text = out.stdout + out.stderr
			expect(out.returncode == 1 and all(word in text for word in words), "%s: %s" % (args, text))
	for args in (lab.recurse("--trust-anchor", lab.anchor), lab.forward("plain", "--forward", "2001:db8::53@5353")):
		out = subprocess.run([os.environ["DNSASK"]] + args + ["--check"], capture_output=True, text=True)
		expect(out.stdout == "accepted\n", "%s: %s" % (args, out.stdout + out.stderr))
	return "%d cases" % len(cases)


def run(lab, name):
	test = globals()["test_" + name]
	begun = time.monotonic()
	try:
		words = test(lab)
		return True, "ok - %s (%s%.1f s)" % (test.__doc__, words + "; " if words else "", time.monotonic() - begun)
	except Exception as error:  # a test that breaks has failed, and the others still run
		text = str(error) if isinstance(error, Failed) else "%s: %s" % (type(error).__name__, error)
		return False, "not ok - %s\n#   %s: %s" % (test.__doc__, name, text)


def main():
	if "DNSASK" not in os.environ:
		sys.exit("test_dns_hazards: DNSASK names no dnsask")
	os.environ["PATH"] += ":/usr/sbin:/sbin"
	if INSIDE not in os.environ:
		enter_namespace(__file__)
	# the ones that wait longest first
	slow = ["file_limit_forward", "outage", "file_limit_recurse", "idle_dead", "mixed_latency"]
	names = slow + [name[5:] for name in globals() if name.startswith("test_") and name[5:] not in slow]
	names = [name for name in names if len(sys.argv) == 1 or name in sys.argv[1:]]
	failures = 0
	with tempfile.TemporaryDirectory() as folder:
		lab = Lab(folder)
		try:
			lab.start()
			with concurrent.futures.ThreadPoolExecutor(5) as pool:
				for good, line in pool.map(lambda name: run(lab, name), names):
					failures += 0 if good else 1
					print(line, flush=True)
		finally:
			lab.stop()
	print("# %d tests, %d failed" % (len(names), failures))
	return 1 if failures else 0


if __name__ == "__main__":
	sys.exit(main())
