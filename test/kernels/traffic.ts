/** What crosses the link of a booted kernel, to the packet and the byte; init.sh makes the link. */

export const FAR = '10.213.7.2';
export const NEAR = '10.213.7.1';
/** The far end takes what is sent there, has no such address, and says nothing. */
export const SILENT = '10.213.7.3';

export const PINGS = 150;
export const PING_BYTES = 1000;
/** Each to a port of its own. */
export const DATAGRAMS = 300;
export const DATAGRAM_BYTES = 200;
/** Connections from the far end that the near one refuses: a SYN with four options, and its RST. */
export const CONNECTIONS = 12;

const ETHERNET = 14;
const IPV4 = 20;
const ICMP = 8;
const UDP = 8;
const TCP = 20;
const SYN_OPTIONS = 20;

const pings = { packets: 2 * PINGS, bytes: 2 * PINGS * (ETHERNET + IPV4 + ICMP + PING_BYTES) };
const datagrams = { packets: DATAGRAMS, bytes: DATAGRAMS * (ETHERNET + IPV4 + UDP + DATAGRAM_BYTES) };
const connections = { packets: 2 * CONNECTIONS, bytes: CONNECTIONS * (2 * (ETHERNET + IPV4 + TCP) + SYN_OPTIONS) };

export const EXPECTED = {
  packets: pings.packets + datagrams.packets + connections.packets,
  bytes: pings.bytes + datagrams.bytes + connections.bytes,
  icmp_packets: pings.packets,
  udp_packets: datagrams.packets,
  tcp_packets: connections.packets,
  syn_packets: CONNECTIONS,
  sources: {
    [FAR]: { packets: pings.packets + connections.packets, bytes: pings.bytes + connections.bytes },
    [SILENT]: datagrams,
  },
};
