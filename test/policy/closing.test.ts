import { expect, test } from 'vitest';
import { isWithin, type MaintenanceWindow } from '../../src/policy/closing.ts';

test.each<[string, Partial<MaintenanceWindow>, boolean]>([
  ['2026-11-28T21:59:00Z', { from: '22:00', to: '04:00' }, false],
  ['2026-11-28T22:00:00Z', { from: '22:00', to: '04:00' }, true],
  // Sunday night still belongs to the window that began on Saturday.
  ['2026-11-29T03:59:00Z', { from: '22:00', to: '04:00', days: ['sat'] }, true],
  ['2026-11-29T04:00:00Z', { from: '22:00', to: '04:00', days: ['sat'] }, false],
  ['2026-11-29T22:30:00Z', { from: '22:00', to: '04:00', days: ['sat'] }, false],
  ['2026-11-28T21:30:00Z', { from: '22:00', to: '23:00', timezone: 'Europe/Berlin' }, true],
  ['2026-06-27T20:30:00Z', { from: '22:00', to: '23:00', timezone: 'Europe/Berlin' }, true],
])('at %s the window %j is open: %s', (now, window, isOpen) => {
  const all: MaintenanceWindow['days'] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
  const whole = { days: all, from: '00:00', to: '00:00', timezone: 'UTC', ...window };
  expect(isWithin(whole, Date.parse(now))).toBe(isOpen);
});
