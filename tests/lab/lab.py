#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""lab - the laboratory: Postfix, nsd, rbldnsd, unbound, a chaos DNS server and mailreeve on a private network.

    lab.py shell [-z ZONEFILE] [-o OPTION=VALUE]...     everything up, and a shell inside
    lab.py check                                        up and down again, with the time that took

It needs root, and leaves nothing behind. Environment: MAILREEVE names the daemon; without it Postfix has no filter.
"""
import argparse
import os
import subprocess
import sys
import time

import namespace
import zonefile
from dns_servers import DnsServers
from dns_zones import MX_ADDRESS, MX_ADDRESS6, list_zones
from mailreeve import SHIPPED, Mailreeve
from postfix import MILTER_SOCKET, QUEUE, Postfix
from sasl import Sasl
from smtp_client import SmtpClient
from syslogd import MAIL_LOG, LogReader, Syslogd

TOOLS = ("nsd", "rbldnsd", "unbound", "postfix")


def shipped_lists():
	"""The zones of the lists in the configuration that is shipped."""
	with open(SHIPPED, encoding="utf-8") as file:
		return list_zones(file.read())


class Lab:
	"""Everything but the daemon is up inside `with Lab(...)`; daemon.start() is the caller's. namespace.enter() comes first.

	`zone`: text of a zone file; `lists`: names of list zones beside those of the shipped configuration.
	"""

	def __init__(self, zone="", lists=(), milter=MILTER_SOCKET, chroot=True):
		self.dns = DnsServers(zonefile.parse(zone, "the laboratory's zone"), shipped_lists() | set(lists))
		self.postfix = Postfix(milter, chroot)
		self.syslogd = Syslogd(namespace.HOSTNAME)
		self.sasl = Sasl(QUEUE + "/private/auth")
		self.daemon = Mailreeve()

	def __enter__(self):
		self.syslogd.start()
		self.dns.start()
		self.postfix.start()
		self.sasl.start()
		self.dns.wait_ready()
		self.postfix.wait_ready()
		return self

	def __exit__(self, *_):
		self.daemon.stop()
		self.postfix.stop()
		self.sasl.stop()
		self.dns.stop()
		self.syslogd.stop()

	def client(self, source, port=25, source_port=0):
		"""An SmtpClient from an address of the caller's choice; the banner has not been read yet."""
		return SmtpClient(source, self.postfix.server_for(source), port, source_port)

	def log(self):
		"""A LogReader of mail.log that begins now."""
		self.syslogd.sync()
		return LogReader()


HELP = f"""
You are inside the laboratory. Nothing you do to the network or to /etc, /dev, /run, /var/log reaches the outside.
Leave with "exit".
  Postfix     {MX_ADDRESS} and [{MX_ADDRESS6}], port 25; takes mail for any address in example.org;
              AUTH: any user, password "secret"
  mailreeve   configuration /etc/mailreeve/mailreeve.conf; reload: kill -HUP $MAILREEVE_PID
  DNS         unbound on 127.0.0.1; nsd serves a root zone of our own: /run/lab/dns/root.zone
  log         {MAIL_LOG}      mail      /run/lab/mail/inbox/new      queue      mailq
Every address is yours to send from:
  swaks --server {MX_ADDRESS} --local-interface 203.0.113.7 --from alice@example.net --to bob@example.org
"""


def _shell(options):
	zone = ""
	if options.zone:
		with open(options.zone, encoding="utf-8") as file:
			zone = file.read()
	with Lab(zone, milter=MILTER_SOCKET if os.environ.get("MAILREEVE") else "") as lab:
		env = dict(os.environ)
		if os.environ.get("MAILREEVE"):
			env["MAILREEVE_PID"] = str(lab.daemon.start(options.option).process.pid)
		print(HELP, flush=True)
		return subprocess.run([os.environ.get("SHELL", "/bin/sh")], env=env, check=False).returncode


def _check(_options):
	begin = time.monotonic()
	with Lab(milter="") as lab:
		with lab.client("203.0.113.1") as client:
			banner = client.reply()
		print(f"the laboratory was up after {time.monotonic() - begin:.2f} s: {banner}", flush=True)
	return 0


def main():
	"""The command line."""
	parser = argparse.ArgumentParser(description="The laboratory: real mail and DNS servers on a private network.")
	commands = parser.add_subparsers(dest="command", required=True)
	shell = commands.add_parser("shell", help="everything up, and a shell inside")
	shell.add_argument("-z", "--zone", metavar="FILE", help="more DNS records, in the project's zone format")
	shell.add_argument("-o", "--option", action="append", default=[], metavar="OPTION=VALUE", help="for mailreeve")
	shell.set_defaults(run=_shell)
	commands.add_parser("check", help="up and down again").set_defaults(run=_check)
	options = parser.parse_args()
	namespace.enter(TOOLS)
	return options.run(options)


if __name__ == "__main__":
	sys.exit(main())
