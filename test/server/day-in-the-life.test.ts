import { describe, expect, test } from 'vitest';
import { breakGlass, confirmBreaker, endBreakGlass, label } from '../../src/server/administer-fairness.ts';
import { snooze } from '../../src/server/snooze.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Db } from '../../src/server/store/store.ts';
import { startJudging, type JudgingRig } from './judging-rig.ts';
import { defaultPolicy, HOUR, MINUTE, reading } from './simulated-device.ts';

const missing = reading('os-patch', { pendingSecurity: 2 });
const installed = reading('os-patch', { pendingSecurity: 0 });
const plain = reading('disk-encryption', { system: 'plain' });
const strict = defaultPolicy(['weight: 30', 'weight: 40']);
/** One plain disk is enough for deny. */
const denying = defaultPolicy(['medium: restrict', 'medium: deny']);

async function withRig(count: number, policy: typeof strict, run: (rig: JudgingRig) => Promise<void>) {
  const rig = await startJudging(count, policy);
  try {
    await run(rig);
  } finally {
    await rig.close();
  }
}

/** As a command beside the running server does it. */
async function beside<T>(rig: JudgingRig, unit: (db: Db) => Promise<T>): Promise<T> {
  const store = await openSqlite(rig.file);
  try {
    return await store.write(unit);
  } finally {
    await store.close();
  }
}

const by = (rig: JudgingRig) => ({ actor: 'test', now: rig.now });

