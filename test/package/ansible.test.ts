import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canIsolate } from '../support/namespaces.ts';
import { bootSystemd, type SystemdRoot } from '../support/systemd-root.ts';
import { CHECKOUT, inRoot, OLD } from './build.ts';

const WHY_NOT = 'no Ansible, or no root with systemd could be booted here';
const ready = canIsolate() && existsSync('/lib/systemd/systemd') && existsSync('/usr/bin/ansible-playbook');

const SITE = '/mnt/packaging/mdm/ansible/site.yaml';
const SECRET = 'S'.repeat(22);
const TOKEN = `fleet-01.${SECRET}.${'R'.repeat(43)}`;
const ENVIRONMENT = {
  LC_ALL: 'C.UTF-8',
  HOME: '/root',
  ANSIBLE_NOCOLOR: '1',
  ANSIBLE_LOCALHOST_WARNING: 'False',
  // Quicker; nothing that the role does depends on it.
  ANSIBLE_PIPELINING: 'True',
};

describe('the Ansible role on a Debian under systemd', () => {
  let machine: SystemdRoot;
  let booted: SystemdRoot | null = null;

  beforeAll(async () => {
    booted = ready ? await bootSystemd(CHECKOUT) : null;
    if (booted === null) process.stderr.write(`ansible.test.ts: ${WHY_NOT}\n`);
    else machine = booted;
  });
  beforeEach(({ skip }) => skip(booted === null, WHY_NOT));
  afterAll(() => booted?.remove());

  const play = (vars: Record<string, unknown>, ...more: string[]) => {
    machine.put('/root/vars.json', Buffer.from(JSON.stringify(vars)));
    const environment = Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
    const ansible = [
      '/usr/bin/ansible-playbook',
      '-i',
      'localhost,',
      '-c',
      'local',
      '-v',
      '-e',
      '@/root/vars.json',
    ];
    const { code, out, err } = machine.run('/usr/bin/env', ...environment, ...ansible, ...more, SITE);
    if (code !== 0) throw new Error(`ansible-playbook ended with ${code}: ${out}${err}`);
    return out;
  };
  const changesIn = (out: string) => Number(/ changed=(\d+) /.exec(out)?.[1]);
  const sh = (script: string) => machine.run('/bin/sh', '-c', script).out.trim();
  const vars = {
    drawbridge_package_file: inRoot(`drawbridge_${OLD}_amd64.deb`),
    drawbridge_managed: {
      vpn: { mode: 'observe', allowedGateways: ['vpn.example.org'] },
      log: { level: 'debug' },
    },
    // Nobody listens there: the invitation stays.
    drawbridge_enroll_url: 'https://127.0.0.1:9',
    drawbridge_enroll_token: TOKEN,
  };
  const doctor = () => {
    const { findings } = JSON.parse(sh('drawbridge doctor --json')) as {
      findings: { name: string; found: string }[];
    };
    return Object.fromEntries(findings.map(({ name, found }) => [name, found]));
  };

  test('installs it with its settings and its invitation, and says no secret', () => {
    const out = play(vars);
    expect(changesIn(out)).toBeGreaterThan(3);
    expect(out).not.toContain(SECRET);
    expect(sh('systemctl is-active drawbridge; systemctl is-enabled drawbridge')).toBe('active\nenabled');
    expect(sh('stat -c "%U %a" /etc/drawbridge/managed.yaml /etc/drawbridge/enroll')).toBe(
      'root 644\nroot 600',
    );
    expect(sh('cat /etc/drawbridge/enroll')).toBe(`ENROLL_URL=https://127.0.0.1:9\nENROLL_TOKEN=${TOKEN}`);
    expect(doctor()).toMatchObject({
      management: '3 settings from /etc/drawbridge/managed.yaml',
      'managed: vpn.mode': 'observe',
      'managed: vpn.allowedGateways': 'vpn.example.org',
    });
  });

  test('a second time it changes nothing', () => {
    expect(changesIn(play(vars))).toBe(0);
  });

  test('settings that are taken away are so for the running agent, which goes on', async () => {
    const pid = sh('systemctl show drawbridge -P MainPID');
    play({ ...vars, drawbridge_managed: {} }, '--tags', 'settings');
    expect(machine.run('/usr/bin/test', '-e', '/etc/drawbridge/managed.yaml').code).toBe(1);
    const managed = () =>
      (JSON.parse(sh('drawbridge status --json')) as { status: { managed: unknown } }).status.managed;
    for (let tries = 0; tries < 100 && managed() !== null; tries += 1) await wait(300);
    expect(managed()).toBeNull();
    expect(sh('systemctl show drawbridge -P MainPID')).toBe(pid);
    expect(doctor()).not.toHaveProperty('management');
  });
});
