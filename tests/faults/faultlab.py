# SPDX-License-Identifier: BSD-2-Clause
"""faultlab - what the tests of faults share: the paths of the other tests' parts, a runner, an SMTP session as a few
numbers, and figures about processes.

Output: `ok - NAME: what was seen` or `not ok - NAME: why`, then the counts.
"""
import os
import re
import sys
import time
import traceback
from email.utils import formatdate

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.path.abspath(os.environ.get("SRCDIR") or os.path.join(HERE, "..", ".."))
for _part in ("scenarios", "tools", "milter", "lab"):
	sys.path.insert(0, os.path.join(SRCDIR, "tests", _part))

from logline import parse_log_line  # noqa: E402  (after the path)
from postfix import MAILBOXES  # noqa: E402
from smtp_client import Gone  # noqa: E402

EXIT_SKIPPED = 77


class Failed(Exception):
	"""A test's expectation does not hold."""


def expect(condition, text):
	"""Fail with the text unless the condition holds."""
	if not condition:
		raise Failed(text)


def wait_until(condition, what, patience_s=60):
	"""Poll until `condition()` is true; its value."""
	end = time.monotonic() + patience_s
	while True:
		value = condition()
		if value:
			return value
		expect(time.monotonic() < end, f"waited {patience_s} s in vain for {what}")
		time.sleep(0.005)


def run_tests(tests, prepare=lambda: (), after=lambda: None):
	"""Run (name, function) pairs whose names contain a word of the command line; the exit status. Each gets what
	prepare() returns as its arguments; after() cleans up behind each."""
	words = [word for word in sys.argv[1:] if not word.startswith("-")]
	failed = done = 0
	for name, test in tests:
		if words and not any(word in name for word in words):
			continue
		done += 1
		begin, why, note = time.monotonic(), "", ""
		try:
			note = test(*prepare())
		except Exception as error:  # a test may fail in any way; the next one runs all the same
			why = f"{type(error).__name__}: {error}"
			if "-v" in sys.argv:
				traceback.print_exc()
		try:
			after()
		except RuntimeError as error:
			why = why or str(error)
		failed += bool(why)
		took = f"{time.monotonic() - begin:.1f} s"
		print(f"not ok - {name} ({took}): {why}" if why else f"ok - {name} ({took}){': ' + note if note else ''}", flush=True)
	print(f"{done - failed} passed, {failed} failed")
	return 1 if failed or not done else 0


def tests_of(names):
	"""The functions test_* of a module's globals(), in their order."""
	return [(name[5:], test) for name, test in names.items() if name.startswith("test_") and callable(test)]


def option(name, default):
	"""A whole number from the environment."""
	return int(os.environ.get(name) or default)


# ---- SMTP

class Sent:
	"""What came of a message: each command's reply and how long it took; `stage` is where it ended. `lost`: the server
	closed the connection without an answer."""

	def __init__(self):
		self.replies, self.waits_s, self.lost = {}, {}, ""

	@property
	def stage(self):
		"""The command that was answered last."""
		return list(self.replies)[-1] if self.replies else "banner"

	@property
	def code(self):
		"""The last reply's code, "" when there was none."""
		return self.replies[self.stage].code if self.replies and not self.lost else ""

	@property
	def accepted(self):
		"""Did the server take the message?"""
		return self.stage == "content" and self.code == "250" and not self.lost

	@property
	def queue_id(self):
		"""The queue id that Postfix told, or ""."""
		found = re.search(r"queued as ([A-Za-z0-9]+)", str(self.replies.get("content", "")))
		return found.group(1) if found else ""

	def __str__(self):
		return self.lost or f"{self.replies.get(self.stage)} at {self.stage}"


def say(sent, stage, ask):
	"""One step: `ask()` returns a Reply. Is it good?"""
	begin = time.monotonic()
	sent.replies[stage] = ask()
	sent.waits_s[stage] = time.monotonic() - begin
	return sent.replies[stage].good


def send(lab, source, octets, sender="alice@example.net", rcpts=("bob@example.org",), helo="client.example"):
	"""A whole session with one message; a Sent."""
	sent = Sent()
	try:
		with lab.client(source) as client:
			commands = [("banner", client.reply), ("helo", lambda: client.command(f"EHLO {helo}")),
			            ("mail", lambda: client.command(f"MAIL FROM:<{sender}>"))]
			commands += [("rcpt", lambda rcpt=rcpt: client.command(f"RCPT TO:<{rcpt}>")) for rcpt in rcpts]
			commands += [("data", lambda: client.command(b"DATA")), ("content", lambda: client.message(octets))]
			if all(say(sent, stage, ask) for stage, ask in commands):
				client.command(b"QUIT")
	except (Gone, OSError) as error:
		sent.lost = f"{type(error).__name__} behind {sent.stage}: {error}"
	return sent


def message(message_id, body="Hello.\r\n", more=""):
	"""A message that nobody can object to, as octets; `more`: header fields with their line ends."""
	return (f"From: Alice <alice@example.net>\r\nTo: bob@example.org\r\nSubject: a test\r\nDate: {formatdate()}\r\n"
	        f"Message-ID: {message_id}\r\n{more}\r\n{body}").encode()


def undelivered(message_ids, patience_s=30):
	"""Those of the messages that do not come to the mailbox."""
	left, seen, end = set(message_ids), set(), time.monotonic() + patience_s
	while left and time.monotonic() < end:
		folder = MAILBOXES + "/inbox/new"
		for name in set(os.listdir(folder) if os.path.isdir(folder) else ()) - seen:
			seen.add(name)
			with open(f"{folder}/{name}", "rb") as file:
				head = file.read().partition(b"\n\n")[0]
			left -= {found.decode() for found in re.findall(rb"(?mi)^message-id:\s*(<[^>]*>)", head)}
		time.sleep(0.05)
	return sorted(left)


class Verdicts:
	"""Reads mailreeve's verdicts from the laboratory's log since it was made."""

	def __init__(self, lab):
		self.lab, self.log, self.found, self.others = lab, lab.log(), [], []

	def read(self):
		"""All of them so far; LogLineError when one is malformed."""
		self.lab.syslogd.sync()
		for line in self.log.lines():
			if " mailreeve[" in line:
				verdict = parse_log_line(line)
				if verdict:
					self.found.append(verdict)
				else:
					self.others.append(line)
		return list(self.found)

	def said(self, words):
		"""Lines that are no verdicts and contain the words."""
		self.read()
		return [line for line in self.others if words in line]


# ---- processes

def fd_count(pid):
	"""How many descriptors a process has open."""
	return len(os.listdir(f"/proc/{pid}/fd"))


def status_of(pid, key):
	"""A number of /proc/PID/status: "VmRSS" (kilobytes), "Threads"."""
	with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
		return next((int(line.split()[1]) for line in file if line.startswith(key + ":")), 0)


def percentile(values, share):
	"""The value that `share` of them do not exceed."""
	ordered = sorted(values)
	return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def latencies(seconds):
	"""Median, p99 and the longest in words."""
	p50, p99 = (percentile(seconds, share) * 1000 for share in (0.5, 0.99))
	return f"n={len(seconds)} p50={p50:.1f} p99={p99:.1f} max={max(seconds, default=0) * 1000:.1f} ms"
