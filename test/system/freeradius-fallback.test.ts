import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FALLBACK,
  hasFreeradius,
  startFreeradius,
  type Freeradius,
  type Login,
  type Settings,
} from '../support/freeradius.ts';
import { postureStubs, saying, type Behaviour, type PostureStub } from '../support/posture-stub.ts';

const FULL = { 'Filter-Id': 'posture-full', 'Session-Timeout': 28_800 };
const ALLOW = saying('allow', FULL);
const RESTRICT = saying('restrict', { 'Filter-Id': 'posture-restrict', 'Session-Timeout': 300 });
const DENY = saying('deny', { 'Reply-Message': 'Disk encryption is off.' });

const RESTRICTED = { code: 'Access-Accept', attributes: FALLBACK };
const LET_IN = {
  code: 'Access-Accept',
  attributes: { 'Filter-Id': 'posture-full', 'Session-Timeout': '28800' },
};
/** Last known good: the same, for no longer than the knowledge may be old. */
const AS_BEFORE = {
  code: 'Access-Accept',
  attributes: { 'Filter-Id': 'posture-full', 'Session-Timeout': '900' },
};
/** Fast enough for a test, slow enough for a busy machine. */
const SHORT: Settings = { timeouts: { connectSeconds: 1.5, answerSeconds: 1.5 } };

const REJECTED = { code: 'Access-Reject' };

/** How a server fails to answer. Every one of them is tried against every rule. */
const FAILURES: Record<string, Behaviour | 'stopped'> = {
  stopped: 'stopped',
  hung: 'hang',
  'resetting connections': 'reset',
  'slower than FreeRADIUS waits': { ...(ALLOW as object), afterMs: 4_000 } as Behaviour,
  'answering 503': { status: 503, text: '' },
  'answering half a document': { text: '{"control:Tmp-String-0":{"op":":=","value":["allow"' },
};

/** An answer came, and it is none: the rule holds, without what was good last. */
const NO_ANSWERS: Record<string, Behaviour> = {
  'a proxy’s page with status 200': { type: 'text/html', text: '<html>allow</html>' },
  'an empty document': { text: '{}' },
  'nothing, status 204': { status: 204, text: '' },
  'a redirect': { status: 302, text: '' },
  'status 401 with attributes': { status: 401, text: (ALLOW as { text: string }).text },
  'status 403': { status: 403, text: (ALLOW as { text: string }).text },
  'status 404': { status: 404, text: (ALLOW as { text: string }).text },
  'status 429': { status: 429, text: '' },
};

