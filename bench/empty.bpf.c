// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A program that does nothing: what calling any program costs, to compare with.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int empty(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
