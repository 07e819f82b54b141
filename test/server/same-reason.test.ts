import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeAll } from '../../src/agent/judgement.ts';
import { createLogger } from '../../src/base/log.ts';
import { parseCompiled } from '../../src/policy/compiled.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';
import { gatewayCredential } from './gateway.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { exchange, payloadOf } from './test-agent.ts';

const text = readFileSync(join(import.meta.dirname, '../../src/policy/default-policy.yaml'), 'utf8');
const lines: string[] = [];

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    policy: text.replace('medium: restrict', 'medium: deny'),
    log: createLogger('server', 'info', { write: (line) => void lines.push(line) }),
  });
});
afterAll(() => rig.close());

test('one code and one sentence, with since, wherever anybody looks', async () => {
  const link = await rig.link({ name: 'anna' });
  const { device } = link.identity;
  const at = new Date(rig.clock.now()).toISOString();
  const readings = healthyReadings(at, { 'disk-encryption': PLAIN_DISK });
  const acknowledged = await link.report({ readings });
  if (acknowledged.t !== 'ack' || acknowledged.decision === null) throw new Error('not acknowledged');
  const { reason, sentence } = acknowledged.decision;
  expect(reason).toBe('disk-plain');
  expect(sentence).toMatch(
    /^.+: expected system and data encrypted, found not encrypted; since \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$/,
  );

  // The server's own view, and its explanation.
  const document = await rig.document(device);
  expect(document.verdicts.find(({ check }) => check === 'disk-encryption')).toMatchObject({
    reason,
    sentence,
    level: 'fail',
    since: expect.any(String),
  });
  expect(document.decision).toMatchObject({ reason, sentence });
  expect(document.explanation.story.join('\n')).toContain(sentence);
  expect(document.explanation.toAllow).toEqual([`Mend disk-encryption: ${sentence}`]);

  // What the device makes of it by the policy that was compiled for it: `drawbridge check`, standing orders.
  const own = await expectEventually(
    async () => {
      const compiled = parseCompiled(payloadOf((await link.next('policy')).jws).policy);
      return compiled.ok ? judgeAll(readings, compiled.value, rig.clock.now()) : null;
    },
    (judged) => judged?.firstToFix?.since !== null,
  );
  expect(own?.firstToFix).toMatchObject({ reason, sentence });

  // The order's cause, the log, the timeline.
  const order = await link.order();
  expect(order.cause.reason).toBe(sentence);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(logged).toContainEqual(expect.objectContaining({ msg: 'decision', device, reason, sentence }));
  const { body } = await rig.admin.get(`/v1/devices/${device}/timeline`);
  expect(JSON.stringify(body)).toContain(sentence);

  // Whoever dials, and whoever looks into RADIUS.
  const answer = await exchange(
    rig.target,
    'POST',
    '/v1/radius/post-auth',
    JSON.stringify({ user_name: 'anna', calling_station_id: '127.0.0.1' }),
    {
      authorization: `Bearer ${await gatewayCredential(rig.paths.database)}`,
      'content-type': 'application/json',
    },
  );
  expect(answer.body).toMatchObject({
    'control:Tmp-String-0': { value: ['deny'] },
    'reply:Reply-Message': { value: [sentence] },
  });
});

test('the whole story of a decision stands in the device’s document', async () => {
  const link = await rig.link({ name: 'bert' });
  const at = new Date(rig.clock.now()).toISOString();
  await link.report({ readings: healthyReadings(at, { 'disk-encryption': PLAIN_DISK }) });
  const { explanation } = await rig.document(link.identity.device);
  expect(explanation).toMatchObject({ mode: 'enforce', group: null, would: 'deny', held: null });
  expect(explanation.checks).toMatchObject([
    { check: 'disk-encryption', points: 40, weight: 40, floor: 'medium' },
  ]);
  expect(explanation.story).toEqual([
    expect.stringMatching(/^disk-encryption adds 40 of 40: /),
    'Together 40 points; medium from 20, high from 60.',
    'disk-encryption failed, which alone is at least medium risk.',
    expect.stringMatching(/^The checks make it medium risk, for which “default \(.+\)” says deny\.$/),
    'The device is held to that, as everybody whom no group names.',
    expect.stringMatching(/^In force: deny since /),
  ]);
});