describe.runIf(hasFreeradius)('what FreeRADIUS does by itself (needs freeradius, freeradius-rest)', () => {
  let site: Awaited<ReturnType<typeof postureStubs>>;
  let first: PostureStub;
  let second: PostureStub;
  let radius: Freeradius;
  let users = 0;
  /** A user of whom nothing is known yet. */
  const someone = () => `user-${(users += 1)}`;

  beforeAll(async () => {
    site = await postureStubs(2);
    [first, second] = site.stubs as [PostureStub, PostureStub];
    radius = await startFreeradius(site.posture, SHORT);
  });
  beforeEach(() => both(ALLOW));
  afterEach(() => running());
  afterAll(async () => {
    await radius?.stop();
    await site?.remove();
  });

  const stopped: PostureStub[] = [];
  async function fail(stub: PostureStub, how: Behaviour | 'stopped') {
    if (how !== 'stopped') return stub.behave(how);
    await stub.stop();
    stopped.push(stub);
  }
  async function running() {
    await Promise.all(stopped.splice(0).map((stub) => stub.start()));
  }
  function both(behaviour: Behaviour) {
    for (const stub of site.stubs) stub.behave(behaviour);
  }
  async function failBoth(how: Behaviour | 'stopped') {
    for (const stub of site.stubs) await fail(stub, how);
  }

  describe.each(Object.entries(FAILURES))('a server %s', (_what, how) => {
    test('makes the next one answer, and is asked first again afterwards', async () => {
      await fail(first, how);
      expect(await radius.login({ user: someone() })).toMatchObject(LET_IN);
      await running();
      first.behave(DENY);
      expect(await radius.login({ user: someone() })).toMatchObject(REJECTED);
    });

    test('and the other too: restricted; afterwards as the server says, at once', async () => {
      await failBoth(how);
      const { code, attributes } = await radius.login({ user: someone() });
      expect({ code, attributes }).toMatchObject(RESTRICTED);
      expect(attributes['Reply-Message']).toContain('cannot be reached');
      await running();
      both(ALLOW);
      expect(await radius.login({ user: someone() })).toMatchObject(LET_IN);
    });

    test('and the other too: who was allowed a moment ago is let in again', async () => {
      const user = someone();
      expect(await radius.login({ user })).toMatchObject(LET_IN);
      await failBoth(how);
      expect(await radius.login({ user })).toMatchObject(AS_BEFORE);
    });
  });

  test.each(Object.entries(NO_ANSWERS))('%s is no answer, and the rule holds', async (_what, how) => {
    const user = someone();
    await radius.login({ user });
    both(how);
    const answer = await radius.login({ user });
    expect(answer).toMatchObject(RESTRICTED);
  });

  test.each(Object.entries(NO_ANSWERS))('%s of the first server: the second is asked', async (_what, how) => {
    first.behave(how);
    second.behave(DENY);
    expect(await radius.login({ user: someone() })).toMatchObject(REJECTED);
  });

  describe('last known good', () => {
    const known: Login = { user: 'known', station: '198.51.100.7' };

    test.each<[string, Partial<Login>]>([
      ['another user', { user: 'known2' }],
      ['another calling station', { station: '198.51.100.8' }],
      ['no calling station', { station: null }],
      ['a user name that ends where the station begins', { user: 'known\\n198.51.100.7', station: '' }],
    ])('is not that of %s', async (_what, other) => {
      await radius.login(known);
      await failBoth({ status: 503, text: '' });
      expect(await radius.login(known)).toMatchObject(AS_BEFORE);
      expect(await radius.login({ ...known, ...other })).toMatchObject(RESTRICTED);
    });

    test.each([
      ['denied', DENY],
      ['restricted', RESTRICT],
    ])('is not that of somebody %s', async (_what, answer) => {
      const user = someone();
      both(answer);
      await radius.login({ user });
      await failBoth({ status: 503, text: '' });
      expect(await radius.login({ user })).toMatchObject(RESTRICTED);
    });

    test.each([
      ['denied', DENY],
      ['restricted', RESTRICT],
      ['answered with a word that nobody knows', saying('perhaps')],
    ])('is over once the user is %s, wherever that was', async (_what, answer) => {
      const user = someone();
      await radius.login({ user, station: '198.51.100.1' });
      both(answer);
      await radius.login({ user, station: '198.51.100.2' });
      await failBoth({ status: 503, text: '' });
      expect(await radius.login({ user, station: '198.51.100.1' })).toMatchObject(RESTRICTED);
      // And is there again after the next allow.
      both(ALLOW);
      await radius.login({ user, station: '198.51.100.1' });
      await failBoth({ status: 503, text: '' });
      expect(await radius.login({ user, station: '198.51.100.1' })).toMatchObject(AS_BEFORE);
    });

    test('never lets in whoever has the wrong password', async () => {
      const user = someone();
      await radius.login({ user });
      await failBoth({ status: 503, text: '' });
      expect(await radius.login({ user, password: 'wrong' })).toMatchObject(REJECTED);
    });

    test('does not carry the correlation of the session before', async () => {
      const user = someone();
      both(saying('allow', { ...FULL, Class: 'p1;n=once' }));
      expect((await radius.login({ user })).attributes).toHaveProperty('Class');
      await failBoth({ status: 503, text: '' });
      expect((await radius.login({ user })).attributes).not.toHaveProperty('Class');
    });
  });

  /** With FreeRADIUS for this test alone. */
  async function withRadius(settings: Settings, work: (other: Freeradius) => Promise<void>) {
    const other = await startFreeradius(site.posture, settings);
    await work(other).finally(other.stop);
  }

  test('started before the servers, it answers, and asks them once they are there', async () => {
    await failBoth('stopped');
    await withRadius(SHORT, async (other) => {
      expect(await other.login({ user: 'early' })).toMatchObject(RESTRICTED);
      await running();
      expect(await other.login({ user: 'early' })).toMatchObject(LET_IN);
    });
  });

  test('`then: reject` rejects, with the sentence', async () => {
    await withRadius({ fallback: { then: 'reject', message: 'Später.' } }, async (other) => {
      await other.login({ user: 'known' });
      await failBoth({ status: 503, text: '' });
      expect(await other.login({ user: 'new' })).toMatchObject({
        code: 'Access-Reject',
        attributes: { 'Reply-Message': 'Später.' },
      });
      expect(await other.login({ user: 'known' })).toMatchObject(AS_BEFORE);
    });
  });

  test('`lastKnownGoodMinutes: 0` knows nothing, and the settings say how to restrict', async () => {
    const restrict = {
      framedPool: 'ill',
      ciscoAvPairs: ['ip:inacl=ill'],
      vlan: 42,
      sessionTimeoutSeconds: 60,
    };
    await withRadius({ fallback: { lastKnownGoodMinutes: 0, restrict } }, async (other) => {
      await other.login({ user: 'known' });
      await failBoth({ status: 503, text: '' });
      const { attributes } = await other.login({ user: 'known' });
      expect(attributes).toMatchObject({
        'Framed-Pool': 'ill',
        'Cisco-AVPair': 'ip:inacl=ill',
        'Session-Timeout': '60',
        'Tunnel-Private-Group-Id:0': '42',
      });
      expect(attributes).not.toHaveProperty('Filter-Id');
    });
  });

  describe('accounting', () => {
    const START = [
      'User-Name = "alice"',
      'Acct-Status-Type = Start',
      'Acct-Session-Id = "%lX6b0017c5%hX"',
      'NAS-Identifier = "lns-1"',
      'Class = 0x70313b6e3d41ff',
    ];

    test('is acknowledged once a server has stored it, with all that it says', async () => {
      first.behave({ status: 204, text: '' });
      first.asked.splice(0);
      expect(await radius.account(START)).toMatchObject({ code: 'Accounting-Response' });
      const [asked] = first.asked;
      expect(asked).toMatchObject({
        path: '/v1/radius/accounting',
        headers: { authorization: `Bearer ${site.posture.credential}` },
      });
      expect(JSON.parse(asked?.text ?? '')).toMatchObject({
        'Acct-Status-Type': { value: ['Start'] },
        'Acct-Session-Id': { value: ['%lX6b0017c5%hX'] },
        'Packet-Src-IP-Address': { value: ['127.0.0.1'] },
        Class: { value: ['0x70313b6e3d41ff'] },
      });
    });

    test('goes to the next server', async () => {
      first.behave({ status: 503, text: '' });
      second.behave({ status: 204, text: '' });
      expect(await radius.account(START)).toMatchObject({ code: 'Accounting-Response' });
    });

    test.each([
      ['503', { status: 503, text: '' }],
      ['401', { status: 401, text: '{}' }],
      ['404', { status: 404, text: '' }],
      ['nonsense', { text: '{' }],
    ])('is not acknowledged when the servers answer %s', async (_what, how) => {
      both(how);
      expect(await radius.account(START)).toMatchObject({ code: '' });
    });

    test('`buffer` acknowledges, keeps it on disk, and hands it over later', async () => {
      await withRadius({ accounting: { whenServerIsAway: 'buffer' } }, async (other) => {
        await failBoth('stopped');
        expect(await other.account(START)).toMatchObject({ code: 'Accounting-Response' });
        for (const stub of site.stubs) stub.asked.splice(0);
        await running();
        both({ status: 204, text: '' });
        await expect
          .poll(() => first.asked.map(({ text }) => text).join(''), { timeout: 60_000, interval: 500 })
          .toContain('%lX6b0017c5%hX');
      });
    });
  });
});
