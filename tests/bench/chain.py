# SPDX-License-Identifier: BSD-2-Clause
"""chain - Postfix end to end: alone, with mailreeve, and with the chain of programs that does the same."""


def postfix(bench):
	bench.say("", "Postfix end to end: not yet")
