# SPDX-License-Identifier: BSD-2-Clause
"""scenario - reads scenario files: one SMTP conversation, what the world around it looks like, what must come out.

Two runners share this parser: tests/milter/run_scenarios.py speaks the MTA's side of the milter protocol itself,
tests/lab/ sends the same conversation through a real Postfix with real DNS servers.

A file NAME.scenario is a list of sections. A section begins at the left margin with its keyword and a colon; what
belongs to it follows on the same line or indented below. `#` at the left margin begins a comment. A line that is
indented more deeply than the first one of its section continues the line above (not in messages).

    title: No reverse DNS                  one line, shown in reports
    why: RFC 8601 calls this permerror.    a sentence or two
    only: milter                           (optional) for one runner: milter or lab

    config:                                one override a line, as given with -o, on top of BASELINE (below)
        policy.reject=10.0
        rdns.points.none=3.0

    zone:                                  what DNS says: the project's zone format (design.md, Zone files)
        7.113.0.203.in-addr.arpa PTR mx.example.net
        *.dead.bl.example * !timeout

    client: 203.0.113.7                    begins a connection; more may follow: port 2525, auth=alice
    smtp:                                  the conversation of that connection
        S: 220                             the banner (may be left out)
        C: EHLO mx.example.net             what the client says; \\xHH and \\\\ stand for octets
        S: 250                             what the server must answer
        C: MAIL FROM:<alice@example.net>   without an S: line any 2xx (3xx for DATA) is right
        C: RCPT TO:<bob@example.org>
        S: 550 5.7.25 /no PTR record/      code, enhanced code, regular expression over the text; the last two optional
        C: RCPT TO:<postmaster@example.org>
        S: 2xx                             a digit x matches any digit; `S: any` matches anything
        C: DATA
        S: 354
        M: hello                           send the message of that name and the final dot
        S: 250
        cut                                drop the connection here, without QUIT
        pause 200                          wait so many milliseconds
                                           (at the end QUIT is sent when the file does not say so)

    message: hello                         headers, an empty line, body; \\xHH as above; sent with CRLF line ends.
        Message-ID: <clean@example.net>    (required, its own in every scenario: the laboratory finds the mail by it)
        Subject: hello

        Body.

    headers: hello                         the message as delivered; `headers: hello held` when it must be on hold
        + Authentication-Results: mx.example.org; iprev=pass   a field of that name contains the text (folding undone)
        + X-Spam-Score: /^3\\.0$/          or matches the regular expression
        - X-Spam-Flag                      no field of that name
        - X-Spam-Status: score=0           no field of that name that contains the text (or matches)
        = 2 Authentication-Results         exactly so many fields of that name
        ^ Authentication-Results           the topmost field of that name stands above every Received field (and, with
                                           ": TEXT", contains the text or matches)

    log:                                   every verdict line of this scenario, in order: neither more nor fewer
        action=accept stage=eom score=3 decided_by=score facts~rdns.none=3.0 facts!~dnsbl unsure=
            to=<bob@example.org>
                                           key=VALUE exactly (score and threshold as numbers; empty: the key is empty or
                                           missing), key~TEXT contains, key!~TEXT does not, key=/RE/ matches; quote
                                           values with spaces

The server is mx.example.org (the MTA's macro j) and accepts mail for any local-part in example.org. Every scenario uses
client addresses and names of its own, since in the laboratory all of them share one DNS cache. Lists live below
bl.example. For the runners: scenario_files(), read_scenario(), Scenario.overrides(), zone_text(); expect.py compares.
Errors are ScenarioError: "FILE:LINE: what is wrong".
"""
import ipaddress
import os
import re
from dataclasses import dataclass, field

RUNNERS = ("milter", "lab")

