# SPDX-License-Identifier: BSD-2-Clause
"""demo_show - the demonstration on a terminal of 100 columns: plain when it is no terminal, or with NO_COLOR."""
import os
import re
import sys
import textwrap

WIDTH = 100
LABEL = 10
COLUMN = 22
COLOURS = {"bold": "1", "dim": "2", "accept": "32", "tag": "33", "quarantine": "33", "defer": "33", "reject": "31"}
MTA_FIELDS = ("return-path", "x-original-to", "delivered-to", "received")
sys.stdout.reconfigure(errors="replace")
COLOURED = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour(name, text):
	"""The text in a colour, on a terminal."""
	return f"\033[{COLOURS[name]}m{text}\033[0m" if COLOURED and name in COLOURS else text


def say(text=""):
	"""A line, at once."""
	print(text.rstrip(), flush=True)


def wrapped(text, indent="", hanging=None):
	"""Paragraph lines that fit behind `indent`."""
	return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if hanging is None else hanging,
	                     break_long_words=True, break_on_hyphens=False)


def labelled(label, lines, style=""):
	"""The label in front of the first line, all lines behind its column."""
	for number, line in enumerate(lines):
		head = f"  {label if number == 0 else '':<{LABEL - 2}}"
		say(colour("dim", head) + (colour(style, line) if style else line))


def fold(text, hanging=2):
	"""Lines of at most the room beside the label."""
	return textwrap.wrap(text, WIDTH - LABEL, subsequent_indent=" " * hanging, break_on_hyphens=False) or [""]


def printable(octets):
	"""Octets as a person may see them."""
	text = octets.decode("utf-8", "backslashreplace") if isinstance(octets, bytes) else octets
	return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


# ---- one message

def heading(number, title):
	"""A rule with number and title."""
	text = f"─── {number}. {title} "
	say()
	say(colour("bold", text + "─" * (WIDTH - len(text))))


def _unfold(value):
	return re.sub(r"\r?\n[ \t]+", " ", value).strip()


def added_and_removed(outcome):
	"""Field texts that the filter added, and those of the sender that are gone."""
	sent = [f"{name}: {_unfold(value)}" for name, value in outcome.sent]
	got = [f"{name}: {_unfold(value)}" for name, value in outcome.fields if name.lower() not in MTA_FIELDS]
	return [text for text in got if text not in sent], [text for text in sent if text not in got]


def log_cells(verdict):
	"""The log line's tokens, in its own order; a list of facts is broken between facts."""
	cells = [f"{verdict.queue_id}:"]
	quoted = dict(re.findall(r' ([a-z_]+)=("(?:[^"\\]|\\.)*")', verdict.raw))
	for key in verdict.order:
		cells.append(f"{key}={quoted.get(key, verdict[key])}")
	return cells


def aligned(cells):
	"""Cells in columns of equal width: the keys stand below one another. A long cell takes several, or lines of its own."""
	room, lines, line = WIDTH - LABEL, [], ""
	for cell in cells:
		start = (len(line) // COLUMN + 1) * COLUMN if line else 0
		if line and start + len(cell) > room:
			lines.append(line)
			line, start = "", 0
		line = line.ljust(start) + cell
		if len(line) > room:
			lines += textwrap.wrap(line, room, subsequent_indent=" " * (cell.find("=") + 2), break_on_hyphens=False)
			line = ""
	return lines + [line] if line else lines


def coloured_action(line):
	"""The verdict's action in its colour."""
	return re.sub(r"\b((?:action|would)=([a-z]+))", lambda match: colour(match[2], match[1]), line)


def show(number, outcome):
	"""Everything about one message."""
	case = outcome.case
	heading(number, case.title)
	for line in wrapped(case.what, "  "):
		say(line)
	say()
	login = f", AUTH {case.auth}" if case.auth else ""
	envelope = f"[{case.client}] EHLO {printable(case.helo)}{login}, MAIL FROM:<{case.sender}>"
	labelled("sender", fold(envelope))
	for command, reply in outcome.replies:
		text = f"{reply.code} " + " ".join(reply.lines)
		labelled("reply", fold(f"{command}  →  {text}", 4), "" if reply.good else "reject")
	show_headers(outcome)
	for verdict in outcome.verdicts:
		labelled("log", [coloured_action(line) for line in aligned(log_cells(verdict))])


def show_headers(outcome):
	"""Fields that came and went; nothing for a message that was refused."""
	if outcome.fields is None:
		return
	added, removed = added_and_removed(outcome)
	for label, texts in (("added", added), ("removed", removed)):
		lines = [line for text in texts for line in fold(text)]
		labelled(label, lines)


# ---- the end

def summary(outcomes):
	"""The table; the number of messages that came out otherwise than described."""
	say()
	say(colour("bold", f" {'':>2} {'message':<46} {'reply':<5} {'score':>6}  {'verdict':<21} mostly because of"))
	wrong = 0
	for number, outcome in enumerate(outcomes, 1):
		row, right = _row(number, outcome)
		wrong += not right
		say(row)
		if not right:
			say(colour("reject", f"    NOT AS DESCRIBED: it should have been {outcome.case.action}"))
	return wrong


def _row(number, outcome):
	"""(its row of the table, did it come out as described)."""
	last = outcome.replies[-1][1].code if outcome.replies else "-"
	row = f" {number:>2} {outcome.case.title:<46} {last:<5} "
	if not outcome.verdicts:
		return row + f"{'-':>6}  no verdict", False
	verdict = outcome.verdicts[-1]
	action, would = verdict["action"], verdict.get("would")
	text = f"{action} (would {would})" if would else action
	row += f"{verdict['score']:>6}  " + colour(action, f"{text:<21}") + " " + _because(verdict)
	return row, action == outcome.case.action


def _because(verdict):
	"""What weighed most, and how much else there was."""
	if verdict["decided_by"].startswith("exempt"):
		return verdict["decided_by"]
	weights = {name: points for name, (points, _detail) in verdict.facts.items() if points}
	names = sorted(weights, key=lambda name: -abs(weights[name])) + [f"{name}?" for name in verdict.unsure]
	return (names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")) if names else ""


ATTACH = """
To put it in front of your own Postfix (the README has every step, chrooted or not, and Sendmail):

  mailreeve.conf   mode = "monitor";      # for the first days: judges and logs, changes nothing
                   socket = "unix:/var/spool/postfix/mailreeve/mailreeve.sock";
  once             install -d -o mailreeve -g postfix -m 2750 /var/spool/postfix/mailreeve
  main.cf          smtpd_milters = unix:mailreeve/mailreeve.sock
                   milter_default_action = accept       # while mailreeve is away; or tempfail
  then             postfix reload

More to try: "tests/lab/lab.py shell" is this laboratory with a prompt; "tests/run" runs every test."""
