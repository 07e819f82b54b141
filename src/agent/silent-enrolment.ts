import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseToken, type EnrolmentToken } from '../wire/token.ts';
import type { EnrolmentState } from './enrolment.ts';
import type { InvitationPlace, InvitationWords } from './invitation.ts';

/** What an installer or a management system leaves for the agent. */
export type Invitation = { url: URL; token: EnrolmentToken };

export type SilentEnrolmentDeps = {
  /** Where one may be left. */
  places: readonly InvitationPlace[];
  /** What device management says; it stays where it is, and an invitation in a place outranks it. */
  managed: Invitation | null;
  enrolment: { read(): Promise<EnrolmentState | null> };
  /** Enrols; throws why it could not. */
  enrol(invitation: Invitation, signal: AbortSignal): Promise<EnrolmentState>;
  clock: Clock;
  log: Logger;
};

const LOOK_MS = 15_000;
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * Enrols as soon as an invitation is there and the server answers, then removes it: nobody has to sit at the computer,
 * and the secret does not stay. A device that is enrolled already keeps its identity, and the invitation goes all the same.
 */
export function createSilentEnrolment(deps: SilentEnrolmentDeps): Actor {
  return {
    name: 'silent enrolment',
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        failures = (await round(deps, signal)) ? 0 : failures + 1;
        const waitMs = Math.min(LONGEST_WAIT_MS, LOOK_MS * 2 ** Math.min(failures, 8));
        await deps.clock.sleep(waitMs, signal).catch(() => {});
      }
    },
  };
}

/** False when there is an invitation that could not be followed. */
async function round(deps: SilentEnrolmentDeps, signal: AbortSignal): Promise<boolean> {
  const { places, managed } = deps;
  const ways = places.map((place) => () => follow(deps, place, signal));
  const followed: (boolean | null)[] = [];
  for (const way of ways) followed.push(await tried(deps, way));
  const left = followed.filter((one) => one !== null);
  if (left.length > 0 || managed === null) return left.every(Boolean);
  return (await tried(deps, () => followManaged(deps, managed, signal))) ?? true;
}

/** False where it fails, which is told to the log. */
async function tried({ log }: SilentEnrolmentDeps, way: () => Promise<true | null>): Promise<boolean | null> {
  try {
    return await way();
  } catch (error) {
    log.warn({ why: messageOf(error) }, 'could not enrol; will be tried again');
    return false;
  }
}

/** Null where there is none; throws why it could not be followed. */
async function follow(
  deps: SilentEnrolmentDeps,
  place: InvitationPlace,
  signal: AbortSignal,
): Promise<true | null> {
  const words = await place.read();
  if (words.ok && words.value === null) return null;
  if (await isFinished(deps.enrolment)) return used(deps, place, 'this computer is enrolled already');
  if (!words.ok) throw new Error(words.error);
  const invitation = parseInvitation(words.value ?? {});
  if (!invitation.ok) throw new Error(`${place.name}: ${invitation.error}`);
  const { device, status } = await deps.enrol(invitation.value, signal);
  return used(deps, place, `enrolled as device ${device}, ${status}`);
}

/** What management wants is followed, not used up: it would come back. */
async function followManaged(
  deps: SilentEnrolmentDeps,
  managed: Invitation,
  signal: AbortSignal,
): Promise<true> {
  if (await isFinished(deps.enrolment)) return true;
  const { device, status } = await deps.enrol(managed, signal);
  deps.log.info({ device, status }, 'enrolled as device management wants');
  return true;
}

async function isFinished(enrolment: SilentEnrolmentDeps['enrolment']): Promise<boolean> {
  const state = await enrolment.read();
  return state !== null && state.status !== 'requested';
}

async function used({ log }: SilentEnrolmentDeps, place: InvitationPlace, what: string): Promise<true> {
  await place.remove();
  log.info({ place: place.name, what }, 'invitation used and removed');
  return true;
}

const variables = z.object({
  ENROLL_URL: z
    .url({ protocol: /^https$/, error: 'ENROLL_URL has to be an https:// address' })
    .transform((text) => new URL(text)),
  ENROLL_TOKEN: z.string({ error: 'ENROLL_TOKEN is missing' }),
});

export function parseInvitation(words: InvitationWords): Result<Invitation, string> {
  const parsed = variables.safeParse(words);
  if (!parsed.success) return err(parsed.error.issues.map(({ message }) => message).join('; '));
  const token = parseToken(parsed.data.ENROLL_TOKEN);
  return token.ok ? ok({ url: parsed.data.ENROLL_URL, token: token.value }) : token;
}
