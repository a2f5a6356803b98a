# SPDX-License-Identifier: BSD-2-Clause
"""test_protocol - everything an MTA may do in a session, and much that no MTA does: is every session served as the
protocol wants it?

    MAILREEVE=build/mailreeve python3 tests/milter/test_protocol.py [-v] [part of a name ...]
"""
import sys
import threading

import smfi
from daemon import Daemon, wait_until
from runner import run_tests

from logline import KEYS  # noqa: I001  (tests/scenarios, put on the path by daemon)

NAMELESS = "203.0.113.77"  # no PTR in the zone
NAMED = "203.0.113.78"
ZONE = f"""78.113.0.203.in-addr.arpa PTR named.example.net
named.example.net A {NAMED}
"""
REFUSE_NAMELESS = ["rdns.points.none=10.0", "policy.groups=()", "policy.rules=()"]
HEADERS = [("From", " Alice <alice@example.net>"), ("Subject", " hello"), ("Message-ID", " <p@example.net>")]


def started(daemon, address=NAMED, **options):
	"""A session behind HELO."""
	session = daemon.session(**options)
	session.start("named.example.net" if address == NAMED else "unknown", address, "named.example.net")
	return session


def check_serves(daemon):
	"""The daemon takes a whole message in a session of its own."""
	with started(daemon) as session:
		delivered = session.message()
		assert delivered.accepted, f"a plain message got {delivered.reply}"
		assert not delivered.trouble, delivered.trouble
		session.quit()


# ---- negotiation ----

def test_negotiation():
	with Daemon() as daemon, daemon.session() as session:
		wanted = session.negotiate()
		names = wanted.protocol_names()
		assert wanted.version == 6, wanted
		assert not names & {"NR_CONN", "NR_HELO", "NR_MAIL", "NR_RCPT", "NOCONNECT", "NOHELO", "NOMAIL", "NORCPT",
				"NOHDRS"}, names
		assert "HDR_LEADSPC" in names and "NR_HDR" in names, names
		needed = smfi.F_ADDHDRS | smfi.F_CHGHDRS | smfi.F_QUARANTINE
		assert wanted.actions & needed == needed, f"{wanted.actions:#x}"
		excess = smfi.F_CHGBODY | smfi.F_ADDRCPT | smfi.F_DELRCPT | smfi.F_CHGFROM | smfi.F_ADDRCPT_PAR
		assert not wanted.actions & excess, f"asks for more than it needs: {wanted.actions:#x}"
		session.quit()


def test_negotiation_macros():
	needed = {"connect": "{client_ptr} {client_name} {client_resolve} {client_port} {daemon_name} v j",
			"helo": "{tls_version}",
			  "mail": "{auth_authen} {auth_type}", "rcpt": "i {rcpt_host} {rcpt_mailer}", "eom": "i"}
	with Daemon() as daemon, daemon.session() as session:
		symbols = session.negotiate().symbols
		for stage, names in needed.items():
			missing = set(names.split()) - set(symbols.get(stage, ()))
			assert not missing, f"not asked for at {stage}: {missing}; asked for: {symbols}"
		session.quit()


def test_negotiation_same_for_every_session():
	with Daemon() as daemon:
		first = None
		for _turn in range(5):
			with daemon.session() as session:
				wanted = session.negotiate()
				first = first or wanted
				assert wanted == first, f"{wanted} after {first}"
				session.quit()


def test_old_mta():
	"""Protocol version 2 with the flags of that time: no symbol lists, no insertion, no quarantine asked for beyond
	what is offered."""
	offers = [(2, smfi.V2_ACTIONS, smfi.V2_PROTOCOL), (2, smfi.F_ADDHDRS, smfi.V2_PROTOCOL), (2, 0, 0),
			  (4, smfi.V2_ACTIONS & ~smfi.F_QUARANTINE, smfi.V2_PROTOCOL | smfi.P_NR_HDR), (6,
			  smfi.F_ADDHDRS | smfi.F_CHGHDRS, 0)]
	with Daemon(["policy.tag=2.0", "policy.quarantine=3.0", "policy.reject=off", "policy.groups=()"], ZONE) as daemon:
		for version, actions, protocol in offers:
			with daemon.session() as session:
				wanted = session.negotiate(version, actions, protocol)
				assert wanted.version <= version, wanted
				session.connect("unknown", NAMELESS)
				session.helo("old.example.net")
				delivered = session.message(headers=HEADERS)
				assert delivered.accepted, f"offer {version} {actions:#x} {protocol:#x}: {delivered.reply}"
				kinds = {change.kind for change in delivered.reply.modifications}
				allowed = {"addheader", "insheader"} if actions & smfi.F_ADDHDRS or not actions else set()
				allowed |= {"chgheader"} if actions & smfi.F_CHGHDRS or not actions else set()
				allowed |= {"quarantine"} if actions & smfi.F_QUARANTINE else set()
				assert kinds <= allowed, f"offer {actions:#x}: {kinds}"
				session.quit()
		check_serves(daemon)


