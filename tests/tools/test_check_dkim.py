# SPDX-License-Identifier: BSD-2-Clause
"""test_check_dkim - mailreeve-check --dkim: its results, what it says of them, how it reads messages and zones.

    MAILREEVE_CHECK=build/mailreeve-check python3 tests/tools/test_check_dkim.py [-v] [part of a name ...]

Messages are signed here, with the openssl command. The collection of signed mail in ../shared/data/dkim/open is checked
where it is there.
"""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "milter"))

from dkim_signer import Key  # noqa: E402  (after the path)
from runner import run_tests  # noqa: E402

PROGRAM = os.path.abspath(os.environ.get("MAILREEVE_CHECK", os.path.join(TOP, "build", "mailreeve-check")))
DATA = os.path.join(TOP, "..", "shared", "data", "dkim", "open")
PATIENCE_S = 120
DONE, FAILED, USAGE = 0, 1, 2
NOW = 1767225600
LITTLE_OCTETS = 40 << 20

MESSAGE = b"""From: Alice <alice@example.org>
To: bob@example.net
Subject: Greetings,
\tfrom a  long way off
Date: Thu, 01 Jan 2026 00:00:00 +0000
Message-ID: <1@example.org>

Hello  Bob,
\x20
this is the \tbody.

""".replace(b"\n", b"\r\n")

RSA, SHORT, ED = Key("rsa", 2048), Key("rsa", 1024), Key("ed25519")
ZONE = "".join([
	RSA.record("rsa._domainkey.example.org"), SHORT.record("short._domainkey.example.org"),
	ED.record("ed._domainkey.example.org"), ED.record("testing._domainkey.example.org", "t=y; "),
	ED.record("ed._domainkey.mail.example.org"), ED.record("ed._domainkey.other.example"),
	'revoked._domainkey.example.org TXT "v=DKIM1; p="\n', 'broken._domainkey.example.org TXT "v=DKIM1; p=???"\n',
	"dead._domainkey.example.org TXT !servfail\nsilent._domainkey.example.org TXT !timeout\n",
	'hostile._domainkey.example.org TXT "v=DKIM1; \\027[31m; p=AAAA"\n',
	'_dmarc.example.org TXT "v=DMARC1; p=reject; sp=quarantine"\n',
	'_dmarc.testing.example TXT "v=DMARC1; p=reject; t=y"\n',
	'example.org TXT "v=spf1 ip4:192.0.2.1 -all"\n',
])


def run(*arguments, octets=b"", **options):
	return subprocess.run([PROGRAM, *arguments], input=octets, capture_output=True, timeout=PATIENCE_S, check=False,
			**options)


def check(message, *arguments, zone=ZONE, now=NOW):
	"""What it prints; it must succeed and say nothing else."""
	with tempfile.TemporaryDirectory(prefix="mailreeve-test-") as directory:
		paths = [os.path.join(directory, name) for name in ("mail.eml", "zone")]
		for path, content in zip(paths, (message, zone.encode() if isinstance(zone, str) else zone)):
			with open(path, "wb") as file:
				file.write(content)
		done = run("--dkim", "--message", paths[0], "--zone", paths[1], "--now", str(now), *arguments)
	assert done.returncode == DONE, f"{done.returncode}: {done.stderr}"
	assert done.stderr == b"", done.stderr
	assert re.fullmatch(rb"[\n -~]*", done.stdout), done.stdout
	return done.stdout.decode("ascii")


def check_json(message, *arguments, **options):
	return json.loads(check(message, "--json", *arguments, **options))


def only(message, *arguments, **options):
	"""The only signature."""
	found = check_json(message, *arguments, **options)["signatures"]
	assert len(found) == 1, found
	return found[0]


def refused(*arguments, octets=b""):
	"""What it says of a wrong command line."""
	done = run(*arguments, octets=octets)
	text = done.stderr.decode("utf-8", "replace")
	assert done.returncode == USAGE, f"{arguments}: {done.returncode}: {text}"
	assert done.stdout == b"", f"{arguments}: {done.stdout}"
	assert re.fullmatch(r"mailreeve-check: [ -~]+\n", text), f"{arguments}: {text!r}"
	return text