# What every scenario starts from, whatever the shipped file says, so that a change there breaks no scenario. A scenario
# that
# names one of these options replaces it.
BASELINE = (
	"policy.tag=5.0", "policy.quarantine=off", "policy.defer=off", "policy.reject=10.0", "policy.decide_from=rcpt",
	"policy.groups=()", "policy.rules=()", "dnsbl.lists=()",
	"rdns.points.none=3.0", "rdns.points.unconfirmed=1.5", "rdns.points.generic=1.0", "rdns.points.dynamic=1.5",
	"headers.authserv_id=mx.example.org",
	# Most scenarios have no world behind these; those about them switch them on.
	"helo.enabled=false", "sender.enabled=false",
	# Their dates stand still, the clock does not.
	"format.date_past_days=36500", "format.date_future_hours=876000",
)
_SECTION = re.compile(r"(?P<keyword>[a-z]+):(?:\s+(?P<rest>.*))?$")
_REPLY = re.compile(
	r"(?P<code>any|[2-5x][0-9x][0-9x])(?:\s+(?P<enhanced>[245x]\.[0-9x]+\.[0-9x]+))?(?:\s+/(?P<regex>.*)/)?$")
_HEADER = re.compile(r"(?P<sign>[-+^])\s*(?P<name>[A-Za-z0-9-]+)(?::\s*(?P<text>.*))?$")
_COUNT = re.compile(r"=\s*(?P<count>\d+)\s+(?P<name>[A-Za-z0-9-]+)$")
_LOG_TERM = re.compile(r"(?P<key>[a-z_]+)(?P<op>!~|~|=)(?P<value>\"(?:[^\"\\]|\\.)*\"|/(?:[^/\\]|\\.)*/|\S*)(?:\s+|$)")


class ScenarioError(Exception):
	"""A scenario file that cannot be read; the text names file and line."""


@dataclass
class ReplyExpect:
	"""One S: line. `code` may contain x; `any` matches anything."""
	line: int
	code: str
	enhanced: str = ""
	regex: str = ""


@dataclass
class Step:
	"""One thing the client does. kind: command (data = the line without CRLF), message (name), cut, pause (ms).
	`expect` is never None for commands and messages: a missing S: line gives 2xx, 354 for DATA."""
	kind: str
	line: int
	data: bytes = b""
	name: str = ""
	ms: int = 0
	expect: ReplyExpect = None

	@property
	def verb(self):
		"""The command's first word in capitals."""
		return self.data.split(b" ")[0].split(b":")[0].decode("latin-1").upper()


@dataclass
class Connection:
	"""One client: section. `banner` is what must greet it."""
	line: int
	address: str
	port: int = 0
	auth: str = ""
	banner: ReplyExpect = None
	steps: list = field(default_factory=list)


@dataclass
class Message:
	"""One message: section. `headers` are (name, value) octets with the value as after the colon; `raw` has CRLF ends,
	unstuffed."""
	name: str
	line: int
	raw: bytes = b""
	headers: list = field(default_factory=list)
	body: bytes = b""
	message_id: str = ""


@dataclass
class HeaderExpect:
	"""One line of headers:. sign: + - = ^; `text` may be /a regular expression/; count with = only."""
	line: int
	sign: str
	name: str
	text: str = ""
	count: int = 0


@dataclass
class DeliveryExpect:
	"""One headers: section: what became of message `name`."""
	name: str
	line: int
	held: bool = False
	fields: list = field(default_factory=list)


@dataclass
class LogTerm:
	"""One term of a log: line. op: =, ~, !~; a value in slashes is a regular expression (with =)."""
	key: str
	op: str
	value: str


@dataclass
class LogExpect:
	"""One line of log:."""
	line: int
	text: str
	terms: list = field(default_factory=list)


