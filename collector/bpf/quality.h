// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Round trips, jitter and loss of TCP, read from what passes by: "Network quality" of docs/window.md.
#ifndef VIGIA_QUALITY_H
#define VIGIA_QUALITY_H

#define US_MASK 0x3fffffffU            /* 30 bits: 17.9 minutes */
#define LONGEST_RTT_US 10000000U
#define SHORTEST_TIMED_BYTES 536       /* a segment of less need not be acknowledged soon: RFC 9293, default MSS */
#define CLOSE_BEHIND_US 1000U
#define SHORTEST_TIMEOUT_US 10000U
#define MAX_OPTION_BYTES 40
#define SHORTEST_RISES_SHIFT 5         /* by a 32nd of the difference with each round trip */
#define FORGOTTEN_US 120000000U        /* a side that was silent for longer is no loss */

enum timing {
	UNTIMED,
	LONE,      /* timed once another full segment follows close behind: else the answer may be delayed on purpose */
	TIMED,
	SELECTIVE, /* something before it was sent again: only a selective acknowledgement tells */
};

/* Bucket number → the sending sides of connections. Only what a host sends makes an entry, so no flood does from outside. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} flows SEC(".maps");

/* Of the sending side and the other one; not the same for the two directions. */
static __always_inline __u64 hash_flow(__u64 sender, __u64 receiver)
{
	return mix(sender ^ receiver * 0x9e3779b97f4a7c15ULL);
}

static __always_inline __u32 now_us(void)
{
	return bpf_ktime_get_ns() / 1000;
}

static __always_inline struct flow_bucket *find_bucket(__u64 key)
{
	__u32 number = key & (FLOW_BUCKETS - 1);
	return bpf_map_lookup_elem(&flows, &number);
}

static __always_inline __u32 tag_of(__u64 key)
{
	return key >> 32 | 1;
}

static __always_inline struct flow *find_flow(struct flow_bucket *bucket, __u32 tag)
{
#pragma unroll
	for (__u32 i = 0; i < FLOW_SLOTS; i++)
		if (bucket->tags[i] == tag)
			return &bucket->flows[i];
	return NULL;
}

/* The side that has been silent longest makes room. */
static __always_inline void begin_flow(struct window *window, struct flow_bucket *bucket, __u32 tag, struct flow *known, const struct flow *first)
{
	__u32 slot = 0;
	__u32 oldest = 0;
#pragma unroll
	for (__u32 i = 0; i < FLOW_SLOTS; i++) {
		__u32 silent = bucket->tags[i] ? first->sent_us - bucket->flows[i].sent_us : ~0U;
		if (silent >= oldest) {
			oldest = silent;
			slot = i;
		}
	}
	if (known) {
		*known = *first;
		return;
	}
	if (oldest <= FORGOTTEN_US)
		window->flows_evicted++;
	slot &= FLOW_SLOTS - 1;
	bucket->tags[slot] = tag;
	bucket->flows[slot] = *first;
}

static __always_inline __u64 timing_of(__u32 sequence, __u32 us, enum timing timing)
{
	return (__u64)sequence << 32 | (us & US_MASK) << 2 | timing;
}

/*
 * Follows a segment that was sent again until it is acknowledged. An answer sooner than any round trip is one to the first
 * sending: it was not lost, only late (the idea of RFC 3522, without time stamps).
 */
static __always_inline void follow_resent(struct window *window, struct flow *flow, __u32 end)
{
	__u32 room = FOLLOWED;
	if (!flow->shortest_rtt_us)
		return;
	__u32 us = now_us();
#pragma unroll
	for (__u32 i = 0; i < FOLLOWED; i++) {
		__u64 followed = flow->resent[i];
		if (followed && followed >> 32 == end) {
			window->resent_followed++;
			flow->resent[i] = 0;
			room = i;
		} else if (!followed || ((us - (__u32)(followed >> 2)) & US_MASK) > LONGEST_RTT_US) {
			room = i;
		}
	}
	if (room < FOLLOWED)
		flow->resent[room] = timing_of(end, us, TIMED);
}