# ---- results ----

def test_passes():
	wrong = []
	for key, selector, bits in ((RSA, "rsa", 2048), (SHORT, "short", 1024), (ED, "ed", 256)):
		for canon in ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"):
			found = only(key.sign(MESSAGE, "example.org", selector, canon))
			expected = ("pass", "", "example.org", selector, key.kind + "-sha256", bits, canon, True, True)
			got = tuple(found[name] for name in ("result", "reason", "domain", "selector", "algorithm", "key_bits",
					"canonicalisation", "aligned", "body_matches"))
			if got != expected:
				wrong.append(f"{got}, not {expected}")
	assert not wrong, "; ".join(wrong)


def test_results():
	signed = ED.sign(MESSAGE, "example.org", "ed")
	cases = [
		("body changed", signed.replace(b"Hello", b"Hallo"), "fail", ["body"], "body was changed"),
		("footer", signed + b"--\r\nA list\r\n", "fail", ["body"], "footer"),
		("header changed", signed.replace(b"Greetings", b"greetings"), "fail", [], "header field"),
		("another key", RSA.sign(MESSAGE, "example.org", "short"), "fail", ["short_key"], "another key"),
		("kind of key", RSA.sign(MESSAGE, "example.org", "ed"), "permerror", [], ""),
		("no key", ED.sign(MESSAGE, "example.org", "none"), "permerror", ["no_key"], "never published"),
		("revoked", ED.sign(MESSAGE, "example.org", "revoked"), "permerror", ["revoked"], "withdrawn"),
		("broken", ED.sign(MESSAGE, "example.org", "broken"), "permerror", [], ""),
		("hostile", ED.sign(MESSAGE, "example.org", "hostile"), "permerror", [], ""),
		("dead", ED.sign(MESSAGE, "example.org", "dead"), "temperror", [], "later"),
		("silent", ED.sign(MESSAGE, "example.org", "silent"), "temperror", [], "later"),
		("testing", ED.sign(MESSAGE, "example.org", "testing"), "pass", ["testing"], ""),
		("expired", ED.sign(MESSAGE, "example.org", "ed", tags=(f"x={NOW - 1000}",)), "permerror", ["expired"], "--now"),
		("future", ED.sign(MESSAGE, "example.org", "ed", tags=(f"t={NOW + 1000}",)), "permerror", [], ""),
		("partial", ED.sign(MESSAGE, "example.org", "ed", length=5), "policy", ["partial"], "l="),
		("malformed", b"DKIM-Signature: v=1; \x1b[2J\r\n" + MESSAGE, "permerror", [], ""),
		("no From in h=", ED.sign(MESSAGE, "example.org", "ed", names=("to",)), "permerror", [], ""),
	]
	wrong = []
	for name, message, result, traits, hint in cases:
		found = only(message)
		if (found["result"], found["traits"]) != (result, traits) or hint not in found["hint"]:
			wrong.append(f"{name}: {found['result']} {found['traits']} {found['hint']!r}")
		if (found["reason"] == "") != (result == "pass"):
			wrong.append(f"{name}: reason {found['reason']!r}")
		text = check(message)
		if not re.search(rf"^signature 0  {result}: [a-zA-Z]", text, re.M):
			wrong.append(f"{name}: {text}")
	assert not wrong, "; ".join(wrong)


def test_several_signatures():
	message = MESSAGE
	for domain, selector in (("example.org", "ed"), ("other.example", "ed"), ("example.org", "none")):
		message = ED.sign(message, domain, selector)
	found = check_json(message)
	assert [(one["index"], one["result"], one["aligned"]) for one in found["signatures"]] == [
		(0, "permerror", True), (1, "pass", False), (2, "pass", True)], found
	for _ in range(6):
		message = ED.sign(message, "example.org", "ed")
	last = check_json(message)["signatures"][8]
	assert (last["result"], last["traits"], last["key"]) == ("policy", ["not_checked"], None), last
	assert "signature 8  policy: " in check(message)
	many = check_json(b"DKIM-Signature: v=1\r\n" * 40 + MESSAGE)
	assert many["found"] == 40 and len(many["signatures"]) == 32, many["found"]


