# SPDX-License-Identifier: BSD-2-Clause
#
# spam-to-junk.sieve - file what mailreeve(8) marked as spam into Junk.
#
# Run it for everybody before the users' own scripts. Dovecot (2.3), conf.d/90-sieve.conf:
#
#   plugin {
#     sieve_before = /etc/dovecot/sieve/spam-to-junk.sieve
#   }
#
# and compile it once with "sievec /etc/dovecot/sieve/spam-to-junk.sieve".
#
# X-Spam-Flag can be believed: mailreeve removes every X-Spam field that a message brings along (headers.strip_x_spam) and
# writes its own, with "YES" from the threshold policy.tag on. Mail that does not pass mailreeve at all (a second MX, mail
# that is fetched from elsewhere) brings whatever its sender wrote: have the field removed there.
require ["fileinto", "mailbox"];

if header :is "X-Spam-Flag" "YES"
{
	fileinto :create "Junk";
	stop;
}

# Users who want a limit of their own can have it without knowing our fields: RFC 5235, "spamtest". Dovecot must be told how
# to read the score; 10.0 is policy.reject here: what is there or above becomes 10 (100 with spamtestplus and ":percent").
#
#   plugin {
#     sieve_extensions = +spamtest +spamtestplus
#     sieve_spamtest_status_type = score
#     sieve_spamtest_status_header = X-Spam-Score: (-?[[:digit:]]+\.[[:digit:]]+)
#     sieve_spamtest_max_value = 10.0
#   }
#
# X-Spam-Status has the score and the threshold policy.tag together; then what reaches that threshold becomes 10:
#
#     sieve_spamtest_status_header = X-Spam-Status: [[:alpha:]]+, score=(-?[[:digit:]]+\.[[:digit:]]+)
#     sieve_spamtest_max_header = X-Spam-Status: [[:alpha:]]+, score=-?[[:digit:]]+\.[[:digit:]]+ required=([[:digit:]]+\.[[:digit:]]+)
#
# A user's script then reads, for example (0 is a message without a score: it was exempt, or did not pass mailreeve):
#
#   require ["fileinto", "relational", "comparator-i;ascii-numeric", "spamtestplus"];
#   if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "40" { fileinto "Junk"; }
