/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format_cases - what test_checks_format tries: messages as they are sent, and the facts that must be stated. For each
 * fact there is one that looks like it, and is right.
 */
#ifndef MAILREEVE_TEST_FORMAT_CASES_H
#define MAILREEVE_TEST_FORMAT_CASES_H

#include <stdbool.h>
#include <stdint.h>

/* Each line of a header ends in \n here; in the message it is CRLF. "\x01" stands for 1000 octets "x". */
#define FROM    "From: Alice Example <alice@example.net>\n"
#define TO      "To: bob@example.org\n"
#define SUBJECT "Subject: Lunch on Friday?\n"
#define DATE    "Date: Fri, 20 Nov 2026 10:00:00 +0100\n"
#define ID      "Message-ID: <20261120090000.GA4711@mail.example.net>\n"
#define RECEIVED \
	"Received: from desk.example.net (desk.example.net [192.0.2.7])\n\tby mail.example.net; Fri, 20 Nov 2026 10:00:00 +0100\n"
#define REST      TO SUBJECT DATE ID
#define HEADER    RECEIVED FROM REST
#define PARTS     "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"----=_Part_1\"\n"
#define TEXT_PART "------=_Part_1\nContent-Type: text/plain; charset=utf-8\n\nHello Bob.\n"
#define BODY      "\nHello Bob,\n\nshall we meet at noon?\n\nAlice\n"
#define X1000     "\x01"
#define NEWS      "List-Id: News <news.example.net>\nPrecedence: bulk\n"
#define UNSUB     "List-Unsubscribe: <mailto:leave@example.net>,\n <https://example.net/leave?u=1>\n"
#define ONE_CLICK "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"

