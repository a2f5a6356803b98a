# SPDX-License-Identifier: BSD-2-Clause
"""test_scenario_format - the tools of these tests under test: scenario files, log lines, expectations, numbering of
header fields.

    python3 tests/milter/test_scenario_format.py      (needs no program)
"""
import os
import sys
import tempfile

import delivery
from mta_view import client_macros
from runner import run_tests
from smfi import Modification, Reply

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scenarios"))

import expect  # noqa: E402  (after the path)
import logline  # noqa: E402
import scenario  # noqa: E402

GOOD = """title: a
client: 192.0.2.1
smtp:
    C: EHLO x.example
    S: 250
    M: m
message: m
    Message-ID: <a@x.example>

    Text.
"""


def read(text):
	"""The Scenario of a text."""
	with tempfile.TemporaryDirectory() as directory:
		path = os.path.join(directory, "x.scenario")
		with open(path, "w", encoding="utf-8") as file:
			file.write(text)
		return scenario.read_scenario(path)


def test_errors_name_file_and_line():
	cases = [
		("titel: a\n", 1, "unknown section"), ("    x\n", 1, "before the first section"), ("nothing\n", 1, "neither"),
		("title: a\nclient: nowhere\n", 2, "not an IP address"), ("title: a\nclient: 192.0.2.1 fast\n", 2, "only"),
		("title: a\nsmtp:\n    C: x\n", 2, "client"), ("title: a\nclient: 192.0.2.1\nsmtp:\n    X: x\n", 4,
		"C:, S:, M:"),
		("title: a\nclient: 192.0.2.1\nsmtp:\n    C: x\n    S: 25\n", 5, "CODE"),
		("title: a\nclient: 192.0.2.1\nsmtp:\n    C: x\n    S: 250 2.0.0 /(/\n", 5, "regular expression"),
		("title: a\nclient: 192.0.2.1\nsmtp:\n    C: x\n    S: 250\n    S: 250\n", 6, "without a C:"),
		("title: a\nclient: 192.0.2.1\nsmtp:\n    M: none\n", 4, "no message"), ("title: a\nconfig:\n    what\n", 3,
		"option=value"),
		("title: a\nzone:\n    x A\n", 3, "name TYPE data"), ("title: a\nonly: sometimes\n", 2, "milter, lab"),
		("title: a\nlog:\n    action\n", 3, "key=value"), (GOOD + "message: m\n    Message-ID: <x>\n", 11, "already"),
		(GOOD + "message: n\n    Subject: x\n", 11, "Message-ID"), (GOOD + "headers: m\n    X-Spam-Flag\n", 12,
		"+ NAME"),
		(GOOD + "headers: n\n", 11, "never sent"), (GOOD.replace("    M: m", "    M: m\n    M: m"), 7, "twice"),
	]
	wrong = []
	for text, line, words in cases:
		try:
			read(text)
			wrong.append(f"{text!r} was read")
		except scenario.ScenarioError as error:
			if f"x.scenario:{line}: " not in str(error) or words not in str(error):
				wrong.append(f"{text!r}: {error}")
	assert not wrong, wrong


def test_all_scenarios_can_be_read():
	addresses, ids = {}, {}
	for path in scenario.scenario_files():
		found = scenario.read_scenario(path)
		assert found.why, f"{path}: says no why"
		for connection in found.connections:
			assert addresses.setdefault(connection.address, path) == path, f"{path}: {connection.address} is another's"
		for message in found.messages.values():
			assert ids.setdefault(message.message_id,
					path) == path, f"{path}: Message-ID {message.message_id} is another's"
	return f"{len(addresses)} client addresses"


def test_messages():
	found = read(GOOD.replace("    Text.", "    a\\x00b\\\\c\n\n      indented")).messages["m"]
	assert found.body == b"a\x00b\\c\r\n\r\n  indented\r\n", found.body
	assert found.headers == [(b"Message-ID", b" <a@x.example>")], found.headers


def test_baseline():
	overrides = read(GOOD + "config: policy.reject=3.0\n").overrides()
	assert overrides.count("policy.reject=3.0") == 1 and "policy.reject=10.0" not in overrides, overrides


def test_replies():
	found = read(GOOD)
	cases = [("250", "250 2.1.0 Ok", True), ("2xx", "250 Ok", True), ("2xx", "451 no", False), ("550 5.7.1",
			"550 5.7.1 x", True),
			 ("550 5.7.1", "550 5.7.25 x", False), ("550 5.7.x", "550 5.7.25 x", True), ("550 5.7.1 /PTR/",
			 "550 5.7.1 no PTR", True),
			 ("550 5.7.1 /PTR/", "550 5.7.1 no", False), ("any", "999", True), ("550 5.7.1", "550 x", False)]
	for pattern, reply, good in cases:
		text = GOOD.replace("S: 250", "S: " + pattern)
		step = read(text).connections[0].steps[0]
		assert (not expect.check_reply(found, step.expect, reply)) == good, (pattern, reply)


