// Fleet tokens, their lists of computers, and laptops that come back after a new installation.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hardwareIdOf } from '../../src/wire/hardware.ts';
import { waitingDevice } from '../../src/server/waiting.ts';
import { startRig, type Rig } from './rig.ts';
import { connect, connected, type EnrolOptions, type Identity } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const code = (token: string, options?: EnrolOptions) => rig.enrolCode(token, options);
const identity = (token: string, options?: EnrolOptions) => rig.enrol(token, options);

const status = async ({ device }: Identity) => (await rig.document(device)).device.status;
const approve = ({ device }: Identity) => rig.admin.post(`/v1/devices/${device}/approve`);
const waiting = async () => waitingDevice.array().parse((await rig.admin.get('/v1/devices/waiting')).body);

describe('a token for some computers', () => {
  test('serves those whose serial number is listed, however it is written, and no other', async () => {
    const token = await rig.token({ uses: 5, serials: ['PF3ABC01', ' pf3abc02 '] });
    expect(await code(token, { serial: 'pf3abc01' })).toBe('enrolled');
    expect(await code(token, { serial: 'PF3ABC02\n' })).toBe('enrolled');
    expect(await code(token, { serial: 'PF3ABC03' })).toBe('hardware_unlisted');
    expect(await code(token)).toBe('hardware_unlisted');
    expect(
      (await rig.audit()).filter((line) => line.includes('enrol refused hardware_unlisted')),
    ).toHaveLength(2);
  });

  test('keeps hashes only, and refuses what is no serial number', async () => {
    await rig.token({ serials: ['SECRETSERIAL9'] });
    expect(JSON.stringify((await rig.audit()).concat(await dump()))).not.toMatch(/SECRETSERIAL9/i);
    const refused = await rig.admin.post('/v1/tokens', { serials: ['PF3ABC09', 'To be filled by O.E.M.'] });
    expect(refused).toMatchObject({
      status: 400,
      body: { hint: expect.stringContaining('is no serial number') },
    });
  });
});

describe('a laptop after a new installation', () => {
  test('is a replacement that waits: the old one lives until a person approves, then never both', async () => {
    const serial = 'PF3REIMAGED1';
    const old = await connected(
      rig.target,
      await identity(await rig.token(), { machineId: 'before', serial, name: 'anna' }),
    );
    const again = await identity(await rig.token({ note: 'roll-out' }), {
      machineId: 'after',
      serial,
      name: 'anna-new',
    });
    expect(again.status).toBe('pending');
    expect(await status(old.identity)).toBe('live');
    expect((await waiting()).find(({ id }) => id === again.device)).toMatchObject({
      name: 'anna-new',
      note: 'roll-out',
      from: '127.0.0.1',
      keyProtection: 'file',
      replaces: [{ id: old.identity.device, name: 'anna' }],
    });
    const early = await connect(rig.target, again);
    expect(await early.next('bye')).toMatchObject({ err: 'approval_pending' });
    expect(await approve(again)).toMatchObject({ status: 200 });
    expect(await old.next('bye')).toMatchObject({ err: 'revoked' });
    expect([await status(old.identity), await status(again)]).toEqual(['revoked', 'live']);
    (await connected(rig.target, again)).close();
  });

  test('that asked twice gets one device in the end, whichever is approved', async () => {
    const token = await rig.token({ uses: 2, approval: true });
    const [one, two] = [
      await identity(token, { machineId: 'twice', serial: 'PF3TWICE1' }),
      await identity(token, { machineId: 'twice-2', serial: 'PF3TWICE1' }),
    ];
    await approve(one);
    await approve(two);
    expect([await status(one), await status(two)]).toEqual(['revoked', 'live']);
  });

  test('asked for by three at once, one alone is live', async () => {
    const token = await rig.token({ uses: 3 });
    const all = await Promise.all([1, 2, 3].map(() => identity(token, { serial: 'PF3RACE01' })));
    expect(all.map((one) => one.status).toSorted()).toEqual(['enrolled', 'pending', 'pending']);
  });

  test('turned away, it stays out', async () => {
    const turned = await identity(await rig.token({ approval: true }));
    await rig.admin.post(`/v1/devices/${turned.device}/revoke`);
    expect(await approve(turned)).toMatchObject({ status: 409 });
    const link = await connect(rig.target, turned);
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
    expect((await waiting()).some(({ id }) => id === turned.device)).toBe(false);
  });
});

test('what firmware says that knows no number is no number', () => {
  for (const text of [
    '',
    '0',
    '00000000',
    'None',
    'Default string',
    'To Be Filled By O.E.M.',
    'System Serial Number',
    'abc',
  ])
    expect(hardwareIdOf('serial', text)).toBeNull();
  expect(hardwareIdOf('uuid', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF')).toBeNull();
  expect(hardwareIdOf('uuid', '03000200-0400-0500-0006-000700080009')).toBeNull();
  expect(hardwareIdOf('serial', 'x1y2z3')).toBe(hardwareIdOf('serial', ' X1Y2Z3 '));
  expect(hardwareIdOf('serial', 'X1Y2Z3')).not.toBe(hardwareIdOf('uuid', 'X1Y2Z3'));
});

async function dump(): Promise<string> {
  const { body } = await rig.admin.get('/v1/devices');
  return JSON.stringify(body);
}
