import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canIsolate, inside, ipLines } from '../support/namespaces.ts';
import { bootSystemd, type SystemdRoot } from '../support/systemd-root.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const NODE = '/mnt/node_modules/.bin/node';
const CLI = '/mnt/src/cli/drawbridge.ts';
const CHILD = '/mnt/test/support/l2tp-server-child.ts';
const PROBE = join(CHECKOUT, 'src/cli/drawbridge.ts');
const SERVER = '198.51.100.10';
const LNS = '[global]\nport = 1701\n[lns default]\nip range = 10.9.0.2-10.9.0.9\nlocal ip = 10.9.0.1\n';

const root =
  canIsolate() && existsSync('/usr/sbin/xl2tpd') && existsSync('/lib/systemd/systemd')
    ? await bootSystemd(CHECKOUT)
    : null;
if (root === null)
  process.stderr.write('l2tp-server.test.ts: no root with systemd and xl2tpd could be booted here\n');

describe.runIf(root !== null)('xl2tpd under real service management', () => {
  const machine = root as SystemdRoot;
  const outside = `dbl2tp-${process.pid}`;

  const must = (...argv: string[]) => {
    const { code, out, err } = machine.run(...argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${out}${err}`);
    return out;
  };
  const sh = (script: string) => must('/bin/sh', '-c', script);
  const l2tp = (...argv: string[]) => {
    const { code, out, err } = machine.run(
      NODE,
      CLI,
      'l2tp-server',
      ...argv,
      '--state',
      '/run/state',
      '--json',
    );
    return { code, err, document: out === '' ? null : (JSON.parse(out) as Record<string, never>) };
  };
  const child = (verb: string, step?: number) =>
    machine.run(NODE, CHILD, verb, '/run/state', ...(step === undefined ? [] : [String(step)]));

  /** Every link, file, mode and owner of /etc, what is enabled and running, and the firewall. */
  const picture = () => ({
    etc: sh('cd /etc && find . -printf "%p %y %m %u %g %l\\n" | sort'),
    content: sh('cd /etc && find . -type f ! -name .updated -exec sha256sum {} + | sort'),
    unit: sh(
      'systemctl show xl2tpd.service -p LoadState,ActiveState,SubState,UnitFileState; systemctl is-enabled xl2tpd 2>&1 || true',
    ),
    rules: sh('nft list ruleset'),
    listens: sh("ss -H -lun 'sport = :1701' | awk '{print $4}'"),
  });
  const stateFrom = () => {
    const out = inside(outside, [process.execPath, PROBE, 'scan', SERVER, '--json']);
    return (JSON.parse(out) as { hosts: { state: string }[] }).hosts[0]?.state;
  };

  beforeAll(() => {
    ipLines([
      `netns add ${outside}`,
      `-n ${outside} link set lo up`,
      `-n ${outside} link add far type veth peer name near netns ${machine.pid}`,
      `-n ${outside} addr add 198.51.100.1/24 dev far`,
      `-n ${outside} link set far up`,
    ]);
    sh(`ip addr add ${SERVER}/24 dev near && ip link set near up`);
    sh(`printf '${LNS.replaceAll('\n', '\\n')}' > /etc/xl2tpd/xl2tpd.conf && systemctl restart xl2tpd`);
  });

  afterAll(() => {
    machine.remove();
    ipLines([`netns del ${outside}`]);
  });

  test('found, closed, seen to be closed from another namespace, and put back bit by bit', () => {
    const before = picture();
    expect(before.listens).toContain(':1701');
    expect(stateFrom()).toBe('exposed');
    const found = l2tp('status');
    expect(found).toMatchObject({ code: 1, document: { closing: null, fact: { verdict: 'server' } } });

    const closed = l2tp('close', '--reason', 'scanner finding');
    expect(closed, closed.err).toMatchObject({
      code: 0,
      document: {
        closing: { phase: 'closed', units: [{ name: 'xl2tpd.service', active: true, enabled: true }] },
        after: { fact: { verdict: 'none', listening: [] } },
      },
    });
    expect(closed.document).toMatchObject({ after: { attempts: 0 } });
    expect(stateFrom()).toBe('refused');
    expect(picture().unit).toContain('LoadState=masked');
    const status = l2tp('status');
    expect(status.code).toBe(0);
    expect(status.document?.['attempts']).toBeGreaterThan(0);
    expect(l2tp('close')).toMatchObject({ code: 0, document: { closing: { phase: 'closed' } } });

    expect(l2tp('reopen').code).toBe(0);
    expect(picture()).toEqual(before);
    expect(stateFrom()).toBe('exposed');
  });

  test('by firewall: the service goes on, nobody gets through, and attempts are counted', () => {
    const before = picture();
    expect(l2tp('close', '--firewall')).toMatchObject({
      code: 0,
      document: { closing: { way: 'firewall' } },
    });
    expect(stateFrom()).toBe('silent');
    const { document } = l2tp('status');
    expect(document?.['attempts']).toBeGreaterThan(0);
    expect(picture().unit).toBe(before.unit);
    must(NODE, CHILD, 'recover', '/run/state');
    expect(l2tp('status').document?.['attempts']).toBe(document?.['attempts']);
    sh('nft flush ruleset');
    must(NODE, CHILD, 'recover', '/run/state');
    expect(stateFrom()).toBe('silent');
    expect(l2tp('reopen').code).toBe(0);
    expect(picture()).toEqual(before);
  });

  test('the empty configuration that a client’s package leaves is no server, and can be closed', () => {
    sh("printf '; [lns default]\\n' > /etc/xl2tpd/xl2tpd.conf && systemctl restart xl2tpd");
    const before = picture();
    expect(l2tp('status')).toMatchObject({ code: 1, document: { fact: { verdict: 'client-only' } } });
    expect(l2tp('close').code).toBe(0);
    expect(stateFrom()).toBe('refused');
    expect(l2tp('reopen').code).toBe(0);
    expect(picture()).toEqual(before);
    sh(`printf '${LNS.replaceAll('\n', '\\n')}' > /etc/xl2tpd/xl2tpd.conf && systemctl restart xl2tpd`);
  });

  test('killed with -9 at every step, it ends closed or as before', async () => {
    const before = picture();
    const points = (verb: string) => JSON.parse(must(NODE, CHILD, verb, '/run/state')) as string[];
    const closing = points('close');
    const closed = picture();
    const opening = points('reopen');
    expect(picture()).toEqual(before);
    expect({ steps: closing.length, back: opening.length }).toEqual({ steps: 12, back: 12 });
    for (const step of moments(closing)) {
      expect(child('close', step).code).not.toBe(0);
      must(NODE, CHILD, 'recover', '/run/state');
      const now = picture();
      expect([before, closed], `closing, killed ${closing[step]}`).toContainEqual(now);
      must(NODE, CHILD, 'reopen', '/run/state');
      expect(picture(), `closing, killed ${closing[step]}, reopened`).toEqual(before);
    }
    for (const step of moments(opening)) {
      must(NODE, CHILD, 'close', '/run/state');
      expect(child('reopen', step).code).not.toBe(0);
      must(NODE, CHILD, 'recover', '/run/state');
      must(NODE, CHILD, 'reopen', '/run/state');
      expect(picture(), `reopening, killed ${opening[step]}`).toEqual(before);
    }
  }, 600_000);
});

/** Between the end of one step and the beginning of the next nothing is done: once is enough there. */
function moments(points: readonly string[]): number[] {
  return [...points.keys()].filter(
    (index) => points[index]?.startsWith('before') === true || index === points.length - 1,
  );
}
