import { describe, expect, test } from 'vitest';
import { CLI, LNS, NODE, useL2tpMachine } from '../support/l2tp-machine.ts';

const CHILD = '/mnt/test/support/l2tp-server-child.ts';

describe('xl2tpd under real service management', () => {
  const { machine, must, sh, picture, stateFrom } = useL2tpMachine('l2tp-server.test.ts');

  const l2tp = (...argv: string[]) => {
    const { code, out, err } = machine().run(
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
    machine().run(NODE, CHILD, verb, '/run/state', ...(step === undefined ? [] : [String(step)]));

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
    machine().configure('; [lns default]\n');
    const before = picture();
    expect(l2tp('status')).toMatchObject({ code: 1, document: { fact: { verdict: 'client-only' } } });
    expect(l2tp('close').code).toBe(0);
    expect(stateFrom()).toBe('refused');
    expect(l2tp('reopen').code).toBe(0);
    expect(picture()).toEqual(before);
    machine().configure(LNS);
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
