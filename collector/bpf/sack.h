// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Selective acknowledgements of TCP (RFC 2018, RFC 2883): which bytes have arrived, and which came twice.
#ifndef VIGIA_SACK_H
#define VIGIA_SACK_H

#define MAX_SACK_BLOCKS 4
#define LAST_SACK_OFFSET 28            /* of an option of one block */
#define NOP_NOP_SACK 0x010105

/* 1 where one sequence number comes before the other (RFC 9293, 3.4); without a branch, of which the verifier would follow both ways. */
static __always_inline __u32 before(__u32 one, __u32 other)
{
	return (one - other) >> 31;
}

struct sack {
	__u32 left[MAX_SACK_BLOCKS];
	__u32 right[MAX_SACK_BLOCKS];
};

/*
 * Finds the option of RFC 2018 among the `bytes` of options that begin at `at`: where all stacks put it, on a word's border behind
 * two NOPs (RFC 2018's own layout), so that the verifier has no walk over options to follow.
 */
static __always_inline void read_sack(struct sack *sack, void *at, void *end, __u32 bytes)
{
	__u32 found = 0;
	__u32 last = 0;
#pragma unroll
	for (__u32 offset = 0; offset <= LAST_SACK_OFFSET; offset += 4) {
		__be32 *option = at + offset;
		if ((void *)(option + 1) > end || offset + 4 > bytes)
			break;
		__u32 word = bpf_ntohl(*option);
		if (word >> 8 == NOP_NOP_SACK) {
			found = offset + 4;
			last = offset + 2 + (word & 0xff);
		}
	}
	if (!found || last > bytes)
		return;
	__be32 *edges = at + found;
#pragma unroll
	for (__u32 block = 0; block < MAX_SACK_BLOCKS; block++) {
		if ((void *)(edges + 2) > end || found + block * 8 + 8 > last)
			return;
		sack->left[block] = bpf_ntohl(edges[0]);
		sack->right[block] = bpf_ntohl(edges[1]);
		edges += 2;
	}
}

/* 1 where the bytes before `end` have arrived, by this acknowledgement; an absent block is empty. */
static __always_inline __u32 selects(const struct sack *sack, __u32 end)
{
	__u32 arrived = 0;
#pragma unroll
	for (__u32 i = 0; i < MAX_SACK_BLOCKS; i++)
		arrived |= before(sack->left[i], end) & ~before(sack->right[i], end);
	return arrived & 1;
}

/* RFC 2883: the first block tells of bytes that came twice where it lies below the acknowledgement or within the second block. */
static __always_inline __u32 came_twice(const struct sack *sack, __u32 acknowledgement, __u32 end)
{
	__u32 holds_end = before(sack->left[0], end) & ~before(sack->right[0], end);
	__u32 below = ~before(acknowledgement, sack->right[0]);
	__u32 within = ~before(sack->left[0], sack->left[1]) & ~before(sack->right[1], sack->right[0]) & before(sack->left[1], sack->right[1]);
	return holds_end & (below | within) & 1;
}

#endif
