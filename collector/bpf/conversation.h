// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Which frames open a conversation: the table of docs/window.md over a bounded cache of the conversations seen.
#ifndef VIGIA_CONVERSATION_H
#define VIGIA_CONVERSATION_H

#define TIME_SHIFT 30                  /* 1.07 s */
#define TIME_MASK 0xffffffULL
#define TAG_SHIFT 24
#define UDP_LIFETIME 112               /* 120 s in these units: RFC 4787, REQ-5 */
#define FOREVER TIME_MASK

/* Drawn by the collector before the programs are loaded, so that nobody outside can choose what collides. */
const volatile __u64 seed = 0;

/* Whether this kernel has the coarse clock (Linux 5.11), which costs less; the verifier drops the branch that is not taken. */
const volatile __u32 coarse_clock = 1;

/* To some milliseconds, and cheap. */
static __always_inline __u64 roughly_now_ns(void)
{
	return coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

/* Bucket number → eight conversations: buckets of TCP, then of UDP, then of TCP that has only shown a SYN. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUCKETS);
	__type(key, __u32);
	__type(value, struct bucket);
} conversations SEC(".maps");

/* The 64-bit finalizer of MurmurHash3 (Appleby, public domain). */
static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static __always_inline __u64 hash_address(const struct address *address)
{
	return mix((address->halves[0] + seed) * 0x9e3779b97f4a7c15ULL ^ address->halves[1]);
}

static __always_inline __u64 hash_endpoint(__u64 address_hash, __u16 port)
{
	__u64 hash = (address_hash ^ port * 0x9e3779b97f4a7c15ULL) * 0xc4ceb9fe1a85ec53ULL;
	return hash ^ hash >> 32;
}

/* The same for both directions of a conversation. */
static __always_inline __u64 hash_conversation(const struct packet *p, __u64 source_hash, __u64 destination_hash)
{
	return mix(hash_endpoint(source_hash, p->source_port) + hash_endpoint(destination_hash, p->destination_port));
}

/*
 * Whether the conversation is in its region of the cache and not older than `lifetime`; its time is renewed.
 * Where it is not and `remember` is set, it takes the place of the oldest in its bucket.
 */
static __always_inline int recall(struct window *window, __u64 hash, __u64 now_ns, __u32 first, __u32 count, __u64 lifetime, int remember)
{
	__u32 number = first + (hash & (count - 1));
	struct bucket *bucket = bpf_map_lookup_elem(&conversations, &number);
	if (!bucket)
		return 0;
	__u64 now = now_ns >> TIME_SHIFT & TIME_MASK;
	__u64 tag = hash >> TAG_SHIFT | 1ULL << 39;
	__u64 oldest = 0;
	__u32 victim = 0;
#pragma unroll
	for (__u32 i = 0; i < SLOTS; i++) {
		__u64 slot = bucket->slots[i];
		__u64 age = slot ? now - slot & TIME_MASK : TIME_MASK + 1;
		if (slot >> TAG_SHIFT == tag) {
			if (age)
				bucket->slots[i] = tag << TAG_SHIFT | now;
			return age <= lifetime;
		}
		if (age > oldest) {
			oldest = age;
			victim = i;
		}
	}
	if (!remember)
		return 0;
	if (oldest <= UDP_LIFETIME)
		window->conversations_evicted++;
	bucket->slots[victim & (SLOTS - 1)] = tag << TAG_SHIFT | now;
	return 0;
}

/* The table of docs/window.md, row by row. */
static __always_inline int opens_conversation(struct window *window, const struct packet *p, __u64 now_ns, __u64 source_hash, __u64 destination_hash)
{
	__u64 hash;
	if (p->protocol == IPPROTO_UDP) {
		hash = hash_conversation(p, source_hash, destination_hash);
		return !recall(window, hash, now_ns, TCP_BUCKETS, UDP_BUCKETS, UDP_LIFETIME, 1);
	}
	if (p->tcp_flags & TCP_RST)
		return 0;
	if (p->tcp_flags & TCP_SYN) {
		if (p->tcp_flags & TCP_ACK)
			return 0;
		hash = hash_conversation(p, source_hash, destination_hash);
		recall(window, hash, now_ns, TCP_BUCKETS + UDP_BUCKETS, HALF_OPEN_BUCKETS, FOREVER, 1);
		return 1;
	}
	if (!(p->tcp_flags & TCP_ACK))
		return 1;
	hash = hash_conversation(p, source_hash, destination_hash);
	if (recall(window, hash, now_ns, 0, TCP_BUCKETS, FOREVER, 1) || p->payload_bytes || p->destination_port >= p->source_port)
		return 0;
	return !recall(window, hash, now_ns, TCP_BUCKETS + UDP_BUCKETS, HALF_OPEN_BUCKETS, FOREVER, 0);
}

#endif
