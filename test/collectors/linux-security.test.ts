import { describe, expect, test } from 'vitest';
import { parseClamVersion } from '../../collectors/antivirus/linux-clamav.ts';
import { parseUpdateTime } from '../../collectors/antivirus/linux-bitdefender.ts';
import { parseFalcon } from '../../collectors/antivirus/linux-falcon.ts';
import type { FileStatus, Host, Output } from '../../collectors/check.ts';
import { severityOf } from '../../collectors/detections/linux-clamav-severity.ts';
import { linux } from '../../collectors/linux.ts';
import { countMatches } from '../../collectors/processes/linux.ts';
import { parseLockdown } from '../../collectors/secure-boot/linux.ts';
import { replayHost, type Recording } from '../../src/agent/replay.ts';
import { err, ok } from '../../src/base/result.ts';

const nothing: Recording = {
  root: true,
  commands: [],
  files: new Map(),
  dirs: new Map(),
  links: new Map(),
  probes: new Map(),
};

const bytes = (text: string) => new TextEncoder().encode(text);

const status = (mode: number): FileStatus => ({
  modifiedMs: 0,
  mode,
  uid: 0,
  kind: 'file',
  size: 1,
  inode: 1,
});

describe('processes', () => {
  const running: Recording = {
    ...nothing,
    dirs: new Map([['/proc', ['1', '40', '41', '7000', 'self', 'uptime']]]),
    files: new Map([
      ['/proc/1/comm', bytes('systemd\n')],
      ['/proc/40/comm', bytes('minerd\n')],
      ['/proc/41/comm', bytes('kworker/0:1\n')],
      ['/proc/7000/comm', bytes('worker\n')],
    ]),
    links: new Map([
      ['/proc/1/exe', '/usr/lib/systemd/systemd'],
      ['/proc/40/exe', '/opt/a b/minerd'],
      ['/proc/7000/exe', '/tmp/.x/minerd (deleted)'],
    ]),
  };
  const watching = (...watch: Host['questions']['watch']): Host => ({
    ...replayHost(running),
    questions: { watch, tags: {} },
  });

  test('nothing is looked at when nothing is watched', async () => {
    const host = replayHost(running);
    expect(await linux.processes(host)).toEqual({ state: 'known', fact: { matches: [] } });
    expect(host.asked()).toBe(false);
  });

  test('counts by what a process calls itself and by its executable, also one that was removed', async () => {
    const host = watching(
      { rule: 'miner', executable: 'minerd' },
      { rule: 'torrent', executable: 'transmission-gtk' },
    );
    expect(await linux.processes(host)).toEqual({
      state: 'known',
      fact: { matches: [{ rule: 'miner', count: 2 }] },
    });
  });

  test('a process that hides behind hidepid is not a process that does not run', async () => {
    const hidden = replayHost({ ...running, dirs: new Map([['/proc', ['40', 'self']]]) });
    const host = { ...hidden, questions: { watch: [{ rule: 'miner', executable: 'minerd' }], tags: {} } };
    expect(await linux.processes(host)).toMatchObject({ state: 'unknown', why: 'denied' });
  });

  test('a process counts once for a rule with several names', () => {
    const watch = ['remote', 'remote-bin'].map((executable) => ({ rule: 'remote', executable }));
    const matches = countMatches(watch, [{ comm: 'remote', executable: 'remote-bin' }]);
    expect(matches).toEqual([{ rule: 'remote', count: 1 }]);
  });
});

describe('tags', () => {
  test('without a tag nothing is asked', async () => {
    const host = replayHost({
      root: true,
      commands: [],
      files: new Map(),
      dirs: new Map(),
      links: new Map(),
      probes: new Map(),
    });
    expect(await linux.tags(host)).toMatchObject({ state: 'unknown', why: 'not-applicable' });
  });
});

