// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Counts what crosses one interface, by the definition in docs/window.md:
//   1. read the headers of a frame (packet.h), in its linear part first, pulling bytes in only where that ends too soon;
//   2. decide whether it opens a conversation, by flags and by a cache of the conversations seen;
//   3. add it to this CPU's window and to its remote address, both in the buffer that the epoch names;
//   4. take from TCP what it tells of round trips and loss (quality.h);
//   5. drop it if its source is on the block list (block.h), which is empty unless the owner wants one.
// The collector flips the epoch, waits until no program that read the old one runs, then reads and clears the old buffer.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "vigia.h"
#include "packet.h"
#include "tunnel.h"
#include "conversation.h"

/* Buffer (0, 1) → what each CPU counted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct window);
} windows SEC(".maps");

#include "sack.h"
#include "quality.h"
#include "block.h"

enum direction { IN, OUT };

#define ENTRY_EXISTS (-17)

/* Written by the collector before the programs are loaded: 14 for Ethernet, 0 where frames begin with the IP header. */
const volatile __u32 link_bytes = ETH_HLEN;

/* Written by the collector through a memory mapping: its lowest bit names the buffer to count into. */
volatile __u32 epoch = 0;

/* Remote address → what it did; one map a buffer, emptied when its window is read. Plain hash: nothing is evicted unseen. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SOURCES);
	__type(key, struct address);
	__type(value, struct source);
} sources_0 SEC(".maps"), sources_1 SEC(".maps");

/* Buffer → how many addresses its sources map has taken in, and traces of them. */
struct admissions {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct admission);
} admissions SEC(".maps");

/*
 * Index 0 → the map above. No program reads it: an update of a map of maps returns only after every program that was running
 * has ended (maybe_wait_bpf_programs in the kernel), and that is the wait that a rotation needs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct admissions);
} barrier SEC(".maps") = { .values = { &admissions } };

static const struct source no_source;

/* Trailing zeros of the upper 32 bits, plus one, into the register that the lower bits name (Flajolet et al. 2007). */
static __always_inline void add_address(struct window *window, __u64 hash)
{
	__u32 index = hash & (HLL_REGISTERS - 1);
	__u32 rest = hash >> 32;
	__u8 rank = 1;
	if (!rest) {
		rank = 33;
	} else {
		if (!(rest & 0xffff)) { rank += 16; rest >>= 16; }
		if (!(rest & 0xff)) { rank += 8; rest >>= 8; }
		if (!(rest & 0xf)) { rank += 4; rest >>= 4; }
		if (!(rest & 0x3)) { rank += 2; rest >>= 2; }
		if (!(rest & 0x1)) rank += 1;
	}
	if (window->registers[index] < rank)
		window->registers[index] = rank;
}

static __always_inline void add_source_port(struct source *source, __u16 port)
{
	__u32 bit = mix(port ^ seed) & (SOURCE_PORT_WORDS * 64 - 1);
	/* Most ask for one port only; a port that was written stays until the window is read, so that no lock is needed to see it. */
	if (source->port_count && source->ports[0] == port)
		return;
	bpf_spin_lock(&source->lock);
	__u32 count = source->port_count;
	int known = 0;
#pragma unroll
	for (__u32 i = 0; i < SOURCE_PORTS; i++)
		known |= i < count && source->ports[i] == port;
	if (!known && count < SOURCE_PORTS) {
		source->ports[count & (SOURCE_PORTS - 1)] = port;
		source->port_count = count + 1;
	} else if (!known) {
		source->port_count = SOURCE_PORTS + 1;
	}
	source->port_bits[bit >> 6] |= 1ULL << (bit & 63);
	bpf_spin_unlock(&source->lock);
}

/*
 * One call a map: clang would join the two into one of a map that is not known before the packet comes, and the verifier can only
 * replace a call by the map's own function where it knows the map.
 */
