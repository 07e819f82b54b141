import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { remedies } from '../../collectors/remedies.ts';
import { patienceOf } from '../../src/tray/patience.ts';
import {
  GAP_MS,
  keyOf,
  mayShow,
  NOTHING_TOLD,
  promptMemory,
  shown,
  step,
  type Prompt,
  type PromptMemory,
} from '../../src/tray/prompt.ts';
import type { TrayProblem, TrayStatus } from '../../src/wire/tray.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-20T08:00:00.000Z');
const iso = (ms: number) => new Date(ms).toISOString();

type Told = { at: number; due: Prompt };
type Scene = (now: number) => { status: TrayStatus; isQuiet?: boolean | null };

/** Runs the clock from `START` and notes what is shown. */
function play(scene: Scene, { days = 1, everyMs = 10 * MINUTE, from = NOTHING_TOLD } = {}) {
  const told: Told[] = [];
  let memory: PromptMemory = from;
  let withdrawn = 0;
  for (let now = START; now < START + days * DAY; now += everyMs) {
    const { status, isQuiet = false } = scene(now);
    const result = step(memory, status, now);
    memory = result.memory;
    if (result.withdraw) withdrawn += 1;
    if (result.due === null || !mayShow(result.due, isQuiet)) continue;
    told.push({ at: now, due: result.due });
    // As it is kept on disk.
    memory = promptMemory.parse(JSON.parse(JSON.stringify(shown(memory, result.due, now))));
  }
  return { told, withdrawn, hours: told.map(({ at }) => (at - START) / HOUR) };
}

const failing = (change: Partial<TrayProblem> = {}) => problemOf({ since: iso(START), ...change });
const amber = (...problems: TrayProblem[]): TrayStatus =>
  statusOf({ colour: 'amber', because: 'deadline', problems });
const red = (...problems: TrayProblem[]): TrayStatus =>
  statusOf({ colour: 'red', because: 'access-paused', problems });

describe('reminders', () => {
  test('follow the deadline: daily, twice a day, every two hours, once a day past it', () => {
    const deadline = START + 5 * DAY;
    const scene: Scene = (now) => ({
      status:
        now < deadline
          ? amber(failing({ deadline: iso(deadline) }))
          : red(failing({ deadline: iso(deadline) })),
    });
    const { told } = play(scene, { days: 8 });
    const perDay = Array.from(
      { length: 8 },
      (_, day) => told.filter(({ at }) => at >= START + day * DAY && at < START + (day + 1) * DAY).length,
    );
    expect(perDay).toEqual([1, 1, 2, 2, 12, 1, 1, 1]);
    expect(told.filter(({ due }) => due.kind === 'paused')).toHaveLength(1);
  });

  test('of something without a deadline come once', () => {
    expect(play(() => ({ status: amber(failing()) }), { days: 10 }).hours).toHaveLength(1);
  });

  test('wait until what mends itself has had its time', () => {
    const wait = (reason: TrayProblem['reason']) =>
      play(() => ({ status: amber(failing({ reason })) }), { everyMs: MINUTE }).told[0]?.at ?? Infinity;
    expect(wait('firewall-off') - START).toBe(5 * MINUTE);
    expect(wait('av-inactive') - START).toBe(10 * MINUTE);
    expect(wait('patch-reboot') - START).toBe(60 * MINUTE);
    expect(wait('detection-severe') - START).toBe(0);
  });

  test('are merged as the remedies say, and one problem is told at a time', () => {
    const reboot = failing({ check: 'os-patch', reason: 'patch-reboot' });
    const pending = failing({ check: 'os-patch', reason: 'patch-security-pending' });
    const { told } = play(() => ({ status: amber(reboot, pending) }), { days: 3 });
    expect(told.map(({ due }) => due.kind === 'problem' && due.problem.reason)).toEqual([
      'patch-security-pending',
    ]);
  });

  test('of what nobody could read come only where it will have a consequence', () => {
    const unread = failing({ reason: 'firewall-unknown', level: 'unknown' });
    expect(play(() => ({ status: amber(unread) }), { days: 2 }).told).toEqual([]);
    const dated = { ...unread, deadline: iso(START + 2 * DAY) };
    expect(play(() => ({ status: amber(dated) }), { days: 1 }).told.length).toBeGreaterThan(0);
  });

  test('come to nobody while the policy is only observed', () => {
    const scene: Scene = () => ({
      status: { ...red(failing({ deadline: iso(START + HOUR) })), quiet: true },
    });
    expect(play(scene, { days: 3 }).told).toEqual([]);
  });

  test('are put off by a snooze, and never past the deadline', () => {
    const deadline = START + 10 * HOUR;
    const snoozed = (until: number) =>
      play(() => ({ status: amber(failing({ deadline: iso(deadline), snoozedUntil: iso(until) })) }))
        .hours[0];
    expect(snoozed(START + 4 * HOUR)).toBe(4);
    expect(snoozed(START + 40 * HOUR)).toBe(10);
  });

  test('wait while somebody presents, and come afterwards', () => {
    const scene: Scene = (now) => ({ status: amber(failing()), isQuiet: now < START + 3 * HOUR });
    expect(play(scene).hours).toEqual([3]);
  });

  test('are taken back when the problem is gone', () => {
    const scene: Scene = (now) => ({ status: now < START + HOUR ? amber(failing()) : statusOf() });
    const { told, withdrawn } = play(scene);
    expect({ told: told.length, withdrawn }).toEqual({ told: 1, withdrawn: 1 });
  });
});