def test_no_signature():
	found = check_json(MESSAGE)
	assert found["signatures"] == [] and found["found"] == 0 and found["dmarc"]["result"] == "fail", found
	assert "signatures   0" in check(MESSAGE)


def test_details():
	"""What was hashed, how much of the body, which key was asked for."""
	found = only(ED.sign(MESSAGE, "mail.example.org", "ed", names=("from", "subject", "to", "to", "cc"),
			tags=("i=al@x.mail.example.org", f"t={NOW - 5}", f"x={NOW + 5}")))
	assert found["result"] == "pass", found
	assert found["fields"] == ["from", "subject", "to"] and found["absent_fields"] == ["to", "cc"], found
	assert (found["signed_at"], found["expires"], found["length"]) == (NOW - 5, NOW + 5, None), found
	assert found["identity"] == "al@x.mail.example.org" and found["aligned"], found
	assert found["key"] == {"name": "ed._domainkey.mail.example.org", "status": "found", "why": "",
			"records": [ED.text()]}, found["key"]
	part = only(ED.sign(MESSAGE, "example.org", "ed", length=5))
	assert (part["body_covered"], part["length"]) == (5, 5) and part["body_octets"] > 5, part
	assert len(part["b"]) == 8, part


# ---- canonical forms ----

def test_canonical_forms():
	for canon, body, subject in (
			("relaxed/relaxed", "Hello Bob,\r\n\r\nthis is the body.\r\n", "subject:Greetings, from a long way off\r\n"),
			("simple/simple", "Hello  Bob,\r\n \r\nthis is the \\x09body.\r\n",
					"Subject: Greetings,\r\n\\x09from a  long way off\r\n")):
		message = ED.sign(MESSAGE, "example.org", "ed", canon)
		found = only(message, "--canonical")
		assert found["canonical_body"] == body, found["canonical_body"]
		assert subject in found["canonical_header"] and found["canonical_header"].endswith("b="), found["canonical_header"]
		text = check(message, "--canonical")
		for line in body.split("\r\n")[:-1]:
			assert f"    | {line}\\r\\n\n" in text, text
		assert only(message)["canonical_body"] is None
	assert only(ED.sign(MESSAGE, "example.org", "ed", length=5), "--canonical")["canonical_body"] == "Hello"


def test_canonical_form_of_a_changed_body():
	found = only(ED.sign(MESSAGE, "example.org", "ed").replace(b"Hello", b"Hallo"), "--canonical")
	assert found["canonical_body"].startswith("Hallo Bob"), found


def test_large_canonical_form_is_cut():
	message = ED.sign(MESSAGE + b"0123456789\r\n" * 20000, "example.org", "ed")
	found = only(message, "--canonical")
	assert found["result"] == "pass" and found["canonical_body"].endswith("..."), found["result"]
	assert len(found["canonical_body"]) < 70000


# ---- how messages are read ----

def test_line_ends():
	for canon in ("relaxed/relaxed", "simple/simple"):
		message = ED.sign(MESSAGE, "example.org", "ed", canon)
		found = check_json(message.replace(b"\r\n", b"\n"))
		assert found["signatures"][0]["result"] == "pass" and "LF" in found["notes"][0], found
		assert check_json(message)["notes"] == [], found
		mixed = message[:-4] + b"\n\r\n"
		found = check_json(mixed)
		assert found["signatures"][0]["result"] == "fail" and "bare" in found["notes"][0], found


