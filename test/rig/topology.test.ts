import { beforeAll, describe, expect, test } from 'vitest';
import { theRig } from './each.ts';
import { NODE_JS } from './node.ts';
import { addresses } from './rig.ts';

describe('the rig', () => {
  beforeAll(() => theRig().reset({ lt2: { ipsec: 'libreswan' } }));

  test('a laptop reaches the gateway directly and through the NAT, and nothing inside the company', async () => {
    const lt = theRig().node('lt');
    await lt.must(['ping', '-c1', '-W5', addresses.gateway]);
    await lt.must(['ping', '-c1', '-W5', addresses.gatewayBehindNat]);
    await lt.must(['ping', '-c1', '-W5', addresses.server]);
    expect((await lt.exec(['ping', '-c1', '-W1', addresses.corp])).code).not.toBe(0);
  });

  test('the sources run in a node', async () => {
    const said = await theRig().node('srv').must([NODE_JS, '-p', 'process.version']);
    expect(said).toMatch(/^v26\./);
  });

  test('a node has its own files, processes and IPsec implementation', async () => {
    const [lt, lt2] = [theRig().node('lt'), theRig().node('lt2')];
    await lt.write({ '/etc/mark': { text: "it's\n", mode: 0o600 } });
    expect(await lt.must('stat -c %a /etc/mark; cat /etc/mark')).toBe("600\nit's\n");
    expect((await lt2.exec('cat /etc/mark')).code).not.toBe(0);
    const daemon = await lt.spawn('sleeper', ['bash', '-c', 'echo "started $WHO"; exec sleep 1000'], {
      WHO: 'me',
    });
    await daemon.said('started me');
    expect((await lt2.exec('pgrep -x sleep -a')).stdout).not.toContain('1000');
    await daemon.stop();
    expect((await lt.exec(`test -d /proc/${daemon.pid}`)).code).not.toBe(0);
    expect((await lt.exec('test -e /usr/lib/ipsec/charon')).code).toBe(0);
    expect((await lt2.exec('test -e /usr/lib/ipsec/charon')).code).not.toBe(0);
    expect((await lt2.exec('test -e /usr/libexec/ipsec/pluto')).code).toBe(0);
  });
});
