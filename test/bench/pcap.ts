const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** When each packet of a capture was seen, in milliseconds since 1970; a last record that is cut off is left out. */
export function packetTimes(pcap: Buffer): number[] {
  const magic = pcap.readUInt32LE(0);
  if (magic !== MICROSECONDS && magic !== NANOSECONDS) throw new Error('this is no capture of tcpdump');
  const perMillisecond = magic === NANOSECONDS ? 1_000_000 : 1_000;
  const times: number[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= pcap.length;) {
    const end = at + RECORD_HEADER + pcap.readUInt32LE(at + 8);
    if (end > pcap.length) break;
    times.push(pcap.readUInt32LE(at) * 1_000 + pcap.readUInt32LE(at + 4) / perMillisecond);
    at = end;
  }
  return times;
}