describe('a day in the life', () => {
  test('a patch is released: grace, reminders, deadline, restrict; installed: allowed again', async () => {
    await withRig(1, strict, async (rig) => {
      const [id = ''] = rig.ids;
      await rig.tick(0);
      expect(rig.decision(id)).toMatchObject({ access: 'allow', reason: 'ok' });
      rig.change([id], missing);
      const accesses: string[] = [];
      const reminded: number[] = [];
      for (let hour = 0; hour <= 72; hour += 1) {
        const before = rig.news.length;
        await rig.tick(hour === 0 ? 0 : HOUR);
        if (rig.news.slice(before).some(({ news }) => news.reminder)) reminded.push(hour);
        accesses.push(rig.decision(id)?.access ?? '');
        // A restart forgets neither the deadline nor what was told.
        if (hour === 30) await rig.restart();
      }
      expect(reminded).toEqual([0, 36, 48, 68, 71]);
      expect(accesses.slice(0, 72).every((access) => access === 'allow')).toBe(true);
      expect(rig.decision(id)).toMatchObject({ access: 'restrict', reason: 'patch-security-pending' });
      rig.change([id], installed);
      await rig.tick(MINUTE);
      expect(rig.decision(id)).toMatchObject({ access: 'allow', reason: 'ok' });
    });
  });

  test('a user puts reminders off, over a restart, but not past the deadline', async () => {
    await withRig(1, strict, async (rig) => {
      const [id = ''] = rig.ids;
      rig.change([id], missing);
      await rig.tick(0);
      expect(await snooze(rig.parts, 'nobody', HOUR)).toBeNull();
      await rig.tick(35 * HOUR);
      expect(await snooze(rig.parts, id, 20 * HOUR)).toBe(rig.now + 20 * HOUR);
      await rig.restart();
      const reminded: number[] = [];
      for (let hour = 36; hour < 72; hour += 1) {
        const before = rig.news.length;
        await rig.tick(HOUR);
        if (rig.news.slice(before).some(({ news }) => news.reminder)) reminded.push(hour);
      }
      expect(reminded).toEqual([55, 68, 71]);
      expect(await snooze(rig.parts, id, 20 * HOUR)).toBe(rig.now + HOUR);
    });
  });

  test('break-glass on and off, as a command beside the server does it', async () => {
    await withRig(2, denying, async (rig) => {
      const [id = '', other = ''] = rig.ids;
      await rig.tick(0);
      rig.change([id], plain);
      await rig.tick(MINUTE);
      expect(rig.decision(id)?.access).toBe('deny');
      await beside(rig, (db) => breakGlass(db, id, { hours: 8, reason: 'on the customer’s site' }, by(rig)));
      await rig.tick(1_000);
      // The rig keeps readings in memory only: what a command changes is read anew from disk.
      rig.change([id], rig.fleet.peek(other)?.readings ?? {});
      rig.change([id], plain);
      await rig.tick(1_000);
      expect(rig.decision(id)).toMatchObject({ access: 'allow', would: 'deny', held: 'break-glass' });
      expect(rig.news.some(({ news }) => news.policy)).toBe(true);
      await beside(rig, (db) => endBreakGlass(db, id, by(rig)));
      await rig.tick(1_000);
      rig.change([id], { ...rig.fleet.peek(other)?.readings, ...plain });
      await rig.tick(1_000);
      expect(rig.decision(id)).toMatchObject({ access: 'deny', held: null });
      const audit = await rig.store.read((db) => db.selectFrom('audit').selectAll().execute());
      expect(audit.map(({ action }) => action)).toEqual(['break glass', 'end break glass']);
      expect(audit[0]?.detail).toContain('customer');
      expect(await beside(rig, (db) => endBreakGlass(db, id, by(rig)))).toMatchObject({
        ok: false,
        error: { code: 'wrong_state' },
      });
    });
  });

  test('a pilot by tag, then a tenth, then all', async () => {
    const groups = (list: string, mode: string) =>
      defaultPolicy(['groups: []', `groups: [${list}]`], [/^mode: enforce$/m, `mode: ${mode}`]);
    await withRig(
      60,
      groups('{ name: pilot, match: { tags: [pilot] }, mode: enforce }', 'observe'),
      async (rig) => {
        await rig.store.write((db) =>
          label(db, rig.ids[3] ?? '', { kind: 'tag', add: ['pilot'], remove: [] }, by(rig)),
        );
        await rig.restart();
        await rig.tick(0);
        rig.change(rig.ids, plain);
        await rig.tick(MINUTE);
        expect(rig.counts()).toEqual({ allow: 59, restrict: 1 });
        rig.use(groups('{ name: pilot, match: { percent: 10 }, mode: enforce }', 'observe'));
        await rig.tick(MINUTE);
        const few = rig.counts().restrict ?? 0;
        expect(few).toBeGreaterThan(0);
        expect(few).toBeLessThan(20);
        rig.use(defaultPolicy());
        await rig.tick(MINUTE);
        expect(rig.counts()).toEqual({ restrict: 60 });
        rig.use(groups('{ name: all, match: { percent: 100 }, mode: warn }', 'observe'));
        await rig.tick(MINUTE);
        expect(rig.counts()).toEqual({ allow: 60 });
      },
    );
  });

  test('200 devices fail at once: held by the breaker, over a restart, until a person confirms', async () => {
    await withRig(300, denying, async (rig) => {
      await rig.tick(0);
      const failing = rig.ids.slice(0, 200);
      rig.change(failing, plain);
      rig.change(rig.ids.slice(200, 203), reading('detections', { open: [severe] }));
      await rig.tick(MINUTE);
      expect(rig.counts()).toEqual({ allow: 97, restrict: 200, deny: 3 });
      expect(rig.decision(failing[0] ?? '')).toMatchObject({
        would: 'deny',
        held: 'breaker',
        reason: 'disk-plain',
      });
      await rig.restart();
      await rig.tick(MINUTE);
      expect(rig.counts()).toMatchObject({ restrict: 200, deny: 3 });
      const confirmed = await beside(rig, (db) =>
        confirmBreaker(db, { minutes: 10, reason: 'looked at ten of them' }, by(rig)),
      );
      expect(confirmed.ok).toBe(true);
      await rig.tick(1_000);
      expect(rig.counts()).toEqual({ allow: 97, deny: 203 });
      const audit = await rig.store.read((db) => db.selectFrom('audit').select('action').execute());
      expect(audit.map(({ action }) => action)).toEqual(['alarm breaker', 'confirm breaker']);
    });
  });

  test('when the mistake is mended instead, the breaker rests again by itself', async () => {
    await withRig(100, defaultPolicy(), async (rig) => {
      rig.change(rig.ids, plain);
      await rig.tick(0);
      expect(rig.counts()).toEqual({ restrict: 100 });
      rig.use(denying);
      await rig.tick(MINUTE);
      expect(rig.counts()).toEqual({ restrict: 100 });
      expect(rig.breaker.state().trippedAt).not.toBeNull();
      rig.use(defaultPolicy());
      await rig.tick(MINUTE);
      await rig.tick(1_000);
      expect(rig.breaker.state()).toEqual({ trippedAt: null, openUntil: null });
      expect(rig.decision(rig.ids[0] ?? '')).toMatchObject({ access: 'restrict', held: null });
    });
  });
});

const severe = {
  id: 'x',
  name: 'Trojan',
  severity: 5,
  source: 'Example Shield',
  at: null,
} as never;
