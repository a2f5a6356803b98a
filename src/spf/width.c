/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#define V4_BITS 32
#define V6_BITS 128
#define NO_V6   (V6_BITS + 1)

void spf_width_open(struct spf_width *width)
{
	*width = (struct spf_width){ .term = "", .v6_bits = NO_V6 };
}

/* How wide a term is, in doublings of an IPv4 address; four doublings of an IPv6 address count as one. 0: no width. */
static unsigned breadth(unsigned bits4, unsigned bits6)
{
	unsigned wide4 = V4_BITS - bits4;
	unsigned wide6 = (V6_BITS - bits6) / (V6_BITS / V4_BITS);

	return wide4 > wide6 ? wide4 : wide6;
}

/* The prefix lengths that a term opens, 32 and 128 where it opens none of that family, or a host as any does. */
static void prefixes(const struct spf_term *term, unsigned *bits4, unsigned *bits6)
{
	bool hosts = term->mechanism == SPF_A || term->mechanism == SPF_MX;

	*bits4 = hosts ? term->cidr4 : V4_BITS;
	*bits6 = hosts ? term->cidr6 : V6_BITS;
	if (term->mechanism == SPF_IP4)
		*bits4 = term->net.bits;
	if (term->mechanism == SPF_IP6)
		*bits6 = term->net.bits;
}

static void add_term(struct spf_width *width, const struct spf_term *term, unsigned *widest)
{
	unsigned bits4, bits6, wide;

	prefixes(term, &bits4, &bits6);
	if (bits4 < V4_BITS || term->mechanism == SPF_IP4)
		width->addresses += UINT64_C(1) << (V4_BITS - bits4);
	if ((bits6 < V6_BITS || term->mechanism == SPF_IP6) && bits6 < width->v6_bits)
		width->v6_bits = bits6;
	wide = breadth(bits4, bits6) + (term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6);
	if (term->mechanism == SPF_ALL) {
		width->all = true;
		wide = V4_BITS + 2;
	}
	if (wide > *widest) {
		*widest = wide;
		width->term = term->text;
	}
}

void spf_width_add(struct spf_width *width, const struct spf_record *record, unsigned *widest)
{
	for (size_t i = 0; i < record->n_terms; i++)
		if (record->terms[i].qualifier == '+')
			add_term(width, &record->terms[i], widest);
}
