# SPDX-License-Identifier: BSD-2-Clause
"""expect - compares what happened with what a scenario expects. Every function returns a list of complaints, empty when
all is well.

Shared by both runners; each complaint begins with "FILE:LINE:" so that it can be clicked.
"""
import re

from logline import LogLine


def _is_regex(text):
	return len(text) > 1 and text[0] == text[-1] == "/"


def _code_matches(pattern, text):
	return pattern == "any" or re.fullmatch(pattern.replace(".", r"\.").replace("x", r"\d+" if "." in pattern
			else r"\d"), text)


def split_reply(line):
	"""("550", "5.7.1", "text") of "550 5.7.1 text"; the enhanced code may be absent."""
	match = re.match(r"(\d{3})[ -]?(?:([245]\.\d{1,3}\.\d{1,3})(?: |$))?(.*)", line, re.S)
	return (match[1], match[2] or "", match[3]) if match else ("", "", line)


def check_reply(scenario, expect, reply, what=""):
	"""`reply` is the server's answer as one line ("550 5.7.25 text")."""
	code, enhanced, text = split_reply(reply)
	where = f"{scenario.path}:{expect.line}: {what + ': ' if what else ''}"
	wanted = " ".join(part for part in (expect.code, expect.enhanced, f"/{expect.regex}/" if expect.regex else "")
			if part)
	if not _code_matches(expect.code, code) or (expect.enhanced and not _code_matches(expect.enhanced, enhanced)):
		return [f"{where}expected {wanted}, got {reply!r}"]
	if expect.regex and not re.search(expect.regex, text):
		return [f"{where}expected {wanted}, got {reply!r}"]
	return []


def unfold(value):
	"""A field's value as one line: folding undone, outer blanks gone."""
	return re.sub(r"\r?\n[ \t]+", " ", value).strip()


def _header_matches(text, value):
	return re.search(text[1:-1], value) if _is_regex(text) else text in value


def check_headers(scenario, delivery, fields):
	"""`fields` are (name, value) texts of the message as delivered, from the top."""
	complaints = []
	for expect in delivery.fields:
		values = [unfold(value) for name, value in fields if name.lower() == expect.name.lower()]
		hits = [value for value in values if _header_matches(expect.text, value)]
		where = f"{scenario.path}:{expect.line}: message {delivery.name}: "
		if expect.sign == "+" and not hits:
			complaints.append(f"{where}no {expect.name} with {expect.text!r}; there is {values}")
		elif expect.sign == "-" and hits:
			complaints.append(f"{where}{expect.name} should not be there: {hits}")
		elif expect.sign == "=" and len(values) != expect.count:
			complaints.append(f"{where}{expect.count} fields {expect.name} expected, there are {len(values)}: {values}")
		elif expect.sign == "^" and not _on_top(expect, fields):
			names = [name for name, _value in fields]
			complaints.append(f"{where}{expect.name} is not above the first Received: {names}")
	for name, value in fields:
		if name.lower().startswith(("x-spam-", "authentication-results", "received-spf")) and not _clean(value):
			where = f"{scenario.path}:{delivery.line}: message {delivery.name}: "
			complaints.append(f"{where}{name} is not clean ASCII: {value!r}")
	return complaints


def _on_top(expect, fields):
	names = [name.lower() for name, _value in fields]
	if expect.name.lower() not in names:
		return False
	first = names.index(expect.name.lower())
	if expect.text and not _header_matches(expect.text, unfold(fields[first][1])):
		return False
	return "received" not in names[:first]


def _clean(value):
	return all(" " <= c <= "~" or c in "\t\n\r" for c in value)


def _number(text):
	try:
		return float(text)
	except ValueError:
		return None


def term_holds(term, line: LogLine):
	"""Does one term of a log: line hold for a verdict?"""
	value = line.queue_id if term.key == "queue_id" else line.get(term.key, "")
	if term.op == "~":
		return term.value in value
	if term.op == "!~":
		return term.value not in value
	if _is_regex(term.value):
		return re.search(term.value[1:-1], value) is not None
	if term.key in ("score", "threshold") and _number(term.value) is not None and _number(value) is not None:
		return abs(_number(term.value) - _number(value)) < 1e-9
	return term.value == value


def check_log(scenario, lines):
	"""`lines` are the LogLine of the scenario, in the order in which they were written."""
	if scenario.log is None:
		return []
	complaints = []
	if len(lines) != len(scenario.log):
		first = scenario.log[0].line if scenario.log else 1
		shown = "".join("\n        " + line.raw for line in lines)
		counts = f"{len(scenario.log)} log lines expected, there are {len(lines)}"
		complaints.append(f"{scenario.path}:{first}: {counts}:{shown}")
	for expect, line in zip(scenario.log, lines):
		for term in expect.terms:
			if not term_holds(term, line):
				what = f"{term.key}{term.op}{term.value} does not hold in"
				complaints.append(f"{scenario.path}:{expect.line}: {what}\n        {line.raw}")
	return complaints