def test_mailbox_line():
	found = check_json(b"From alice@example.org Thu Jan  1 00:00:00 2026\r\n" + ED.sign(MESSAGE, "example.org", "ed"))
	assert found["signatures"][0]["result"] == "pass" and "mailbox" in found["notes"][0], found
	assert check_json(b"From a\n")["notes"][1:] and check_json(b"From a\nFrom b\n\nx\n")["found"] == 0


def test_odd_messages():
	"""Nothing, no header, no body, no blank line, NUL, a field that is too long, octets that are no text."""
	for message in (b"", b"\r\n", b"\n", b":", b"x", b"x:", b"\r\nbody", b" folded\r\n\r\n", b"a: b", b"a: b\r\n \r\n",
			b"\0\0\0", bytes(range(256)), b"From: \xff\xfe@\x80\r\n\r\n", b"a:" + b"x" * 600000 + b"\r\n\r\n",
			b"DKIM-Signature:" + b" " * 400000 + b"\r\n\r\nx", b"a: b\r\n" * 2000 + b"\r\n", b"\r" * 70000, b"\r\n" * 70000):
		for arguments in ((), ("--json",), ("--canonical",), ("--json", "--canonical")):
			text = check(message, *arguments)
			assert "--json" not in arguments or json.loads(text)["dmarc"]["result"] == "none", text
	found = check_json(MESSAGE.replace(b"Greetings", b"Gr\0etings"))
	assert any("NUL" in note for note in found["notes"]), found["notes"]


def test_end_of_the_header():
	"""A line that is no field ends the header, as with an MTA."""
	message = ED.sign(MESSAGE, "example.org", "ed").replace(b"\r\n\r\nHello", b"\r\nno field\r\n\r\nHello")
	found = check_json(message)
	assert found["signatures"][0]["traits"] == ["body"] and "blank" in found["notes"][0], found


def test_standard_input():
	with tempfile.NamedTemporaryFile("w", suffix=".zone") as zone:
		zone.write(ZONE)
		zone.flush()
		done = run("--dkim", "--message", "-", "--zone", zone.name, "--now", str(NOW), "--json",
				octets=ED.sign(MESSAGE + b"x" * 100000, "example.org", "ed"))
	assert json.loads(done.stdout)["signatures"][0]["result"] == "pass", done


def is_sanitised():
	"""Sanitisers need memory of their own."""
	with open(PROGRAM, "rb") as file:
		octets = file.read()
	return b"__asan_init" in octets or b"__tsan_init" in octets


def little_memory():
	resource.setrlimit(resource.RLIMIT_DATA, (LITTLE_OCTETS, LITTLE_OCTETS))


def test_size_does_not_matter():
	"""A body of 64 MB needs no memory."""
	message = ED.sign(MESSAGE + b"0123456789 \t x\r\n" * (4 << 20), "example.org", "ed")
	limits = {} if is_sanitised() else {"preexec_fn": little_memory}
	with tempfile.TemporaryDirectory(prefix="mailreeve-test-") as directory:
		path, zone = os.path.join(directory, "mail"), os.path.join(directory, "zone")
		for name, content in ((path, message), (zone, ZONE.encode())):
			with open(name, "wb") as file:
				file.write(content)
		done = run("--dkim", "--message", path, "--zone", zone, "--now", str(NOW), "--canonical", "--json", **limits)
	assert done.returncode == DONE, done
	assert json.loads(done.stdout)["signatures"][0]["result"] == "pass", done.stdout


def test_smtputf8():
	message = ED.sign(MESSAGE.replace(b"alice@example.org", "älice@example.org".encode()), "bücher.example", "ed")
	zone = ED.record("ed._domainkey.xn--bcher-kva.example")
	assert only(message, zone=zone)["result"] == "permerror"
	found = only(message, "--smtputf8", zone=zone)
	assert (found["result"], found["domain"]) == ("pass", "xn--bcher-kva.example"), found


# ---- zones ----

