import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_MEMORY } from '../../src/policy/memory.ts';
import { acceptReport } from '../../src/server/accept-report.ts';
import { normalAddress } from '../../src/server/addresses.ts';
import type { DeviceState } from '../../src/server/device-state.ts';
import { radiusReply } from '../../src/server/radius-reply.ts';
import { hintIn, parseDialling } from '../../src/server/radius-request.ts';
import { toWire } from '../../src/wire/report.ts';
import { EAT_PROFILE } from '../../src/wire/version.ts';
import { healthyReadings } from './fixtures.ts';

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const AT = '2026-11-20T10:00:00.000Z';

const state: DeviceState = {
  id: '01930000-0000-7000-8000-000000000000',
  name: 'laptop',
  platform: 'linux',
  ueid: `AQ${'A'.repeat(21)}`,
  status: 'live',
  enrolledAt: NOW,
  seq: 1,
  base: { seq: 1, dig: 'sha-256:x' },
  lastReport: null,
  seenAt: null,
  factsAt: null,
  agentVersion: null,
  dropped: 0,
  inventory: null,
  readings: healthyReadings(AT),
  raw: {},
  knownAt: {},
  askedAt: {},
  alarms: [],
  session: 'unknown',
  tags: [],
  directoryGroups: [],
  breakGlass: null,
  revision: 0,
  memory: NO_MEMORY,
  compiled: { key: '', revision: 0 },
  signal: null,
  decision: null,
  verdicts: [],
  dueAt: 0,
};

const claims = {
  iss: 'urn:x',
  aud: 'urn:y',
  iat: NOW / 1_000,
  jti: '01930000-0000-7000-8000-000000000001',
  eat_profile: EAT_PROFILE,
  eat_nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg',
  ueid: state.ueid,
  swname: 'drawbridge',
  swversion: ['0.1.0', 'semver'],
  kind: 'full',
  seq: 2,
  boot: 'q0Lr3bXk0f7mB2cV9sT1Zg',
  base: state.base,
  collected_at: AT,
  readings: toWire(healthyReadings(AT)),
};

const accept = (payload: unknown) =>
  acceptReport(state, { jti: claims.jti, seq: 2, payload }, 'sha-256:y', NOW);

describe('whatever is signed and sent', () => {
  test('as a payload is accepted or refused, never a throw', () => {
    expect(accept(claims).ok).toBe(true);
    fc.assert(fc.property(fc.anything(), (payload) => !accept(payload).ok));
  });

  test('as one claim of a good payload is accepted or refused, never a throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(claims)), fc.anything(), (claim, value) => {
        const result = accept({ ...claims, [claim]: value });
        return typeof result.ok === 'boolean';
      }),
    );
  });

  test('as a reading, with names such as __proto__ and constructor, touches nothing else', () => {
    const reading = { v: 1, state: 'unknown', why: 'denied', detail: 'x', at: AT };
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const readings = JSON.parse(
        JSON.stringify(claims.readings).replace('"firewall"', JSON.stringify(name)),
      );
      readings.extra = reading;
      expect(accept({ ...claims, readings }).ok, name).toBe(true);
      expect(({} as Record<string, unknown>).state).toBeUndefined();
    }
  });
});

describe('whatever FreeRADIUS passes on', () => {
  test('is a request or none, never a throw', () => {
    fc.assert(fc.property(fc.anything(), (body) => parseDialling(body) === null || true));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const dialling = parseDialling({
          user_name: name.slice(0, 200),
          calling_station_id: name.slice(0, 200),
        });
        return dialling === null || dialling.address === null || isIP(dialling.address) > 0;
      }),
    );
  });

  test('a hint is a plain name', () => {
    fc.assert(fc.property(fc.string(), (name) => /^[A-Za-z0-9_.-]*$/.test(hintIn(`u#${name}`) ?? '')));
  });

  test('an address is an address', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => normalAddress(text) === null || isIP(text.trim().replace(/^::ffff:/i, '')) > 0,
      ),
    );
  });

  test('an answer fits, has no control characters, and is never expanded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (message) => {
        const template = { 'Reply-Message': '{sentence}', 'MS-CHAP-Error': '{sentence}' };
        const reply = radiusReply({ access: 'deny', message, template, correlation: null }, true);
        return ['reply:Reply-Message', 'reply:MS-CHAP-Error'].every((name) => {
          const text = String(reply[name]?.value[0]);
          return reply[name]?.do_xlat === false && Buffer.byteLength(text) <= 253 && !CONTROL.test(text);
        });
      }),
    );
  });
});