describe('antivirus', () => {
  test('an empty computer has no antivirus, and says so', async () => {
    expect(await linux.antivirus(replayHost(nothing))).toEqual({
      state: 'known',
      fact: { products: [], active: null },
    });
  });

  test('definitions too big to be read whole are read at their head', async () => {
    const header = `ClamAV-VDB:x:42:1:90:md5:sig:me:1795076100${' '.repeat(470)}`;
    const answers: Record<string, Partial<Output>> = {
      '/usr/bin/clamscan --version': { stdout: 'ClamAV 1.4.3\n' },
      '/usr/bin/head -c 512 /var/lib/clamav/daily.cvd': { stdout: header },
    };
    const host: Host = {
      ...replayHost(nothing),
      async run({ path }, argv) {
        const answer = answers[[path, ...argv].join(' ')];
        if (!answer) return { stdout: '', stderr: '', code: null, failure: 'not-found' };
        return { stdout: '', stderr: '', code: 0, failure: null, ...answer };
      },
      async readBytes(path) {
        return err(path.endsWith('.cvd') ? 'too-large' : 'missing');
      },
    };
    const products = [{ definitionsVersion: '42', definitionsAt: '2026-11-19T08:15:00.000Z' }];
    expect(await linux.antivirus(host)).toMatchObject({ state: 'known', fact: { products } });
  });

  test.each([
    ['ClamAV 1.4.3/27500/Tue Nov 18 10:08:10 2025', '27500', '2025-11-18T10:08:10.000Z'],
    ['ClamAV 0.103.8/26789/Sat Jan  7 09:24:51 2023', '26789', '2023-01-07T09:24:51.000Z'],
    ['ClamAV 1.5.0-rc', null, null],
  ])('%s', (line, definitionsVersion, definitionsAt) => {
    expect(parseClamVersion(line)).toMatchObject({ definitionsVersion, definitionsAt });
  });

  test.each([
    ['2023-08-24 at 11:44:37 GMT+2', '2023-08-24T09:44:37.000Z'],
    ['2023-08-24 at 11:44:37 GMT-10', '2023-08-24T21:44:37.000Z'],
    ['2023-08-24 at 11:44:37', '2023-08-24T11:44:37.000Z'],
    ['never', null],
  ])('the time of an update: %s', (text, at) => {
    expect(parseUpdateTime(text)).toBe(at);
  });

  test('several answers of falconctl on one line', () => {
    const answers = parseFalcon('aid="00ff", rfm-state=false, version = 7.14.16703.0.\n');
    expect([...answers]).toEqual([
      ['aid', '00ff'],
      ['rfm-state', 'false'],
      ['version', '7.14.16703.0'],
    ]);
  });
});

describe('detections', () => {
  const log = '/var/log/clamav/clamav.log';
  const found = [
    '/home/lena/a.bin: Unix.Trojan.Fjord-1 FOUND',
    '/home/lena/b.bin: Win.Ransomware.Fjord-2 FOUND',
  ];
  const recorded = replayHost({ ...nothing, files: new Map([[log, bytes(`${found.join('\n')}\n`)]]) });

  test('a finding is over when its file is gone', async () => {
    const present = new Set([log, '/home/lena/b.bin']);
    const host: Host = {
      ...recorded,
      status: async (path) => (present.has(path) ? ok(status(0o600)) : err('missing')),
    };
    const answer = await linux.detections(host);
    expect(answer).toMatchObject({
      state: 'known',
      fact: { open: [{ name: 'Win.Ransomware.Fjord-2', severity: 5 }], recentClosed: 1 },
    });
  });

  test('no path leaves the computer', async () => {
    expect(JSON.stringify(await linux.detections(recorded))).not.toMatch(/lena|\.bin/);
  });

  test('without any antivirus there is no record to read', async () => {
    expect(await linux.detections(replayHost(nothing))).toMatchObject({
      state: 'unknown',
      why: 'not-installed',
    });
  });

  test.each([
    ['Eicar-Signature', 1],
    ['Win.Test.EICAR_HDB-1', 1],
    ['PUA.Win.Packer.Upx-57', 2],
    ['Heuristics.Phishing.Email.SpoofedDomain', 3],
    ['Unix.Trojan.Mirai-5607483-0', 4],
    ['Win.Ransomware.WannaCry-6313787-0', 5],
    ['Own.Rule-1.UNOFFICIAL', 0],
  ])('%s has severity %i', (name, severity) => {
    expect(severityOf(name)).toBe(severity);
  });
});

describe('secure boot', () => {
  test.each([
    ['none [integrity] confidentiality\n', 'integrity'],
    ['[none] integrity confidentiality\n', 'none'],
    ['', null],
  ])('lockdown %j', (text, mode) => {
    expect(parseLockdown(text)).toBe(mode);
  });
});