def test_zone_of_the_short_form():
	rows = [f"ed._domainkey.example.org\tTXT\t{ED.text()}", "none._domainkey.example.org\tRCODE\tNXDOMAIN",
		"empty._domainkey.example.org\tRCODE\tNODATA", "dead._domainkey.example.org\tRCODE\tSERVFAIL",
		"silent._domainkey.example.org\tRCODE\tTIMEOUT", f"two._domainkey.example.org\tTXT\t{ED.text()}",
		"two._domainkey.example.org\tTXT\tv=DKIM1; p=", f"ED._domainkey.b\u00fccher.example.\tTXT\t{ED.text()}"]
	for head in ("", "; a comment\n", "# a comment\n\n"):
		for selector, result in (("ed", "pass"), ("none", "permerror"), ("empty", "permerror"), ("dead", "temperror"),
				("silent", "temperror"), ("two", "permerror"), ("unknown", "permerror")):
			found = only(ED.sign(MESSAGE, "example.org", selector), zone=head + "\n".join(rows) + "\n")
			assert found["result"] == result, f"{selector}: {found}"
	assert only(ED.sign(MESSAGE, "xn--bcher-kva.example", "ed"), zone="\n".join(rows))["result"] == "pass"


def test_zone_of_the_long_form_with_tabs():
	zone = f'ed._domainkey.example.org\tTXT\t"{ED.text()}"\nexample.org\tA\t192.0.2.1\n'
	assert only(ED.sign(MESSAGE, "example.org", "ed"), zone=zone)["result"] == "pass"
	assert only(ED.sign(MESSAGE, "example.org", "ed"), zone="ed._domainkey.example.org\tTXT\t!servfail\n")["result"] == \
		"temperror"


def test_spf_takes_the_short_form_too():
	with tempfile.NamedTemporaryFile("w") as zone:
		zone.write("example.org\tTXT\tv=spf1 ip4:192.0.2.1 -all\n")
		zone.flush()
		done = run("--spf", "--zone", zone.name, "--ip", "192.0.2.1", "--helo", "example.org", "--json")
	assert json.loads(done.stdout)["result"] == "pass", done


def test_zone_with_an_error():
	for text, words in (("a.example\tTXT\tv=DKIM1\nb.example\tRCODE\tFOO\n", ':2: "FOO"'),
			("a.example\tTXT\tv=DKIM1\nb.example A 192.0.2.1\n", ":2: "), ('a.example TXT "x"\nb.example X\n', ":2: ")):
		with tempfile.NamedTemporaryFile("w") as zone:
			zone.write(text)
			zone.flush()
			assert zone.name + words in refused("--dkim", "--message", "-", "--zone", zone.name)


# ---- DMARC ----

def test_dmarc():
	signed = ED.sign(MESSAGE, "example.org", "ed")
	other = ED.sign(MESSAGE, "other.example", "ed")
	envelope = ("--helo", "mail.example.org", "--from", "a@example.org")
	cases = [
		((signed,), "pass", "reject", True, False), ((other,), "fail", "reject", False, False),
		((MESSAGE, *envelope, "--ip", "192.0.2.1"), "pass", "reject", False, True),
		((MESSAGE, *envelope, "--ip", "192.0.2.2"), "fail", "reject", False, False),
		((ED.sign(MESSAGE, "example.org", "dead"),), "temperror", "", False, False),
		((signed.replace(b"Hello", b"Hallo"),), "fail", "reject", False, False),
	]
	wrong = []
	for arguments, result, policy, dkim, spf in cases:
		found = check_json(*arguments)["dmarc"]
		got = tuple(found[name] for name in ("result", "policy", "aligned_dkim", "aligned_spf"))
		if got != (result, policy, dkim, spf) or found["record_domain"] != "example.org":
			wrong.append(f"{arguments[1:]}: {found}")
	assert not wrong, "; ".join(wrong)
	assert check_json(MESSAGE, *envelope, "--ip", "192.0.2.1")["spf"] == {"result": "pass", "domain": "example.org"}
	assert check_json(signed)["spf"] is None
	text = check(signed)
	assert re.search(r"^dmarc        pass", text, re.M) and "v=DMARC1; p=reject" in text, text


