# SPDX-License-Identifier: BSD-2-Clause
"""soak_mail - the traffic of a soak: clients of many kinds, and what must become of each message.

Each message has a sender address of its own, so that its verdicts can be found. `due`: how many verdicts it must have:
DELIVERED (one at the end of the message, and it is in the mailbox), REFUSED (one, and the sender saw 5xx), NONE (cut off
or taken back before the end), ANY (cut off when it may have been whole, or deferred because the worker died).
"""
import collections
import contextlib
import itertools

from faultlab import message
from dns_zones import reverse_name
from smtp_client import Gone
from world import LISTS, SOA, tops

GOOD, LISTED, UNNAMED = "203.0.113.9", "203.0.113.90", "203.0.113.20"
DOMAINS = 300
DELIVERED, REFUSED, NONE, ANY = "delivered", "refused", "none", "any"
Message = collections.namedtuple("Message", "sender due saw")


def zone(key, fault=""):
	"""The world; with a fault at every list and at every sender's SPF record."""
	text = tops() + f"""load.example {SOA}
{reverse_name(GOOD)} PTR ptr.load.example
{reverse_name(LISTED)} PTR listed.load.example
listed.load.example A {LISTED}
{reverse_name(LISTED, LISTS[0])} A 127.0.0.4
*.load.example A {GOOD}
*.load.example MX 10 mx.load.example
*.load.example TXT "v=spf1 a ip4:{UNNAMED} -all"
strict.example {SOA}
*.strict.example MX 10 mx.load.example
*.strict.example TXT "v=spf1 -all"
"""
	for name in (f"d{number}.load.example" for number in range(DOMAINS)):
		text += f'{name} A {GOOD}\n{name} MX 10 mx.load.example\n' + key.record(f"s._domainkey.{name}")
		text += f"{name} TXT !{fault}\n" if fault else f'{name} TXT "v=spf1 a ip4:{UNNAMED} -all"\n'
	return text + "".join(f"*.113.0.203.{name} * !{fault}\n" for name in LISTS if fault)


class Client:
	"""Sends one session after another; `messages`: what came of each. `chance` is a random.Random of its own."""

	serial = itertools.count(1)

	def __init__(self, lab, chance, key):
		self.lab, self.chance, self.messages = lab, chance, []
		self.signed = [self._signed(key, number) for number in range(4)]

	@staticmethod
	def _signed(key, number):
		name = f"d{number}.load.example"
		octets = message("<signed@lab.example>").replace(b"example.net", name.encode())
		return name, key.sign(octets, name, "s", names=("from", "subject"))

	def session(self):
		"""One, of a kind that chance chooses."""
		kind = self.chance.choice((self.good, self.good, self.good, self.signed_one, self.many, self.rcpts, self.large,
		                           self.listed, self.strict, self.unknown, self.taken_back, self.cut, self.cut_content))
		with contextlib.suppress(Gone, OSError):
			kind()

	def sender(self, domain=None):
		"""A sender address that nobody has used."""
		domain = domain or f"d{self.chance.randrange(DOMAINS)}.load.example"
		return f"m{next(Client.serial)}@{domain}"

	def connect(self, source=GOOD):
		"""A session behind EHLO."""
		client = self.lab.client(source)
		client.reply()
		client.command(f"EHLO h{self.chance.randrange(DOMAINS)}.load.example")
		return client

	def transaction(self, client, sender, octets=None, rcpts=("bob@example.org",)):
		"""MAIL to the final dot; what came of it is noted."""
		due, saw = ANY, ""
		try:
			saw = client.command(f"MAIL FROM:<{sender}>")
			for rcpt in rcpts if saw.good else ():
				saw = client.command(f"RCPT TO:<{rcpt}>")
			saw = client.command(b"DATA") if saw.good else saw
			if saw.code == "354":
				saw = client.message(octets or message(f"<{sender}>"))
			due = {"2": DELIVERED, "5": REFUSED}.get(saw.code[:1], ANY)
			if due != DELIVERED:
				client.command(b"RSET")
		finally:
			self.note(sender, due, saw)

	def note(self, sender, due, saw=""):
		"""One message more."""
		self.messages.append(Message(sender, due, str(saw)))

	# ---- kinds of sessions

	def good(self):
		with self.connect() as client:
			self.transaction(client, self.sender())
			client.command(b"QUIT")

	def signed_one(self):
		name, octets = self.chance.choice(self.signed)
		sender = self.sender(name)
		with self.connect() as client:
			self.transaction(client, sender, octets.replace(b"<signed@lab.example>", f"<{sender}>".encode()))

	def many(self):
		"""Several messages in a session."""
		with self.connect() as client:
			for _turn in range(self.chance.randrange(2, 8)):
				self.transaction(client, self.sender())
			client.command(b"QUIT")

	def rcpts(self):
		with self.connect() as client:
			count = self.chance.randrange(2, 40)
			self.transaction(client, self.sender(), rcpts=[f"user{number}@example.org" for number in range(count)])

	def large(self):
		sender = self.sender()
		body = ("x" * 76 + "\r\n") * self.chance.randrange(100, 5000)
		with self.connect() as client:
			self.transaction(client, sender, message(f"<{sender}>", body))

	def listed(self):
		"""Refused, unless the list does not answer."""
		with self.connect(LISTED) as client:
			self.transaction(client, self.sender())

	def strict(self):
		"""SPF fails, without a signature; that alone refuses nobody."""
		with self.connect(UNNAMED) as client:
			self.transaction(client, self.sender(f"d{self.chance.randrange(9)}.strict.example"))

	def unknown(self):
		"""Postfix refuses the recipient: there is no verdict."""
		sender = self.sender()
		with self.connect() as client:
			if client.command(f"MAIL FROM:<{sender}>").good:
				client.command(b"RCPT TO:<unknown1@example.org>")
			client.command(b"QUIT")
		self.note(sender, NONE)

	def taken_back(self):
		"""RSET behind RCPT, and another message in its place."""
		sender = self.sender()
		with self.connect() as client:
			for command in (f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "RSET"):
				client.command(command)
			self.note(sender, NONE)
			self.transaction(client, self.sender())

	def cut(self):
		"""Gone in the middle of it."""
		sender = self.sender()
		self.note(sender, NONE)
		with self.connect() as client:
			steps = (f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA")
			for command in steps[:self.chance.randrange(4)]:
				client.command(command)

	def cut_content(self):
		"""Gone within the content, or behind the final dot."""
		sender = self.sender()
		octets = message(f"<{sender}>") + b".\r\n"
		length = self.chance.choice((self.chance.randrange(len(octets) - 6), len(octets)))
		self.note(sender, NONE if length < len(octets) else ANY)
		with self.connect() as client:
			for command in (f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA"):
				if not client.command(command).good:
					return
			client.send(octets[:length])
