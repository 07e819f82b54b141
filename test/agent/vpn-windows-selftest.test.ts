import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VpnDriver } from '../../src/agent/vpn/driver.ts';
import { macosVpn } from '../../src/agent/vpn/macos.ts';
import { windowsVpn } from '../../src/agent/vpn/windows.ts';
import { systemClock } from '../../src/base/clock.ts';
import { selftest, PROFILE_NAME } from '../../src/cli/agent-vpn-selftest.ts';
import { snapshot } from '../../src/cli/agent-vpn-snapshot.ts';
import { transcribed } from '../../src/cli/agent-vpn-transcript.ts';
import { mac, OFFICE } from './vpn-macos-machine.ts';
import { bookEntry, connection, failed, windowsMachine } from './vpn-windows-machine.ts';

const log = pino({ level: 'silent' });
const outcomes = (steps: readonly { step: string; outcome: string }[]) =>
  steps.map(({ step, outcome }) => `${step} ${outcome}`);

describe('on Windows', () => {
  let folder: string;
  let pc: ReturnType<typeof windowsMachine>;
  let vpn: VpnDriver;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drawbridge-selftest-'));
    pc = windowsMachine();
    pc.state.connections = [connection('Company', '198.51.100.7')];
    pc.state.book = bookEntry('Company', '198.51.100.7');
    pc.state.sessions = [{ name: 'Company', up: true, addresses: ['10.8.0.2'] }];
    vpn = windowsVpn({ host: pc.host, stateFolder: folder, log, replaceFile: async () => {} });
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const run = () =>
    selftest({
      driver: vpn,
      clock: systemClock,
      // The registry's part of it is the machine's rules.
      snapshot: async () =>
        new Map([
          ['book', pc.state.book ?? 'missing'],
          ['rules', JSON.stringify(pc.state.rules)],
        ]),
    });

  test('a throw-away connection to nowhere comes, is denied and allowed, and goes; the live one goes on', async () => {
    const result = await run();
    expect(result).toMatchObject({ refused: null, passed: true, differences: [] });
    expect(outcomes(result.steps)).toEqual([
      'set as-expected',
      'deny as-expected',
      'deny-again as-expected',
      'allow as-expected',
      'remove as-expected',
      'compare as-expected',
    ]);
    expect(pc.state.sessions.map(({ name }) => name)).toEqual(['Company']);
    expect(pc.state.connections.map(({ Name }) => Name)).toEqual(['Company']);
  });

  test.each([
    [
      'rules stay',
      () => pc.state.broken.set('lifted', failed('UnauthorizedAccess')),
      'allow differs',
      'rules',
    ],
    ['the connection stays', () => (pc.state.sticky = true), 'remove differs', 'book'],
  ])('where %s it differs, and what is named', async (_what, spoil, step, where) => {
    spoil();
    const result = await run();
    expect(result.passed).toBe(false);
    expect(outcomes(result.steps)).toContain(step);
    expect(result.differences.map(({ what }) => what)).toEqual([where]);
  });

  test('a block that does not hold is told, and everything is put away all the same', async () => {
    pc.state.firewallOn = [true, true, false];
    const result = await run();
    expect(outcomes(result.steps)).toContain('deny differs');
    expect(result.steps.find(({ step }) => step === 'deny')?.detail).toContain('Windows Firewall is off');
    expect(pc.state.rules).toEqual([]);
    expect(pc.state.connections.map(({ Name }) => Name)).toEqual(['Company']);
  });

  test('is not run where the VPN is denied now, or its own name is taken', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    expect((await run()).refused).toContain('denied now');
    await vpn.apply({ state: 'allowed' });
    pc.state.connections.push(connection(PROFILE_NAME, '203.0.113.1'));
    expect((await run()).refused).toContain('remove it first');
    expect(pc.events).not.toContain(`remove ${PROFILE_NAME}`);
  });

  test('the transcript holds what was asked and printed, in order, and nothing that was told', async () => {
    const { host, answers } = transcribed(pc.host);
    vpn = windowsVpn({ host, stateFolder: folder, log, replaceFile: async () => {} });
    await run();
    expect(answers()).toHaveLength(pc.state.scripts.length);
    expect(JSON.stringify(answers())).not.toContain('"psk"');
  });
});

describe('on macOS', () => {
  const run = (pc: ReturnType<typeof mac>) => {
    const lookup = async () => ['198.51.100.7'];
    return selftest({
      driver: macosVpn({ host: pc.host, log, lookup }),
      clock: systemClock,
      snapshot: () => snapshot('macos', pc.host),
    });
  };

  test('all of L2TP is denied for a moment, and pf is as before', async () => {
    const pc = mac();
    pc.state.up = false;
    const result = await run(pc);
    expect(result).toMatchObject({ refused: null, passed: true, differences: [] });
    expect(outcomes(result.steps)).toEqual([
      'deny as-expected',
      'deny-again as-expected',
      'allow as-expected',
      'compare as-expected',
    ]);
  });

  test('not while a connection is up: it would be cut', async () => {
    const pc = mac();
    expect((await run(pc)).refused).toContain('disconnect first');
    expect(pc.events).not.toContain(`stop ${OFFICE}`);
  });

  test('a pf that stays on is a difference', async () => {
    const pc = mac();
    pc.state.up = false;
    const { run: original } = pc.host;
    pc.host.run = (command, argv, options) =>
      argv[0] === '-X'
        ? Promise.resolve({ stdout: '', stderr: '', code: 0, failure: null })
        : original(command, argv, options);
    const result = await run(pc);
    expect(result.passed).toBe(false);
    expect(result.differences.map(({ what }) => what)).toEqual(['/sbin/pfctl -s info']);
  });
});
