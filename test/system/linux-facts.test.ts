import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { linux } from '../../collectors/linux.ts';
import { specs, type CheckId, type Fact } from '../../collectors/specs.ts';
import { createHost } from '../../src/agent/host.ts';
import type { Observed } from '../../src/base/reading.ts';

/*
 * What the readers say of this very machine, beside what its own tools say. Every test names the fact's field and the
 * tool, and asks both at the same time.
 */

const repository = join(import.meta.dirname, '..', '..');

const host = createHost({
  self: () => ({
    version: '0.0.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    keyProtection: null,
    integrity: null,
    spoolDropped: 0,
    crashes: 0,
    managed: [],
  }),
  questions: NO_QUESTIONS,
});

async function factOf<Id extends CheckId>(check: Id): Promise<Fact<Id>> {
  const answer: Observed<unknown> = await linux[check](host);
  if (answer.state === 'unknown') throw new Error(`${check} is unknown: ${answer.why} (${answer.detail})`);
  return specs[check].fact.parse(answer.fact) as Fact<Id>;
}

/** What a shell line prints, in the C locale. */
function shell(line: string): string {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  return execFileSync('/bin/sh', ['-c', line], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

describe('os-version', () => {
  test.each([
    ['version', '. /etc/os-release; echo $VERSION_ID'],
    ['family', '. /etc/os-release; echo $ID'],
    ['name', '. /etc/os-release; echo $NAME'],
    ['display', '. /etc/os-release; echo $PRETTY_NAME'],
    ['kernel', 'uname -r'],
    ['arch', 'uname -m'],
  ] as const)('os-version.%s agrees with `%s`', async (field, line) => {
    expect((await factOf('os-version'))[field] ?? '').toBe(shell(line));
  });

  test('os-version.container agrees with `systemd-detect-virt --container`, marker files left in an image apart', async () => {
    const ownNamespace = shell('readlink /proc/self/ns/pid') === 'pid:[4026531836]';
    const said = shell('systemd-detect-virt --container || true');
    expect((await factOf('os-version')).container ?? 'none').toBe(ownNamespace ? 'none' : said);
  });
});

/** A count by apt itself; without lists (of that suite) on this machine there is nothing to count in. */
const counted = (line: string, lists = '') =>
  shell(`ls /var/lib/apt/lists | grep -c '${lists}.*InRelease' || true`) === '0' ? null : Number(shell(line));

describe('os-patch', () => {
  let fact: Fact<'os-patch'>;
  beforeAll(async () => {
    fact = await factOf('os-patch');
  });

  test('os-patch.pending agrees with `apt list --upgradable`', () => {
    expect(fact.manager).toBe('apt');
    expect(fact.pending).toBe(counted("apt list --upgradable | grep -c '\\[upgradable from' || true"));
  });

  test('os-patch.pending agrees with the lines of `apt-get -s dist-upgrade`', () => {
    expect(fact.pending).toBe(counted("apt-get -s dist-upgrade | grep -c '^Inst [^ ]* \\[' || true"));
  });

  test('os-patch.pendingSecurity agrees with the archives in `apt list --upgradable`', () => {
    expect(fact.pendingSecurity).toBe(
      counted("apt list --upgradable | grep -c -- '-security' || true", 'security'),
    );
  });

  test('os-patch.pendingNames agrees with `apt list --upgradable`', () => {
    const names = shell("apt list --upgradable | sed -n 's,/.*,,p' | sort -u").split('\n');
    const plain = (fact.pendingNames ?? []).map((name) => name.replace(/:.*/, ''));
    expect(names).toEqual(expect.arrayContaining(plain));
    expect(plain).toHaveLength(Math.min(fact.pending ?? 0, 50));
  });

  test('os-patch.metadataAt agrees with `grep ^Date: …security…InRelease`', () => {
    const date = shell(
      "grep -h -m1 '^Date: ' /var/lib/apt/lists/*security*InRelease | head -1 | cut -d' ' -f2-",
    );
    const expected = date === '' ? null : new Date(shell(`date -u -d '${date}' +%FT%TZ`)).toISOString();
    expect(fact.metadataAt).toBe(expected);
  });

  test('os-patch.lastInstalledAt agrees with `stat /var/lib/dpkg/info`', () => {
    const seconds = Number(shell('stat -c %Y /var/lib/dpkg/info'));
    expect(Math.floor(Date.parse(fact.lastInstalledAt ?? '') / 1_000)).toBe(seconds);
  });

  test('os-patch.rebootRequired agrees with `test -e /run/reboot-required`', () => {
    const flagged = shell('test -e /run/reboot-required && echo yes || echo no') === 'yes';
    expect(fact.rebootRequired === true).toBe(flagged);
  });

  test('os-patch.automatic agrees with `apt-config dump`', () => {
    const settings = shell('apt-config dump APT::Periodic::Unattended-Upgrade');
    if (/"0"|^$/.test(settings)) expect(fact.automatic).toBe('off');
    else expect(fact.automatic).not.toBe('download-only');
  });
});

describe('disk-encryption', () => {
  test('disk-encryption.volumes names the source that `findmnt /` names', async () => {
    const { volumes } = await factOf('disk-encryption');
    const root = volumes.find(({ mount }) => mount === '/');
    expect(root?.role).toBe('system');
    expect(shell('findmnt -no SOURCE / | sed "s,\\[.*,,"').split('/').at(-1)).toBe(root?.id);
  });

  test('disk-encryption.volumes.encrypted agrees with the types that `lsblk -s` shows below', async () => {
    const { volumes } = await factOf('disk-encryption');
    for (const { mount, encrypted } of volumes.filter((volume) => volume.mount !== null)) {
      const types = shell(`lsblk -s -n -o TYPE "$(findmnt -no SOURCE '${mount}' | sed 's,\\[.*,,')"`).split(
        /\s+/,
      );
      expect(encrypted === 'no', mount ?? '').toBe(!types.includes('crypt'));
    }
  });

  test('disk-encryption.volumes holds the swap that `swapon` shows, zram apart', async () => {
    const { volumes } = await factOf('disk-encryption');
    const shown = shell('swapon --show=NAME --noheadings --raw | grep -v zram || true')
      .split('\n')
      .filter(Boolean);
    expect(volumes.filter(({ role }) => role === 'swap')).toHaveLength(shown.length);
  });

  test('disk-encryption.system is plain where `lsblk` knows no crypt device at all', async () => {
    const crypt = shell('lsblk -n -o TYPE').split(/\s+/).includes('crypt');
    const { system } = await factOf('disk-encryption');
    if (!crypt) expect(system).toBe('plain');
    else expect(system).not.toBe('plain');
  });
});

describe('agent', () => {
  test('agent.bootId agrees with `cat /proc/sys/kernel/random/boot_id`', async () => {
    expect((await factOf('agent')).bootId).toBe(shell('cat /proc/sys/kernel/random/boot_id'));
  });

  test('agent.machineId is a keyed hash of `cat /etc/machine-id`, which does not leave', async () => {
    const id = shell('cat /etc/machine-id');
    const fact = await factOf('agent');
    const hash = createHmac('sha256', id).update('drawbridge/agent/machine-id/1').digest('base64url');
    expect(fact.machineId).toBe(hash);
    expect(JSON.stringify(fact)).not.toContain(id);
  });
});

/** Processes that hold UDP 1701 for a test, ended by their id. */
const held: ChildProcess[] = [];

async function holdPort(family: 'udp4' | 'udp6', address: string): Promise<ChildProcess> {
  const script = `require('dgram').createSocket('${family}').bind(1701, '${address}', () => console.log('bound'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  held.push(child);
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

async function release(): Promise<void> {
  for (const child of held.splice(0)) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

const SOCKETS = "ss -H -lun 'sport = :1701'";

describe('l2tp-server', () => {
  afterAll(release);

  test('l2tp-server.listening agrees with `ss -lun` before, while and after somebody listens', async () => {
    const before = shell(SOCKETS);
    expect((await factOf('l2tp-server')).listening).toHaveLength(
      before === '' ? 0 : before.split('\n').length,
    );
    await holdPort('udp4', '127.0.0.77');
    await holdPort('udp6', '::1');
    const { listening, verdict } = await factOf('l2tp-server');
    const shown = shell(`${SOCKETS} | awk '{print $4}'`).split('\n');
    expect(shown.map((address) => address.replace(/:1701$/, '').replaceAll(/[[\]]/g, '')).toSorted()).toEqual(
      listening.map(({ address }) => address).toSorted(),
    );
    expect(verdict).toBe('none');
    await release();
    expect(shell(SOCKETS)).toBe(before);
    expect((await factOf('l2tp-server')).listening).toHaveLength(
      before === '' ? 0 : before.split('\n').length,
    );
  });

  test('l2tp-server.listening.owner agrees with `ss -p` and `cat /proc/PID/comm`', async () => {
    const child = await holdPort('udp4', '127.0.0.78');
    const { listening } = await factOf('l2tp-server');
    const owner = listening.find(({ address }) => address === '127.0.0.78')?.owner;
    expect(owner).toMatchObject({ process: shell(`cat /proc/${child.pid}/comm`), kernel: false });
    expect(shell("ss -H -lunp 'sport = :1701'")).toContain(`("${owner?.process}",pid=${child.pid},`);
    await release();
  });
});

function urlOf(path: string): string {
  return pathToFileURL(join(repository, path)).href;
}

/** The same reader in a process without any right, as JSON. */
function readAsNobody(check: CheckId): Observed<unknown> {
  const script = `
    import { createHost } from '${urlOf('src/agent/host.ts')}';
    import { linux } from '${urlOf('collectors/linux.ts')}';
    const self = () => ({ version: '0', startedAt: '2026-01-01T00:00:00.000Z', keyProtection: null, integrity: null, spoolDropped: 0, crashes: 0, managed: [] });
    console.log(JSON.stringify(await linux['${check}'](createHost({ self, questions: { watch: [], tags: {} } }))));
  `;
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--no-new-privs'];
  const argv = [...drop, process.execPath, '--input-type=module', '-e', script];
  return JSON.parse(
    execFileSync('/usr/bin/setpriv', argv, { encoding: 'utf8', cwd: '/', env: { PATH: '/usr/bin' } }),
  );
}

describe('without any right (setpriv --reuid=65534)', () => {
  afterAll(release);

  test.each(['os-version', 'disk-encryption', 'agent'] as const)(
    '%s says the same as root',
    async (check) => {
      const sameMachine = { ...(await factOf(check)), startedAt: '', version: '' };
      const answer = readAsNobody(check);
      expect(answer.state).toBe('known');
      if (answer.state === 'known')
        expect({ ...(answer.fact as object), startedAt: '', version: '' }).toEqual(sameMachine);
    },
  );

  test('os-patch counts the same', async () => {
    const answer = readAsNobody('os-patch');
    expect(answer).toMatchObject({ state: 'known', fact: { pending: (await factOf('os-patch')).pending } });
  });

  test('l2tp-server is none where nobody listens, and denied where another’s socket does', async () => {
    expect(readAsNobody('l2tp-server')).toMatchObject({ state: 'known', fact: { verdict: 'none' } });
    await holdPort('udp4', '127.0.0.79');
    expect(readAsNobody('l2tp-server')).toMatchObject({ state: 'unknown', why: 'denied' });
    await release();
  });

  test('a file that only root may read is denied, not missing', () => {
    expect(readFileSync('/etc/shadow', 'utf8')).not.toBe('');
    const script = `import { readWhole } from '${urlOf('src/agent/host-files.ts')}'; console.log(JSON.stringify(await readWhole('/etc/shadow')));`;
    const argv = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const printed = execFileSync('/usr/bin/setpriv', argv, { encoding: 'utf8', cwd: '/', env: {} });
    expect(JSON.parse(printed)).toEqual({ ok: false, error: 'denied' });
  });
});

describe('as another user (runuser)', () => {
  test('the program has that user’s id, home and session, and nothing of ours', async () => {
    const env = { path: '/usr/bin/env' } as const;
    process.env.DRAWBRIDGE_TEST_SECRET = 'ours';
    const { code, stdout } = await host.run(env, [], { as: 'nobody' });
    delete process.env.DRAWBRIDGE_TEST_SECRET;
    expect(code).toBe(0);
    expect(stdout).toContain(`XDG_RUNTIME_DIR=/run/user/${shell('id -u nobody')}\n`);
    expect(stdout).toContain(`HOME=${shell('getent passwd nobody | cut -d: -f6')}\n`);
    expect(stdout).not.toContain('ours');
    expect((await host.run({ path: '/usr/bin/id' }, ['-u'], { as: 'nobody' })).stdout).toBe('65534\n');
  });
});
