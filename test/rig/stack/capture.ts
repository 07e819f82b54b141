import type { RigNode } from '../node.ts';

/** What travels on the wire between laptops and gateway while it runs. */
export type Capture = {
  /** Ends it and counts packets of L2TP (and with it PPP) that are not inside ESP, and packets of ESP. */
  stop(): Promise<{ clear: number; esp: number }>;
};

export async function startCapture(guest: RigNode): Promise<Capture> {
  const file = '/run/wire.pcap';
  const argv = ['tcpdump', '-i', 'internet', '-nn', '-U', '-Z', 'root', '-w', file, 'udp port 1701 or esp'];
  await guest.exec(['rm', '-f', file, '/var/log/tcpdump.log']);
  const tcpdump = await guest.spawn('tcpdump', argv);
  await tcpdump.said('listening on');
  const count = async (filter: string) =>
    Number(await guest.must(`tcpdump -Z root -nn -r ${file} '${filter}' 2> /dev/null | wc -l`));
  return {
    async stop() {
      await tcpdump.signal('INT');
      await guest.waitFor(`test ! -d /proc/${tcpdump.pid}`);
      return { clear: await count('udp port 1701'), esp: await count('esp') };
    },
  };
}
