# SPDX-License-Identifier: BSD-2-Clause
"""test_check_spf - mailreeve-check --spf: its results, its two forms of output, its exit statuses.

    MAILREEVE_CHECK=build/mailreeve-check python3 tests/tools/test_check_spf.py [-v] [part of a name ...]
"""
import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "milter"))

from runner import run_tests  # noqa: E402  (after the path)

PROGRAM = os.path.abspath(os.environ.get("MAILREEVE_CHECK", os.path.join(TOP, "build", "mailreeve-check")))
PATIENCE_S = 120
DONE, FAILED, USAGE = 0, 1, 2
CLIENT = ("--spf", "--ip", "192.0.2.1", "--helo", "mail.example.org")

ZONE = r"""
example.org          TXT "v=spf1 a:host.example.org include:other.example -all exp=why.example.org"
host.example.org     A   192.0.2.7
other.example        TXT "v=spf1 ip4:198.51.100.0/24 ?all"
why.example.org      TXT "%{i} may not send for %{o}, says %{r}"
mail.example.org     TXT "v=spf1 ip4:192.0.2.1 -all"
neutral.example      TXT "v=spf1 ?all"
soft.example         TXT "v=spf1 ~all"
none.example         A   192.0.2.1
both.example         TXT "v=spf1 ~all"
both.example         TXT "spf2.0/pra -all"
broken.example       TXT "v=spf1 ip4:192.0.2.300 -all"
dead.example         TXT !servfail
silent.example       TXT !timeout
deep.example         TXT "v=spf1 include:dead.example -all"
local.example        TXT "v=spf1 exists:%{l}.x.local.example -all"
postmaster.x.local.example A 127.0.0.2
xn--bcher-kva.example TXT "v=spf1 ip4:192.0.2.1 -all"
open.example         TXT "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 +all"
hostile.example      TXT "v=spf1 ip4:\027[31m\"\\ -all"
loud.example         TXT "v=spf1 -all exp=exp.loud.example"
exp.loud.example     TXT "go \"away\" \\ %{l}"
bomb.example         TXT "v=spf1 include:bomb.example include:bomb.example -all"
voids.example        TXT "v=spf1 a:n1.example a:n2.example a:n3.example a:n4.example -all"
"""


@contextlib.contextmanager
def zone_file(text):
	with tempfile.TemporaryDirectory(prefix="mailreeve-test-") as directory:
		path = os.path.join(directory, "zone")
		with open(path, "w", encoding="utf-8") as file:
			file.write(text)
		yield path


def run(*arguments):
	return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S,
			check=False)


def check(*arguments, zone=ZONE):
	"""What it prints; it must succeed and say nothing else."""
	with zone_file(zone) as path:
		done = run(*CLIENT, "--zone", path, *arguments)
	assert done.returncode == DONE, f"{done.returncode}: {done.stderr}"
	assert done.stderr == b"", done.stderr
	return done.stdout


def check_json(*arguments, zone=ZONE):
	return json.loads(check("--json", *arguments, zone=zone).decode("ascii"))


def refused(*arguments):
	"""What it says of a wrong command line."""
	done = run(*arguments)
	text = done.stderr.decode("utf-8", "replace")
	assert done.returncode == USAGE, f"{arguments}: {done.returncode}: {text}"
	assert done.stdout == b"", f"{arguments}: {done.stdout}"
	assert re.fullmatch(r"mailreeve-check: [ -~]+\n", text), f"{arguments}: {text!r}"
	return text


# ---- results ----

def test_results():
	cases = [
		("a@example.org", "fail", "-all"), ("a@mail.example.org", "pass", "ip4:192.0.2.1"),
		("a@neutral.example", "neutral", "?all"), ("a@soft.example", "softfail", "~all"),
		("a@none.example", "none", ""), ("a@nowhere.example", "none", ""),
		("a@dead.example", "temperror", ""), ("a@silent.example", "temperror", ""), ("a@deep.example", "temperror", ""),
		("a@broken.example", "permerror", ""), ("a@open.example", "pass", "+all"), ("a@bomb.example", "permerror", ""),
		("a@voids.example", "permerror", ""), ("a@[192.0.2.1]", "none", ""), ("a@x..example", "none", ""),
		("a@single", "none", ""), ("a@" + "x" * 64 + ".example", "none", ""),
	]
	wrong = []
	for sender, result, mechanism in cases:
		found = check_json("--from", sender)
		if (found["result"], found["mechanism"]) != (result, mechanism):
			wrong.append(f"{sender}: {found['result']} {found['mechanism']!r}")
		if (found["problem"] == "") != (result not in ("temperror", "permerror")):
			wrong.append(f"{sender}: problem {found['problem']!r}")
		text = check("--from", sender).decode("ascii")
		if not re.search(rf"^result +{result}: ", text, re.M):
			wrong.append(f"{sender}: {text}")
	assert not wrong, "; ".join(wrong)