static __always_inline struct source *find_source(__u32 buffer, const struct address *remote)
{
	struct source *source = NULL;
	if (buffer)
		source = bpf_map_lookup_elem(&sources_1, remote);
	barrier_var(buffer);
	if (!buffer)
		source = bpf_map_lookup_elem(&sources_0, remote);
	return source;
}

/* Takes a new address in while there is room: sampled once it gets scarce, so that a flood of addresses costs little and a busy address still gets in. */
static __always_inline struct source *admit_source(struct admission *admission, __u64 *known, __u64 bit, __u32 buffer, const struct address *remote)
{
	__u32 taken = admission->sources;
	if (taken >= SOURCES_FREE && bpf_get_prandom_u32() & (taken < SOURCES_SCARCE ? 15 : 255))
		return NULL;
	*known |= bit; /* Not atomic, which needs Linux 5.12: what two CPUs lose of each other is set by a later packet. */
	long error = buffer ? bpf_map_update_elem(&sources_1, remote, &no_source, BPF_NOEXIST)
	                    : bpf_map_update_elem(&sources_0, remote, &no_source, BPF_NOEXIST);
	if (error && error != ENTRY_EXISTS)
		return NULL;
	if (!error)
		__sync_fetch_and_add(&admission->sources, 1);
	return find_source(buffer, remote);
}

static __always_inline void count_source(struct window *window, __u32 buffer, const struct packet *p, enum direction direction, __u32 segments,
					 __u64 bytes, int syn, int opens, __u64 remote_hash)
{
	const struct address *remote = direction == IN ? &p->source : &p->destination;
	struct admission *admission = bpf_map_lookup_elem(&admissions, &buffer);
	if (!admission)
		return;
	/* Not the bits that name the register of the HyperLogLog. */
	__u64 *known = &admission->known[remote_hash >> 18 & (KNOWN_WORDS - 1)];
	__u64 bit = 1ULL << (remote_hash >> 12 & 63);
	/* In a flood of addresses most are new: they need no look into the map, which costs several cache misses. */
	struct source *source = *known & bit ? find_source(buffer, remote) : NULL;
	if (!source)
		source = admit_source(admission, known, bit, buffer, remote);
	if (!source) {
		window->sources_not_tracked += segments;
		return;
	}
	__sync_fetch_and_add(&source->packets, segments);
	__sync_fetch_and_add(&source->bytes[direction], bytes);
	if (direction == OUT)
		return;
	if (syn)
		__sync_fetch_and_add(&source->syn_packets, segments);
	if (opens)
		add_source_port(source, p->destination_port);
}

static __always_inline void measure_quality(struct __sk_buff *skb, __u32 buffer, const struct packet *p, const struct super_packet *frame,
					    enum direction direction, __u64 now_ns, __u64 source_hash, __u64 destination_hash)
{
	if (p->tcp_flags & TCP_RST)
		return;
	__u64 source = hash_endpoint(source_hash, p->source_port);
	__u64 destination = hash_endpoint(destination_hash, p->destination_port);
	__u64 buffer_flags = two(buffer, p->tcp_flags);
	if (direction == OUT)
		segment_sent(hash_flow(source, destination), buffer_flags, two(p->sequence, frame->payload_bytes),
			     two(frame->segments, frame->segment_bytes), now_ns);
	else if (p->tcp_flags & TCP_ACK)
		acknowledgement_came(skb, hash_flow(destination, source), buffer_flags, two(p->acknowledgement, p->payload_bytes),
				     two(p->options_at, p->header_bytes - p->options_at));
}

