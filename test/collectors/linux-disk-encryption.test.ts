import { describe, expect, test } from 'vitest';
import { read } from '../../collectors/disk-encryption/linux.ts';
import { parseLuksJson, parseLuksText } from '../../collectors/disk-encryption/linux-luks.ts';
import { parseTable } from '../../collectors/disk-encryption/linux-crypt.ts';
import { parseCrypttab } from '../../collectors/disk-encryption/linux-crypttab.ts';
import type { DiskEncryption } from '../../collectors/disk-encryption/spec.ts';
import { replayHost, type RecordedCommand, type Recording } from '../../src/agent/replay.ts';

/** A device as sysfs shows it. */
type Device = { number: string; dm?: [name: string, uuid: string]; slaves?: string[]; usb?: boolean };

type Machine = {
  devices: Record<string, Device>;
  /** Lines of mountinfo from the device number on: `253:1 / / ext4 /dev/mapper/root`. */
  mounts: string[];
  swaps?: string[];
  files?: Record<string, string>;
  dirs?: Record<string, string[]>;
  links?: Record<string, string>;
  commands?: RecordedCommand[];
  root?: boolean;
};

const answer = (argv: string, stdout: string, exit = 0): RecordedCommand => ({
  argv: argv.split(' '),
  stdout,
  stderr: '',
  exit,
});

function recordingOf(machine: Machine): Recording {
  const files: Record<string, string> = {
    '/proc/self/mountinfo': machine.mounts.map(mountLine).join('\n'),
    '/proc/swaps': ['Filename Type Size Used Priority', ...(machine.swaps ?? [])].join('\n'),
    ...machine.files,
  };
  const dirs: Record<string, string[]> = { ...machine.dirs };
  const links: Record<string, string> = { '/proc/self/ns/pid': 'pid:[4026531836]', ...machine.links };
  for (const [name, { number, dm, slaves, usb }] of Object.entries(machine.devices)) {
    const bus = usb ? 'pci0000:00/usb2/2-1/host6/target6:0:0/6:0:0:0' : 'pci0000:00/ata1';
    links[`/sys/dev/block/${number}`] = `../../devices/${bus}/block/${name}`;
    links[`/sys/class/block/${name}`] = `../../devices/${bus}/block/${name}`;
    files[`/sys/class/block/${name}/dev`] = `${number}\n`;
    if (slaves) dirs[`/sys/class/block/${name}/slaves`] = slaves;
    if (dm) {
      files[`/sys/class/block/${name}/dm/name`] = `${dm[0]}\n`;
      files[`/sys/class/block/${name}/dm/uuid`] = `${dm[1]}\n`;
      links[`/dev/mapper/${dm[0]}`] = `../${name}`;
    }
  }
  return {
    root: machine.root ?? true,
    commands: machine.commands ?? [],
    files: new Map(Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)])),
    dirs: new Map(Object.entries(dirs)),
    links: new Map(Object.entries(links)),
    probes: new Map(),
  };
}

function mountLine(line: string, index: number): string {
  const [number, root, point, type, source, options = 'rw'] = line.split(' ');
  return `${30 + index} 1 ${number} ${root} ${point} rw - ${type} ${source} ${options}`;
}

async function factOf(machine: Machine): Promise<DiskEncryption> {
  const reading = await read(replayHost(recordingOf(machine)));
  if (reading.state === 'unknown') throw new Error(`${reading.why}: ${reading.detail}`);
  return reading.fact;
}

async function systemOf(machine: Machine): Promise<string> {
  const reading = await read(replayHost(recordingOf(machine)));
  return reading.state === 'known' ? reading.fact.system : reading.why;
}

const PLAIN: Record<string, Device> = {
  sda1: { number: '8:1' },
  sda2: { number: '8:2' },
  sda3: { number: '8:3' },
};
const LUKS: Device = { number: '253:0', dm: ['crypt', 'CRYPT-LUKS2-0a1b-crypt'], slaves: ['sda2'] };
const volume = (name: string, number: string, ...slaves: string[]): Device => ({
  number,
  dm: [name, `LVM-${name}`],
  slaves,
});

