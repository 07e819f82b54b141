import { expect, test } from 'vitest';
import { colourOf, type ColourFacts } from '../../src/wire/tray-colour.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const HOUR_MS = 3_600_000;

const well: ColourFacts = {
  reported: true,
  enrolment: 'enrolled',
  decision: { access: 'allow', held: null, mode: 'enforce', until: '9999-12-31T23:59:59.999Z' },
  offlineSince: null,
  isolated: false,
  held: false,
  problems: [],
  now: NOW,
};
const decided = (change: Partial<NonNullable<ColourFacts['decision']>>) => ({
  decision: {
    access: 'allow',
    held: null,
    mode: 'enforce',
    until: '9999-12-31T23:59:59.999Z',
    ...change,
  } as const,
});
const failing = { problems: [{ level: 'fail', deadline: NOW + HOUR_MS }] } as const;
const unread = { problems: [{ level: 'unknown', deadline: null }] } as const;

test.each<[string, Partial<ColourFacts>, string]>([
  ['all is well', {}, 'green good'],
  [
    'a policy that is only observed asks nothing',
    { ...failing, ...decided({ mode: 'observe' }) },
    'green observed',
  ],
  ['an administrator lets it in', decided({ held: 'break-glass' }), 'green break-glass'],
  ['failing before the deadline', failing, 'amber deadline'],
  ['failing without a deadline', { problems: [{ level: 'warn', deadline: null }] }, 'amber advice'],
  ['failing goes before unknown', { problems: [...failing.problems, ...unread.problems] }, 'amber deadline'],
  ['one thing is unknown', unread, 'grey unknown'],
  ['unknown is not green while observed', { ...unread, ...decided({ mode: 'observe' }) }, 'grey unknown'],
  ['denied', { ...failing, ...decided({ access: 'deny' }) }, 'red access-paused'],
  ['quarantined', decided({ access: 'quarantine' }), 'red access-paused'],
  ['restricted', decided({ access: 'restrict' }), 'red access-limited'],
  [
    'held by its own judgement without any server',
    { held: true, decision: null, offlineSince: 0 },
    'red vpn-held',
  ],
  ['isolated goes first', { held: true, isolated: true, reported: false }, 'red isolated'],
  ['no report yet', { reported: false }, 'grey starting'],
  ['not enrolled', { enrolment: 'none', decision: null }, 'grey not-enrolled'],
  ['awaiting approval', { enrolment: 'pending', decision: null }, 'grey pending'],
  ['never decided', { decision: null }, 'grey server-silent'],
  ['offline for a minute', { offlineSince: NOW - 60_000 }, 'green good'],
  ['offline for long', { offlineSince: NOW - HOUR_MS }, 'grey server-silent'],
  [
    'offline, and the decision has ended',
    { offlineSince: NOW - 1, ...decided({ until: '2026-11-20T10:00:00Z' }) },
    'grey server-silent',
  ],
  [
    'a denial that has ended is believed no longer',
    { offlineSince: NOW - 1, ...decided({ access: 'deny', until: '2026-11-20T10:00:00Z' }) },
    'grey server-silent',
  ],
  [
    'connected, at the moment when one decision follows another',
    decided({ until: '2026-11-20T10:00:00Z' }),
    'green good',
  ],
])('%s', (_name, change, expected) => {
  const { colour, because } = colourOf({ ...well, ...change });
  expect(`${colour} ${because}`).toBe(expected);
});