/* How many segments on the wire a frame stands for. */
struct super_packet {
	__u32 segments;
	__u32 payload_bytes; /* of all segments together */
	__u32 segment_bytes; /* payload of a full one */
};

/*
 * The two functions below are verified once, not along every path that leads to them. Before Linux 5.12 the kernel takes only numbers
 * and the context for their arguments, five at most: hence two numbers in one.
 */
static __always_inline __u64 two(__u32 high, __u32 low)
{
	return (__u64)high << 32 | low;
}

/* What a segment that goes out tells. */
__noinline int segment_sent(__u64 key, __u64 buffer_flags, __u64 sequence_payload, __u64 segments_full, __u64 roughly_ns)
{
	__u32 buffer = buffer_flags >> 32;
	__u8 flags = buffer_flags;
	__u32 sequence = sequence_payload >> 32;
	__u32 payload = sequence_payload;
	__u32 segments = segments_full >> 32;
	__u32 full = segments_full;
	struct window *window = bpf_map_lookup_elem(&windows, &buffer);
	if (!window)
		return 0;
	int syn = flags & TCP_SYN;
	int answers_syn = syn && flags & TCP_ACK;
	if (!syn && !payload)
		return 0;
	if (!syn)
		window->segments_sent += segments;
	__u32 roughly = roughly_ns / 1000;
	__u32 end = sequence + payload + (syn ? 1 : 0);
	/* Of many segments the last but one is timed: another is close behind it. */
	enum timing timing = syn || segments > 1 ? TIMED : LONE;
	__u32 target = segments > 1 ? sequence + (segments - 1) * full : end;
	if (answers_syn || (!syn && full < SHORTEST_TIMED_BYTES))
		timing = UNTIMED;

	struct flow_bucket *bucket = find_bucket(key);
	if (!bucket)
		return 0;
	struct flow *flow = find_flow(bucket, tag_of(key));
	/* What others ask for makes nothing known, but ends what was known of an earlier connection from the same port. */
	if (answers_syn && (!flow || flow->highest == end))
		return 0;
	if (!flow || (syn && flow->highest != end)) {
		struct flow first = {
			.timed = timing_of(target, now_us(), timing), .highest = end, .acknowledged = sequence, .sent_us = roughly,
		};
		begin_flow(window, bucket, tag_of(key), flow, &first);
		return 0;
	}
	__u64 waiting = flow->timed;
	enum timing wait = waiting & 3;
	if (before(flow->highest, end)) {
		flow->highest = end;
		flow->sent_us = roughly;
		if (wait == LONE && full >= SHORTEST_TIMED_BYTES) {
			__u32 us = now_us();
			__u32 close = flow->rtt_us / 16 > CLOSE_BEHIND_US ? flow->rtt_us / 16 : CLOSE_BEHIND_US;
			__u32 age = (us - (__u32)(waiting >> 2)) & US_MASK;
			flow->timed = age <= close ? waiting + (TIMED - LONE) : timing_of(target, us, timing);
		} else if (wait <= LONE || ((roughly - (__u32)(waiting >> 2)) & US_MASK) - 1 > LONGEST_RTT_US) {
			flow->timed = timing_of(target, now_us(), timing);
		}
		return 0;
	}
	/* Below the highest without a sign of loss: it was overtaken on its way to us. */
	__u32 timeout = flow->rtt_us > SHORTEST_TIMEOUT_US ? flow->rtt_us : SHORTEST_TIMEOUT_US;
	if (!syn && !flow->recovering && roughly - flow->sent_us < timeout)
		return 0;
	if (!syn)
		window->segments_resent += segments;
	flow->sent_us = roughly;
	flow->recovering = 1;
	flow->recovery = flow->highest;
	follow_resent(window, flow, end);
	__u32 awaited = waiting >> 32;
	if (!before(end, awaited))
		flow->timed = before(sequence, awaited) ? UNTIMED : waiting;
	else if (wait == LONE)
		flow->timed = UNTIMED;
	else if (wait == TIMED)
		flow->timed = waiting + (SELECTIVE - TIMED);
	return 0;
}

