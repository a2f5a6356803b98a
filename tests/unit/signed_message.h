/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signed_message - a message, and signatures over it that never expire, for the tests of what works on top of DKIM.
 * All are Ed25519 (RFC 8463) with the key of SIGNED_KEY, relaxed/relaxed.
 */
#ifndef MAILREEVE_TESTS_SIGNED_MESSAGE_H
#define MAILREEVE_TESTS_SIGNED_MESSAGE_H

#define SIGNED_FROM    " Alice <alice@news.example.org>"
#define SIGNED_SUBJECT " test"
#define SIGNED_BODY    "Hello.\r\n"
#define SIGNED_KEY     "v=DKIM1; k=ed25519; p=nc+13qOukTYEwTxMNNkJnTOGPCQMLd1qsylXJVMbc74="

/* Selector "ed" of example.org: the organisation of the address in From. */
static const char signature_of_author[] =
	" v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=ed;\n"
	" h=from:subject;\n"
	" bh=yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=;\n"
	" b=oy8pn9IYGGQJQ+wH/brdave7T7aiZtQ+DoSTAhqvKCtwiMNcuh9fU5bbWnIQpdVPITnEWvVF\n"
	"  10efgqMGZd+yDQ==";

/* Selector "ed" of example.net: somebody else. */
static const char signature_of_other[] = " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.net; s=ed;\n"
					 " h=from:subject;\n"
					 " bh=yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=;\n"
					 " b=qCIZ/YWIvSMzMbRU945zA6O4qhyPlLPepKnUjuix1vBZlDRPwjjT2tDYMFEaxSd3LI+7h6ZZ\n"
					 "  VvgUosbYJoSJDQ==";

#endif
