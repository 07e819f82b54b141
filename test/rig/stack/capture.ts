import type { RigNode } from '../node.ts';

/** Packets of L2TP (and with it PPP) that are not inside ESP, and packets of ESP. */
export type Travelled = { clear: number; esp: number };

/** What travels on the wire between laptops and gateway while it runs. */
export type Capture = {
  /** So far. */
  count(): Promise<Travelled>;
  /** Ends it. */
  stop(): Promise<Travelled>;
};

export async function startCapture(guest: RigNode): Promise<Capture> {
  const file = '/run/wire.pcap';
  const argv = ['tcpdump', '-i', 'internet', '-nn', '-U', '-Z', 'root', '-w', file, 'udp port 1701 or esp'];
  await guest.exec(['rm', '-f', file, '/var/log/tcpdump.log']);
  const tcpdump = await guest.spawn('tcpdump', argv);
  await tcpdump.said('listening on');
  const count = async (): Promise<Travelled> => {
    const counting = (filter: string) => `tcpdump -Z root -nn -r ${file} '${filter}' 2> /dev/null | wc -l`;
    const said = await guest.must(`${counting('udp port 1701')}; ${counting('esp')}`);
    const [clear = Number.NaN, esp = Number.NaN] = said.trim().split('\n').map(Number);
    return { clear, esp };
  };
  return {
    count,
    async stop() {
      await tcpdump.signal('INT');
      await guest.waitFor(`test ! -d /proc/${tcpdump.pid}`);
      return count();
    },
  };
}