def test_dmarc_from():
	def result(line):
		found = check_json(line + b"\r\n\r\n")
		return found["from"]["state"], found["dmarc"]["domain"], found["dmarc"]["result"], found["dmarc"]["policy"]
	assert result(b"From: a@www.example.org") == ("fine", "www.example.org", "fail", "quarantine")
	assert result(b"From: a@testing.example") == ("fine", "testing.example", "fail", "quarantine")
	assert result(b"From: a@none.example") == ("fine", "none.example", "none", "")
	assert result(b"To: a@none.example") == ("missing", "", "none", "")
	assert result(b"From: a@none.example\r\nFrom: a@example.org") == ("several", "example.org", "fail", "reject")
	assert result(b"From: nobody")[0] == "invalid"
	found = check_json(b"From: a@none.example, b@example.org\r\n\r\n")
	assert found["dmarc"]["domain"] == "example.org" and found["dmarc_others"][0]["domain"] == "none.example", found


# ---- usage ----

def test_wrong_usage():
	start = ("--dkim", "--message", "/dev/null")
	cases = [
		(("--dkim",), "--message is missing"), (("--dkim", "--message", "/nonexistent/mail"), "/nonexistent/mail"),
		(("--dkim", "--message", "/"), "directory"), ((*start, "--now", "yesterday"), "yesterday"),
		((*start, "--now", "-5"), "--now"), ((*start, "--now", "99999999999999999999"), "--now"),
		((*start, "--ip", "192.0.2.1"), "--helo is missing"), ((*start, "--from", "a@b.example"), "--ip is missing"),
		((*start, "--ip", "x", "--helo", "x", "--from", "a@b.example"), "--ip"),
		((*start, "--guess"), "--guess"), ((*start, "--receiver", "x"), "--receiver"), ((*start, "--spf"), "one kind"),
		((*start, "--message", "x"), "twice"), (("--spf", "--message", "x"), "--message has no place"),
		((*start, "--zone", "/nonexistent/zone"), "/nonexistent/zone"), ((*start, "--zone", "/"), "/"),
		((*start, "--timeout", "0"), "between"), (("--dkim", "--message", "\x1b[2J"), "\\x1b"),
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


def test_output_that_cannot_be_written():
	with tempfile.NamedTemporaryFile("w") as zone, open("/dev/full", "wb") as full:
		for form in ((), ("--json",)):
			done = subprocess.run([PROGRAM, "--dkim", "--message", "/dev/null", "--zone", zone.name, *form],
					stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
			assert done.returncode == FAILED and b"standard output" in done.stderr, done


# ---- other people's mail ----

def test_collection():
	"""Every case of the collection has a result, and shows nothing raw; a pass always shows what was hashed."""
	if not os.path.isdir(DATA):
		print(f"# {DATA} is not there: not run")
		return
	wrong = []
	for project in sorted(os.listdir(DATA)):
		with open(os.path.join(DATA, project, "expected.tsv"), encoding="utf-8") as file:
			clocks = {row[0]: row[1] for row in (line.split("\t") for line in file if not line.startswith("#"))}
		for case, clock in clocks.items():
			stem = os.path.join(DATA, project, case)
			common = ("--dkim", "--canonical", "--now", clock, "--message", stem + ".eml", "--zone", stem + ".zone.txt")
			text, found = run(*common), run(*common, "--json")
			if text.returncode or found.returncode or not re.fullmatch(rb"[\n -~]*", text.stdout + found.stdout):
				wrong.append(f"{project}/{case}: {text.stderr} {found.stderr}")
				continue
			for one in json.loads(found.stdout)["signatures"]:
				if one["result"] == "pass" and not (one["canonical_header"] and one["canonical_body"] is not None):
					wrong.append(f"{project}/{case}: {one['index']} has no canonical form")
	assert not wrong, "; ".join(wrong)


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
