import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FALLBACK, hasFreeradius, METHODS, startFreeradius, type Freeradius } from '../support/freeradius.ts';
import { CODE, HOME_SECRET, startHomeServer } from '../support/freeradius-home.ts';
import { postureStubs, saying, type PostureStub } from '../support/posture-stub.ts';
import { ADMIN, BASE, hasSlapd, startSlapd } from '../support/slapd.ts';

const ALLOW = saying('allow', { 'Filter-Id': 'posture-full' });
const DENY = saying('deny', { 'Reply-Message': 'Disk encryption is off.' });

describe.runIf(hasFreeradius)('a RADIUS server behind the gate (needs freeradius, freeradius-rest)', () => {
  let site: Awaited<ReturnType<typeof postureStubs>>;
  let stub: PostureStub;
  let home: Awaited<ReturnType<typeof startHomeServer>>;
  let radius: Freeradius;

  beforeAll(async () => {
    site = await postureStubs(1);
    [stub] = site.stubs as [PostureStub];
    home = await startHomeServer();
    const users = {
      kind: 'radius',
      servers: [{ address: '127.0.0.1', port: home.port, secretFile: 'home' }],
      answerSeconds: 5,
    };
    radius = await startFreeradius(
      { ...site.posture, files: { home: HOME_SECRET } },
      { freeradius: { users } },
    );
  });
  beforeEach(() => {
    stub.behave(ALLOW);
    stub.asked.splice(0);
  });
  afterAll(async () => {
    await radius?.stop();
    await home?.stop();
    await site?.remove();
  });

  test.each(METHODS)('%s: who is accepted there is asked about here', async (method) => {
    expect(await radius.login({ user: 'alice', method })).toMatchObject({
      code: 'Access-Accept',
      attributes: { 'Filter-Id': 'posture-full' },
    });
    expect(stub.asked).toHaveLength(1);
    stub.behave(DENY);
    expect(await radius.login({ user: 'alice', method })).toMatchObject({
      code: 'Access-Reject',
      attributes: { 'Reply-Message': 'Disk encryption is off.' },
    });
  });

  test.each(METHODS)('%s: who is rejected there is not asked about', async (method) => {
    expect(await radius.login({ user: 'alice', password: 'wrong', method })).toMatchObject({
      code: 'Access-Reject',
    });
    expect(stub.asked).toEqual([]);
  });

  const GRANTED = { 'Filter-Id': 'home-full', 'Framed-IP-Address': '10.99.1.77', 'Session-Timeout': '7200' };

  test('what it grants comes with an allow, unless the posture server says otherwise', async () => {
    stub.behave(saying('allow'));
    const { attributes } = await radius.login({ user: 'granted' });
    expect(attributes).toMatchObject(GRANTED);
    stub.behave(ALLOW);
    expect((await radius.login({ user: 'granted' })).attributes).toMatchObject({
      ...GRANTED,
      'Filter-Id': 'posture-full',
    });
  });

  test.each([
    ['restrict', saying('restrict', { 'Fliter-Id': 'x' })],
    ['no answer', { status: 404, text: '' }],
  ])('what it grants restricts nobody: %s', async (_what, behaviour) => {
    stub.behave(behaviour);
    const { code, attributes } = await radius.login({ user: 'granted' });
    expect({ code, attributes }).toMatchObject({ code: 'Access-Accept', attributes: FALLBACK });
    expect(attributes).not.toHaveProperty('Cisco-AVPair');
    expect(attributes).not.toHaveProperty('Framed-IP-Address');
  });

  test('a challenge for a second factor passes untouched, and the gate is asked after it', async () => {
    const asked = await radius.login({ user: 'otp-alice' });
    expect(asked).toEqual({
      code: 'Access-Challenge',
      attributes: { State: '0x6f7470', 'Reply-Message': 'Code?' },
    });
    expect(stub.asked).toEqual([]);
    const more = [`State = ${asked.attributes.State}`];
    expect(await radius.login({ user: 'otp-alice', password: CODE, more })).toMatchObject({
      code: 'Access-Accept',
      attributes: { 'Filter-Id': 'posture-full' },
    });
    expect(stub.asked).toHaveLength(1);
    stub.behave(DENY);
    expect(await radius.login({ user: 'otp-alice', password: CODE, more })).toMatchObject({
      code: 'Access-Reject',
      attributes: { 'Reply-Message': 'Disk encryption is off.' },
    });
    stub.asked.splice(0);
    expect(await radius.login({ user: 'otp-alice', password: '000000', more })).toMatchObject({
      code: 'Access-Reject',
    });
    expect(stub.asked).toEqual([]);
  });

  test('while it is away nobody comes in', async () => {
    await home.stop();
    const { code } = await radius.login({ user: 'alice' });
    expect(code).not.toBe('Access-Accept');
    expect(stub.asked).toEqual([]);
  });
});

describe.runIf(hasFreeradius && hasSlapd)(
  'a directory behind the gate (needs freeradius-ldap, slapd)',
  () => {
    let site: Awaited<ReturnType<typeof postureStubs>>;
    let stub: PostureStub;
    let directory: Awaited<ReturnType<typeof startSlapd>>;
    let radius: Freeradius;

    beforeAll(async () => {
      site = await postureStubs(1);
      [stub] = site.stubs as [PostureStub];
      directory = await startSlapd();
      const users = {
        kind: 'ldap',
        url: directory.url,
        baseDn: BASE,
        bindDn: ADMIN.dn,
        bindPasswordFile: 'ldap',
        ntHashAttribute: 'description',
      };
      radius = await startFreeradius(
        { ...site.posture, files: { ldap: ADMIN.password } },
        { freeradius: { users } },
      );
    });
    beforeEach(() => {
      stub.behave(ALLOW);
      stub.asked.splice(0);
    });
    afterAll(async () => {
      await radius?.stop();
      await directory?.stop();
      await site?.remove();
    });

    test.each(['PAP', 'MS-CHAP', 'MS-CHAPv2'] as const)(
      '%s: password there, posture here',
      async (method) => {
        expect(await radius.login({ user: 'alice', method })).toMatchObject({
          code: 'Access-Accept',
          attributes: { 'Filter-Id': 'posture-full' },
        });
        stub.behave(DENY);
        expect(await radius.login({ user: 'alice', method })).toMatchObject({ code: 'Access-Reject' });
        stub.asked.splice(0);
        expect(await radius.login({ user: 'alice', method, password: 'wrong' })).toMatchObject({
          code: 'Access-Reject',
        });
        expect(stub.asked).toEqual([]);
      },
    );

    test.each(['*', 'al*', 'alice)(uid=*', 'alice\\00', 'nobody'])(
      'the user name %s finds nobody',
      async (user) => {
        expect(await radius.login({ user })).toMatchObject({ code: 'Access-Reject' });
        expect(stub.asked).toEqual([]);
      },
    );

    test('an asterisk in a name is an asterisk', async () => {
      expect(await radius.login({ user: 'st*r' })).toMatchObject({ code: 'Access-Accept' });
    });
  },
);