describe('access that is paused', () => {
  const late = failing({ deadline: iso(START - HOUR) });

  test('is told once even to somebody who wants quiet, and after that only to others', () => {
    expect(play(() => ({ status: red(late), isQuiet: true }), { days: 5 }).hours).toEqual([0]);
    expect(play(() => ({ status: red(late), isQuiet: null }), { days: 3 }).hours).toEqual([0, 24, 48]);
  });

  test('is told to be back, once, and not by an agent that knows nothing', () => {
    const grey = statusOf({ colour: 'grey', because: 'starting' });
    const scene: Scene = (now) => ({
      status: now < START + HOUR ? red(late) : now < START + 2 * HOUR ? grey : statusOf(),
    });
    const { told } = play(scene);
    expect(told.map(({ at, due }) => [(at - START) / HOUR, due.kind])).toEqual([
      [0, 'paused'],
      [2, 'restored'],
    ]);
  });
});

describe('for every history', () => {
  const problem = fc.record({
    reason: fc.constantFrom(
      ...(['firewall-off', 'av-inactive', 'patch-reboot', 'patch-security-pending'] as const),
    ),
    level: fc.constantFrom('warn', 'fail', 'unknown'),
    deadline: fc.option(fc.integer({ min: -20, max: 120 }).map((hour) => iso(START + hour * HOUR))),
    snoozedUntil: fc.option(fc.integer({ min: -5, max: 200 }).map((hour) => iso(START + hour * HOUR))),
  });
  const moment = fc.record({
    problems: fc.uniqueArray(problem, { maxLength: 3, selector: ({ reason }) => reason }),
    colour: fc.constantFrom('amber', 'red', 'grey', 'green'),
    isQuiet: fc.constantFrom(true, false, null),
  });
  const history = fc.array(moment, { minLength: 1, maxLength: 12 });

  test('nobody is told too often, too early, while snoozed, or of what is not there', () => {
    fc.assert(
      fc.property(history, (moments) => {
        const because = { amber: 'deadline', red: 'access-paused', grey: 'starting', green: 'good' } as const;
        const scenes = moments.map(({ problems, colour, isQuiet }) => {
          const list = problems.map((one) => failing(one as Partial<TrayProblem>));
          return { status: statusOf({ colour, because: because[colour], problems: list }), isQuiet };
        });
        const scene = (now: number) => scenes[Math.floor((now - START) / (8 * HOUR)) % scenes.length]!;
        const { told } = play(scene, { days: 4, everyMs: 30 * MINUTE });
        for (const [index, { at, due }] of told.entries()) {
          const { status, isQuiet } = scene(at);
          const before = told[index - 1];
          if (due.kind !== 'paused') expect(isQuiet).not.toBe(true);
          if (due.kind !== 'problem') continue;
          if (before !== undefined) expect(at - before.at).toBeGreaterThanOrEqual(GAP_MS);
          expect(status.problems.map(keyOf)).toContain(keyOf(due.problem));
          const { snoozedUntil, deadline } = due.problem;
          const until = Math.min(Date.parse(snoozedUntil ?? iso(0)), Date.parse(deadline ?? iso(8e15)));
          expect(at).toBeGreaterThanOrEqual(until);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('what a remedy waits for is a reason that has words itself, and never the other way round too', () => {
  for (const reason of Object.keys(remedies))
    for (const other of patienceOf(reason).unless) {
      expect(Object.keys(remedies)).toContain(other);
      expect(patienceOf(other).unless).not.toContain(reason);
    }
});

test('a memory from the future, after the clock was set back, silences nobody', () => {
  const future = shown(NOTHING_TOLD, { kind: 'problem', problem: failing() }, START + 400 * DAY);
  const { told } = play(() => ({ status: amber(failing({ deadline: iso(START + 2 * DAY) })) }), {
    from: future,
  });
  expect(told.length).toBeGreaterThan(0);
});
