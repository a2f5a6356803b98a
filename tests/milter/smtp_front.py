# SPDX-License-Identifier: BSD-2-Clause
"""smtp_front - an SMTP server's front without the wire: takes commands, asks the filter as an MTA does, gives the reply
that the client sees.

Refusals at connect and HELO are shown at MAIL, those at MAIL and RCPT verbatim, those at the headers and later after
the final dot: that is what Postfix does.
"""
import smfi
from smfi import Closed

HOST = "mx.example.org"
TEXT = {"reject": "550 5.7.1 Command rejected", "tempfail": "451 4.7.1 Service unavailable - try again later",
		"shutdown": "421 4.7.0 Error: closing connection"}


def refusal(reply):
	"""The reply line of a refusal; empty when it is none. An enhanced code that contradicts the code turns 5xx into
	451."""
	if not reply.refused:
		return ""
	if reply.kind != "replycode":
		return TEXT[reply.kind]
	code, _blank, rest = reply.text.partition(" ")
	if rest[:1] in ("4", "5") and rest[1:2] == "." and rest[0] != code[0]:
		return "451 " + rest
	return reply.text


class SmtpFront:
	"""One client's connection. `session` is an MtaSession that has not negotiated yet."""

	def __init__(self, session, address, port=0, auth="", macros=None):
		self.session, self.address, self.port = session, address, port or 40000
		self.auth, self.macros = auth, dict(macros or {})
		self.connect_refusal = self.helo_refusal = ""
		self.sender, self.recipients, self.in_data = None, 0, False

	def banner(self):
		"""Connect; the banner."""
		self.session.negotiate()
		name = self.macros.get("{client_name}", "unknown")
		self.connect_refusal = refusal(self.session.connect(name, self.address, self.port, macros=self.macros))
		return f"554 {HOST} ESMTP not accepting connections" if self.connect_refusal[:1] == "5" else f"220 {HOST} ESMTP"

	def command(self, line):
		"""One command as octets; the reply as one line."""
		verb, _blank, argument = line.partition(b" ")
		method = getattr(self, "do_" + verb.decode("latin-1").lower(), None) if verb.isalpha() else None
		if method is None:
			refused = refusal(self.session.unknown(line))
			return refused or "502 5.5.2 Error: command not recognized"
		return method(argument.strip())

	def forget(self):
		"""Forget the transaction; tell the filter when there is one."""
		if self.sender is not None:
			self.session.abort()
		self.sender, self.recipients, self.in_data = None, 0, False

	def do_helo(self, argument):
		self.forget()
		if not self.connect_refusal:  # else the filter is not asked any more
			self.helo_refusal = refusal(self.session.helo(argument))
		return f"250 {HOST}"

	do_ehlo = do_helo

	def do_starttls(self, _argument):
		self.forget()
		self.session.values.update({"{tls_version}": "TLSv1.3", "{cipher}": "TLS_AES_256_GCM_SHA384",
				"{cipher_bits}": "256"})
		return "220 2.0.0 Ready to start TLS"

	def do_noop(self, _argument):
		return "250 2.0.0 Ok"

	def do_rset(self, _argument):
		self.forget()
		return "250 2.0.0 Ok"

	def do_quit(self, _argument):
		self.forget()
		self.session.quit()
		return "221 2.0.0 Bye"

	def do_mail(self, argument):
		if self.sender is not None:
			return "503 5.5.1 Error: nested MAIL command"
		if self.connect_refusal or self.helo_refusal:
			return self.connect_refusal or self.helo_refusal
		if argument[:5].upper() != b"FROM:":
			return "501 5.5.4 Syntax: MAIL FROM:<address>"
		address, *arguments = argument[5:].strip().split(b" ") if b'"' not in argument else [argument[5:].strip()]
		macros = {"{auth_authen}": self.auth, "{auth_type}": "PLAIN"} if self.auth else {}
		refused = refusal(self.session.mail(address, *arguments, macros=dict(macros,
				**{"{mail_addr}": address.strip(b"<>")})))
		if not refused:
			self.sender = address
		else:
			self.session.abort()
		return refused or "250 2.1.0 Ok"

	def do_rcpt(self, argument):
		if self.sender is None:
			return "503 5.5.1 Error: need MAIL command"
		if argument[:3].upper() != b"TO:":
			return "501 5.5.4 Syntax: RCPT TO:<address>"
		address, *arguments = argument[3:].strip().split(b" ") if b'"' not in argument else [argument[3:].strip()]
		if address.startswith(b"<unknown"):
			return self.unknown_recipient(address, arguments)
		refused = refusal(self.session.rcpt(address, *arguments, macros={"{rcpt_addr}": address.strip(b"<>")}))
		self.recipients += not refused
		return refused or "250 2.1.5 Ok"

	def unknown_recipient(self, address, arguments):
		"""Refused by the MTA, which tells the filter where it wants to know (SMFIP_RCPT_REJ), whatever that answers."""
		text = "550 5.1.1 Recipient address rejected: User unknown"
		if self.session.negotiated.protocol & smfi.P_RCPT_REJ:
			had = self.session.values.get("i")
			self.session.rcpt(address, *arguments, macros={"{rcpt_mailer}": "error", "{rcpt_host}": "5.1.1", "{rcpt_addr}": text})
			if had is None:
				self.session.values.pop("i", None)
		return text

	def do_data(self, _argument):
		if self.sender is None:
			return "503 5.5.1 Error: need RCPT command"
		if not self.recipients:
			return "554 5.5.1 Error: no valid recipients"
		self.in_data = True
		return "354 End data with <CR><LF>.<CR><LF>"

	def message(self, headers, body):
		"""The message after DATA; (reply line, delivery.Delivered)."""
		if not self.in_data:
			return "503 5.5.1 Error: need DATA command", None
		delivered = self.session.content(headers, body)
		refused = refusal(delivered.reply)
		queue_id = self.session.values.get("i", "")
		if refused:
			self.session.abort()
		self.session.values.pop("i", None)
		self.sender, self.recipients, self.in_data = None, 0, False
		return refused or f"250 2.0.0 Ok: queued as {queue_id}", delivered

	def cut(self):
		"""The client is gone without a word."""
		try:
			self.forget()
		except Closed:
			pass
		self.session.close()