const header = (change: object = {}) =>
  JSON.stringify({
    keyslots: { '0': { type: 'luks2', key_size: 64 } },
    tokens: {},
    segments: { '0': { type: 'crypt', size: 'dynamic', encryption: 'aes-xts-plain64' } },
    config: {},
    ...change,
  });

const dump = (text: string) => answer('/usr/sbin/cryptsetup luksDump --dump-json-metadata /dev/sda2', text);

const opal = (type: string, encryption?: string) =>
  header({ segments: { '0': { type, size: 'dynamic', ...(encryption ? { encryption } : {}) } } });

const btrfs = (...members: string[]): Machine => ({
  devices: { ...PLAIN, 'dm-0': LUKS },
  mounts: ['0:30 /@ / btrfs /dev/mapper/crypt', '0:30 /@home /home btrfs /dev/mapper/crypt'],
  dirs: { '/sys/fs/btrfs': ['features', 'uuid-1'], '/sys/fs/btrfs/uuid-1/devices': members },
});

const zfsOn = (device: string): Machine => ({
  devices: { ...PLAIN, 'dm-0': LUKS },
  mounts: ['0:28 / / zfs tank/root'],
  commands: [
    answer(
      '/usr/sbin/zfs get -Hp -o name,property,value encryption,keystatus,encryptionroot,mounted,mountpoint tank/root',
      'tank/root\tencryption\toff\n',
    ),
    answer('/usr/sbin/zpool list -v -H -P tank', `tank\t1G\n\tmirror-0\t1G\n\t${device}\t1G\n`),
  ],
});

const onLuks: Machine = {
  devices: { ...PLAIN, 'dm-0': LUKS },
  mounts: ['253:0 / / ext4 /dev/mapper/crypt'],
};

const imageOn = (below: string): Machine => ({
  ...onLuks,
  mounts: [
    '0:40 / / overlay composefs lowerdir=/run/a',
    `${below} / /sysroot ext4 /dev/x`,
    `${below} /ostree/deploy/os/var /var ext4 /dev/x`,
  ],
});

