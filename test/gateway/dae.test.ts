import { describe, expect, test } from 'vitest';
import { actionFor, daeBody, type DaeBody } from '../../src/gateway/dae.ts';
import type { PppSession } from '../../src/gateway/ppp.ts';

const NOW = 1_796_000_000_000;
const CLASS = 'p1;n=AAAAAAAAAAAAAAAAAAAAAA';
const hex = (text: string) => `0x${Buffer.from(text).toString('hex')}`;

const session = (unit: number, more: Partial<PppSession> = {}): PppSession => ({
  unit,
  ifindex: 10 + unit,
  pid: 1_000 + unit,
  address: `10.99.1.${200 + unit}`,
  classes: [`${CLASS.slice(0, -1)}${unit}`],
  filterId: 'posture-full',
  ...more,
});
const sessions = [session(0), session(1), session(2, { classes: [] })];

const asked = (more: Partial<DaeBody>): DaeBody =>
  daeBody.parse({
    kind: 'Disconnect-Request',
    event_timestamp: String(NOW / 1_000),
    message_authenticator: '0x00',
    ...more,
  });
const decide = (more: Partial<DaeBody>, among = sessions) =>
  actionFor(asked(more), among, { filters: ['posture-full', 'posture-quarantine'], now: NOW });

const ofUnit = (unit: number) => hex(`${CLASS.slice(0, -1)}${unit}`);

describe('the right session', () => {
  test.each<[string, Partial<DaeBody>, number]>([
    ['its Class', { class: ofUnit(1) }, 1],
    ['its address', { framed_ip_address: '10.99.1.201' }, 1],
    ['all of it', { class: ofUnit(1), framed_ip_address: '10.99.1.201', nas_port: '1', user_name: 'a' }, 1],
    ['its address, where its Class is not known', { class: hex(CLASS), framed_ip_address: '10.99.1.202' }, 2],
  ])('is found by %s', (_what, more, unit) => {
    expect(decide(more)).toMatchObject({ do: 'end', session: { unit } });
  });

  test.each<[string, Partial<DaeBody>, number]>([
    ['the Class of nobody', { class: hex(CLASS) }, 503],
    ['the address of nobody', { framed_ip_address: '10.99.1.99' }, 503],
    // The address went to another session in the meantime.
    ['a Class and the address of another', { class: ofUnit(0), framed_ip_address: '10.99.1.201' }, 503],
    ['a Class and the port of another', { class: ofUnit(0), nas_port: '1' }, 503],
    ['a port alone', { nas_port: '1' }, 402],
    ['a user alone', { user_name: 'alice' }, 402],
    ['nothing', {}, 402],
    ['no Message-Authenticator', { class: ofUnit(0), message_authenticator: '' }, 402],
    ['no Event-Timestamp', { class: ofUnit(0), event_timestamp: '' }, 402],
    ['a timestamp that is none', { class: ofUnit(0), event_timestamp: 'Nov 28' }, 402],
    ['a timestamp from before', { class: ofUnit(0), event_timestamp: String(NOW / 1_000 - 301) }, 404],
    ['a timestamp from later', { class: ofUnit(0), event_timestamp: String(NOW / 1_000 + 301) }, 404],
  ])('%s ends nothing', (_what, more, cause) => {
    expect(decide(more)).toMatchObject({ cause });
  });

  test('is found by the nonce of its Class alone, and not by the beginning of it', () => {
    const among = [session(0, { classes: [`${CLASS};d=d_1;v=dec_1`] })];
    expect(decide({ class: hex(CLASS) }, among)).toMatchObject({ do: 'end' });
    expect(decide({ class: hex(`${CLASS};d=d_1`) }, among)).toMatchObject({ do: 'end' });
    expect(decide({ class: hex(CLASS.slice(0, -1)) }, among)).toMatchObject({ cause: 503 });
    expect(decide({ class: hex('p1') }, among)).toMatchObject({ cause: 503 });
  });

  test('two sessions that fit are none', () => {
    const twice = [session(0), session(1, { address: '10.99.1.200' })];
    expect(decide({ framed_ip_address: '10.99.1.200' }, twice)).toMatchObject({ cause: 508 });
  });
});

describe('a CoA', () => {
  const move = (filter_id: string) => decide({ kind: 'CoA-Request', class: ofUnit(0), filter_id });

  test('moves to a filter of the settings', () => {
    expect(move('posture-quarantine')).toMatchObject({ do: 'move', filter: 'posture-quarantine' });
  });

  test.each([
    ['', 402],
    ['posture-none', 407],
    ['__proto__', 407],
    ['posture-full } ; flush ruleset', 407],
  ])('to %j moves nothing', (filter, cause) => {
    expect(move(filter)).toMatchObject({ cause });
  });
});