/* @return whether the frame is to be dropped */
static __always_inline int count(struct __sk_buff *skb, const struct packet *p, enum progress progress, enum direction direction,
				 const struct super_packet *frame, __u64 bytes)
{
	__u32 segments = frame->segments;
	__u32 buffer = epoch & 1;
	struct window *window = bpf_map_lookup_elem(&windows, &buffer);
	if (!window)
		return 0;
	window->packets[direction] += segments;
	window->bytes[direction] += bytes;
	if (p->version && progress != READ)
		window->parse_errors++;
	if (!p->addressed)
		return 0;

	__u64 source_hash = hash_address(&p->source);
	__u64 destination_hash = hash_address(&p->destination);
	__u64 now_ns = roughly_now_ns();
	int syn = 0;
	int opens = 0;
	if (p->protocol == IPPROTO_TCP) {
		window->tcp_packets[direction] += segments;
		syn = (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
		if (syn)
			window->syn_packets += segments;
	} else if (p->protocol == IPPROTO_UDP) {
		window->udp_packets[direction] += segments;
	} else if (p->protocol == (p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		window->icmp_packets[direction] += segments;
	}
	if (p->has_ports && opens_conversation(window, p, now_ns, source_hash, destination_hash)) {
		opens = 1;
		window->ports[p->destination_port >> 6] |= 1ULL << (p->destination_port & 63);
	}
	__u64 remote_hash = direction == IN ? source_hash : destination_hash;
	add_address(window, remote_hash);
	count_source(window, buffer, p, direction, segments, bytes, syn, opens, remote_hash);
	if (p->protocol == IPPROTO_TCP && p->has_ports)
		measure_quality(skb, buffer, p, frame, direction, now_ns, source_hash, destination_hash);
	return direction == IN && is_blocked(window, AT_TC, &p->source, segments, bytes);
}

static __always_inline int observe(struct __sk_buff *skb, enum direction direction)
{
	__u32 tags = skb->vlan_present ? 1 : 0;
	struct packet p = {};
	enum progress progress = read_packet(&p, linear_start(skb), linear_end(skb), link_bytes, skb->protocol, tags);
	if (progress == SHORT && skb->len > (__u64)(linear_end(skb) - linear_start(skb))) {
		__u32 wanted = skb->len < LONGEST_HEADERS ? skb->len : LONGEST_HEADERS;
		if (!bpf_skb_pull_data(skb, wanted)) {
			__builtin_memset(&p, 0, sizeof(p));
			progress = read_packet(&p, linear_start(skb), linear_end(skb), link_bytes, skb->protocol, tags);
		}
	}

	__u64 bytes = skb->len + tags * VLAN_TAG_BYTES;
	struct super_packet frame = { .segments = 1, .payload_bytes = p.payload_bytes, .segment_bytes = p.payload_bytes };
	__u32 gso_size = skb->gso_size;
	if (gso_size) {
		__u32 header_bytes = repeated_bytes(skb, &p);
		p.payload_bytes = skb->len > header_bytes ? skb->len - header_bytes : 1;
		frame.payload_bytes = p.payload_bytes;
		frame.segment_bytes = gso_size;
		frame.segments = skb->gso_segs;
		if (!frame.segments)
			frame.segments = (p.payload_bytes + gso_size - 1) / gso_size;
		bytes += (__u64)(frame.segments - 1) * (header_bytes + tags * VLAN_TAG_BYTES);
	}
	if (count(skb, &p, progress, direction, &frame, bytes))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC; /* what runs after us decides */
}

SEC("tc")
int vigia_ingress(struct __sk_buff *skb)
{
	return observe(skb, IN);
}

SEC("tc")
int vigia_egress(struct __sk_buff *skb)
{
	return observe(skb, OUT);
}

/* Drops what is blocked before the network stack sees it; what it drops is in no window's packets. */
SEC("xdp")
int vigia_block(struct xdp_md *context)
{
	__u32 buffer = epoch & 1;
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct packet p = {};
	if (!block_count)
		return XDP_PASS;
	read_packet(&p, data, end, ETH_HLEN, 0, 0);
	struct window *window = bpf_map_lookup_elem(&windows, &buffer);
	if (!window || !p.addressed)
		return XDP_PASS;
	return is_blocked(window, AT_XDP, &p.source, 1, end - data) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
