# SPDX-License-Identifier: BSD-2-Clause
"""sendmail_bench - what a test with Sendmail works with: sessions, whole messages, and what was logged about them."""
from email.utils import formatdate

from sendmail import SMTP_PORT, TROUBLE
from sendmail_fields import Fields
from test_postfix import expect, expect_reply

from logline import parse_log_line  # (test_postfix made the path)

AUTHOR = b"From: alice@example.net"  # of messages that name none themselves


class Bench:
	"""The laboratory and the log lines of the running test."""

	def __init__(self, lab):
		self.lab = lab
		self.log = lab.log()
		self.lines = []
		self.count = 0

	def start(self, *overrides):
		"""The daemon, on the socket that README names."""
		self.lab.daemon.start(overrides, socket_option=self.lab.socket)

	def connect(self, client, port=SMTP_PORT, helo=b"client.example"):
		"""A session after EHLO."""
		connection = self.lab.client(client, port)
		expect_reply(connection.reply(), "220", "banner")
		expect_reply(connection.command(b"EHLO " + helo), "250", "EHLO")
		return connection

	def begin(self, client, sender="alice@example.net", **options):
		"""A session after MAIL."""
		connection = self.connect(client, **options)
		expect_reply(connection.command(f"MAIL FROM:<{sender}>"), "250", "MAIL")
		return connection

	def content(self, connection, fields=(), wanted="250"):
		"""DATA and the final dot: (the reply, the message id). `fields`: octets of header fields."""
		self.count += 1
		message_id = f"<sendmail-{self.count}@lab.example>"
		expect_reply(connection.command(b"DATA"), "354", "DATA")
		head = [b"Date: " + formatdate().encode(), b"Message-ID: " + message_id.encode()] + list(fields)
		if not any(field.lower().startswith(b"from:") for field in fields):
			head.append(AUTHOR)
		reply = connection.message(b"\r\n".join(head) + b"\r\n\r\nHello.\r\n")
		expect_reply(reply, wanted, "message")
		return reply, message_id

	def finish(self, connection, fields=(), rcpt="bob@example.org", leave=True):
		"""RCPT to QUIT of a message that is taken; its Fields as delivered, and its queue id."""
		if rcpt:
			expect_reply(connection.command(f"RCPT TO:<{rcpt}>"), "250", "RCPT")
		reply, message_id = self.content(connection, fields)
		if leave:
			leave_politely(connection)
		octets = self.lab.sendmail.delivered(message_id)
		expect(octets is not None, "the message was not delivered")
		return Fields(octets), str(reply).split()[2]

	def send(self, client, fields=(), **options):
		"""A whole message that is taken."""
		return self.finish(self.begin(client, **options), fields)

	def refused(self, connection, rcpt="bob@example.org"):
		"""RCPT is refused with 550 5.7.1; the reply."""
		reply = connection.command(f"RCPT TO:<{rcpt}>")
		expect_reply(reply, "550 5.7.1", "RCPT")
		return reply

	def learn(self, connection, sender):
		"""Nobody waits before RCPT. After this everything about the client and the sender is known, so that the next MAIL is refused."""
		if connection.command(f"MAIL FROM:<{sender}>").good:
			self.refused(connection)
			expect_reply(connection.command(b"RSET"), "250", "RSET")
		self.verdict()

	def read_log(self):
		"""Take what is new in mail.log."""
		self.lab.syslogd.sync()
		new = self.log.lines()
		self.lines += new
		return new

	def verdicts(self):
		"""The verdicts logged since the last call; LogLineError when one is malformed."""
		found = [parse_log_line(line) for line in self.read_log() if " mailreeve[" in line]
		return [line for line in found if line]

	def verdict(self):
		"""The only one."""
		found = self.verdicts()
		expect(len(found) == 1, f"one log line expected, there are {[line.raw for line in found]}")
		return found[0]

	def trouble(self):
		"""What Sendmail complained about, all through the test."""
		self.read_log()
		return [line for line in self.lines if " sendmail[" in line and TROUBLE.search(line)]


def leave_politely(connection):
	"""QUIT."""
	expect_reply(connection.command(b"QUIT"), "221", "QUIT")
	connection.close()
