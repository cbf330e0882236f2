// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// How many bytes of headers GSO repeats in each segment of a super-packet that goes through a tunnel: the outer and the inner ones.
#ifndef VIGIA_TUNNEL_H
#define VIGIA_TUNNEL_H

#define VXLAN_PORT 4789                /* RFC 7348 */
#define VXLAN_OLD_PORT 8472            /* Linux's own before there was an RFC: flannel, Cilium */
#define GENEVE_PORT 6081               /* RFC 8926 */
#define VXLAN_HEADER_BYTES 8
#define GENEVE_HEADER_BYTES 8
#define GRE_CHECKSUM 0x80
#define GRE_KEY 0x20
#define GRE_SEQUENCE 0x10
#define ETH_P_TEB 0x6558               /* Ethernet within a tunnel */

/* The IP header at `at` and what follows it up to the payload. @return where that begins; 0 where it is not TCP or UDP */
static __always_inline __u32 inner_payload_at(struct __sk_buff *skb, __u32 at, __u16 ethertype)
{
	__u8 protocol;
	__u8 byte;
	if (ethertype == ETH_P_IP) {
		if (bpf_skb_load_bytes(skb, at, &byte, 1) || bpf_skb_load_bytes(skb, at + 9, &protocol, 1))
			return 0;
		at += (byte & 0xf) * 4;
	} else if (ethertype == ETH_P_IPV6) {
		if (bpf_skb_load_bytes(skb, at + 6, &protocol, 1))
			return 0;
		at += sizeof(struct ipv6hdr);
	} else {
		return 0;
	}
	if (protocol == IPPROTO_UDP)
		return at + sizeof(struct udphdr);
	if (protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, at + 12, &byte, 1))
		return 0;
	return at + (byte >> 4) * 4;
}

/*
 * Of a super-packet, which is always linear this far: each segment gets all that comes before the inner payload. What is no tunnel that
 * is known here, or holds neither TCP nor UDP, has its outer headers counted.
 */
static __always_inline __u32 repeated_bytes(struct __sk_buff *skb, const struct packet *p)
{
	__u32 at = p->header_bytes;
	__u16 ethertype = ETH_P_TEB;
	__u8 bytes[4];
	if (!at || bpf_skb_load_bytes(skb, at, bytes, sizeof(bytes)))
		return at;
	switch (p->protocol) {
	case IPPROTO_UDP:
		if (p->destination_port == VXLAN_PORT || p->destination_port == VXLAN_OLD_PORT) {
			at += VXLAN_HEADER_BYTES;
		} else if (p->destination_port == GENEVE_PORT) {
			at += GENEVE_HEADER_BYTES + (bytes[0] & 0x3f) * 4;
			ethertype = bytes[2] << 8 | bytes[3];
		} else {
			return at;
		}
		break;
	case IPPROTO_GRE: /* RFC 2784, RFC 2890 */
		at += 4 + (bytes[0] & GRE_CHECKSUM ? 4 : 0) + (bytes[0] & GRE_KEY ? 4 : 0) + (bytes[0] & GRE_SEQUENCE ? 4 : 0);
		ethertype = bytes[2] << 8 | bytes[3];
		break;
	case IPPROTO_IPIP:
		ethertype = ETH_P_IP;
		break;
	case IPPROTO_IPV6:
		ethertype = ETH_P_IPV6;
		break;
	default:
		return at;
	}
	if (ethertype == ETH_P_TEB) {
		__be16 inner;
		if (bpf_skb_load_bytes(skb, at + 12, &inner, sizeof(inner)))
			return p->header_bytes;
		ethertype = bpf_ntohs(inner);
		at += ETH_HLEN;
	}
	at = inner_payload_at(skb, at, ethertype);
	return at ? at : p->header_bytes;
}

#endif