@dataclass
class Scenario:
	"""A whole file. config: (line, "option=value"); zone: (line, "name TYPE data"); log None: not looked at."""
	path: str
	title: str = ""
	why: str = ""
	only: str = ""
	config: list = field(default_factory=list)
	zone: list = field(default_factory=list)
	connections: list = field(default_factory=list)
	messages: dict = field(default_factory=dict)
	deliveries: list = field(default_factory=list)
	log: list = None

	@property
	def name(self):
		"""The file's name without folder and ending."""
		return os.path.splitext(os.path.basename(self.path))[0]

	def overrides(self):
		"""What goes behind -o, in order: the baseline, then the scenario's own."""
		own = [text for _line, text in self.config]
		named = {text.partition("=")[0] for text in own}
		return [text for text in BASELINE if text.partition("=")[0] not in named] + own

	def zone_text(self):
		"""The zone as a file."""
		return "".join(text + "\n" for _line, text in self.zone)

	def runs_with(self, runner):
		"""Is it meant for this runner ("milter" or "lab")?"""
		return self.only in ("", runner)


def octets(text):
	"""Text of a scenario as octets: UTF-8, \\xHH and \\\\ undone."""
	def undo(match):
		return b"\\" if match[0] == b"\\\\" else bytes([int(match[0][2:], 16)])
	return re.sub(rb"\\x[0-9A-Fa-f]{2}|\\\\", undo, text.encode("utf-8"))


def scenario_files(folder=None):
	"""Paths of all scenarios, sorted."""
	folder = folder or os.path.dirname(os.path.abspath(__file__))
	return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".scenario"))


def read_scenario(path):
	"""The Scenario of a file. Raises ScenarioError."""
	with open(path, encoding="utf-8") as file:
		return _Reader(path).read(file.read().split("\n"))