describe('disk encryption by sysfs', () => {
  const lvmOnLuks: Machine = {
    devices: {
      ...PLAIN,
      'dm-0': LUKS,
      'dm-1': volume('vg-root', '253:1', 'dm-0'),
      'dm-2': volume('vg-swap', '253:2', 'dm-0'),
    },
    mounts: ['253:1 / / ext4 /dev/mapper/vg-root', '8:1 / /boot ext4 /dev/sda1'],
    swaps: ['/dev/dm-2 partition 1 0 -2', '/dev/zram0 partition 1 0 100'],
  };

  test('LVM on LUKS is encrypted at any depth; /boot is plain by design, zram is no disk', async () => {
    expect(await factOf(lvmOnLuks)).toMatchObject({
      system: 'encrypted',
      volumes: [
        { id: 'sda1', mount: '/boot', role: 'boot', encrypted: 'no' },
        { id: 'vg-root', mount: '/', role: 'system', encrypted: 'yes', protection: 'on', method: 'luks2' },
        { id: 'vg-swap', mount: null, role: 'swap', encrypted: 'yes' },
      ],
    });
  });

  test('the header names the cipher and what opens it', async () => {
    const token = { type: 'systemd-tpm2', keyslots: ['0'], 'tpm2-pin': true };
    const { volumes } = await factOf({ ...lvmOnLuks, commands: [dump(header({ tokens: { '0': token } }))] });
    expect(volumes.find(({ mount }) => mount === '/')).toMatchObject({
      method: 'luks2-aes-xts-plain64-512',
      keyProtectors: ['tpm-pin'],
    });
  });

  test('without root the mapping is known, its header is not', async () => {
    const { system, volumes } = await factOf({ ...lvmOnLuks, root: false, commands: [dump(header())] });
    expect(system).toBe('encrypted');
    expect(volumes.find(({ mount }) => mount === '/')?.method).toBe('luks2');
  });

  test('a header that was printed and not understood is no proof', async () => {
    expect(await systemOf({ ...lvmOnLuks, commands: [dump(header().slice(0, 60))] })).toBe('unparsable');
  });

  test('LUKS on LVM', async () => {
    const devices = {
      ...PLAIN,
      'dm-0': volume('vg-lv', '253:0', 'sda2'),
      'dm-1': { number: '253:1', dm: ['root', 'CRYPT-LUKS1-77-root'] as [string, string], slaves: ['dm-0'] },
    };
    expect(await systemOf({ devices, mounts: ['253:1 / / xfs /dev/mapper/root'] })).toBe('encrypted');
  });

  test('a volume group with a plain disk beside the encrypted one', async () => {
    const devices = { ...PLAIN, 'dm-0': LUKS, 'dm-1': volume('vg-root', '253:1', 'dm-0', 'sda3') };
    const { system, volumes } = await factOf({ devices, mounts: ['253:1 / / ext4 /dev/mapper/vg-root'] });
    expect(system).toBe('mixed');
    expect(volumes[0]).toMatchObject({ encrypted: 'partial', protection: 'off' });
  });

  test('md over two LUKS devices, and over one', async () => {
    const second: Device = { number: '253:1', dm: ['crypt2', 'CRYPT-LUKS2-0a1c-crypt2'], slaves: ['sda3'] };
    const raid = (...slaves: string[]): Machine => ({
      devices: { ...PLAIN, 'dm-0': LUKS, 'dm-1': second, md0: { number: '9:0', slaves } },
      mounts: ['9:0 / / ext4 /dev/md0'],
    });
    expect(await systemOf(raid('dm-0', 'dm-1'))).toBe('encrypted');
    expect(await systemOf(raid('dm-0', 'sda3'))).toBe('mixed');
  });

  test('dm-verity and dm-integrity hide nothing', async () => {
    for (const kind of ['VERITY', 'INTEGRITY']) {
      const device: Device = { number: '253:0', dm: ['root', `CRYPT-${kind}-1-root`], slaves: ['sda2'] };
      const machine = { devices: { ...PLAIN, 'dm-0': device }, mounts: ['253:0 / / ext4 /dev/mapper/root'] };
      expect(await systemOf(machine)).toBe('plain');
    }
  });

  test('encryption that was prepared and not run is a header over plain text', async () => {
    const prepared = header({
      segments: {
        '0': { type: 'linear', size: '300' },
        '1': { type: 'linear', size: '100' },
        '2': { type: 'crypt', size: 'dynamic', encryption: 'aes-xts-plain64', flags: ['backup-final'] },
      },
      keyslots: { '0': { type: 'luks2', key_size: 64 }, '1': { type: 'reencrypt', mode: 'encrypt' } },
      config: { requirements: { mandatory: ['online-reencrypt-v2'] } },
    });
    const { system, volumes } = await factOf({ ...onLuks, commands: [dump(prepared)] });
    expect(system).toBe('converting');
    expect(volumes[0]).toMatchObject({ encrypted: 'no', converting: 'encrypting', percent: 0 });
  });

  test('while re-encrypting, helpers lie between the volume and its disk', async () => {
    const half = header({
      segments: {
        '0': { type: 'crypt', size: '300', encryption: 'aes-xts-plain64' },
        '1': { type: 'linear', size: '100' },
      },
      keyslots: { '0': { type: 'luks2', key_size: 64 }, '1': { type: 'reencrypt', mode: 'encrypt' } },
      config: { requirements: { mandatory: ['online-reencrypt-v2'] } },
    });
    const devices = {
      ...PLAIN,
      'dm-0': {
        number: '253:0',
        dm: ['crypt', 'CRYPT-LUKS2-0a1b-crypt'] as [string, string],
        slaves: ['dm-1', 'dm-2'],
      },
      'dm-1': {
        number: '253:1',
        dm: ['crypt-hotzone', 'CRYPT-SUBDEV-0a1b-1'] as [string, string],
        slaves: ['dm-2'],
      },
      'dm-2': {
        number: '253:2',
        dm: ['crypt-overlay', 'CRYPT-SUBDEV-0a1b-2'] as [string, string],
        slaves: ['sda2'],
      },
    };
    const { system, volumes } = await factOf({ ...onLuks, devices, commands: [dump(half)] });
    expect(system).toBe('converting');
    expect(volumes[0]).toMatchObject({ encrypted: 'partial', converting: 'encrypting', percent: 75 });
  });

  test('a change of key runs from encrypted to encrypted', async () => {
    const rekey = header({
      segments: {
        '0': { type: 'crypt', size: '300', encryption: 'aes-xts-plain64' },
        '1': { type: 'crypt', size: 'dynamic', encryption: 'aes-xts-plain64' },
      },
      keyslots: { '0': { type: 'luks2', key_size: 64 }, '1': { type: 'reencrypt', mode: 'reencrypt' } },
      config: { requirements: { mandatory: ['online-reencrypt-v2'] } },
    });
    expect(await systemOf({ ...onLuks, commands: [dump(rekey)] })).toBe('encrypted');
  });

  test('a disk that encrypts itself, alone and below software', async () => {
    const alone = await factOf({ ...onLuks, commands: [dump(opal('hw-opal'))] });
    expect(alone).toMatchObject({ system: 'encrypted', volumes: [{ method: 'opal' }] });
    const both = await factOf({ ...onLuks, commands: [dump(opal('hw-opal-crypt', 'aes-xts-plain64'))] });
    expect(both.volumes[0]?.method).toBe('opal+luks2-aes-xts-plain64-512');
  });

  test('the null cipher passes everything through', async () => {
    const nothing = header({
      segments: { '0': { type: 'crypt', size: 'dynamic', encryption: 'cipher_null-ecb' } },
    });
    expect(await systemOf({ ...onLuks, commands: [dump(nothing)] })).toBe('plain');
  });

  test('LUKS1 answers in text alone', async () => {
    const text =
      'Version:       \t1\nCipher name:   \taes\nCipher mode:   \txts-plain64\nMK bits:       \t512\n\nKey Slot 0: ENABLED\n';
    const { volumes } = await factOf({
      ...onLuks,
      devices: { ...PLAIN, 'dm-0': { ...LUKS, dm: ['crypt', 'CRYPT-LUKS1-0a1b-crypt'] } },
      commands: [answer('/usr/sbin/cryptsetup luksDump /dev/sda2', text)],
    });
    expect(volumes[0]).toMatchObject({ method: 'luks1-aes-xts-plain64-512', keyProtectors: ['password'] });
  });

  test('swap below a throw-away key', async () => {
    const swap: Device = { number: '253:5', dm: ['swap', 'CRYPT-PLAIN-swap'], slaves: ['sda3'] };
    const { system, volumes } = await factOf({
      ...onLuks,
      devices: { ...onLuks.devices, 'dm-5': swap },
      swaps: ['/dev/dm-5 partition 1 0 -2'],
      commands: [
        answer(
          '/usr/sbin/dmsetup table --uuid CRYPT-PLAIN-swap',
          `0 8 crypt aes-xts-plain64 ${'0'.repeat(128)} 0 8:3 0\n`,
        ),
      ],
    });
    expect(system).toBe('encrypted');
    expect(volumes.at(-1)).toMatchObject({ role: 'swap', method: 'plain-aes-xts-plain64-512' });
  });

  test('a swap file is as its file system; a plain swap partition makes it mixed', async () => {
    expect(await systemOf({ ...onLuks, swaps: ['/swap.img file 1 0 -2'] })).toBe('encrypted');
    expect(await systemOf({ ...onLuks, swaps: ['/dev/sda3 partition 1 0 -2'] })).toBe('mixed');
  });

  test('every device of a btrfs volume counts', async () => {
    expect(await systemOf(btrfs('dm-0'))).toBe('encrypted');
    const { system, volumes } = await factOf(btrfs('dm-0', 'sda3'));
    expect(system).toBe('mixed');
    expect(volumes.map(({ mount, role, encrypted }) => [mount, role, encrypted])).toEqual([
      ['/home', 'data', 'partial'],
      ['/', 'system', 'partial'],
    ]);
  });

  test('an image-based system keeps its data below /sysroot', async () => {
    expect(await systemOf(imageOn('253:0'))).toBe('encrypted');
    expect(await systemOf(imageOn('8:3'))).toBe('plain');
  });

  test('a live system has no disk of its own', async () => {
    const mounts = ['0:40 / / overlay overlay upperdir=/cow/upper', '0:41 / /cow tmpfs tmpfs'];
    expect(await systemOf({ ...onLuks, mounts })).toBe('unsupported');
  });

  test('an encrypted home on a plain system is mixed', async () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/people/alice:/bin/bash\n';
    const home: Device = {
      number: '253:7',
      dm: ['home-alice', 'CRYPT-LUKS2-ff-home-alice'],
      slaves: ['loop0'],
    };
    const { system, volumes } = await factOf({
      devices: { ...PLAIN, 'dm-7': home, loop0: { number: '7:0', slaves: [] } },
      mounts: ['8:2 / / ext4 /dev/sda2', '253:7 / /people/alice btrfs /dev/mapper/home-alice'],
      files: { '/etc/passwd': passwd },
    });
    expect(system).toBe('mixed');
    expect(volumes.find(({ role }) => role === 'data')).toMatchObject({
      mount: '/people/alice',
      encrypted: 'yes',
    });
  });

  test('a home encrypted file by file', async () => {
    const { system, volumes } = await factOf({
      devices: PLAIN,
      mounts: ['8:2 / / ext4 /dev/sda2', '0:55 / /home/alice ecryptfs /home/.ecryptfs/alice/.Private'],
    });
    expect(system).toBe('mixed');
    expect(volumes[0]).toMatchObject({ role: 'data', encrypted: 'yes', method: 'ecryptfs' });
  });

  test('ZFS on LUKS is as the devices of its pool', async () => {
    expect(await systemOf(zfsOn('/dev/mapper/crypt'))).toBe('encrypted');
    expect(await systemOf(zfsOn('/dev/sda3'))).toBe('plain');
  });

  test('a stick is removable, whatever it is plugged into', async () => {
    const { system, volumes } = await factOf({
      ...onLuks,
      devices: { ...onLuks.devices, sdb1: { number: '8:17', usb: true } },
      mounts: [...onLuks.mounts, '8:17 / /media/alice/STICK vfat /dev/sdb1'],
    });
    expect(system).toBe('encrypted');
    expect(volumes[0]).toMatchObject({ mount: '/media/alice/STICK', role: 'removable', encrypted: 'no' });
  });

  test('snaps, images and what is mounted over do not count', async () => {
    const { volumes } = await factOf({
      ...onLuks,
      mounts: [
        '8:3 / /data ext4 /dev/sda3',
        '253:0 / / ext4 /dev/mapper/crypt',
        '7:1 / /snap/core/1 squashfs /dev/loop1',
        '253:0 /srv/x /data ext4 /dev/mapper/crypt',
      ],
    });
    expect(volumes.map(({ mount }) => mount)).toEqual(['/']);
  });
});