# ---- ordinary conversations ----

def test_messages_in_one_connection():
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon:
		with started(daemon) as session:
			for _turn in range(10):
				assert session.message(headers=HEADERS).accepted
			session.quit()
		lines = daemon.wait_verdicts(10)
		assert len(lines) == 10 and len({line["sid"] for line in lines}) == 10, [line.raw for line in lines]
		assert len({line.queue_id for line in lines}) == 10


def test_rset_and_helo_again():
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon, NAMELESS) as session:
		session.mail("<one@example.net>")
		assert session.rcpt("<bob@example.org>").code == "550"
		session.abort()
		session.mail("<two@example.net>")
		assert session.rcpt("<postmaster@example.org>").kind == "continue"
		session.abort()
		session.helo("again.example.net")
		session.mail("<three@example.net>")
		assert session.rcpt("<bob@example.org>").code == "550"
		session.quit()
		lines = daemon.wait_verdicts(2)
		assert [line["from"] for line in lines] == ["<one@example.net>", "<three@example.net>"]
		assert [line["helo"] for line in lines] == ["<named.example.net>", "<again.example.net>"]


def test_starttls():
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon) as session:
		tls = {"{tls_version}": "TLSv1.3", "{cipher}": "TLS_AES_256_GCM_SHA384", "{cipher_bits}": "256"}
		assert session.helo("named.example.net", macros=tls).kind == "continue"
		assert session.message(headers=HEADERS).accepted
		session.quit()


def test_unknown_commands():
	with Daemon([], ZONE) as daemon, daemon.session() as session:
		session.negotiate(protocol=smfi.ALL_PROTOCOL & ~smfi.P_NOUNKNOWN)
		session.connect("named.example.net", NAMED)
		assert not session.unknown("FOO").refused
		session.helo("named.example.net")
		assert not session.unknown("BAR baz").refused
		session.mail("<first@example.net>")
		session.rcpt("<bob@example.org>")
		assert not session.unknown("BDAT 12 LAST").refused
		# Sendmail sends no abort here
		session.values.pop("i", None)
		assert session.message("<second@example.net>", headers=HEADERS).accepted
		session.quit()
		lines = daemon.wait_verdicts(1)
		assert [line["from"] for line in lines] == ["<second@example.net>"], [line.raw for line in lines]
		assert lines[0].get("nrcpt", "1") == "1", lines[0].raw


