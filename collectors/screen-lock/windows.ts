import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askObject } from '../windows-probe.ts';
import { flag, integer, listOf, text } from '../windows-values.ts';

type User = Fact<'screen-lock'>['users'][number];

/** One hive of one user; a user has two, and the policy's values outrank the user's own. */
const screenSaver = z.object({
  user: text,
  hive: text,
  // REG_SZ, all three.
  ScreenSaveActive: flag,
  ScreenSaverIsSecure: flag,
  ScreenSaveTimeOut: integer,
});

const screenLock = z.object({ InactivityTimeoutSecs: integer, users: listOf(z.unknown()) });

type ScreenSaver = z.output<typeof screenSaver>;

export async function read(host: Host): Promise<Observed<Fact<'screen-lock'>>> {
  const answer = await askObject(host, 'screenLock', screenLock);
  if (!answer.ok) return answer.error;
  const { InactivityTimeoutSecs: limit, users } = answer.value;
  const hives = (users ?? []).flatMap((one) => screenSaver.safeParse(one).data ?? []);
  return judge(limit !== null && limit > 0 ? limit : null, hives);
}

function judge(machineLimit: number | null, hives: readonly ScreenSaver[]): Observed<Fact<'screen-lock'>> {
  const byUser = Map.groupBy(hives.filter(isPerson), (hive) => hive.user ?? '');
  if (byUser.size === 0) return unknown('not-applicable', 'Nobody is logged in.');
  const users = [...byUser].slice(0, 50).map(([session, own]) => lockOf(session, machineLimit, own));
  return known({ users });
}

/** The default user and the built-in service accounts have a hive loaded too, and no screen. */
function isPerson({ user }: ScreenSaver): boolean {
  return user !== null && !/^(?:\.DEFAULT|S-1-5-(?:18|19|20)|S-1-5-8\d-.*|.*_Classes)$/i.test(user);
}

/** The machine's inactivity limit and a secure screen saver both lock; the shorter one comes first. */
function lockOf(session: string, machineLimit: number | null, hives: readonly ScreenSaver[]): User {
  const saver = saverOf(hives);
  if (machineLimit !== null && !(saver.locks && (saver.seconds ?? Infinity) < machineLimit))
    return { session, enabled: true, delaySeconds: 0, idleSeconds: machineLimit, enforced: true };
  if (!saver.locks)
    return { session, enabled: false, delaySeconds: null, idleSeconds: null, enforced: false };
  // With a machine limit behind it, some lock stays whatever the user does to the screen saver.
  const enforced = machineLimit === null ? saver.enforced : true;
  // The saver's grace period (5 s where nobody changed it) is not read.
  return { session, enabled: true, delaySeconds: null, idleSeconds: saver.seconds, enforced };
}

type Saver = { locks: boolean; seconds: number | null; enforced: boolean | null };

/**
 * Whether it locks is decided by ScreenSaverIsSecure, which is absent by default. Windows has defaults of its own for
 * the other two values, so their absence does not switch it off.
 */
function saverOf(hives: readonly ScreenSaver[]): Saver {
  const policy = hives.find((one) => one.hive === 'policy');
  const own = hives.find((one) => one.hive !== 'policy');
  const inForce = <K extends keyof ScreenSaver>(value: K) => policy?.[value] ?? own?.[value] ?? null;
  const seconds = inForce('ScreenSaveTimeOut');
  const isOn = inForce('ScreenSaveActive') !== false && (seconds === null || seconds > 0);
  const locks = isOn && inForce('ScreenSaverIsSecure') === true;
  return { locks, seconds, enforced: enforcedBy(hives, policy) };
}

/** Null for a record that does not say which hive it came from. */
function enforcedBy(hives: readonly ScreenSaver[], policy: ScreenSaver | undefined): boolean | null {
  if (policy?.ScreenSaverIsSecure === true && policy.ScreenSaveTimeOut !== null) return true;
  return hives.some((one) => one.hive === null) ? null : false;
}