const withKeyInRoot = (...boot: string[]): Machine => ({
  devices: { ...PLAIN, 'dm-0': LUKS },
  mounts: ['253:0 / / ext4 /dev/mapper/crypt', ...boot],
  files: { '/etc/crypttab': 'crypt UUID=1 /crypto_keyfile.bin luks\n' },
});

describe('keys that lie beside what they open', () => {
  const second: Device = { number: '253:1', dm: ['home', 'CRYPT-LUKS2-0a1c-home'], slaves: ['sda3'] };
  const twoVolumes = (root: string): Machine => ({
    devices: { ...PLAIN, 'dm-0': LUKS, 'dm-1': second, sda4: { number: '8:4' } },
    mounts: [`${root} / / ext4 /dev/x`, '253:1 / /home ext4 /dev/mapper/home'],
    files: { '/etc/crypttab': 'home UUID=1 /etc/keys/home.key luks\n' },
  });

  test('on an encrypted root the key is safe', async () => {
    const { system, volumes } = await factOf(twoVolumes('253:0'));
    expect(system).toBe('encrypted');
    expect(volumes.find(({ mount }) => mount === '/home')).toMatchObject({
      protection: 'on',
      keyProtectors: ['key-file'],
    });
  });

  test('on a plain root it is not', async () => {
    const { system, volumes } = await factOf(twoVolumes('8:4'));
    expect(system).toBe('mixed');
    expect(volumes.find(({ mount }) => mount === '/home')).toMatchObject({
      encrypted: 'yes',
      protection: 'suspended',
    });
  });

  test('the key of the root itself comes with the initramfs on /boot', async () => {
    expect(await systemOf(withKeyInRoot())).toBe('encrypted');
    expect(await systemOf(withKeyInRoot('8:1 / /boot ext4 /dev/sda1'))).toBe('unprotected');
  });

  test('crypttab: passphrases, random keys, tokens and keys on a stick are no files here', () => {
    const lines = [
      '# name device key options',
      'a UUID=1 none luks',
      'b UUID=2 - luks,tpm2-device=auto',
      'c /dev/sda3 /dev/urandom swap',
      'd UUID=4 /key.bin:UUID=5 luks',
      'e UUID=6 /etc/e.key luks,tpm2-device=auto',
      'f UUID=7 /etc/f.key',
      'short',
    ];
    expect(parseCrypttab(lines.join('\n'))).toEqual([{ name: 'f', path: '/etc/f.key' }]);
  });
});