def test_identities():
	cases = [
		((), "helo", "postmaster@mail.example.org", "pass"),
		(("--from", ""), "mailfrom", "postmaster@mail.example.org", "pass"),
		(("--from", "<>"), "mailfrom", "postmaster@mail.example.org", "pass"),
		(("--from", "a@example.org"), "mailfrom", "a@example.org", "fail"),
		(("--from", "<a@example.org>"), "mailfrom", "a@example.org", "fail"),
		(("--from", "a@example.org", "--identity", "helo"), "helo", "postmaster@mail.example.org", "pass"),
		(("--from", "a@example.org", "--identity", "mailfrom"), "mailfrom", "a@example.org", "fail"),
		(("--from", "a@EXAMPLE.org"), "mailfrom", "a@example.org", "fail"),
		(("--from", "@local.example"), "mailfrom", "postmaster@local.example", "pass"),
		(("--from", "b\u00fccher@B\u00dcCHER.example"), "mailfrom", "b\\xc3\\xbccher@xn--bcher-kva.example", "pass"),
	]
	wrong = []
	for arguments, identity, sender, result in cases:
		found = check_json(*arguments)
		if (found["identity"], found["sender"], found["result"]) != (identity, sender, result):
			wrong.append(f"{arguments}: {found['identity']} {found['sender']} {found['result']}")
	assert not wrong, "; ".join(wrong)


def test_helo_may_be_anything():
	for helo in ("", "[192.0.2.1]", "single", "a b", "x" * 1000, "\x1b[2J", b"\xff\xfe.example"):
		with zone_file(ZONE) as path:
			for form in ((), ("--json",)):
				done = run("--spf", "--ip", "192.0.2.1", "--helo", helo, "--zone", path, *form)
				assert done.returncode == DONE, f"{helo!r}: {done.stderr}"
				assert re.fullmatch(rb"[\n -~]*", done.stdout), f"{helo!r}: {done.stdout!r}"
				assert form == () or json.loads(done.stdout)["result"] == "none", done.stdout


def test_mapped_address_is_ipv4():
	with zone_file(ZONE) as path:
		done = run("--spf", "--ip", "::ffff:192.0.2.1", "--helo", "mail.example.org", "--zone", path, "--json")
	assert json.loads(done.stdout)["result"] == "pass" and json.loads(done.stdout)["ip"] == "192.0.2.1", done.stdout


def test_explanation():
	found = check_json("--from", "a@example.org", "--receiver", "mx.example.net")
	assert found["explanation"] == "192.0.2.1 may not send for example.org, says mx.example.net", found
	assert check_json("--from", "a@example.org")["explanation"].endswith("says unknown")
	assert check_json("--from", "a@soft.example")["explanation"] == ""


def test_guess():
	found = check_json("--from", "a@none.example", "--guess")
	assert found["guessed"] and found["result"] == "pass", found
	assert [step["kind"] for step in found["steps"]][:2] == ["record", "guess"], found["steps"]
	text = check("--from", "a@none.example", "--guess").decode("ascii")
	assert re.search(r"^result +none; the best guess is pass$", text, re.M), text
	assert not check_json("--from", "a@none.example")["guessed"]


def test_scope():
	found = check_json("--from", "a@both.example", "--scope", "pra")
	assert (found["scope"], found["result"], found["identity"]) == ("pra", "fail", "mailfrom"), found
	found = check_json("--from", "a@both.example", "--scope", "mfrom")
	assert (found["scope"], found["result"]) == ("mfrom", "softfail"), found
	assert check_json("--from", "a@both.example")["scope"] == ""
	text = check("--from", "a@both.example", "--scope", "pra").decode("ascii")
	assert re.search(r"^scope +pra$", text, re.M) and "spf2.0/pra -all" in text, text
	assert "Received-SPF" not in text, text  # that is no result of SPF
	assert not re.search(r"^scope", check("--from", "a@both.example").decode("ascii"), re.M)


# ---- the walk ----

def test_json_steps():
	found = check_json("--from", "a@example.org")
	steps = [(step["kind"], step["depth"], step["text"], step["outcome"]) for step in found["steps"]]
	assert [step for step in steps if step[0] != "record"] == [
		("term", 0, "a:host.example.org", "no match"), ("term", 0, "include:other.example", "no match"),
		("term", 1, "ip4:198.51.100.0/24", "no match"), ("term", 1, "?all", "match"), ("term", 0, "-all", "match"),
		("exp", 0, "exp=why.example.org", "no match")], steps
	records = [step["question"]["name"] for step in found["steps"] if step["kind"] == "record"]
	assert records == ["example.org", "other.example"], records
	asked = found["steps"][1]["question"]
	assert asked == {"name": "host.example.org", "type": "A", "status": "found", "why": "", "answer": "192.0.2.7"}, asked
	assert found["lookups"] == 2 and found["void_lookups"] == 0, found
	assert found["limits"] == {"lookups": 10, "void_lookups": 2, "queries": 125}, found["limits"]


