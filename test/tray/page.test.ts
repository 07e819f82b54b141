import { expect, test } from 'vitest';
import { createPageKeys } from '../../src/tray/page-keys.ts';
import { uidIn } from '../../src/tray/page-peer.ts';
import { pageView } from '../../src/tray/page-view.ts';
import { pageWordsIn } from '../../src/tray/page-words.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';

const english = { language: 'en', dates: 'en-GB' } as const;
const german = { language: 'de', dates: 'de' } as const;

test('a code is worth nothing after a minute, nor after its first use; a token for hours', () => {
  let now = 0;
  const keys = createPageKeys({ monotonic: () => now });
  const [used, old] = [keys.code(), keys.code()];
  const token = keys.exchange(used) ?? '';
  expect(keys.isToken(token)).toBe(true);
  expect(keys.exchange(used)).toBeNull();
  expect(keys.isToken(used)).toBe(false);
  now = 60_000;
  expect(keys.exchange(old)).toBeNull();
  expect(keys.isToken(token)).toBe(true);
  now = 13 * 3_600_000;
  expect(keys.isToken(token)).toBe(false);
});

test('codes that nobody has used give way to newer ones', () => {
  const keys = createPageKeys({ monotonic: () => 0 });
  const codes = Array.from({ length: 20 }, () => keys.code());
  expect(codes.map((code) => keys.exchange(code) !== null).filter(Boolean)).toHaveLength(16);
});

test('the kernel’s table says whose connection it is, by both ports and on 127.0.0.1 only', () => {
  const row = (local: string, remote: string, uid: number) =>
    `   0: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 12345 1 0000000000000000 20 4 30 10 -1`;
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    row('0100007F:1F90', '0100007F:C000', 0),
    row('0200007F:C000', '0100007F:1F90', 7),
    row('0100007F:C000', '0100007F:1F90', 1000),
  ].join('\n');
  expect(uidIn(table, 0xc000, 0x1f90)).toBe(1000);
  expect(uidIn(table, 0xc001, 0x1f90)).toBeNull();
  expect(uidIn('', 0xc000, 0x1f90)).toBeNull();
});

test('paused: what brings access back, and nothing that can be put off', () => {
  const status = statusOf({ colour: 'red', because: 'access-paused', problems: [problemOf()] });
  const { headline, problems, snooze } = pageView(status, english, null);
  expect(headline).toBe('VPN access is paused');
  expect(problems[0]?.consequence).toBe(pageWordsIn('en').pausedNow);
  expect([problems[0]?.deadline, snooze]).toEqual([null, null]);
});

test('a policy that is only observed asks for nothing, and what a newer agent knows is told in its sentence', () => {
  const strange = problemOf({
    reason: 'brand-new' as 'firewall-off',
    sentence: 'Something new.',
    deadline: '2026-11-27T09:00:00.000Z',
  });
  const { snooze, detail, problems } = pageView(statusOf({ quiet: true, problems: [strange] }), german, null);
  expect([snooze, detail]).toEqual([null, '']);
  expect(problems[0]).toMatchObject({ title: 'Something new.', steps: [], why: '' });
});

test('steps and buttons are those of the very system', () => {
  const device = {
    platform: 'macos',
    family: 'macos',
    version: '12.7',
    build: null,
    display: 'macOS 12',
  } as const;
  const { problems } = pageView(statusOf({ device, problems: [problemOf()] }), german, null);
  expect(problems[0]?.steps[0]).toBe('Öffnen Sie Systemeinstellungen, Sicherheit, Firewall.');
  expect(problems[0]?.pane).toEqual({ id: 'firewall', label: 'Firewall-Einstellungen öffnen' });
});

test('an agent that does not answer is grey, whatever it said before', () => {
  const view = pageView(null, english, null);
  expect([view.colour, view.headline, view.problems]).toEqual(['grey', 'Drawbridge does not answer', []]);
});
