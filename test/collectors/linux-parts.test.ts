import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Host } from '../../collectors/check.ts';
import { parseProcNetUdp, parseSs } from '../../collectors/l2tp-server/linux-sockets.ts';
import { mountOf, parseMountinfo } from '../../collectors/linux-mounts.ts';
import { parseService } from '../../collectors/linux-processes.ts';
import { parseUnits } from '../../collectors/linux-systemd.ts';
import { compareDpkg, compareRpm } from '../../collectors/linux-versions.ts';
import { remembered } from '../../collectors/os-patch/linux-remembered.ts';
import { memoryCache } from '../../src/agent/host-cache.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { err, ok } from '../../src/base/result.ts';

describe('versions', () => {
  // Each pair in rising order; `dpkg --compare-versions` and rpm's own test suite agree.
  test.each([
    ['6.1.0-9', '6.1.0-10'],
    ['1.0~rc1', '1.0'],
    ['1.0', '1.0+deb13u1'],
    ['1.0+deb12u9', '1.0+deb12u10'],
    ['2.0', '2.0a'],
    ['1.a', '1.+'],
    ['0.9', '00.10'],
  ])('dpkg: %s before %s', (older, newer) => {
    expect(Math.sign(compareDpkg(older, newer))).toBe(-1);
    expect(Math.sign(compareDpkg(newer, older))).toBe(1);
    expect(compareDpkg(newer, newer)).toBe(0);
  });

  test.each([
    ['80.4.2', '80.11.2'],
    ['1.0~rc1', '1.0'],
    ['1.0', '1.0^git1'],
    ['1.0^git1', '1.0.1'],
    ['1.0^git1', '1.01'],
    ['5.5p1', '5.5p10'],
    ['10xyz', '10.1xyz'],
    ['xyz.4', '8'],
    ['1.0~rc1', '1.0~rc2'],
    ['1.0', '1.0.a'],
  ])('rpm: %s before %s', (older, newer) => {
    expect(Math.sign(compareRpm(older, newer))).toBe(-1);
    expect(Math.sign(compareRpm(newer, older))).toBe(1);
  });

  test('rpm: what only separates makes no difference', () => {
    expect(compareRpm('2_0.1', '2.0-1')).toBe(0);
    expect(compareRpm('0002', '2')).toBe(0);
  });
});

describe('mounts', () => {
  const mounts = parseMountinfo(
    [
      '30 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw',
      '31 30 8:2 / /home rw shared:2 master:1 - ext4 /dev/sda2 rw,quota',
      '32 31 0:44 / /home/alice/My\\040Files rw - fuse.x host:/a\\134b rw',
      '33 30 8:3 / /home rw - xfs /dev/sda3 rw',
      'not a line',
      '34 30 x / /a rw - ext4 /dev/sdb rw',
    ].join('\n'),
  );

  test('optional fields come and go; escapes are undone', () => {
    expect(mounts).toHaveLength(4);
    expect(mounts[1]).toMatchObject({ device: '8:2', point: '/home', type: 'ext4', source: '/dev/sda2' });
    expect(mounts[2]).toMatchObject({ point: '/home/alice/My Files', source: 'host:/a\\b' });
  });

  test('a path belongs to the longest mount point above it, and there to what was mounted last', () => {
    expect(mountOf('/home/bob/x', mounts)?.source).toBe('/dev/sda3');
    expect(mountOf('/homes', mounts)?.source).toBe('/dev/sda1');
  });
});

describe('systemd', () => {
  test('blocks of properties, in whatever order, values with equals signs', () => {
    const units = parseUnits(
      'ActiveState=active\nId=a.service\nExecStart={ path=/bin/a ; argv[]=a }\n\nId=b.service\n',
    );
    expect(units.map((unit) => unit.get('Id'))).toEqual(['a.service', 'b.service']);
    expect(units[0]?.get('ExecStart')).toBe('{ path=/bin/a ; argv[]=a }');
  });

  test.each([
    ['0::/system.slice/xl2tpd.service\n', 'xl2tpd.service'],
    ['9:pids:/x\n1:name=systemd:/system.slice/xl2tpd.service\n', 'xl2tpd.service'],
    ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/app.scope\n', 'user@1000.service'],
    ['0::/\n', null],
    ['0::/docker/0123/xl2tpd.services\n', null],
  ])('the unit of the control group %j', (text, unit) => expect(parseService(text)).toBe(unit));
});

