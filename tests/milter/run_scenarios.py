# SPDX-License-Identifier: BSD-2-Clause
"""run_scenarios - every scenario through the milter client: no Postfix, no network, DNS from the scenario's zone.

    MAILREEVE=build/mailreeve python3 tests/milter/run_scenarios.py [-v] [NAME ...]

A scenario that looks at delivered headers runs twice: with Postfix's numbering of header fields and with Sendmail's.
Output: `ok NAME` or `FAILED NAME` with the complaints, then the counts; the exit code is 1 when one failed. -v shows
the log of failures.
"""
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from daemon import Daemon, wait_until
from mta import SLOWNESS
from mta_view import client_macros
from smfi import Closed, ProtocolError
from smtp_front import SmtpFront

import expect  # noqa: I001  (tests/scenarios, put on the path by daemon)
import logline
import scenario as scenarios

AT_ONCE = 4
SETTLE_S = 5 * SLOWNESS  # for the last log lines


def run_connection(daemon, scenario, connection, mta, delivered, complaints):
	"""One client: section, from the banner to QUIT."""
	front = SmtpFront(daemon.session(mta=mta), connection.address, connection.port, connection.auth,
					  client_macros(scenario.zone, connection.address))
	complaints += expect.check_reply(scenario, connection.banner, front.banner(), "banner")
	quit_seen = False
	for step in connection.steps:
		if step.kind == "pause":
			time.sleep(step.ms / 1000)
			continue
		if step.kind == "cut":
			front.cut()
			return
		if step.kind == "message":
			message = scenario.messages[step.name]
			reply, outcome = front.message(message.headers, message.body)
			delivered[step.name] = outcome
			complaints += expect.check_reply(scenario, step.expect, reply, f"message {step.name}")
			continue
		quit_seen = quit_seen or step.verb == "QUIT"
		complaints += expect.check_reply(scenario, step.expect, front.command(step.data), step.data.decode("latin-1"))
	if not quit_seen:
		front.command(b"QUIT")


def check_delivery(scenario, expected, outcome):
	"""The headers: section of one message."""
	where = f"{scenario.path}:{expected.line}: message {expected.name}: "
	if outcome is None or not outcome.accepted:
		return [f"{where}was not delivered"]
	if expected.held != bool(outcome.quarantined):
		return [f"{where}{'is not' if expected.held else 'is'} on hold"]
	return expect.check_headers(scenario, expected, outcome.fields)


def check_log(scenario, daemon):
	"""The log: section, once all its lines had time to come."""
	wanted = len(scenario.log or ())
	try:
		wait_until(lambda: len(daemon.verdicts()) >= wanted, "the log", SETTLE_S)
	except AssertionError:
		pass
	return expect.check_log(scenario, daemon.verdicts())


def run_scenario(path, mta="postfix"):
	"""(complaints, the daemon's log) of one scenario."""
	scenario = scenarios.read_scenario(path)
	complaints, delivered = [], {}
	with Daemon(scenario.overrides(), scenario.zone_text(), config=os.devnull) as daemon:
		try:
			for connection in scenario.connections:
				run_connection(daemon, scenario, connection, mta, delivered, complaints)
			for expected in scenario.deliveries:
				complaints += check_delivery(scenario, expected, delivered.get(expected.name))
			for name, outcome in delivered.items():
				complaints += [f"{path}: message {name}: {trouble}" for trouble in (outcome.trouble if outcome else [])]
			complaints += check_log(scenario, daemon)
		except (Closed, ProtocolError, OSError, logline.LogLineError) as error:
			complaints.append(f"{path}: {type(error).__name__}: {error}")
		code = daemon.stop()
		if code != 0:
			complaints.append(f"{path}: the daemon ended with {code}")
		return complaints, daemon.log_text()


def chosen(words):
	"""(name, path, title, mta) of each run whose scenario's name contains one of the words."""
	for path in scenarios.scenario_files():
		name = os.path.splitext(os.path.basename(path))[0]
		if words and not any(word in name for word in words):
			continue
		scenario = scenarios.read_scenario(path)
		if scenario.runs_with("milter"):
			for mta in ("postfix", "sendmail") if scenario.deliveries else ("postfix",):
				yield name, path, scenario.title, mta


def run_one(run):
	_name, path, _title, mta = run
	try:
		return run_scenario(path, mta)
	except AssertionError as error:
		return [str(error)], ""


def run_all(words, verbose):
	"""Several at a time, since most of the time is spent waiting; told in their order. The exit code."""
	runs = list(chosen(words))
	failed = 0
	with ThreadPoolExecutor(AT_ONCE) as pool:
		for (name, _path, title, mta), (complaints, log) in zip(runs, pool.map(run_one, runs)):
			label = f"{name}: {title}" if mta == "postfix" else f"{name}: with Sendmail's numbering"
			print(("FAILED " if complaints else "ok ") + label, flush=True)
			failed += bool(complaints)
			for complaint in complaints:
				print("    " + complaint)
			if complaints and verbose:
				print("".join("    | " + line + "\n" for line in log.split("\n")))
	print(f"{len(runs)} scenarios run, {failed} failed")
	return 1 if failed or not runs else 0


if __name__ == "__main__":
	try:
		sys.exit(run_all([word for word in sys.argv[1:] if not word.startswith("-")], "-v" in sys.argv[1:]))
	except scenarios.ScenarioError as error:
		sys.exit(str(error))
