import { expect, test } from 'vitest';
import type { Host, Output } from '../../collectors/check.ts';
import { createFixer } from '../../src/agent/fixes.ts';
import { err, ok } from '../../src/base/result.ts';
import { emptyHost } from './machine.ts';

const answered = (code: number, stderr = ''): Output => ({ stdout: '', stderr, code, failure: null });
const there = { modifiedMs: 0, mode: 0o644, uid: 0, kind: 'file', size: 1, inode: 1 } as const;

/** A machine with these files, on which commands do as `code` says. */
function machine(files: Record<string, string>, code = 0, isRoot = true) {
  const ran: string[] = [];
  const host: Host = {
    ...emptyHost(),
    isRoot,
    run: async (command, argv) => {
      ran.push([command.path, ...argv].join(' '));
      return answered(code, 'it would not\n');
    },
    status: async (path) => (path in files ? ok(there) : err('missing')),
    readText: async (path) => (files[path] === undefined ? err('missing') : ok(files[path])),
  };
  return { ran, fixer: createFixer('linux', host) };
}

const UFW = '/usr/sbin/ufw';
const NFT = '/usr/sbin/nft';
const CONF = '/etc/nftables.conf';
const SYSTEMD = '/run/systemd/system';
const firewallOff = [{ check: 'firewall', reason: 'firewall-off' }] as const;
const inactive = [{ check: 'antivirus', reason: 'av-inactive' }] as const;

const closed = 'table inet filter { chain input { type filter hook input priority 0; policy drop; } }';
const open =
  '#!/usr/sbin/nft -f\n# policy drop;\ntable inet filter { chain input { type filter hook input priority 0; policy accept; } }';

test.each<[string, Record<string, string>, string | null]>([
  ['ufw goes first', { [UFW]: '', [NFT]: '', [CONF]: closed }, 'ufw'],
  ['firewalld needs systemd', { '/usr/bin/firewall-cmd': '' }, null],
  ['firewalld', { '/usr/bin/firewall-cmd': '', [SYSTEMD]: '' }, 'firewalld'],
  ['nftables with rules that refuse', { [NFT]: '', [CONF]: closed }, 'nftables'],
  ['nftables whose rules let everything in are no fix', { [NFT]: '', [CONF]: open }, null],
  ['nothing at all', {}, null],
])('firewall-on: %s', async (_name, files, means) => {
  const { fixer, ran } = machine(files);
  const offers = await fixer.offers(firewallOff, ['firewall-on']);
  expect(offers.get('firewall') ?? []).toEqual(means === null ? [] : [{ fix: 'firewall-on', means }]);
  expect(ran).toEqual([]);
});

test('nothing is offered that is not allowed, not wrong, or cannot be done without root', async () => {
  const files = { [UFW]: '', [SYSTEMD]: '', '/lib/systemd/system/mdatp.service': '' };
  expect((await machine(files).fixer.offers(firewallOff, [])).size).toBe(0);
  expect((await machine(files).fixer.offers(firewallOff, ['antivirus-start'])).size).toBe(0);
  expect(
    (await machine(files).fixer.offers([{ check: 'antivirus', reason: 'av-missing' }], ['antivirus-start']))
      .size,
  ).toBe(0);
  expect((await machine(files, 0, false).fixer.offers(firewallOff, ['firewall-on'])).size).toBe(0);
  expect((await machine(files).fixer.offers(inactive, ['antivirus-start'])).get('antivirus')).toEqual([
    { fix: 'antivirus-start', means: 'mdatp' },
  ]);
});

test('each fix runs its own commands and no others', async () => {
  const ufw = machine({ [UFW]: '' });
  expect(await ufw.fixer.apply('firewall-on')).toEqual(ok('ufw'));
  expect(ufw.ran).toEqual([`${UFW} default deny incoming`, `${UFW} --force enable`]);
  const nft = machine({ [NFT]: '', [CONF]: closed });
  expect(await nft.fixer.apply('firewall-on')).toEqual(ok('nftables'));
  expect(nft.ran).toEqual([`${NFT} -f ${CONF}`]);
  const clam = machine({ [SYSTEMD]: '', '/lib/systemd/system/clamav-daemon.service': '' });
  expect(await clam.fixer.apply('antivirus-start')).toEqual(ok('clamav'));
  expect(clam.ran).toEqual(['/usr/bin/systemctl enable --now clamav-daemon.service']);
  const apt = machine({
    [SYSTEMD]: '',
    '/usr/bin/unattended-upgrade': '',
    '/lib/systemd/system/apt-daily-upgrade.service': '',
  });
  expect(await apt.fixer.apply('begin-update')).toEqual(ok('apt'));
  expect(apt.ran).toEqual([
    '/usr/bin/systemctl start --no-block apt-daily.service apt-daily-upgrade.service',
  ]);
});

test('a program that fails is told with its own last words, and the next step is not taken', async () => {
  const { fixer, ran } = machine({ [UFW]: '' }, 1);
  expect(await fixer.apply('firewall-on')).toEqual(err('ufw did not do it: it would not'));
  expect(ran).toHaveLength(1);
  expect(await machine({}).fixer.apply('begin-update')).toEqual(err('This cannot be done here by itself.'));
});
