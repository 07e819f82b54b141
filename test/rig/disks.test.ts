import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DiskEncryption } from '../../collectors/disk-encryption/spec.ts';
import type { Observed } from '../../src/base/reading.ts';
import { bundle } from './bundle.ts';
import { theRig } from './each.ts';

const DISKS = '/checkout/test/rig/guest/disks';
const PROGRAM = '/run/disk-child.mjs';

beforeAll(async () => {
  const { guest } = theRig();
  await guest.write({ [PROGRAM]: await bundle('disk-child.ts') });
  await guest.must(['bash', DISKS, 'make'], { timeout: 300 });
}, 400_000);

afterAll(async () => {
  await theRig().guest.exec(
    'umount /run/images; losetup -D; lvm vgchange -an -qq secret open; dmsetup remove_all -f',
  );
});

/** What the reader says where the system lies on `root`, with these devices mounted beside it. */
async function see(root: string, mounted: Record<string, string>): Promise<DiskEncryption> {
  const pairs = Object.entries(mounted).flatMap(([point, name]) => [deviceOf(name), point]);
  const said = await theRig().guest.must(['bash', DISKS, 'see', deviceOf(root), PROGRAM, ...pairs]);
  const reading = JSON.parse(said) as Observed<DiskEncryption>;
  if (reading.state !== 'known') throw new Error(said);
  return reading.fact;
}

const deviceOf = (name: string) => (name.startsWith('/') ? name : `/dev/mapper/${name}`);
const on = ({ volumes }: DiskEncryption, mount: string | null) =>
  volumes.find((volume) => volume.mount === mount);

const YES = { encrypted: 'yes', protection: 'on', converting: null };
const NO = { encrypted: 'no', protection: 'off', method: null, converting: null };

test('LUKS1, LUKS2, LUKS under LVM, LVM under LUKS and dm-crypt are encrypted, for the system and beside it', async () => {
  const fact = await see('luks2', {
    '/home': 'luks1',
    '/srv/under': 'secret-volume',
    '/srv/over': 'over',
    '/srv/dm-crypt': 'plain-crypt',
    '/srv/anew': 'anew-open',
    swap: 'swap-crypt',
  });
  expect(on(fact, '/')).toMatchObject({
    ...YES,
    role: 'system',
    method: expect.stringMatching(/^luks2-aes-xts-plain64-\d+$/),
    keyProtectors: ['password'],
  });
  expect(on(fact, '/home')).toMatchObject({
    ...YES,
    role: 'data',
    method: expect.stringMatching(/^luks1-aes-xts-plain64-\d+$/),
  });
  for (const mount of ['/srv/under', '/srv/over'])
    expect(on(fact, mount)).toMatchObject({ ...YES, method: expect.stringMatching(/^luks2-aes-/) });
  expect(on(fact, '/srv/dm-crypt')).toMatchObject({ ...YES, method: 'plain-aes-xts-plain64-512' });
  // From one key to another, stopped midway: nothing of it lies in the clear.
  expect(on(fact, '/srv/anew')).toMatchObject(YES);
  expect(on(fact, null)).toMatchObject({ ...YES, role: 'swap' });
  expect(fact.system).toBe('encrypted');
});

test('a plain disk, a plain volume beside an encrypted one, a cipher that does nothing, and images', async () => {
  const fact = await see('luks2', {
    '/home': 'open-bare',
    '/srv/nothing': 'null',
    '/srv/plain': 'plain',
    '/srv/in-file': 'in-file',
    '/srv/image': '/dev/loop1',
    swap: 'swap-plain',
  });
  expect(on(fact, '/')).toMatchObject(YES);
  for (const mount of ['/home', '/srv/nothing', '/srv/plain']) expect(on(fact, mount)).toMatchObject(NO);
  expect(on(fact, null)).toMatchObject({ ...NO, role: 'swap' });
  expect(on(fact, '/srv/in-file')).toMatchObject({ ...YES, method: expect.stringMatching(/^luks1-aes-/) });
  // What an image holds lies on another file system, which is there itself.
  expect(on(fact, '/srv/image')).toBeUndefined();
  expect(fact.system).toBe('mixed');
  expect((await see('root-plain', { '/srv/plain': 'plain' })).system).toBe('plain');
});

test('a disk that was stopped halfway to being encrypted is partly plain, and one that has only the header is plain', async () => {
  const fact = await see('luks2', { '/home': 'half-open', '/srv/begun': 'begun-open' });
  expect(on(fact, '/home')).toMatchObject({
    encrypted: 'partial',
    protection: 'off',
    converting: 'encrypting',
  });
  expect(on(fact, '/srv/begun')).toMatchObject({
    encrypted: 'no',
    protection: 'off',
    converting: 'encrypting',
  });
  expect(fact.system).toBe('converting');
});
