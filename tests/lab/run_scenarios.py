#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run_scenarios - every scenario through the real Postfix, with real DNS servers.

    MAILREEVE=build/mailreeve tests/lab/run_scenarios.py [-v] [NAME ...]

One laboratory with the zones of all of them; the daemon is started anew for each, with its overrides over the shipped
configuration. Output: `ok - NAME` or `not ok - NAME: why`, then the counts; the exit status is 1 when one failed, 77 when
this machine has no room for the laboratory. -v shows what was logged for each failure. NAME: only scenarios whose name contains it.
"""
import os
import sys
import time

import mailreeve
import namespace
import sasl
from dns_zones import list_zones
from lab import TOOLS, Lab
from postfix import header_fields
from smtp_client import Gone

sys.path.insert(0, os.path.join(mailreeve.SRCDIR, "tests", "scenarios"))

import expect  # noqa: E402  (after the path)
import logline  # noqa: E402
import scenario as scenarios  # noqa: E402


def authenticate(client, user):
	"""AUTH PLAIN; a complaint or nothing."""
	reply = client.command(b"AUTH PLAIN " + sasl.plain(user))
	return [] if reply.code == "235" else [f"AUTH as {user} failed: {reply}"]


def run_steps(client, scenario, connection):
	"""The conversation; complaints. QUIT is said at the end unless the file does."""
	complaints = expect.check_reply(scenario, connection.banner, str(client.reply()), "banner")
	quit_seen, reply = False, None
	for step in connection.steps:
		if step.kind == "pause":
			time.sleep(step.ms / 1000)
		elif step.kind == "cut":
			return complaints
		elif step.kind == "message":
			if reply is None or reply.code != "354":
				return complaints + [f"{scenario.path}:{step.line}: message {step.name} cannot be sent after {reply}"]
			reply = client.message(scenario.messages[step.name].raw)
			complaints += expect.check_reply(scenario, step.expect, str(reply), f"message {step.name}")
		else:
			quit_seen = quit_seen or step.verb == "QUIT"
			reply = client.command(step.data)
			complaints += expect.check_reply(scenario, step.expect, str(reply), step.data.decode("latin-1"))
			if step.verb == "EHLO" and connection.auth:
				complaints += authenticate(client, connection.auth)
	if not quit_seen:
		client.command(b"QUIT")
	return complaints


def check_delivery(lab, scenario, delivery):
	"""The headers: section of one message."""
	message_id = scenario.messages[delivery.name].message_id
	octets = lab.postfix.held(message_id) if delivery.held else lab.postfix.delivered(message_id)
	if octets is None:
		missed = "held" if delivery.held else "delivered"
		return [f"{scenario.path}:{delivery.line}: message {delivery.name} was not {missed}"]
	return expect.check_headers(scenario, delivery, header_fields(octets))


def check_log(scenario, lines):
	"""Every verdict that the daemon wrote into mail.log."""
	verdicts = [logline.parse_log_line(line) for line in lines if " mailreeve[" in line]
	return expect.check_log(scenario, [found for found in verdicts if found])


def run_scenario(lab, scenario):
	"""(complaints, lines of mail.log)."""
	complaints, lines = [], []
	log = lab.log()
	try:
		lab.daemon.start(scenario.overrides())
		for connection in scenario.connections:
			with lab.client(connection.address, source_port=connection.port) as client:
				complaints += run_steps(client, scenario, connection)
		for delivery in scenario.deliveries:
			complaints += check_delivery(lab, scenario, delivery)
	except (Gone, OSError, RuntimeError) as error:
		complaints.append(f"{scenario.path}: {type(error).__name__}: {error}")
	complaints += stop_daemon(lab, scenario)
	lab.syslogd.sync()
	lines = log.lines()
	try:
		complaints += check_log(scenario, lines)
	except logline.LogLineError as error:
		complaints.append(f"{scenario.path}: {error}")
	return complaints, lines


def stop_daemon(lab, scenario):
	"""Its end flushes the log; complaints when it does not end well."""
	try:
		status = lab.daemon.stop()
	except RuntimeError as error:
		return [f"{scenario.path}: {error}"]
	return [] if status in (0, None) else [f"{scenario.path}: mailreeve ended with {status}: {lab.daemon.stderr()}"]


def chosen(words):
	"""The scenarios to run, and those that this machine cannot run, with the reason."""
	found, skipped = [], []
	for path in scenarios.scenario_files():
		scenario = scenarios.read_scenario(path)
		if not scenario.runs_with("lab") or (words and not any(word in scenario.name for word in words)):
			continue
		needs_ipv6 = any(":" in connection.address for connection in scenario.connections)
		if needs_ipv6 and not namespace.has_ipv6():
			skipped.append((scenario, "there is no IPv6 here"))
		else:
			found.append(scenario)
	return found, skipped


def report(scenario, complaints, lines, verbose):
	"""One line, or a few for a failure."""
	if not complaints:
		print(f"ok - {scenario.name}", flush=True)
		return
	print(f"not ok - {scenario.name}: {complaints[0]}")
	for complaint in complaints[1:]:
		print("    " + complaint)
	for line in lines if verbose else ():
		print("    | " + line)
	sys.stdout.flush()


def run_all(words, verbose):
	"""The exit status."""
	found, skipped = chosen(words)
	for scenario, why in skipped:
		print(f"ok - {scenario.name} # SKIP {why}")
	zone = "".join(scenario.zone_text() for scenario in found)
	lists = set().union(*(list_zones(text) for scenario in found for text in scenario.overrides()))
	failed = 0
	with Lab(zone, lists) as lab:
		for scenario in found:
			complaints, lines = run_scenario(lab, scenario)
			failed += bool(complaints)
			report(scenario, complaints, lines, verbose)
	print(f"{len(found) - failed} passed, {failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
	return 1 if failed or not found else 0


def main():
	"""The command line."""
	mailreeve.program()
	namespace.enter(TOOLS)
	try:
		return run_all([word for word in sys.argv[1:] if not word.startswith("-")], "-v" in sys.argv[1:])
	except scenarios.ScenarioError as error:
		print(error)
		return 1


if __name__ == "__main__":
	sys.exit(main())