def test_walk_in_words():
	text = check("--from", "a@example.org").decode("ascii")
	for line in (r"record of example\.org", r'v=spf1 a:host\.example\.org .*', r"a:host\.example\.org: no match",
			r"host\.example\.org A: 192\.0\.2\.7", r"  record of other\.example", r"  \?all: MATCH", r"-all: MATCH"):
		assert re.search(rf"^(?: +\d+ +\d+ +\d+)? +{line}$", text, re.M), f"{line} is not in\n{text}"
	used = r"^used +terms 2 of 10, void look-ups 0 of 2, queries \d+ of 125, of them asked ahead \d+$"
	assert re.search(used, text, re.M), text
	assert re.search(r'^explanation +"192\.0\.2\.1 may not send for example\.org, says unknown"', text, re.M), text
	assert re.search(r"^Received-SPF: fail client-ip=192\.0\.2\.1; .*identity=mailfrom; mechanism=-all$", text, re.M), text


def test_limits():
	for sender in ("a@bomb.example", "a@voids.example"):
		found = check_json("--from", sender)
		for key, most in found["limits"].items():
			assert found[key] <= most + (key != "queries"), f"{sender}: {key} is {found[key]}"


def test_width():
	found = check_json("--from", "a@open.example")["width"]
	assert found == {"all": True, "term": "+all", "addresses": 256, "v6_bits": 32}, found
	assert check_json("--from", "a@example.org")["width"]["v6_bits"] is None
	assert b"everybody may send" in check("--from", "a@open.example")


def test_timeout():
	"""A question that is never answered ends in temperror, after its own time or the one of all the work."""
	for arguments in ((), ("--timeout", "20")):
		found = check_json("--from", "a@silent.example", *arguments)
		assert (found["result"], found["why"]) == ("temperror", "timeout"), found
	assert "silent.example" in found["problem"], found


# ---- hostile data ----

def test_hostile_data_is_shown_cleaned():
	senders = ["a@hostile.example", "a@loud.example", "\x1b[31m\x07@loud.example", '"\\\x1b"@loud.example',
			"a@\x1b[2J.example"]
	for sender in senders:
		text = check("--from", sender)
		assert re.fullmatch(rb"[\n -~]*", text), f"{sender!r}: {text!r}"
		found = check_json("--from", sender)
		assert found["from"] == sender, found
		for step in found["steps"]:
			assert re.fullmatch(r"[ -~]*", step["text"]), step
	assert check_json("--from", "a@hostile.example")["result"] == "permerror"


def test_explanation_is_raw_in_json():
	found = check_json("--from", "\x07\x1b[2J@loud.example")
	assert found["explanation"] == 'go "away" \\ \x07\x1b[2J', found
	text = check("--from", "\x07\x1b[2J@loud.example").decode("ascii")
	assert r'"go \x22away\x22 \x5c \x07\x1b[2J" (the domain' in text, text


def test_record_of_the_greatest_length():
	zone = 'long.example TXT ' + " ".join('"%s"' % text for text in ["v=spf1 "] + ["ip4:198.51.100.1 "] * 600 + ["-all"])
	found = check_json("--from", "a@long.example", zone=zone)
	assert found["result"] == "fail", found["problem"]
	assert len(found["steps"]) <= 200
	assert b"more steps than are kept" in check("--from", "a@long.example", zone=zone)


# ---- wrong usage ----