describe('what cryptsetup and dmsetup print', () => {
  test('LUKS2 in text says the same as in JSON', () => {
    const text = `LUKS header information
Version:       	2
Requirements:	online-reencrypt-v2

Data segments:
  0: crypt
	offset: 16777216 [bytes]
	length: 300 [bytes]
	cipher: aes-xts-plain64
	sector: 512 [bytes]

  1: linear
	offset: 16777516 [bytes]
	length: 100 [bytes]
	cipher: (no SW encryption)

  2: crypt
	offset: 16777216 [bytes]
	length: (whole device)
	cipher: aes-xts-plain64
	flags : backup-final

Keyslots:
  0: luks2
	Cipher key: 512 bits
  1: reencrypt (unbound)
	Mode:       encrypt
Tokens:
  0: systemd-tpm2
	Keyslot:    0
Digests:
`;
    const json = header({
      segments: {
        '0': { type: 'crypt', size: '300', encryption: 'aes-xts-plain64' },
        '1': { type: 'linear', size: '100' },
        '2': { type: 'crypt', size: 'dynamic', encryption: 'aes-xts-plain64', flags: ['backup-final'] },
      },
      tokens: { '0': { type: 'systemd-tpm2', keyslots: ['0'] } },
      keyslots: { '0': { type: 'luks2', key_size: 64 }, '1': { type: 'reencrypt', mode: 'encrypt' } },
      config: { requirements: { mandatory: ['online-reencrypt-v2'] } },
    });
    const expected = {
      cover: 'partial',
      method: 'luks2-aes-xts-plain64-512',
      converting: 'encrypting',
      percent: 75,
      keyProtectors: ['tpm'],
      keyInClear: false,
    };
    expect(parseLuksJson(json)).toEqual(expected);
    expect(parseLuksText(text)).toEqual(expected);
  });

  test('something else is no header', () => {
    expect(parseLuksJson('Device /dev/sda1 is not a valid LUKS device.')).toBeNull();
    expect(parseLuksJson('[]')).toBeNull();
    expect(parseLuksJson(header({ segments: {} }))).toBeNull();
    expect(parseLuksText('Device /dev/sda1 is not a valid LUKS device.')).toBeNull();
  });

  test('the live table: key in the keyring, null cipher, no crypt target', () => {
    expect(
      parseTable('0 8 crypt aes-cbc-essiv:sha256 :32:logon:cryptsetup:x 0 8:3 0', 'plain'),
    ).toMatchObject({
      cover: 'yes',
      method: 'plain-aes-cbc-essiv:sha256-256',
    });
    expect(parseTable('0 8 crypt cipher_null-ecb - 0 8:3 0', 'plain')?.cover).toBe('no');
    expect(parseTable('0 8 linear 8:3 0', 'plain')).toBeNull();
  });
});
