/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_detail - how a result of SPF, or of Sender ID, is shown beside the fact that it proves.
 *
 * Threads: pure. Owns nothing.
 */
#ifndef MAILREEVE_CHECKS_SPF_DETAIL_H
#define MAILREEVE_CHECKS_SPF_DETAIL_H

#include "spf/spf.h"

#define SPF_DETAIL_SIZE 500 /* more than evidence keeps */

/*
 * The domain and what matched ("example.org -all"), for permerror the domain and its problem ("example.org: term 2
 * 'bad': ..."), for temperror the reason ("timeout"). As hostile as the result; returns `text`.
 */
const char *spf_detail(const struct spf_result *result, char text[SPF_DETAIL_SIZE]);

#endif
