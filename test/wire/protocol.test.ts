import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentFrame, MAX_FRAME, parseFrame, serverFrame } from '../../src/wire/frames.ts';
import { handlingOf, hintOf, REFUSALS } from '../../src/wire/refusal.ts';
import { formatToken, hashSecret, parseToken, sameHash } from '../../src/wire/token.ts';
import { agreeOn } from '../../src/wire/version.ts';

describe('protocol version', () => {
  test.each([
    [{ oldest: 1, current: 1 }, { oldest: 1, current: 1 }, 1],
    [{ oldest: 1, current: 1 }, { oldest: 1, current: 3 }, 1],
    [{ oldest: 1, current: 4 }, { oldest: 2, current: 3 }, 3],
    [{ oldest: 1, current: 1 }, { oldest: 2, current: 3 }, null],
    [{ oldest: 5, current: 6 }, { oldest: 2, current: 3 }, null],
  ])('theirs %o, ours %o: %s', (theirs, ours, agreed) => {
    expect(agreeOn(theirs, ours)).toBe(agreed);
  });
});

describe('frames', () => {
  test('a frame parses, and members that a newer peer adds are ignored', () => {
    const text = JSON.stringify({ t: 'report', jws: 'a.b.c', moon: 'full' });
    expect(parseFrame(agentFrame, text)).toEqual({ t: 'report', jws: 'a.b.c' });
  });

  test('what is no frame of ours is null, never a throw', () => {
    const wrong = [
      '',
      'null',
      '[]',
      '{',
      '{"t":"moon"}',
      '{"t":"report"}',
      '{"t":"report","jws":7}',
      'x'.repeat(MAX_FRAME + 1),
    ];
    for (const text of wrong) expect(parseFrame(agentFrame, text), text.slice(0, 20)).toBeNull();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseFrame(serverFrame, text) === null));
    fc.assert(fc.property(fc.json(), (text) => parseFrame(serverFrame, text) === null));
  });
});

describe('refusals', () => {
  test('each has a sentence that says what to do', () => {
    for (const [code, { hint }] of Object.entries(REFUSALS)) {
      expect(code).toMatch(/^[a-z_]+$/);
      expect(hint).toMatch(/^[A-Z].{20,}\.$/);
    }
  });

  test('a code of a newer server is sent again rather than lost', () => {
    expect(handlingOf('moon_full')).toBe('resend');
    expect(hintOf('moon_full')).toContain('update the agent');
  });
});

describe('enrolment token', () => {
  const token = { id: 'tk_12345678', secret: 'A'.repeat(22), orderRoot: 'b'.repeat(43) };

  test('comes back as it was, with white space around it forgiven', () => {
    expect(parseToken(` ${formatToken(token)}\n`)).toEqual({ ok: true, value: token });
  });

  test.each(['', 'a.b', 'a.b.c', `${formatToken(token)}x`, `${formatToken(token)}.more`])(
    '%j is refused with what to do',
    (text) => {
      expect(parseToken(text)).toEqual({ ok: false, error: expect.stringContaining('copy it whole') });
    },
  );

  test('secrets are compared by hash', () => {
    expect(sameHash(hashSecret(token.secret), hashSecret(token.secret))).toBe(true);
    expect(sameHash(hashSecret(token.secret), hashSecret('other'))).toBe(false);
    expect(sameHash('short', hashSecret('other'))).toBe(false);
  });
});