struct format_case {
	const char *what, *message, *want;
	const char *options[3];
	bool smtputf8;
	bool null_sender;
	bool raw; /* "\n" is LF, and "\r" is CR, in the body; "\x02" is NUL, "\x03" LF */
	uint64_t declared_octets;
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct format_case format_cases[] = {
	{ .what = "a letter", .message = HEADER BODY, .want = "" },
	{ .what = "the least that RFC 5322 wants", .message = FROM DATE BODY, .want = "format.message_id_missing" },
	{ .what = "everything that may occur once", .message = HEADER "Sender: alice@example.net\nReply-To: alice@example.net\n"
	  "Cc: carol@example.org\nBcc: dave@example.org\nIn-Reply-To: <1@example.org>\nReferences: <0@example.org>\n"
	  " <1@example.org>\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: 7bit\n" BODY,
	  .want = "" },

	/* From and Sender */
	{ .what = "no From", .message = REST BODY, .want = "format.from_missing" },
	{ .what = "two From", .message = FROM FROM REST BODY, .want = "format.from_several(2)" },
	{ .what = "From is no list of addresses", .message = "From: Alice Example alice@example.net\n" REST BODY,
	  .want = "format.from_invalid" },
	{ .what = "From with all that is allowed", .message = "From: \"Example, Alice\" (at work)\n <alice@example.net>\n" REST BODY,
	  .want = "" },
	{ .what = "two authors, nobody sent it", .message = "From: alice@example.net, bob@example.net\n" REST BODY,
	  .want = "format.sender_missing(2 addresses)" },
	{ .what = "two authors, one sent it", .message = "From: alice@example.net, bob@example.net\nSender: alice@example.net\n"
	  REST BODY, .want = "" },

	/* Date */
	{ .what = "no Date", .message = FROM TO SUBJECT ID BODY, .want = "format.date_missing" },
	{ .what = "an ISO date", .message = FROM TO SUBJECT ID "Date: 2026-11-20T10:00:00+01:00\n" BODY,
	  .want = "format.date_invalid(2026-11-20T10:00:00+01:00)" },
	{ .what = "a date of another day", .message = FROM TO SUBJECT ID "Date: Mon, 20 Nov 2026 10:00:00 +0100\n" BODY,
	  .want = "format.date_invalid(another day of the week: Mon, 20 Nov 2026 10:00:00 +0100)" },
	{ .what = "an obsolete date", .message = FROM TO SUBJECT ID "Date: 20 Nov 26 10:00 EST (yesterday)\n" BODY, .want = "" },

	/* Message-ID */
	{ .what = "no Message-ID", .message = FROM TO SUBJECT DATE BODY, .want = "format.message_id_missing" },
	{ .what = "a Message-ID without a host", .message = FROM TO SUBJECT DATE "Message-ID: <4711>\n" BODY,
	  .want = "format.message_id_invalid(<4711>)" },
	{ .what = "a hostile Message-ID", .message = FROM TO SUBJECT DATE "Message-ID: <\"(;)\x1b>\n" BODY,
	  .want = "format.message_id_invalid(<\\x22\\x28\\x3b\\x29\\x1b>)" },
	{ .what = "a Message-ID at an address", .message = FROM TO SUBJECT DATE "Message-Id: <4711@[192.0.2.7]>\n" BODY,
	  .want = "" },

	/* twice */
	{ .what = "two subjects", .message = HEADER SUBJECT BODY, .want = "format.duplicate(Subject)" },
	{ .what = "many twice", .message = HEADER TO "DATE : Fri, 20 Nov 2026 10:00:00 +0100\n" ID BODY,
	  .want = "format.duplicate(Date, To, Message-ID)" },
	{ .what = "what may occur several times", .message = RECEIVED HEADER "Comments: a\nComments: b\nKeywords: c\nKeywords: d\n"
	  "X-Mailer: e\nX-Mailer: f\n" BODY, .want = "" },

	/* lines of the header */
	{ .what = "a long line in the header", .message = HEADER "X-Long: " X1000 "\n" BODY,
	  .want = "format.header_long_line(X-Long: 1008 octets)" },
	{ .what = "a long line in a folded field", .message = HEADER "X-Long: a\n " X1000 "\n b\n" BODY,
	  .want = "format.header_long_line(X-Long: 1001 octets)" },
	{ .what = "a long field of short lines", .message = HEADER "References: <1234567890123456789012345678901234567890@example.org>\n"
	  " <1234567890123456789012345678901234567890@example.org>\n <1234567890123456789012345678901234567890@example.org>\n"
	  BODY, .want = "" },
	{ .what = "a bare CR in the header", .message = HEADER "X-Note: a\rX-Injected: b\n" BODY, .want = "format.bare_cr(header)" },

	/* octets of the header */
	{ .what = "8 bits in the subject", .message = FROM TO DATE ID "Subject: Gr\xc3\xbc\xc3\x9f" "e\n" BODY,
	  .want = "format.header_8bit(Subject)" },
	{ .what = "8 bits that are not UTF-8", .message = FROM TO DATE ID "Subject: Gr\xfc\xdf" "e\n" BODY,
	  .want = "format.header_8bit(Subject: not UTF-8)" },
	{ .what = "UTF-8 with SMTPUTF8", .smtputf8 = true, .message = FROM TO DATE ID "Subject: Gr\xc3\xbc\xc3\x9f" "e\n" BODY,
	  .want = "" },
	{ .what = "not UTF-8 with SMTPUTF8", .smtputf8 = true, .message = FROM TO DATE ID "Subject: Gr\xfc\xdf" "e\n" BODY,
	  .want = "format.header_8bit(Subject: not UTF-8)" },
	{ .what = "encoded", .message = FROM TO DATE ID "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?B?R3LDvMOfZQ==?=\n" BODY,
	  .want = "" },
	{ .what = "broken base64", .message = FROM TO DATE ID "Subject: =?utf-8?B?R3LDvMOfZQ?=\n" BODY,
	  .want = "format.encoded_word(Subject: it is not base64)" },
	{ .what = "a name with spaces in it", .message = "From: =?utf-8?Q?Alice Example?= <alice@example.net>\n" REST BODY,
	  .want = "format.encoded_word(From: it has white space inside)" },
	{ .what = "never closed", .message = HEADER "Cc: =?utf-8?Q?Bob <bob@example.org>\n" BODY,
	  .want = "format.encoded_word(Cc: it is never closed)" },
	{ .what = "where nobody decodes", .message = HEADER "X-Token: =?utf-8?B?R3LDvMOfZQ?=\n" BODY, .want = "" },

	/* lines and octets of the body */
	{ .what = "a bare CR in the body", .raw = true, .message = HEADER "\nHello\rBob\r\n", .want = "format.bare_cr(body)" },
	{ .what = "a bare CR at the end", .raw = true, .message = HEADER "\nHello\r\nBob\r", .want = "format.bare_cr(body)" },
	{ .what = "a bare LF in the body", .raw = true, .message = HEADER "\nHello\nBob\r\n", .want = "format.bare_lf(body)" },
	{ .what = "a smuggled message", .raw = true, .message = HEADER "\nHello\r\n\x03.\x03MAIL FROM:<a@example.net>\r\n",
	  .want = "format.bare_lf(body)" },
	{ .what = "CRLF only", .raw = true, .message = HEADER "\nHello\r\n\r\nBob\r\n", .want = "" },
	{ .what = "a NUL in the body", .raw = true, .message = HEADER "\nHello\x02 Bob\r\n", .want = "format.nul(body)" },
	{ .what = "a long line in the body", .message = HEADER "\nHello\n" X1000 "\nBob\n",
	  .want = "format.body_long_line(1000 octets)" },
	{ .what = "the longest line of the body", .message = HEADER "\n" X1000 "\n" X1000 "y\n" X1000 "\n",
	  .want = "format.body_long_line(1001 octets)" },
	{ .what = "8 bits in the body, undeclared", .message = HEADER "\nGr\xc3\xbc\xc3\x9f" "e\n", .want = "format.body_8bit" },
	{ .what = "8 bits in the body, as 7", .message = HEADER "Content-Transfer-Encoding: 7BIT\n\nGr\xc3\xbc\xc3\x9f" "e\n",
	  .want = "format.body_8bit" },
	{ .what = "8 bits in the body", .message = HEADER "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
	  "Content-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9f" "e\n", .want = "" },

	/* MIME */
	{ .what = "a Content-Type that is none", .message = HEADER "Content-Type: text\n" BODY, .want = "format.content_type" },
	{ .what = "a Content-Type with parameters", .message = HEADER "Content-Type: text/plain; charset=\"utf-8\"; format=flowed\n"
	  BODY, .want = "" },
	{ .what = "two parts", .message = HEADER PARTS "\nThis is MIME.\n" TEXT_PART TEXT_PART "------=_Part_1--\n", .want = "" },
	{ .what = "no boundary", .message = HEADER "Content-Type: multipart/mixed\n\n" TEXT_PART "------=_Part_1--\n",
	  .want = "format.multipart_boundary(none)" },
	{ .what = "an empty boundary", .message = HEADER "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n----\n",
	  .want = "format.multipart_boundary(unusable)" },
	{ .what = "a boundary in pieces", .message = HEADER "Content-Type: multipart/mixed; boundary*0=\"----=_\";\n boundary*1=Part_1\n\n"
	  TEXT_PART "------=_Part_1--\n", .want = "" },
	{ .what = "no boundary in a part", .message = HEADER PARTS "\n------=_Part_1\nContent-Type: multipart/alternative\n\nx\n"
	  "------=_Part_1--\n", .want = "format.multipart_boundary(in a part)" },
	{ .what = "never opened", .message = HEADER PARTS BODY, .want = "format.multipart_unopened" },
	{ .what = "another boundary", .message = HEADER PARTS "\n------=_Part_2\n\nHello.\n------=_Part_2--\n",
	  .want = "format.multipart_unopened" },
	{ .what = "never closed", .message = HEADER PARTS "\n" TEXT_PART TEXT_PART, .want = "format.multipart_unclosed" },
	{ .what = "a bounce with half a message", .null_sender = true, .message = HEADER PARTS "\n" TEXT_PART "------=_Part_1\n"
	  "Content-Type: message/rfc822\n\n" HEADER "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n------=_Part_1--\n",
	  .want = "" },
	{ .what = "seventeen inside each other", .message = HEADER "Content-Type: multipart/mixed; boundary=b\n\n"
#define IN(b) "--" b "\nContent-Type: multipart/mixed; boundary=" b "x\n\n"
#define Y4    "xxxx"
	  IN("b") IN("bx") IN("bxx") IN("bxxx") IN("b" Y4) IN("bx" Y4) IN("bxx" Y4) IN("bxxx" Y4) IN("b" Y4 Y4) IN("bx" Y4 Y4)
	  IN("bxx" Y4 Y4) IN("bxxx" Y4 Y4) IN("b" Y4 Y4 Y4) IN("bx" Y4 Y4 Y4) IN("bxx" Y4 Y4 Y4) IN("bxxx" Y4 Y4 Y4)
	  "--b--\n", .want = "format.multipart_unclosed format.multipart_deep(more than 16)" },

	/* SIZE */
	{ .what = "as declared", .declared_octets = 330, .message = FROM REST BODY, .want = "" },
	{ .what = "a little less declared", .declared_octets = 100, .message = FROM REST BODY, .want = "" },
	{ .what = "far more declared", .declared_octets = 1000000, .message = FROM REST "\nHello.\n",
	  .want = "format.size(1000000 declared, 192 came)" },
	{ .what = "far less declared", .declared_octets = 500, .message = FROM REST "\n" X1000 X1000 X1000 X1000 X1000 X1000
	  X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 "\n",
	  .want = "format.body_long_line(17000 octets) format.size(500 declared, 17186 came)" },

	/* nothing in it */
	{ .what = "no subject, no body", .message = FROM TO DATE ID "\n", .want = "format.empty" },
	{ .what = "no end of the header either", .message = FROM TO DATE ID, .want = "format.empty" },
	{ .what = "nothing but white space", .message = FROM TO DATE ID "Subject: \n\n \n\t\n\n", .want = "format.empty" },
	{ .what = "all is in the subject", .message = HEADER "\n\n", .want = "format.empty_body" },
	{ .what = "no subject", .message = FROM TO DATE ID "\n.\n", .want = "" },
	{ .what = "nothing at all", .message = "", .want = "format.from_missing format.date_missing format.message_id_missing "
	  "format.empty" },

	/* bulk mail */
	{ .what = "a newsletter as it should be", .message = HEADER NEWS UNSUB ONE_CLICK BODY, .want = "" },
	{ .what = "a list without a way out", .message = HEADER NEWS BODY, .want = "format.bulk_no_unsubscribe" },
	{ .what = "Precedence: bulk alone", .message = HEADER "Precedence: Bulk\n" BODY, .want = "format.bulk_no_unsubscribe" },
	{ .what = "another precedence", .message = HEADER "Precedence: first-class\n" BODY, .want = "" },
	{ .what = "a way out that is none", .message = HEADER NEWS "List-Unsubscribe: write to the owner\n" BODY,
	  .want = "format.bulk_no_unsubscribe(no address in it)" },
	{ .what = "a list of the old kind", .message = HEADER NEWS UNSUB BODY,
	  .want = "format.bulk_no_one_click(no List-Unsubscribe-Post)" },
	{ .what = "one click without https", .message = HEADER NEWS "List-Unsubscribe: <mailto:leave@example.net>\n" ONE_CLICK BODY,
	  .want = "format.bulk_no_one_click(no https)" },
	{ .what = "List-Unsubscribe alone", .message = HEADER UNSUB BODY, .want = "format.bulk_no_one_click(no List-Unsubscribe-Post)" },
	{ .what = "a vacation reply", .message = HEADER "Precedence: bulk\nAuto-Submitted: auto-replied (vacation)\n" BODY, .want = "" },
	{ .what = "no vacation reply", .message = HEADER "Precedence: bulk\nAuto-Submitted: no\n" BODY,
	  .want = "format.bulk_no_unsubscribe" },
	{ .what = "a bounce", .null_sender = true, .message = HEADER "Precedence: junk\n" BODY, .want = "" },

	/* options */
	{ .what = "the body is not looked at", .options = { "format.body_octets_max=0" }, .message = FROM TO DATE ID PARTS
	  "\n" X1000 "\n", .want = "" },
	{ .what = "the body is cut", .options = { "format.body_octets_max=500" }, .declared_octets = 1000000,
	  .message = HEADER PARTS "\n" TEXT_PART X1000 "\n------=_Part_1--\n", .want = "" },
	{ .what = "the body is as long as that", .options = { "format.body_octets_max=8" }, .message = HEADER PARTS "\nHello.\n",
	  .want = "" },
	{ .what = "the body is a bit shorter", .options = { "format.body_octets_max=9" }, .message = HEADER PARTS "\nHello.\n",
	  .want = "format.multipart_unopened" },
	{ .what = "cut, but seen", .options = { "format.body_octets_max=20000" }, .declared_octets = 500,
	  .message = HEADER "\n" X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000
	  X1000 X1000 "\nHello\n" X1000 X1000 "\n",
	  .want = "format.body_long_line(18000 octets) format.size(500 declared, 20303 or more came)" },

	/* many at once */
	{ .what = "all wrong", .message = "From: <alice\nDate: today\nDate: tomorrow\nMessage-ID: x\nSubject: =?utf-8?B?a?=\n"
	  "Subject: \xff\nContent-Type: multipart\n\nx\n",
	  .want = "format.from_invalid format.date_invalid(today) format.message_id_invalid(x) format.duplicate(Date, Subject) "
	  "format.header_8bit(Subject: not UTF-8) format.encoded_word(Subject: it is not base64) format.content_type "
	  "format.multipart_boundary(none)" },
};
/* clang-format on */

#endif
