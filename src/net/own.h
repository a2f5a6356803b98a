/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own - this machine's addresses, and the networks that it is in.
 *
 * Threads: from any; asks the kernel, opens no connection.
 */
#ifndef MAILREEVE_NET_OWN_H
#define MAILREEVE_NET_OWN_H

#include <stddef.h>

#include "base/err.h"
#include "base/ip.h"

struct own_nets {
	struct net *nets;
	size_t n;
};

/*
 * What the interfaces have now: each address, and the network on its link, unless that is so wide (shorter than /16, or
 * /48 in IPv6) that it cannot be one. 0, or -1 with err.
 */
int own_nets_open(struct own_nets *own, struct err *err);
void own_nets_close(struct own_nets *own);

#endif
