// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// What the kernel and the collector share: the structs that lie in the maps. collector/kernel/layout.ts reads them.
#ifndef VIGIA_H
#define VIGIA_H

#define HLL_REGISTERS 4096
#define PORT_WORDS 1024         /* 65,536 bits, one a port */
#define SOURCE_PORTS 16         /* ports of a source that are kept as they are */
#define SOURCE_PORT_WORDS 8     /* 512 bits for linear counting of more */
#define MAX_SOURCES 16384       /* addresses in one window */
#define SOURCES_FREE 4096       /* of these come in as they come; then 1 in 16 packets may add one, */
#define SOURCES_SCARCE 8192     /* and from here on 1 in 256 */
#define KNOWN_WORDS 1024        /* 65,536 bits: which addresses may be there */
#define SLOTS 8                 /* conversations in a bucket: one cache line */
#define TCP_BUCKETS 8192
#define UDP_BUCKETS 4096
#define HALF_OPEN_BUCKETS 4096
#define BUCKETS (TCP_BUCKETS + UDP_BUCKETS + HALF_OPEN_BUCKETS)
#define FLOW_SLOTS 4            /* sending sides in a bucket */
#define FLOW_BUCKETS 8192
#define FOLLOWED 4              /* segments sent again that are followed at once, of one connection */
#define MAX_BLOCKS 16384        /* addresses and prefixes on the block list */
#define MAX_ALLOWED 1024        /* those that are never dropped */

/* An IPv6 address in network order; an IPv4 one as ::ffff:a.b.c.d. */
struct address {
	__u64 halves[2];
};

/* What one CPU saw in one window; index 0 of a pair is in, 1 is out. Segments, not socket buffers. */
struct window {
	__u64 packets[2];
	__u64 bytes[2];
	__u64 tcp_packets[2];
	__u64 udp_packets[2];
	__u64 icmp_packets[2];
	__u64 syn_packets;
	__u64 parse_errors;
	__u64 sources_not_tracked;
	__u64 conversations_evicted;
	__u64 rtt_samples;
	__u64 rtt_sum_us;
	__u64 rtt_max_us;
	__u64 rtt_changes;              /* pairs of consecutive samples of one connection */
	__u64 rtt_change_sum_us;
	__u64 segments_sent;
	__u64 segments_resent;
	__u64 resent_followed;          /* of those, how many were followed to their acknowledgement, */
	__u64 resent_needless;          /* and found to have arrived the first time */
	__u64 packets_blocked;          /* dropped, or to be dropped were it no dry run */
	__u64 bytes_blocked;
	__u64 flows_evicted;            /* sending sides of connections that made room for others within 120 s of their last segment */
	__u64 ports[PORT_WORDS];        /* responder ports of conversations opened */
	__u8 registers[HLL_REGISTERS];  /* HyperLogLog of remote addresses */
};

/* What one remote address did in one window. */
struct source {
	__u64 packets;
	__u64 bytes[2];
	__u32 syn_packets;
	__u32 port_count;               /* ports in `ports`; SOURCE_PORTS + 1 where there were more */
	struct bpf_spin_lock lock;      /* over the port fields */
	__u16 ports[SOURCE_PORTS];
	__u32 reserved;
	__u64 port_bits[SOURCE_PORT_WORDS];
};

/* Addresses admitted to a window's sources map. */
struct admission {
	__u64 known[KNOWN_WORDS];       /* a bit of its hash is set before an address is: what has none is not there (Bloom 1970, one hash) */
	__u32 sources;
	__u32 reserved;
};

/* Conversations: 40 bits of hash above 24 bits of time (units of 2^30 ns); 0 is empty. One store writes a slot whole. */
struct bucket {
	__u64 slots[SLOTS];
};

/* What is known of the segments that one side of a TCP connection sends out. */
struct flow {
	__u64 timed;            /* sequence number waited for << 32 | when it left in us << 2 | enum timing */
	__u64 resent[FOLLOWED]; /* the same of segments that were sent again; 0: none */
	__u32 highest;          /* sequence number after the last byte sent */
	__u32 acknowledged;
	__u32 recovery;         /* RFC 6582: what must be acknowledged before the recovery is over */
	__u32 sent_us;
	__u32 rtt_us;           /* the last sample; 0: none yet */
	__u32 shortest_rtt_us;  /* of the latest */
	__u32 recovering;
	__u32 reserved;
};

/* Sending sides whose hashes fall together: what finds them lies in one cache line. */
struct flow_bucket {
	__u32 tags[FLOW_SLOTS];         /* upper half of the hash, never 0; 0: free */
	struct flow flows[FLOW_SLOTS];
};

/* Key of the block list and of the allowlist, as the kernel's LPM tries want it. */
struct prefix {
	__u32 bits;
	__u32 address[4];
};

/* One entry of the block list. */
struct block {
	__u64 until_ns;         /* of the monotonic clock */
	__u64 packets;          /* segments that it dropped, or would have */
	__u64 bytes;
	__u32 enforced;         /* 0: counts only */
	__u32 reserved;
};

_Static_assert(sizeof(struct address) == 16, "key of the sources maps");
_Static_assert(sizeof(struct window) == 208 + 8 * PORT_WORDS + HLL_REGISTERS, "no padding");
_Static_assert(__builtin_offsetof(struct window, ports) == 208, "counters first");
_Static_assert(__builtin_offsetof(struct source, ports) == 36, "after the lock");
_Static_assert(__builtin_offsetof(struct source, port_bits) == 72, "aligned without hidden padding");
_Static_assert(sizeof(struct source) == 136, "value of the sources maps");
_Static_assert(sizeof(struct admission) == 8 * KNOWN_WORDS + 8, "value of the admissions map");
_Static_assert(sizeof(struct bucket) == 64, "one cache line");
_Static_assert(sizeof(struct flow) == 72, "no padding");
_Static_assert(sizeof(struct flow_bucket) == 304, "no padding");
_Static_assert(sizeof(struct prefix) == 20, "no padding, which would never match");
_Static_assert(sizeof(struct block) == 32, "no padding");

#endif
