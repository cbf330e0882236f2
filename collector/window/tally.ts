/** What one window of a capture has counted so far. */

export interface Tally {
  packets: number;
  bytes: number;
  bytesOut: number;
  tcpPackets: number;
  udpPackets: number;
  icmpPackets: number;
  synPackets: number;
}

export const newTally = (): Tally => ({
  packets: 0,
  bytes: 0,
  bytesOut: 0,
  tcpPackets: 0,
  udpPackets: 0,
  icmpPackets: 0,
  synPackets: 0,
});