def test_mail_without_abort_forgets_recipients():
	"""The first transaction had only postmaster, which is exempt; that must not save the second one."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon, NAMELESS) as session:
		session.mail("<first@example.net>")
		assert session.rcpt("<postmaster@example.org>").kind == "continue"
		session.mail("<second@example.net>")
		assert session.rcpt("<bob@example.org>").code == "550"
		session.quit()


def test_recipients():
	with Daemon([], ZONE) as daemon:
		for count in (1, 2, 100, 1000, 1500):
			with started(daemon) as session:
				recipients = [f"<user{number}@example.org>" for number in range(count)]
				delivered = session.message("<alice@example.net>", recipients, HEADERS)
				assert delivered.accepted, f"{count} recipients: {delivered.reply}"
				assert all(reply.kind == "continue" for _address, reply in delivered.recipients)
				session.quit()
			line = daemon.wait_verdicts(1)[-1]
			assert line.get("nrcpt", "1") == str(count), line.raw


def test_recipients_beyond_the_cap_are_judged():
	"""A refused one among many, and the exempt one last: it is beyond what is kept, and still keeps the message from
	refusal."""
	with Daemon(REFUSE_NAMELESS + ["policy.decide_from=eom"], ZONE) as daemon, started(daemon, NAMELESS) as session:
		recipients = [f"<user{number}@example.org>" for number in range(1499)] + ["<postmaster@example.org>"]
		delivered = session.message("<alice@example.net>", recipients, HEADERS)
		assert delivered.accepted, delivered.reply
		assert delivered.values("X-Spam-Flag") == ["YES"], delivered.fields
		session.quit()


def test_replies_are_well_formed():
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon, NAMELESS) as session:
		session.mail("<%s%n@example.net>")
		reply = session.rcpt("<bob@example.org>")
		assert reply.kind == "replycode" and reply.text.startswith("550 5.7.25 "), reply
		assert len(reply.text) < 512 and all(" " <= c <= "~" for c in reply.text), reply
		line = daemon.wait_verdicts(1)[0]
		assert line["sid"] in reply.text, f"the session id {line['sid']} is not in {reply.text}"
		session.quit()


def test_log_line_form():
	"""The order of mailreeve(8); NOQUEUE until the MTA has a queue id."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon, NAMELESS) as session:
		session.mail("<alice@example.net>")
		session.rcpt("<bob@example.org>")
		session.rcpt("<postmaster@example.org>")
		queue_id = session.values["i"]
		session.rcpt("<carol@example.org>")
		assert session.content(HEADERS, "Hello.\r\n").accepted
		lines = daemon.wait_verdicts(3)
		assert [line.queue_id for line in lines] == ["NOQUEUE", queue_id, queue_id], [line.raw for line in lines]
		assert len({line["sid"] for line in lines}) == 1, "one message has one session id"
		for line in lines:
			known = [key for key in KEYS if key in line.order]
			assert line.order == known, f"{line.order}, not {known}"
			assert line["v"] == "1" and line["ms"].isdigit(), line.raw
			for key in ("action", "stage", "score", "threshold", "decided_by", "client", "helo", "from", "to", "facts",
					"cfg"):
				assert key in line.fields, f"no {key}= in {line.raw}"
		session.quit()


def test_local_submissions():
	"""Postfix shows the sendmail command as 127.0.0.1 port 0 and addresses without brackets; Sendmail has no address at
	all."""
	with Daemon(REFUSE_NAMELESS + ['exempt.networks=[ "127.0.0.0/8" ]'], ZONE) as daemon:
		for address, reason in ((None, "exempt.network"), ("", "exempt.local"), ("unix:/run/x", "exempt.local")):
			with daemon.session() as session:
				session.negotiate()
				assert session.connect("localhost", address).kind == "continue"
				session.helo("localhost")
				assert session.message("alice", ["bob@example.org"], HEADERS).accepted
				session.quit()
			line = daemon.wait_verdicts(1)[-1]
			assert line["decided_by"] == reason and line["from"] == "<alice>", line.raw