const table = (address: string, state = '07') =>
  `  sl  local_address rem_address   st\n  1: ${address}:06A5 ${'0'.repeat(address.length)}:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0\n`;

describe('sockets', () => {
  test.each([
    ['00000000', '0.0.0.0'],
    ['0100007F', '127.0.0.1'],
    ['070200C0', '192.0.2.7'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000001000000', '::1'],
    ['B80D0120000000000000000001000000', '2001:db8::1'],
    ['0000000000000000FFFF00000100007F', '::ffff:7f00:1'],
  ])('the kernel’s %s is %s', (hex, address) => {
    expect(parseProcNetUdp(table(hex))).toMatchObject([{ address, port: 1701 }]);
  });

  test('connected sockets and other ports do not listen for us', () => {
    expect(parseProcNetUdp(table('00000000', '01'))).toEqual([]);
    expect(parseSs('UNCONN 0 0 0.0.0.0:17010 0.0.0.0:* users:(("a",pid=1,fd=2))', true)).toEqual([]);
  });

  test('a socket without an owner is the kernel’s only if owners can be seen', () => {
    expect(parseSs('UNCONN 0 0 [2001:db8::1]:1701 [::]:*', true)).toMatchObject([
      { address: '2001:db8::1', kernel: true },
    ]);
    expect(parseSs('UNCONN 0 0 0.0.0.0%eth0:1701 0.0.0.0:*', false)).toMatchObject([
      { address: '0.0.0.0', kernel: null },
    ]);
    expect(parseSs('Cannot open netlink socket: Permission denied', true)).toBeNull();
  });
});

function hostWith(files: Record<string, number>): Host {
  const recording = {
    root: true,
    commands: [],
    files: new Map(),
    dirs: new Map(),
    links: new Map(),
    probes: new Map(),
  };
  return {
    ...replayHost(recording),
    cache: memoryCache(),
    status: async (path) => {
      const size = files[path];
      if (size === undefined) return err('missing');
      return ok({ modifiedMs: 1, mode: 0o644, uid: 0, kind: 'file', size, inode: 1 });
    },
  };
}

describe('remembered answers', () => {
  const entry = { key: 'k', schema: z.object({ n: z.number() }), keep: ({ n }: { n: number }) => n >= 0 };

  async function answers(host: Host, files: string[], given: number[]): Promise<(number | undefined)[]> {
    const out: (number | undefined)[] = [];
    for (const n of given)
      out.push((await remembered(host, { ...entry, source: { files } }, async () => ({ n })))?.n);
    return out;
  }

  test('stay until a file changes', async () => {
    const files = { '/a': 1 };
    const host = hostWith(files);
    expect(await answers(host, ['/a', '/b'], [1, 2])).toEqual([1, 1]);
    files['/a'] = 2;
    expect(await answers(host, ['/a', '/b'], [3])).toEqual([3]);
  });

  test('are never kept without a file to tie them to, nor when they failed', async () => {
    expect(await answers(hostWith({}), ['/a'], [1, 2])).toEqual([1, 2]);
    expect(await answers(hostWith({ '/a': 0 }), ['/a'], [1, 2])).toEqual([1, 2]);
    expect(await answers(hostWith({ '/a': 1 }), ['/a'], [-1, 2, 3])).toEqual([-1, 2, 2]);
  });

  test('of another shape are asked anew', async () => {
    const host = hostWith({ '/a': 1 });
    const broken = { ...host, cache: { get: () => ({ n: 'one' }), set() {} } };
    expect(await answers(broken, ['/a'], [7])).toEqual([7]);
  });
});