static __always_inline void add_round_trip(struct window *window, struct flow *flow, __u32 us)
{
	if (us > LONGEST_RTT_US)
		return;
	__u32 last = flow->rtt_us;
	window->rtt_samples++;
	window->rtt_sum_us += us;
	if (us > window->rtt_max_us)
		window->rtt_max_us = us;
	if (last) {
		window->rtt_changes++;
		window->rtt_change_sum_us += us > last ? us - last : last - us;
	}
	flow->rtt_us = us ? us : 1;
	/* It rises slowly with a path that has become longer: else every late answer on that would look like one to the second sending. */
	if (!flow->shortest_rtt_us || us < flow->shortest_rtt_us)
		flow->shortest_rtt_us = flow->rtt_us;
	else
		flow->shortest_rtt_us += (us - flow->shortest_rtt_us) >> SHORTEST_RISES_SHIFT;
}

static __always_inline void answer_resent(struct window *window, struct flow *flow, const struct sack *sack, __u32 acknowledgement)
{
	__u32 us = now_us();
#pragma unroll
	for (__u32 i = 0; i < FOLLOWED; i++) {
		__u64 followed = flow->resent[i];
		__u32 end = followed >> 32;
		if (!followed || (before(acknowledgement, end) && !selects(sack, end)))
			continue;
		flow->resent[i] = 0;
		window->resent_followed++;
		__u32 answered_us = (us - (__u32)(followed >> 2)) & US_MASK;
		if (answered_us < flow->shortest_rtt_us - flow->shortest_rtt_us / 8 || came_twice(sack, acknowledgement, end))
			window->resent_needless++;
	}
}

/* What an acknowledgement that comes in tells. */
__noinline int acknowledgement_came(struct __sk_buff *skb, __u64 key, __u64 buffer_flags, __u64 acknowledgement_payload, __u64 options)
{
	__u32 buffer = buffer_flags >> 32;
	__u8 flags = buffer_flags;
	__u32 acknowledgement = acknowledgement_payload >> 32;
	__u32 payload = acknowledgement_payload;
	__u32 options_at = options >> 32;
	__u32 option_bytes = options;
	struct window *window = bpf_map_lookup_elem(&windows, &buffer);
	if (!window)
		return 0;
	struct flow_bucket *bucket = find_bucket(key);
	if (!bucket)
		return 0;
	struct flow *flow = find_flow(bucket, tag_of(key));
	if (!flow)
		return 0;
	struct sack sack = {};
	asm volatile("" : "+r"(options_at)); /* else clang reads it anew after the check */
	/* Ten bytes is the smallest option of this kind; twelve are what a time stamp alone takes. */
	if (option_bytes >= 10 && option_bytes <= MAX_OPTION_BYTES && options_at <= LONGEST_HEADERS)
		read_sack(&sack, linear_start(skb) + options_at, linear_end(skb), option_bytes);

	__u64 waiting = flow->timed;
	__u32 target = waiting >> 32;
	enum timing timing = waiting & 3;
	__u32 arrived = selects(&sack, target);
	__u32 covered = ~before(acknowledgement, target) & 1;
	if (timing != UNTIMED && (arrived || covered)) {
		flow->timed = UNTIMED;
		if (timing == TIMED || (timing == SELECTIVE && arrived))
			add_round_trip(window, flow, (now_us() - (__u32)(waiting >> 2)) & US_MASK);
	}

	if (flow->recovering)
		answer_resent(window, flow, &sack, acknowledgement);

	if (before(flow->acknowledged, acknowledgement)) {
		flow->acknowledged = acknowledgement;
		if (flow->recovering && !before(acknowledgement, flow->recovery))
			flow->recovering = 0;
	} else if (acknowledgement == flow->acknowledged && !payload && !(flags & (TCP_SYN | TCP_FIN)) &&
		   before(acknowledgement, flow->highest) && !flow->recovering) {
		flow->recovering = 1;
		flow->recovery = flow->highest;
	}
	return 0;
}

#endif
