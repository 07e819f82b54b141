import { unlink } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { readPrivate } from '../base/private-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseToken, type EnrolmentToken } from '../wire/token.ts';
import type { EnrolmentState } from './enrolment.ts';

/** What an installer or a management system leaves for the agent. */
export type Invitation = { url: URL; token: EnrolmentToken };

export type SilentEnrolmentDeps = {
  /** The file with ENROLL_URL and ENROLL_TOKEN, for root alone to read. */
  file: string;
  enrolment: { read(): Promise<EnrolmentState | null> };
  /** Enrols; throws why it could not. */
  enrol(invitation: Invitation, signal: AbortSignal): Promise<EnrolmentState>;
  clock: Clock;
  log: Logger;
};

const MAX_BYTES = 4_096;
const LOOK_MS = 15_000;
const LONGEST_WAIT_MS = 10 * 60_000;

/**
 * Enrols as soon as the file is there and the server answers, then removes the file: nobody has to sit at the computer,
 * and the secret does not stay. A device that is enrolled already keeps its identity, and the file goes all the same.
 */
export function createSilentEnrolment(deps: SilentEnrolmentDeps): Actor {
  return {
    name: 'silent enrolment',
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        failures = (await attempt(deps, signal)) ? 0 : failures + 1;
        const waitMs = Math.min(LONGEST_WAIT_MS, LOOK_MS * 2 ** Math.min(failures, 8));
        await deps.clock.sleep(waitMs, signal).catch(() => {});
      }
    },
  };
}

/** False when there is an invitation that could not be followed. */
async function attempt(deps: SilentEnrolmentDeps, signal: AbortSignal): Promise<boolean> {
  const { file, enrolment, log } = deps;
  const read = await readPrivate(file, MAX_BYTES);
  if (!read.ok && read.error.kind === 'missing') return true;
  try {
    if (await isFinished(enrolment)) return await used(deps, 'this computer is enrolled already');
    if (!read.ok) throw new Error(`${file} ${read.error.detail}: chown root and chmod 600 it`);
    const invitation = parseInvitation(read.value);
    if (!invitation.ok) throw new Error(`${file}: ${invitation.error}`);
    const { device, status } = await deps.enrol(invitation.value, signal);
    return await used(deps, `enrolled as device ${device}, ${status}`);
  } catch (error) {
    log.warn({ why: messageOf(error) }, 'could not enrol; will be tried again');
    return false;
  }
}

async function isFinished(enrolment: SilentEnrolmentDeps['enrolment']): Promise<boolean> {
  const state = await enrolment.read();
  return state !== null && state.status !== 'requested';
}

async function used({ file, log }: SilentEnrolmentDeps, what: string): Promise<boolean> {
  await unlink(file);
  log.info({ file, what }, 'invitation used and removed');
  return true;
}

const variables = z.object({
  ENROLL_URL: z
    .url({ protocol: /^https$/, error: 'ENROLL_URL has to be an https:// address' })
    .transform((text) => new URL(text)),
  ENROLL_TOKEN: z.string({ error: 'ENROLL_TOKEN is missing' }),
});

/** `NAME=value` by lines, the value bare or in quotes; lines that begin with # are comments. */
export function parseInvitation(text: string): Result<Invitation, string> {
  const lines = text
    .split(/\r?\n/)
    .map((line) => /^\s*(ENROLL_URL|ENROLL_TOKEN)=(["']?)(.*?)\2\s*$/.exec(line));
  const pairs = lines.flatMap((match) => (match === null ? [] : [[match[1], match[3]]]));
  const parsed = variables.safeParse(Object.fromEntries(pairs));
  if (!parsed.success) return err(parsed.error.issues.map(({ message }) => message).join('; '));
  const token = parseToken(parsed.data.ENROLL_TOKEN);
  return token.ok ? ok({ url: parsed.data.ENROLL_URL, token: token.value }) : token;
}
