import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { challengeClaims, enrolClaims, enrolResult, sessionClaims } from '../../src/wire/enrolment.ts';
import { TYP } from '../../src/wire/envelope.ts';
import { agentFrame, parseFrame, serverFrame } from '../../src/wire/frames.ts';
import { orderClaims } from '../../src/wire/order.ts';
import { reportClaims } from '../../src/wire/report-claims.ts';
import { standingClaims } from '../../src/wire/standing.ts';
import { startRig, type Rig } from './rig.ts';

/*
 * What agent and server of 20 November 2026 said, as they said it: recorded from the real programs, each beside a newer
 * partner. Never written anew: whoever breaks this breaks devices that were not updated yet. A new recording is another
 * file.
 */
type Line = {
  from: 'agent' | 'server';
  typ?: string;
  payload?: Record<string, unknown>;
  frame?: { t: string };
};

const recorded = readFileSync(join(import.meta.dirname, '../fixtures/protocol/2026-11-20.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

const claims = recorded.filter((line) => line.typ !== undefined);
const frames = recorded.filter((line) => line.frame !== undefined);

const schemas: Record<string, z.ZodType> = {
  [TYP.enrollChallenge]: challengeClaims,
  [TYP.enroll]: enrolClaims,
  [TYP.enrollResult]: enrolResult,
  [TYP.session]: sessionClaims,
  [TYP.report]: reportClaims,
  [TYP.order]: orderClaims,
  [TYP.policy]: standingClaims,
};

describe('what an older version said is understood', () => {
  test.each(claims.map((line) => [line.from, String(line.typ), line.payload] as const))(
    'by the %s’s partner: %s',
    (_from, typ, payload) => {
      expect(schemas[typ]?.safeParse(payload)).toMatchObject({ success: true });
    },
  );

  test.each(frames.map((line) => [line.from, String(line.frame?.t), line.frame] as const))(
    'frame of the %s: %s',
    (from, _t, frame) => {
      expect(parseFrame(from === 'agent' ? agentFrame : serverFrame, JSON.stringify(frame))).not.toBeNull();
    },
  );

  test('all that was recorded was looked at', () => {
    expect(new Set(claims.map(({ typ }) => typ))).toEqual(new Set(Object.keys(schemas)));
    expect(new Set(frames.map(({ frame }) => frame?.t))).toEqual(
      new Set(['session', 'report', 'hello', 'welcome', 'policy', 'decision', 'ack', 'order', 'receipt-ack']),
    );
  });
});

describe('an older agent’s report', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  /** Who and when are this connection's; what is said is the old agent's, and nothing besides. */
  const OURS = ['iss', 'aud', 'iat', 'jti', 'eat_nonce', 'ueid', 'seq', 'boot', 'collected_at', 'cfg'];

  test('is taken, judged and shown', async () => {
    const payload = claims.find(({ typ }) => typ === TYP.report)?.payload ?? {};
    const said = Object.entries(payload).filter(([name]) => !OURS.includes(name));
    const unsaid = Object.keys(reportClaims.shape).filter((name) => !(name in payload));
    const link = await rig.link({ name: 'older' });
    const change = {
      ...Object.fromEntries(unsaid.map((name) => [name, undefined])),
      ...Object.fromEntries(said),
    };
    const ack = await link.report({ change });
    expect(ack).toMatchObject({ t: 'ack', decision: { reason: 'disk-plain' } });
    const document = await rig.document(link.identity.device);
    expect(document).toMatchObject({ device: { agentVersion: '0.1.0' }, risk: { level: 'high' } });
    expect(Object.keys(document.readings).toSorted()).toEqual(
      Object.keys(payload['readings'] as object).toSorted(),
    );
  });
});
