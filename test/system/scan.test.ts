import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ip } from '../../src/base/commands.ts';
import type { Scanned } from '../../src/scan/scan.ts';
import {
  dropAll,
  HERE,
  ipv6Of,
  makeWire,
  startCharon,
  startXl2tpd,
  untilBound,
  type Started,
  type Wire,
} from '../support/l2tp-hosts.ts';
import { canIsolate, inside } from '../support/namespaces.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge.ts');
const [EXPOSED, EMPTY, IPSEC, CLOSED, QUIET, UNNAMED] = [10, 11, 20, 30, 40, 50].map(
  (last) => `198.51.100.${last}`,
) as [string, string, string, string, string, string];
const NAMED = [EXPOSED, EMPTY, IPSEC, CLOSED, QUIET];
const programs = [
  '/usr/sbin/xl2tpd',
  '/usr/lib/ipsec/starter',
  '/usr/bin/nmap',
  '/usr/bin/ike-scan',
  '/usr/bin/tcpdump',
];
const missing = programs.filter((file) => !existsSync(file));
if (missing.length > 0) process.stderr.write(`scan.test.ts: not installed: ${missing.join(', ')}\n`);

describe.runIf(canIsolate() && missing.length === 0)('scan of real hosts (needs root and namespaces)', () => {
  let wire: Wire;
  let folder: string;
  let server: Started;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drawbridge-scan-'));
    wire = makeWire(`dbscan${process.pid}`);
    const [exposed, empty, ipsec, , quiet] = [...NAMED, UNNAMED].map((address) => wire.host(address));
    server = startXl2tpd(wire, exposed ?? '', folder);
    // What network-manager-l2tp leaves behind: every section commented out.
    startXl2tpd(wire, empty ?? '', folder, '; [lns default]\n');
    startCharon(wire, ipsec ?? '', folder);
    dropAll(quiet ?? '');
    await Promise.all([
      untilBound(exposed ?? '', 1701),
      untilBound(empty ?? '', 1701),
      untilBound(ipsec ?? '', 4500),
    ]);
  });

  afterAll(() => {
    wire.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function scan(...argv: string[]) {
    const command = [process.execPath, CLI, 'scan', ...argv];
    const done = spawnSync(ip.path, ['netns', 'exec', wire.here, ...command], {
      encoding: 'utf8',
      timeout: 100_000,
    });
    return { code: done.status, out: done.stdout, err: done.stderr };
  }

  const statesIn = (out: string) =>
    (JSON.parse(out) as { hosts: Scanned[] }).hosts.map(({ address, state }) => `${address} ${state}`);

  test('tells them apart, and sends nothing to anybody else', async () => {
    const capture = spawn(ip.path, ['netns', 'exec', wire.here, '/usr/bin/tcpdump', '-nlU', '-i', 'wire'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const seen: string[] = [];
    capture.stdout.setEncoding('utf8').on('data', (text: string) => seen.push(text));
    await new Promise((resolve) => capture.stderr.once('data', resolve));
    const { code, out } = scan(...NAMED, '--json', '--fail-on', 'exposed');
    capture.kill('SIGINT');
    await new Promise((resolve) => capture.once('close', resolve));

    expect(code).toBe(1);
    expect(statesIn(out)).toEqual([
      `${EXPOSED} exposed`,
      `${EMPTY} exposed`,
      `${IPSEC} ipsec`,
      `${CLOSED} refused`,
      `${QUIET} silent`,
    ]);
    const lines = seen.join('').split('\n');
    const asked = lines.flatMap(
      (line) => new RegExp(` IP ${HERE}\\.\\d+ > ([\\d.]+)\\.(\\d+):`).exec(line) ?? [],
    );
    const sent = lines.flatMap(
      (line) => new RegExp(`(?: IP ${HERE}\\.\\d+ > |who-has )(198\\.51\\.100\\.\\d+)`).exec(line)?.[1] ?? [],
    );
    expect(asked.length).toBeGreaterThan(0);
    expect([...new Set(sent)].filter((address) => address !== HERE).toSorted()).toEqual(NAMED.toSorted());
    expect(lines.filter((line) => line.includes(`> ${UNNAMED}.`))).toEqual([]);
  });

  test('takes its leave of a tunnel that was opened: the server keeps none', () => {
    const { out } = scan(EXPOSED, '--json');
    const [host] = (JSON.parse(out) as { hosts: Scanned[] }).hosts;
    expect(host?.l2tp.server).toMatchObject({ answer: 'accepts', vendor: 'xelerance.com' });
    // One line for each tunnel that ended because we said so, none that timed out.
    const ended = server.said().match(/Connection closed to 198\.51\.100\.1, port \d+ \(\)/g) ?? [];
    expect(ended.length).toBeGreaterThan(0);
    expect(server.said()).not.toMatch(/Maximum retries exceeded/);
  });

  test('agrees with nmap on open and closed ports', () => {
    const argv = [
      '/usr/bin/nmap',
      '-sU',
      '-n',
      '-Pn',
      '-p',
      '500,1701',
      '--max-retries',
      '2',
      '-oG',
      '-',
      ...NAMED,
    ];
    const ports = inside(wire.here, argv)
      .split('\n')
      .flatMap((line) => {
        const [, address, states = ''] = /^Host: (\S+) .*Ports: (.*)/.exec(line) ?? [];
        return address === undefined ? [] : [[address, states] as const];
      });
    const said = new Map(ports);
    const { hosts } = JSON.parse(scan(...NAMED, '--json').out) as { hosts: Scanned[] };
    for (const { address, l2tp, ike } of hosts) {
      const byNmap = (port: number) =>
        new RegExp(`${port}/([a-z|]+)/`).exec(said.get(address) ?? '')?.[1] ?? '';
      expect(byNmap(1701), `${address} 1701`).toMatch(nmapWord(l2tp.state));
      const first = ike.find(({ port, version }) => port === 500 && version === 1);
      expect(byNmap(500), `${address} 500`).toMatch(nmapWord(first?.state ?? 'unsent'));
    }
  });

  test('agrees with ike-scan on who speaks IKEv1', () => {
    const out = inside(wire.here, ['/usr/bin/ike-scan', '--retry=2', '--sport=0', ...NAMED]);
    const theirs = NAMED.filter((address) => out.includes(`${address}\t`));
    const { hosts } = JSON.parse(scan(...NAMED, '--json').out) as { hosts: Scanned[] };
    const ours = hosts.filter(({ ike }) =>
      ike.some(({ port, version, state }) => port === 500 && version === 1 && state === 'answered'),
    );
    expect(ours.map(({ address }) => address)).toEqual(theirs);
    expect(theirs).toEqual([IPSEC]);
  });

  test('by IPv6 the same: xl2tpd does not listen there, IKE does', () => {
    const targets = [EXPOSED, IPSEC, CLOSED].map(ipv6Of);
    const { code, out } = scan(...targets, '--json');
    expect(code).toBe(0);
    // xl2tpd binds IPv4 only: nobody is there by IPv6, and the kernel says so.
    expect(statesIn(out)).toEqual([`${targets[0]} refused`, `${targets[1]} ipsec`, `${targets[2]} refused`]);
  });

  test('files in, reports out', () => {
    const hosts = join(folder, 'hosts.txt');
    writeFileSync(hosts, `${CLOSED} # nothing here\n${EXPOSED}/32\n`);
    const report = join(folder, 'report.xml');
    expect(scan('--file', hosts, '--format', 'junit', '--fail-on', 'exposed', '--out', report).code).toBe(1);
    expect(readFileSync(report, 'utf8')).toContain('tests="2" failures="1" errors="0"');
    const sarif = JSON.parse(scan('--file', hosts, '--format', 'sarif').out) as { version: string };
    expect(sarif.version).toBe('2.1.0');
    expect(scan(CLOSED).out).toContain('A firewall may say so to you and not to others.');
  });

  test('what a host that cannot be reached is, is not known', () => {
    const { code, out } = scan('203.0.113.1', '--json', '--fail-on', 'exposed');
    expect({ code, states: statesIn(out) }).toEqual({ code: 3, states: ['203.0.113.1 unasked'] });
  });
});

test.each([
  [['10.0.0.0/23'], 'say --yes'],
  [['10.0.0.0/8', '--yes'], 'more than 65536'],
  [['127.0.0.1', '--fail-on', 'open'], '--fail-on takes states'],
  [['127.0.0.1', '--rate', '0'], '--rate takes'],
  [['127.0.0.1', '--format', 'xml'], 'There is no format xml'],
  [['--file', '/nonexistent'], 'ENOENT'],
  [[], 'Name a host'],
])('%j is refused before anything is sent', (argv, sentence) => {
  const done = spawnSync(process.execPath, [CLI, 'scan', ...argv], { encoding: 'utf8', timeout: 60_000 });
  expect({ code: done.status, out: done.stdout }).toEqual({ code: 4, out: '' });
  expect(done.stderr).toContain(sentence);
});

/** Open is what answered, closed what refused; nmap has no request for L2TP, so an L2TP server may be silent to it. */
function nmapWord(state: string): RegExp {
  return (
    { answered: /^open/, refused: /^closed$/, silent: /^open\|filtered$|^filtered$/ }[state] ?? /^never$/
  );
}
