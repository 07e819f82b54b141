import { expect, test } from 'vitest';
import { trayAnswer, trayRequest } from '../../src/wire/tray.ts';

test.each<[unknown]>([
  [{ id: 1, verb: 'status' }],
  [{ id: 2, verb: 'status', watch: true }],
  [{ id: 3, verb: 'recheck' }],
  [{ id: 4, verb: 'recheck', check: 'firewall' }],
  [{ id: 5, verb: 'snooze', hours: 4 }],
  [{ id: 6, verb: 'reconnect' }],
  [{ id: 7, verb: 'fix', fix: 'firewall-on' }],
])('taken: %j', (request) => {
  expect(trayRequest.safeParse(request).success).toBe(true);
});

test.each<[unknown]>([
  [{ id: 1, verb: 'run', command: '/bin/true' }],
  [{ id: 1, verb: 'fix', fix: '/usr/sbin/ufw enable' }],
  [{ id: 1, verb: 'fix', fix: 'firewall-on', argv: ['disable'] }],
  [{ id: 1, verb: 'recheck', check: '../../etc/shadow' }],
  [{ id: 1, verb: 'recheck', check: '__proto__' }],
  [{ id: 1, verb: 'snooze', hours: 5 }],
  [{ id: 1, verb: 'snooze', hours: 1e9 }],
  [{ id: -1, verb: 'status' }],
  [{ id: 1.5, verb: 'status' }],
  [{ verb: 'status' }],
  [{ id: 1, verb: 'status', user: 0 }],
  [null],
  ['status'],
])('refused: %j', (request) => {
  expect(trayRequest.safeParse(request).success).toBe(false);
});

test('a refusal is understood without an id', () => {
  const refusal = { id: null, ok: false, code: 'malformed', text: 'This is not a request.' };
  expect(trayAnswer().parse(refusal)).toEqual(refusal);
});