def test_wrong_usage():
	cases = [
		((), "--spf"), (("--ip", "192.0.2.1", "--helo", "x"), "--spf"), (("--spf",), "--ip is missing"),
		(("--spf", "--ip", "192.0.2.1"), "--helo is missing"),
		(("--spf", "--ip", "192.0.2.300", "--helo", "x"), "192.0.2.300"),
		(("--spf", "--ip", "", "--helo", "x"), "--ip"), (("--spf", "--ip", "\x1b[2J", "--helo", "x"), "\\x1b"),
		((*CLIENT, "--identity", "pra"), "helo or mailfrom"), ((*CLIENT, "--scope", "pra"), "--from is missing"),
		((*CLIENT, "--from", "a@example.org", "--scope", "spf1"), "mfrom or pra"),
		((*CLIENT, "--from", "a@example.org", "--scope", ""), "mfrom or pra"),
		((*CLIENT, "--from", "a@example.org", "--scope", "pra", "--identity", "helo"), "--identity"),
		((*CLIENT, "--identity", "mailfrom"), "--from is missing"),
		((*CLIENT, "--from", "nobody"), "user@example.org"), ((*CLIENT, "--from", "nobody@"), "user@example.org"),
		((*CLIENT, "--from", "x" * 2000 + "@example.org"), "--from"), ((*CLIENT, "--ip", "192.0.2.2"), "twice"),
		((*CLIENT, "--timeout", "0"), "between 1 and 600000"), ((*CLIENT, "--timeout", "1s"), "between"),
		((*CLIENT, "--timeout", "99999999999999999999"), "between"), ((*CLIENT, "--timeout", "-5"), "between"),
		((*CLIENT, "--resolver", "nobody"), "--resolver"), ((*CLIENT, "--resolver", "192.0.2.1@0"), "192.0.2.1@0"),
		((*CLIENT, "--resolver", "192.0.2.1", "--zone", "x"), "exclude"), ((*CLIENT, "stray"), "stray"),
		((*CLIENT, "--no-such"), "--no-such"), ((*CLIENT, "-x"), "-x"), ((*CLIENT, "--zone"), "--zone needs"),
		((*CLIENT, "--json=yes"), "--json takes no"), ((*CLIENT, *["--resolver", "192.0.2.1"] * 17), "16"),
		((*CLIENT, "--zone", "/nonexistent/zone"), "/nonexistent/zone"),
		(("--spf", "--ip", "192.0.2.1", "--helo", "x" * 2000), "--helo"), ((*CLIENT, "--receiver", "x" * 300), "--receiver"),
	]
	wrong = []
	for arguments, words in cases:
		try:
			text = refused(*arguments)
		except AssertionError as error:
			wrong.append(str(error))
			continue
		if words not in text:
			wrong.append(f"{arguments}: {text!r} without {words!r}")
	assert not wrong, "; ".join(wrong)


def test_zone_file_with_an_error():
	with zone_file("example.org TXT \"v=spf1 -all\"\nexample.net A 192.0.2.300\n") as path:
		text = refused(*CLIENT, "--zone", path)
		assert f"{path}:2: " in text and "192.0.2.300" in text, text


def test_zone_must_be_a_file():
	"""It is read more than once: a pipe would be empty the second time, and every name missing."""
	with tempfile.TemporaryDirectory() as place:
		pipe = os.path.join(place, "pipe")
		os.mkfifo(pipe)
		for path in (pipe, place, "/dev/null"):
			text = refused(*CLIENT, "--zone", path)
			assert path in text and "regular file" in text, text


def test_help_and_version():
	for option, words in (("--help", "--identity"), ("-h", "exit status"), ("--version", "mailreeve-check "),
			("-V", "mailreeve-check ")):
		done = run(option)
		assert done.returncode == DONE and words in done.stdout.decode() and not done.stderr, done


def test_output_that_cannot_be_written():
	with zone_file(ZONE) as path, open("/dev/full", "wb") as full:
		for form in ((), ("--json",)):
			done = subprocess.run([PROGRAM, *CLIENT, "--zone", path, *form], stdin=subprocess.DEVNULL, stdout=full,
					stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
			assert done.returncode == FAILED and b"standard output" in done.stderr, done


# ---- real questions ----

def end_of_question(packet):
	at = 12
	while packet[at]:
		at += packet[at] + 1
	return at + 5


def serve(sock):
	"""A resolver that has one TXT record for every name."""
	while True:
		packet, peer = sock.recvfrom(4096)
		if packet == b"stop":
			return
		end = end_of_question(packet)
		kind = struct.unpack("!H", packet[end - 4:end - 2])[0]
		text = b"v=spf1 ip4:192.0.2.1 -all"
		record = b"\xc0\x0c" + struct.pack("!HHIHB", 16, 1, 60, len(text) + 1, len(text)) + text if kind == 16 else b""
		sock.sendto(packet[:2] + struct.pack("!HHHHH", 0x8180, 1, bool(record), 0, 0) + packet[12:end] + record, peer)


def test_resolver():
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
		sock.bind(("127.0.0.1", 0))
		thread = threading.Thread(target=serve, args=(sock,))
		thread.start()
		try:
			done = run(*CLIENT, "--from", "a@example.com", "--json", "--resolver", "127.0.0.1@%d" % sock.getsockname()[1])
		finally:
			with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
				other.sendto(b"stop", sock.getsockname())
			thread.join()
	assert done.returncode == DONE and not done.stderr, done.stderr
	found = json.loads(done.stdout)
	assert (found["result"], found["mechanism"], found["queries"]) == ("pass", "ip4:192.0.2.1", 1), found


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
