// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// The block list: prefixes that are dropped until a time, and the allowlist that always wins.
#ifndef VIGIA_BLOCK_H
#define VIGIA_BLOCK_H

#define ADDRESS_BITS 128

/* Written by the collector: how many entries the block list has, so that an empty one costs nothing. */
volatile __u32 block_count = 0;

/* Written by the collector, once a second, as some seconds ahead: where it does so no more, nothing is dropped. Of the monotonic clock. */
volatile __u64 holds_until_ns = 0;

/* Prefix → until when it is dropped. An IPv4 prefix stands as ::ffff:a.b.c.d/(96 + n). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_BLOCKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct block);
} blocked SEC(".maps");

/* Prefix → anything: what is never dropped, whatever the block list says. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} allowed SEC(".maps");

enum hook { AT_TC, AT_XDP };

/*
 * Whether a packet from this address is to be dropped; counts it for its entry and in the window. What passes XDP comes to tc too:
 * a dry run counts it there alone.
 */
static __always_inline int is_blocked(struct window *window, enum hook hook, const struct address *source, __u32 segments, __u64 bytes)
{
	if (!block_count)
		return 0;
	struct prefix key = { .bits = ADDRESS_BITS };
	__builtin_memcpy(key.address, source, sizeof(key.address));
	struct block *block = bpf_map_lookup_elem(&blocked, &key);
	if (!block)
		return 0;
	__u64 now_ns = bpf_ktime_get_ns();
	if (block->until_ns <= now_ns || holds_until_ns <= now_ns)
		return 0;
	if (hook == AT_XDP && !block->enforced)
		return 0;
	if (bpf_map_lookup_elem(&allowed, &key))
		return 0;
	__sync_fetch_and_add(&block->packets, segments);
	__sync_fetch_and_add(&block->bytes, bytes);
	window->packets_blocked += segments;
	window->bytes_blocked += bytes;
	return block->enforced;
}

#endif