class _Reader:
	"""Splits the file into sections and hands each to its method."""

	def __init__(self, path):
		self.scenario = Scenario(path=path)

	def fail(self, line, why):
		raise ScenarioError(f"{self.scenario.path}:{line}: {why}")

	def read(self, lines):
		for line, keyword, rest, block in self.sections(lines):
			method = getattr(self, "section_" + keyword, None)
			if method is None:
				known = ", ".join(sorted(name[8:] for name in dir(self) if name.startswith("section_")))
				self.fail(line, f"unknown section {keyword!r}: known are {known}")
			method(line, rest, block)
		self.check()
		return self.scenario

	def sections(self, lines):
		"""Yields (line, keyword, rest of the line, [(line, text with its indentation)])."""
		current = None
		for number, text in enumerate(lines, 1):
			if text.startswith("#"):
				continue
			if not text.strip() or text[0] in " \t":
				if current is not None:
					current[3].append((number, text))
				elif text.strip():
					self.fail(number, "an indented line before the first section")
				continue
			match = _SECTION.match(text)
			if not match:
				self.fail(number, f"neither a section (\"keyword:\") nor indented: {text!r}")
			if current is not None:
				yield current
			current = (number, match["keyword"], (match["rest"] or "").strip(), [])
		if current is not None:
			yield current

	@staticmethod
	def joined(block):
		"""The block's lines without indentation and empty ones; deeper ones joined to the line above."""
		found, margin = [], None
		for number, text in block:
			if not text.strip():
				continue
			depth = len(text) - len(text.lstrip())
			margin = depth if margin is None else margin
			if depth > margin and found:
				found[-1] = (found[-1][0], found[-1][1] + " " + text.strip())
			else:
				found.append((number, text.strip()))
		return found

	def one_text(self, line, rest, block, keyword):
		text = " ".join([rest] + [part for _number, part in self.joined(block)]).strip()
		if not text:
			self.fail(line, f"{keyword}: says nothing")
		return text

	def section_title(self, line, rest, block):
		self.scenario.title = self.one_text(line, rest, block, "title")

	def section_why(self, line, rest, block):
		self.scenario.why = self.one_text(line, rest, block, "why")

	def section_only(self, line, rest, block):
		if rest not in RUNNERS or self.joined(block):
			self.fail(line, f"only: must be one of {', '.join(RUNNERS)}")
		self.scenario.only = rest

	def section_config(self, line, rest, block):
		entries = ([(line, rest)] if rest else []) + self.joined(block)
		for number, text in entries:
			if not re.match(r"[a-z0-9_.]+=", text):
				self.fail(number, f"must be option=value, as given with -o: {text!r}")
			self.scenario.config.append((number, text))

	def section_zone(self, line, rest, block):
		entries = ([(line, rest)] if rest else []) + self.joined(block)
		for number, text in entries:
			if len(text.split()) < 3:
				self.fail(number, f"must be \"name TYPE data\": {text!r}")
			self.scenario.zone.append((number, text))

	def section_client(self, line, rest, block):
		words = rest.split()
		if not words or self.joined(block):
			self.fail(line, "must be \"client: ADDRESS [port N] [auth=USER]\" on one line")
		try:
			connection = Connection(line=line, address=str(ipaddress.ip_address(words[0])))
		except ValueError:
			self.fail(line, f"not an IP address: {words[0]!r}")
		rest = " ".join(words[1:])
		match = re.fullmatch(r"(?:port[ =](?P<port>\d{1,5}))?\s*(?:auth[ =](?P<auth>\S+))?", rest)
		if not match:
			self.fail(line, f"after the address only \"port N\" and \"auth=USER\" may follow: {rest!r}")
		connection.port, connection.auth = int(match["port"] or 0), match["auth"] or ""
		connection.banner = ReplyExpect(line, "220")
		self.scenario.connections.append(connection)

	def section_smtp(self, line, rest, block):
		if not self.scenario.connections:
			self.fail(line, "smtp: needs a client: before it")
		connection = self.scenario.connections[-1]
		if connection.steps:
			self.fail(line, "this client: has an smtp: already; begin another connection with client:")
		expect_for, seen_client = None, False
		for number, text in ([(line, rest)] if rest else []) + self.joined(block):
			if text.startswith("S:"):
				reply = self.reply(number, text[2:].strip())
				if expect_for is not None:
					expect_for.expect, expect_for = reply, None
				elif not seen_client:
					connection.banner, seen_client = reply, True
				else:
					self.fail(number, "an S: without a C: or M: before it")
				continue
			seen_client = True
			step = self.step(number, text)
			connection.steps.append(step)
			expect_for = step if step.kind in ("command", "message") else None

	def step(self, number, text):
		if text.startswith("C:"):
			step = Step("command", number, data=octets(text[2:].strip()))
			step.expect = ReplyExpect(number, "354" if step.verb == "DATA" else "2xx")
			return step
		if text.startswith("M:"):
			return Step("message", number, name=text[2:].strip(), expect=ReplyExpect(number, "2xx"))
		if text == "cut":
			return Step("cut", number)
		match = re.fullmatch(r"pause (\d{1,5})", text)
		if match:
			return Step("pause", number, ms=int(match[1]))
		return self.fail(number, f"must begin with C:, S:, M:, or be cut or pause N: {text!r}")

	def reply(self, number, text):
		match = _REPLY.match(text)
		if not match:
			self.fail(number, f"must be CODE [ENHANCED] [/RE/], for example 550 5.7.1 /refused/: {text!r}")
		self.regex(number, match["regex"] or "")
		return ReplyExpect(number, match["code"], match["enhanced"] or "", match["regex"] or "")

	def regex(self, number, text):
		try:
			re.compile(text)
		except re.error as error:
			self.fail(number, f"not a regular expression: {text!r} ({error})")

	def section_message(self, line, rest, block):
		if not re.fullmatch(r"[a-z0-9_-]+", rest):
			self.fail(line, "message: needs a name of small letters, digits, - and _")
		if rest in self.scenario.messages:
			self.fail(line, f"message {rest!r} is there already")
		while block and not block[-1][1].strip():
			block = block[:-1]
		if not block:
			self.fail(line, "the message is empty")
		first = next(text for _number, text in block if text.strip())
		margin = first[:len(first) - len(first.lstrip())]
		message = Message(rest, line)
		lines = []
		for number, text in block:
			if text.strip() and not text.startswith(margin):
				self.fail(number, "is indented less than the first line of its message")
			lines.append(octets(text[len(margin):]))
		message.raw = b"".join(text + b"\r\n" for text in lines)
		self.split_message(message, lines)
		self.scenario.messages[rest] = message

	def split_message(self, message, lines):
		end = lines.index(b"") if b"" in lines else len(lines)
		for offset, text in enumerate(lines[:end]):
			if text[:1] in b" \t" and message.headers:
				name, value = message.headers[-1]
				message.headers[-1] = (name, value + b"\n" + text)
			elif b":" in text:
				name, _colon, value = text.partition(b":")
				message.headers.append((name, value))
			else:
				self.fail(message.line + 1 + offset, f"no header field: {text!r} (an empty line ends the headers)")
		message.body = b"".join(text + b"\r\n" for text in lines[end + 1:])
		ids = [value.strip().decode("latin-1") for name, value in message.headers if name.lower() == b"message-id"]
		if not ids:
			self.fail(message.line, "the message needs a Message-ID, by which the laboratory finds it")
		message.message_id = ids[0]

	def section_headers(self, line, rest, block):
		words = rest.split()
		if not words or words[1:] not in ([], ["held"]):
			self.fail(line, "must be \"headers: MESSAGE\" or \"headers: MESSAGE held\"")
		delivery = DeliveryExpect(words[0], line, held=words[1:] == ["held"])
		for number, text in self.joined(block):
			delivery.fields.append(self.header(number, text))
		self.scenario.deliveries.append(delivery)

	def header(self, number, text):
		match = _COUNT.match(text)
		if match:
			return HeaderExpect(number, "=", match["name"], count=int(match["count"]))
		match = _HEADER.match(text)
		if not match or (match["sign"] == "+" and match["text"] is None):
			self.fail(number, f"must be \"+ NAME: TEXT\", \"- NAME[: TEXT]\", \"= N NAME\" or \"^ NAME\": {text!r}")
		value = match["text"] or ""
		if len(value) > 1 and value[0] == value[-1] == "/":
			self.regex(number, value[1:-1])
		return HeaderExpect(number, match["sign"], match["name"], text=value)

	def section_log(self, line, rest, block):
		self.scenario.log = self.scenario.log or []
		for number, text in ([(line, rest)] if rest else []) + self.joined(block):
			expect, position = LogExpect(number, text), 0
			while position < len(text):
				match = _LOG_TERM.match(text, position)
				if not match:
					self.fail(number, f"must be key=value, key~text, key!~text or key=/re/: {text[position:]!r}")
				value = match["value"]
				if value[:1] == '"':
					value = re.sub(r"\\(.)", r"\1", value[1:-1])
				elif value[:1] == "/" and value[-1:] == "/" and len(value) > 1:
					self.regex(number, value[1:-1])
				expect.terms.append(LogTerm(match["key"], match["op"], value))
				position = match.end()
			self.scenario.log.append(expect)

	def check(self):
		"""What can only be seen when the whole file was read."""
		scenario = self.scenario
		if not scenario.title:
			self.fail(1, "title: is missing")
		if not scenario.connections:
			self.fail(1, "client: is missing")
		sent = []
		for connection in scenario.connections:
			if not connection.steps:
				self.fail(connection.line, "this client: has no smtp:")
			for step in connection.steps:
				if step.kind != "message":
					continue
				if step.name not in scenario.messages:
					self.fail(step.line, f"there is no message: {step.name}")
				if step.name in sent:
					self.fail(step.line, f"message {step.name} is sent twice; give each its own Message-ID")
				sent.append(step.name)
		for delivery in scenario.deliveries:
			if delivery.name not in sent:
				self.fail(delivery.line, f"message {delivery.name} is never sent (M: {delivery.name})")