LINE = (
	"mailreeve[7]: 4F2A1: sid=k3 v=1 action=tag stage=eom score=5.0 threshold=5.0 decided_by=score "
	'client=x.example[192.0.2.1] helo="<a b\\x22>" from=<> to=<b@example.org> '
	'facts="rdns.none=3.0 dnsbl.z.a=2.0(127.0.0.2 helo=x)" unsure="d(timeout)" ms=3 cfg=9ab1'
)


def test_log_lines():
	line = logline.parse_log_line(LINE)
	assert line.queue_id == "4F2A1" and line["helo"] == '<a b\\x22>' and line["to"] == "<b@example.org>"
	assert line.facts == {"rdns.none": (3.0, ""), "dnsbl.z.a": (2.0, "127.0.0.2 helo=x")}, line.facts
	assert line.unsure == {"d": "timeout"}
	assert logline.parse_log_line("mailreeve[7]: started") is None
	for broken in (LINE + " action=x", LINE.replace("k3", "k\xe4"), LINE.replace(' unsure="d(timeout)"', ' unsure="d'),
				   LINE.replace("ms=3", "msx"), LINE.replace("ms=3", "evil=3")):
		try:
			logline.parse_log_line(broken)
		except logline.LogLineError:
			continue
		raise AssertionError(f"was read: {broken}")


def test_log_terms():
	line = logline.parse_log_line(LINE)
	cases = [("score=5", True), ("score=5.001", False), ("action=tag", True), ("action=reject", False),
			("facts~rdns.none=3.0", True),
			 ("facts!~rdns", False), ("facts!~spf", True), ("would=", True), ("unsure=", False),
			 ("cfg=/^[0-9a-f]{4}$/", True),
			 ('facts~"127.0.0.2 helo=x"', True), ("from=<>", True)]
	for text, good in cases:
		term = read(GOOD + f"log: {text}\n").log[0].terms[0]
		assert expect.term_holds(term, line) == good, text


def test_headers():
	fields = [("Authentication-Results", " mx; iprev=pass"), ("Received", " x"), ("X-Spam-Score", " 3.0"), ("X-A",
			" 1\n\t2")]
	cases = [("+ X-Spam-Score: /^3\\.0$/", True), ("+ X-Spam-Score: 4", False), ("- X-Spam-Flag", True),
			("- X-Spam-Score", False),
			 ("- X-Spam-Score: 4", True), ("= 1 X-Spam-Score", True), ("= 2 X-Spam-Score", False),
			 ("^ Authentication-Results", True),
			 ("^ X-Spam-Score", False), ("^ Missing", False), ("+ X-A: 1 2", True)]
	for text, good in cases:
		found = read(GOOD + f"headers: m\n    {text}\n")
		assert (not expect.check_headers(found, found.deliveries[0], fields)) == good, text


def changes(*triples):
	"""A Reply with header changes: (kind, index, value)."""
	return Reply("continue", modifications=[Modification(kind, b"A", value, index) for kind, index, value in triples])


def values(delivered):
	"""What is left of the fields A."""
	return [value.strip() for name, value in delivered.fields if name == "A"]


def test_numbering():
	headers = [("A", " 1"), ("A", " 2"), ("B", " x"), ("A", " 3")]
	upwards = changes(("chgheader", 1, b""), ("chgheader", 2, b""))
	assert values(delivery.apply(upwards, headers, b"", renumbers=True)) == ["2"]
	assert values(delivery.apply(upwards, headers, b"", renumbers=False)) == ["3"]
	downwards = changes(("chgheader", 3, b""), ("chgheader", 1, b""))
	for renumbers in (True, False):
		assert values(delivery.apply(downwards, headers, b"", renumbers=renumbers)) == ["2"]
	top = delivery.apply(changes(("insheader", 0, b" new")), headers, b"")
	assert [name for name, _value in top.fields][:2] == ["A", "Received"] and not top.trouble
	assert delivery.apply(changes(("chgheader", 4, b"")), headers, b"").trouble
	assert delivery.apply(changes(("insheader", 0, b" a\r\n b")), headers, b"").trouble
	assert delivery.apply(changes(("insheader", 0, b"a")), headers, b"", leadspc=True).trouble


def test_client_macros():
	zone = list(enumerate(("1.2.0.192.in-addr.arpa PTR a.example", "a.example 300 IN A 192.0.2.1",
			"2.2.0.192.in-addr.arpa PTR a.example",
						   "*.3.0.192.in-addr.arpa * !timeout", "4.2.0.192.in-addr.arpa PTR b.example",
						   "b.example * !servfail")))
	cases = [("192.0.2.1", "a.example", "a.example", "OK"), ("192.0.2.2", "unknown", "a.example", "FORGED"),
			 ("192.0.2.3", "unknown", "unknown", "FAIL"), ("192.0.3.9", "unknown", "unknown", "TEMP"),
			 ("192.0.2.4", "unknown", "b.example", "TEMP")]
	for address, name, ptr, resolve in cases:
		assert client_macros(zone, address) == {"{client_name}": name, "{client_ptr}": ptr,
				"{client_resolve}": resolve}, address


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
