import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EnrolmentState } from '../../src/agent/enrolment.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { invitationFile, wordsIn } from '../../src/agent/invitation.ts';
import { createSilentEnrolment, parseInvitation, type Invitation } from '../../src/agent/silent-enrolment.ts';
import { systemClock } from '../../src/base/clock.ts';
import { enrolWith, quiet, startServer, temporaryFolder, tokenOf } from './harness.ts';
import { formatToken } from '../../src/wire/token.ts';

/** Lets the actor look `times` times; answers with how long it would have slept between. */
async function look(
  file: string,
  times: number,
  enrol: () => Promise<EnrolmentState>,
  before: () => Promise<EnrolmentState | null> = async () => null,
  managed: Invitation | null = null,
): Promise<number[]> {
  const slept: number[] = [];
  const control = new AbortController();
  const clock = {
    ...systemClock,
    async sleep(ms: number) {
      slept.push(ms);
      if (slept.length === times) control.abort();
    },
  };
  const deps = {
    places: [invitationFile(file)],
    managed,
    enrolment: { read: before },
    enrol,
    clock,
    log: quiet,
  };
  await createSilentEnrolment(deps).run(control.signal);
  return slept;
}

async function invitationFor(token: string): Promise<string> {
  const file = join(await temporaryFolder(), 'enroll');
  await writeFile(file, `ENROLL_URL=https://posture.example.org:8443\nENROLL_TOKEN=${token}\n`, {
    mode: 0o600,
  });
  return file;
}

describe('an invitation', () => {
  test('that a server takes leads to an identity, and is gone then', async () => {
    const server = await startServer();
    const state = await temporaryFolder();
    const file = await invitationFor(formatToken(tokenOf(server)));
    await look(file, 1, () => enrolWith(server, state));
    expect(existsSync(file)).toBe(false);
    expect(existsSync(statePaths(state).enrolment)).toBe(true);
  });

  test('stays while the server is away, and is tried again less and less often', async () => {
    const file = await invitationFor(formatToken(tokenOf(await startServer())));
    const away = () => Promise.reject(new Error('nobody listens'));
    const slept = await look(file, 8, away);
    expect(slept.map((ms) => ms / 1_000)).toEqual([30, 60, 120, 240, 480, 600, 600, 600]);
    expect(existsSync(file)).toBe(true);
  });

  test('to a computer that is enrolled changes nothing and is gone', async () => {
    const server = await startServer();
    const state = await temporaryFolder();
    const enrolled = await enrolWith(server, state);
    const file = await invitationFor(formatToken(tokenOf(server)));
    let asked = 0;
    const enrol = async () => {
      asked += 1;
      return enrolled;
    };
    await look(file, 1, enrol, async () => enrolled);
    expect(asked).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  test.runIf(process.getuid !== undefined)('that others can read is not used', async () => {
    const file = await invitationFor(formatToken(tokenOf(await startServer())));
    await chmod(file, 0o644);
    let asked = 0;
    await look(file, 1, () => {
      asked += 1;
      return Promise.reject(new Error('asked'));
    });
    expect(asked).toBe(0);
    expect(existsSync(file)).toBe(true);
  });
});

describe('what device management says', () => {
  const managed: Invitation = {
    url: new URL('https://posture.example.org:8443'),
    token: { id: 'abcdefgh', secret: 'A'.repeat(22), orderRoot: 'B'.repeat(43) },
  };

  test('leads to an identity, is tried again, and is not asked for again once it has', async () => {
    const server = await startServer();
    const state = await temporaryFolder();
    const file = join(await temporaryFolder(), 'enroll');
    let enrolled: EnrolmentState | null = null;
    let asked = 0;
    const enrol = async () => {
      asked += 1;
      if (asked === 1) throw new Error('nobody listens');
      enrolled = await enrolWith(server, state);
      return enrolled;
    };
    const slept = await look(file, 4, enrol, async () => enrolled, managed);
    expect(asked).toBe(2);
    expect(slept.map((ms) => ms / 1_000)).toEqual([30, 15, 15, 15]);
  });

  test('comes after a file that somebody left here', async () => {
    const server = await startServer();
    const state = await temporaryFolder();
    const file = await invitationFor(formatToken(tokenOf(server)));
    await look(file, 1, () => enrolWith(server, state), undefined, managed);
    expect(existsSync(file)).toBe(false);
  });
});

describe('its text', () => {
  const token = 'abcdefgh.AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB';

  test.each([
    ['bare', `ENROLL_URL=https://a.example\nENROLL_TOKEN=${token}`],
    [
      'in quotes, with comments and other lines',
      `# by hand\r\nENROLL_URL="https://a.example"\r\nENROLL_TOKEN='${token}'\r\nX=1`,
    ],
  ])('%s', (_what, text) => {
    const parsed = parseInvitation(wordsIn(text));
    expect(parsed.ok && parsed.value.url.origin).toBe('https://a.example');
    expect(parsed.ok && parsed.value.token.id).toBe('abcdefgh');
  });

  test.each([
    ['', 'ENROLL_TOKEN is missing'],
    [`ENROLL_URL=http://a.example\nENROLL_TOKEN=${token}`, 'ENROLL_URL has to be an https:// address'],
    ['ENROLL_URL=https://a.example\nENROLL_TOKEN=x', 'not an enrolment token'],
  ])('%s is refused', (text, why) => {
    const parsed = parseInvitation(wordsIn(text));
    expect(parsed.ok ? '' : parsed.error).toContain(why);
  });
});
