// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reads the headers of one frame: link, VLAN tags, IPv4 or IPv6 with its extension headers, TCP or UDP. See docs/window.md.
#ifndef VIGIA_PACKET_H
#define VIGIA_PACKET_H

#define LONGEST_HEADERS 512
#define VLAN_TAG_BYTES 4
#define MAX_VLAN_TAGS 2
#define MAX_EXTENSION_HEADERS 6
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_HEADER_BYTES 20

enum progress {
	NOT_IP,
	READ,      /* everything that this packet has */
	SHORT,     /* the bytes end before the headers do */
	MALFORMED,
};

struct packet {
	struct address source;
	struct address destination;
	__u16 source_port;
	__u16 destination_port;
	__u16 header_bytes; /* before the payload; without a tunnel, what GSO repeats in each segment */
	__u16 options_at;   /* TCP: where the options begin, from the start of the frame */
	__u32 sequence;     /* TCP */
	__u32 acknowledgement;
	__u32 payload_bytes;
	__u8 protocol;
	__u8 version;       /* 4, 6; 0 until the frame claims to be IP */
	__u8 addressed;     /* addresses and protocol are known */
	__u8 has_ports;     /* ports are known, and all that TCP has */
	__u8 tcp_flags;
};

/* clang merges the two loads into one of a variable context offset, which the verifier refuses: each is spelled out here. */
static __always_inline void *linear_start(struct __sk_buff *skb)
{
	void *start;
	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(start) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data)));
	return start;
}

static __always_inline void *linear_end(struct __sk_buff *skb)
{
	void *end;
	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(end) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data_end)));
	return end;
}

static __always_inline void map_ipv4(struct address *address, __be32 ipv4)
{
	address->halves[0] = 0;
	address->halves[1] = (__u64)ipv4 << 32 | bpf_htonl(0x0000ffff);
}

static __always_inline enum progress read_transport(struct packet *p, void *at, void *data, void *end, __s32 length)
{
	p->header_bytes = at - data;
	if (p->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = at;
		if ((void *)(tcp + 1) > end)
			return SHORT;
		__u32 tcp_bytes = tcp->doff * 4;
		p->source_port = bpf_ntohs(tcp->source);
		p->destination_port = bpf_ntohs(tcp->dest);
		p->tcp_flags = ((__u8 *)tcp)[13];
		p->sequence = bpf_ntohl(tcp->seq);
		p->acknowledgement = bpf_ntohl(tcp->ack_seq);
		p->header_bytes = at - data + tcp_bytes;
		p->options_at = at - data + TCP_HEADER_BYTES;
		p->payload_bytes = length > (__s32)tcp_bytes ? length - tcp_bytes : 0;
		p->has_ports = 1;
	} else if (p->protocol == IPPROTO_UDP) {
		struct udphdr *udp = at;
		if ((void *)(udp + 1) > end)
			return SHORT;
		p->source_port = bpf_ntohs(udp->source);
		p->destination_port = bpf_ntohs(udp->dest);
		p->header_bytes = at - data + sizeof(*udp);
		p->has_ports = 1;
	}
	return READ;
}

static __always_inline enum progress read_ipv4(struct packet *p, void *at, void *data, void *end)
{
	struct iphdr *ip = at;
	if ((void *)(ip + 1) > end)
		return SHORT;
	__u32 ip_bytes = ip->ihl * 4;
	if (ip->version != 4 || ip_bytes < sizeof(*ip))
		return MALFORMED;
	map_ipv4(&p->source, ip->saddr);
	map_ipv4(&p->destination, ip->daddr);
	p->protocol = ip->protocol;
	__s32 length = bpf_ntohs(ip->tot_len);
	__u16 fragment = bpf_ntohs(ip->frag_off);
	at += ip_bytes;
	if (at > end)
		return SHORT;
	p->addressed = 1;
	if (fragment & 0x1fff)
		return READ;
	return read_transport(p, at, data, end, length - (__s32)ip_bytes);
}

static __always_inline enum progress read_ipv6(struct packet *p, void *at, void *data, void *end)
{
	struct ipv6hdr *ip = at;
	if ((void *)(ip + 1) > end)
		return SHORT;
	if (ip->version != 6)
		return MALFORMED;
	__builtin_memcpy(&p->source, &ip->saddr, sizeof(p->source));
	__builtin_memcpy(&p->destination, &ip->daddr, sizeof(p->destination));
	__s32 length = bpf_ntohs(ip->payload_len);
	__u8 next = ip->nexthdr;
	__u32 bytes;
	at += sizeof(*ip);
#pragma unroll
	for (int i = 0; i <= MAX_EXTENSION_HEADERS; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			break;
		if (i == MAX_EXTENSION_HEADERS)
			return MALFORMED;
		__u8 *header = at;
		if (at + 8 > end)
			return SHORT;
		if (next == IPPROTO_FRAGMENT) {
			__u16 offset = bpf_ntohs(*(__be16 *)(header + 2)) & 0xfff8;
			if (offset) {
				p->protocol = header[0];
				p->addressed = 1;
				return READ;
			}
			bytes = 8;
		} else {
			bytes = (header[1] + 1) * 8;
		}
		next = header[0];
		at += bytes;
		length -= bytes;
		if (at > end)
			return SHORT;
	}
	p->protocol = next;
	p->addressed = 1;
	return read_transport(p, at, data, end, length);
}

/*
 * Reads what lies between data and end. `link_bytes` is 14 (Ethernet) or 0 (no link header: `ethertype` tells what it is),
 * `tags` the VLAN tags that are not among the bytes any more.
 */
static __always_inline enum progress read_packet(struct packet *p, void *data, void *end, __u32 link_bytes, __be16 ethertype, __u32 tags)
{
	void *at = data;
	if (link_bytes) {
		struct ethhdr *ethernet = data;
		if ((void *)(ethernet + 1) > end)
			return SHORT;
		ethertype = ethernet->h_proto;
		at = ethernet + 1;
#pragma unroll
		for (int i = 0; i < MAX_VLAN_TAGS; i++) {
			if (i + tags < MAX_VLAN_TAGS && (ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD))) {
				if (at + VLAN_TAG_BYTES > end)
					return SHORT;
				ethertype = ((__be16 *)at)[1];
				at += VLAN_TAG_BYTES;
			}
		}
	}
	if (ethertype == bpf_htons(ETH_P_IP)) {
		p->version = 4;
		return read_ipv4(p, at, data, end);
	}
	if (ethertype == bpf_htons(ETH_P_IPV6)) {
		p->version = 6;
		return read_ipv6(p, at, data, end);
	}
	return NOT_IP;
}

#endif