def test_no_text_is_left_for_the_next_refusal():
	"""A reply set at one stage must not come out at a later one."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon, NAMELESS) as session:
		session.mail("<a@example.net>")
		texts = [session.rcpt(f"<bob{number}@example.org>").text for number in range(3)]
		session.abort()
		session.mail("<b@example.net>")
		texts.append(session.rcpt("<bob@example.org>").text)
		sids = [line["sid"] for line in daemon.wait_verdicts(4)]
		assert all(sid in text for sid, text in zip(sids, texts)), (sids, texts)
		session.quit()


def test_leading_space():
	"""With HDR_LEADSPC the added values carry their space, without it they do not."""
	for protocol in (smfi.ALL_PROTOCOL, smfi.ALL_PROTOCOL & ~smfi.P_HDR_LEADSPC):
		with Daemon([], ZONE) as daemon, daemon.session() as session:
			session.negotiate(protocol=protocol)
			session.connect("named.example.net", NAMED)
			session.helo("named.example.net")
			delivered = session.message(headers=HEADERS)
			assert delivered.accepted and not delivered.trouble, delivered.trouble
			assert delivered.values("Authentication-Results"), delivered.fields
			session.quit()


# ---- endings ----

STAGES = ("negotiate", "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body")


def go_to(session, stage, address=NAMED):
	"""Everything up to and including a stage."""
	steps = {
		"negotiate": session.negotiate,
		"connect": lambda: session.connect("named.example.net" if address == NAMED else "unknown", address),
		"helo": lambda: session.helo("named.example.net"), "mail": lambda: session.mail("<alice@example.net>"),
		"rcpt": lambda: session.rcpt("<bob@example.org>"), "data": session.data,
		"header": lambda: session.header(*HEADERS[0]),
		"eoh": session.eoh, "body": lambda: session.body("Hello.\r\n"),
	}
	for name in STAGES[:STAGES.index(stage) + 1]:
		steps[name]()


def test_abort_at_every_stage():
	with Daemon([], ZONE) as daemon:
		for stage in STAGES[2:]:
			with daemon.session() as session:
				go_to(session, stage)
				session.abort()
				assert session.message(headers=HEADERS).accepted, f"after an abort behind {stage}"
				session.quit()
		assert len(daemon.wait_verdicts(len(STAGES[2:]))) == len(STAGES[2:])


def test_connection_cut_at_every_stage():
	with Daemon([], ZONE) as daemon:
		for stage in STAGES:
			with daemon.session() as session:
				go_to(session, stage)
				session.close()
			check_serves(daemon)


def test_cut_while_waiting_for_dns():
	with Daemon([], "79.113.0.203.in-addr.arpa * !slow=700\n" + ZONE) as daemon:
		sessions = []
		for _turn in range(8):
			session = started(daemon, "203.0.113.79")
			session.mail("<alice@example.net>")
			session.send_macros("rcpt")
			session.send(smfi.RCPT, b"<bob@example.org>\0")
			sessions.append(session)
		for session in sessions:
			session.close()
		check_serves(daemon)


def test_second_session_on_the_same_connection():
	"""quit_nc and a new connect without another negotiation. libmilter takes quit_nc only behind an end of message."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon, started(daemon) as session:
		for _turn in range(3):
			assert session.message(headers=HEADERS).accepted
			session.quit_nc()
			assert session.connect("named.example.net", NAMED).kind == "continue"
			session.helo("named.example.net")
			delivered = session.message(headers=HEADERS)
			assert delivered.accepted and not delivered.trouble, (delivered.reply, delivered.trouble)
			assert delivered.values("Authentication-Results"), delivered.fields
			session.quit_nc()
			session.connect("unknown", NAMELESS)
			session.helo("nameless.example.net")
			session.mail("<alice@example.net>")
			assert session.rcpt("<bob@example.org>").code == "550"
			assert not session.rcpt("<postmaster@example.org>").refused
			assert session.content(HEADERS, "Hello.\r\n").accepted
			session.quit_nc()
			session.connect("named.example.net", NAMED)
			session.helo("named.example.net")
		session.quit()
		names = [line["client"].partition("[")[0] for line in daemon.wait_verdicts(12)]
		assert names == ["named.example.net", "named.example.net", "unknown", "unknown"] * 3, names


def test_xclient_second_session():
	"""What Postfix does after XCLIENT: the first session ends before HELO or behind it, a new connection tells of the
	real client."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon:
		for stage in ("connect", "helo"):
			proxy = daemon.session()
			go_to(proxy, stage)
			proxy.quit()
			with started(daemon, NAMELESS) as session:
				session.mail("<alice@example.net>")
				assert session.rcpt("<bob@example.org>").code == "550"
				session.quit()


def test_quit_without_anything():
	with Daemon([], ZONE) as daemon:
		for _turn in range(20):
			with daemon.session() as session:
				session.quit()
		for _turn in range(20):
			with daemon.session() as session:
				session.negotiate()
				session.abort()
				session.quit()
		check_serves(daemon)


def test_many_sessions_at_once():
	"""32 sessions in parallel, 10 messages each: every one gets its own verdict."""
	complaints = []

	def one(number):
		refused = number % 2
		with started(daemon, NAMELESS if refused else NAMED) as session:
			for turn in range(10):
				session.mail(f"<s{number}t{turn}@example.net>")
				reply = session.rcpt("<bob@example.org>")
				if bool(reply.refused) != bool(refused):
					complaints.append(f"session {number}: {reply}")
				if not refused and not session.content(HEADERS, "Hello.\r\n").accepted:
					complaints.append(f"session {number}: message refused")
				session.abort()
			session.quit()

	with Daemon(REFUSE_NAMELESS, ZONE) as daemon:
		threads = [threading.Thread(target=one, args=(number,)) for number in range(32)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join(60)
		assert not complaints, complaints[:3]
		lines = daemon.wait_verdicts(320)
		assert len(lines) == 320 and len({line["sid"] for line in lines}) == 320
		for line in lines:
			odd = int(line["from"][2:].partition("t")[0]) % 2
			assert line["action"] == ("reject" if odd else "accept"), line.raw


def test_worker_has_not_changed():
	"""Guard of this file's meaning: the tests above would not notice a worker that dies and is replaced."""
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		check_serves(daemon)
		for stage in STAGES:
			with daemon.session() as session:
				go_to(session, stage)
				session.close()
		try:
			wait_until(lambda: daemon.workers() != [worker], "nothing", 0.3)
		except AssertionError:
			return
		raise AssertionError("the worker was replaced")


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
