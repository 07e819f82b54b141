import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { guideBlocks } from '../support/guide.ts';
import { canIsolate } from '../support/namespaces.ts';
import { bootSystemd, type SystemdRoot } from '../support/systemd-root.ts';
import { CHECKOUT, inRoot, NEW, OLD } from './build.ts';

const DATA = '/var/lib/drawbridge-server';
const PATIENT_MS = 60_000;

type AgentStatus = { device: string | null; connection: { state: string } };
type Reported = { readings: Record<string, { state: string; fact?: Record<string, unknown> }> };

describe('packages under a real systemd', () => {
  let machine: SystemdRoot;
  let booted: SystemdRoot | null = null;
  let device = '';

  const must = (...argv: string[]) => {
    const { code, out, err } = machine.run(...argv);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${out}${err}`);
    return out;
  };
  const sh = (script: string) => must('/bin/sh', '-c', script);
  const property = (unit: string, name: string) =>
    must('/usr/bin/systemctl', 'show', unit, '-P', name).trim();
  const server = (...argv: string[]) =>
    must(
      '/usr/sbin/runuser',
      '-u',
      'drawbridge-server',
      '--',
      '/usr/bin/drawbridge-server',
      ...argv,
      '--data',
      DATA,
    );
  const journal = () => machine.run('/bin/sh', '-c', 'tail -c 4000 /run/agent.log').out;
  const status = () => {
    const { out } = machine.run('/usr/bin/drawbridge', 'status', '--json');
    return out === '' ? null : (JSON.parse(out) as { status: AgentStatus }).status;
  };
  const expectSoon = async <T>(what: string, look: () => T | null | false | undefined): Promise<T> => {
    const end = performance.now() + PATIENT_MS;
    while (performance.now() < end) {
      const found = look();
      if (found !== null && found !== undefined && found !== false) return found;
      await wait(300);
    }
    throw new Error(`not within ${PATIENT_MS / 1_000} s: ${what}\n${journal()}`);
  };
  const devices = () => JSON.parse(server('devices', '--json')) as Record<string, unknown>[];
  const reported = () => JSON.parse(server('device', device, '--json')) as Reported;
  const agentFact = () => reported().readings['agent']?.fact;
  const restart = () => machine.run('/usr/bin/systemctl', 'restart', 'drawbridge');
  const mainPid = () => Number(property('drawbridge', 'MainPID'));

  beforeAll(async () => {
    booted = canIsolate() && existsSync('/lib/systemd/systemd') ? await bootSystemd(CHECKOUT) : null;
    if (booted === null) {
      process.stderr.write('debian.test.ts: no root with systemd could be booted here\n');
      return;
    }
    machine = booted;
    // The journal is not run here: the daemon's words go where a test can read them.
    sh(`mkdir -p /run/systemd/system/drawbridge.service.d &&
      printf '[Service]\\nStandardError=append:/run/agent.log\\n' > /run/systemd/system/drawbridge.service.d/log.conf`);
    // systemd cannot make the private /dev of a service here, where /dev itself is no device file system.
    sh(`mkdir -p /run/systemd/system/drawbridge-server.service.d &&
      printf '[Service]\\nPrivateDevices=no\\n' > /run/systemd/system/drawbridge-server.service.d/dev.conf`);
    sh(`mkdir -p /run/systemd/system/drawbridge-gateway.service.d &&
      printf '[Service]\\nPrivateDevices=no\\nStandardError=append:/run/gateway.log\\n' > /run/systemd/system/drawbridge-gateway.service.d/dev.conf`);
    sh('echo "127.0.0.1 posture.test" >> /etc/hosts');
  });

  beforeEach(({ skip }) => skip(booted === null, 'no root with systemd could be booted here'));
  afterAll(() => booted?.remove());

  test('the server: installed, made by its own user, ready when systemd says so', () => {
    must('/usr/bin/dpkg', '--force-unsafe-io', '-i', inRoot(`drawbridge-server_${OLD}_amd64.deb`));
    expect(property('drawbridge-server', 'ActiveState')).toBe('inactive');
    server('init', '--name', 'posture.test');
    must('/usr/bin/systemctl', 'start', 'drawbridge-server');
    expect(property('drawbridge-server', 'ActiveState')).toBe('active');
    expect(sh(`stat -c '%U %a' ${DATA}`).trim()).toBe('drawbridge-server 700');
    // Ready is not only a word: it answers at once.
    expect(sh('ss -H -tln "sport = :8443"')).toContain('8443');
  });

  test('the agent: installed and enrolled without anybody at the keyboard; the secret does not stay', async () => {
    const token = String(JSON.parse(server('token', 'create', '--json')).token);
    sh(
      `ENROLL_URL=https://posture.test:8443 ENROLL_TOKEN=${token} dpkg --force-unsafe-io -i ${inRoot(`drawbridge_${OLD}_amd64.deb`)}`,
    );
    const connected = await expectSoon('connected', () => {
      const found = status();
      return found?.connection.state === 'connected' ? found : null;
    });
    device = String(connected.device);
    await expectSoon('invitation removed', () => !existsIn('/etc/drawbridge/enroll'));
    expect(
      sh(`grep -rl -- ${token.split('.')[1]} /etc /var/lib/drawbridge /var/log /run/agent.log || true`),
    ).toBe('');
    await expectSoon('its first report', () => devices().find((one) => one['id'] === device)?.['lastSeen']);
    expect(property('drawbridge', 'NotifyAccess')).toBe('all');
    expect(sh('cat /etc/xdg/autostart/drawbridge-tray.desktop')).toContain('Exec=drawbridge tray');
    expect(sh('head -c 8 /usr/share/icons/hicolor/48x48/apps/drawbridge.png')).toContain('PNG');
    expect(property('drawbridge', 'WatchdogTimestampMonotonic')).not.toBe('0');
  });

  const existsIn = (path: string) => machine.run('/usr/bin/test', '-e', path).code === 0;

  test('what the unit takes away changes no answer', async () => {
    await expectSoon('a report', () => reported().readings['agent']);
    const { out } = machine.run('/usr/bin/drawbridge', 'check', '--json');
    const here = (JSON.parse(out) as Reported).readings;
    const there = reported().readings;
    const states = (readings: Reported['readings']) =>
      Object.fromEntries(checkIds.map((id) => [id, readings[id]?.state]));
    expect(states(there)).toEqual(states(here));
    for (const id of ['disk-encryption', 'firewall', 'secure-boot', 'os-version', 'vpn-client'])
      expect(there[id]?.fact, id).toEqual(here[id]?.fact);
  });

  test('its files are what was installed, and it says when they are not', async () => {
    await expectSoon('integrity', () => agentFact()?.['integrity'] === true);
    sh('cp -a /usr/lib/drawbridge/keyring.node /run/ && printf x >> /usr/lib/drawbridge/keyring.node');
    restart();
    await expectSoon('a changed file is reported', () => agentFact()?.['integrity'] === false);
    sh('cp -a /run/keyring.node /usr/lib/drawbridge/');
    restart();
    await expectSoon('whole again', () => agentFact()?.['integrity'] === true);
  });

  test('what device management sets is in force without a restart, and the server hears of it', async () => {
    const pid = mainPid();
    sh("printf 'vpn: { allowedGateways: [vpn.example.org] }\\n' > /etc/drawbridge/managed.yaml");
    must('/usr/bin/systemctl', 'reload', 'drawbridge');
    await expectSoon('a report of it', () => String(agentFact()?.['managed']) === 'vpn.allowedGateways');
    sh('rm /etc/drawbridge/managed.yaml');
    must('/usr/bin/systemctl', 'reload', 'drawbridge');
    await expectSoon('nothing is managed', () => String(agentFact()?.['managed']) === '');
    expect(mainPid()).toBe(pid);
  });

  test('killed, it comes back and says so; hung, it is ended and comes back', async () => {
    const before = Number(agentFact()?.['crashes']);
    const pid = mainPid();
    sh(`kill -9 ${pid}`);
    await expectSoon('another process', () => mainPid() !== pid && mainPid() !== 0);
    await expectSoon('the crash in a report', () => Number(agentFact()?.['crashes']) === before + 1);
    sh(`mkdir -p /run/systemd/system/drawbridge.service.d &&
      printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/drawbridge.service.d/watchdog.conf &&
      systemctl daemon-reload`);
    restart();
    const hung = mainPid();
    sh(`kill -STOP ${hung}`);
    await expectSoon('systemd ended it', () => mainPid() !== hung && mainPid() !== 0);
    sh('rm /run/systemd/system/drawbridge.service.d/watchdog.conf && systemctl daemon-reload');
    restart();
  });

  describe('refused', () => {
    /** The environment of a process, as the kernel knows it. */
    const environmentOf = (pid: number) => sh(`tr '\\0' '\\n' < /proc/${pid}/environ`);

    test('code and trust by the manager’s environment', async () => {
      sh(`printf 'require("fs").writeFileSync("/run/evil","")' > /run/evil.cjs`);
      const evil = {
        NODE_OPTIONS: '--require=/run/evil.cjs',
        NODE_EXTRA_CA_CERTS: '/run/evil.pem',
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        NODE_REPL_EXTERNAL_MODULE: '/run/evil.cjs',
        LD_PRELOAD: '/run/evil.so',
        LD_LIBRARY_PATH: '/run',
        OPENSSL_CONF: '/run/evil.cnf',
      };
      const pairs = Object.entries(evil).map(([name, value]) => `${name}=${value}`);
      must('/usr/bin/systemctl', 'set-environment', ...pairs);
      try {
        expect(restart().code).toBe(0);
        const seen = environmentOf(mainPid());
        for (const name of Object.keys(evil)) expect(seen).not.toContain(`${name}=`);
      } finally {
        must('/usr/bin/systemctl', 'unset-environment', ...Object.keys(evil));
      }
      expect(existsIn('/run/evil')).toBe(false);
    });

    test('NODE_OPTIONS of whoever runs the command, and what lies in the working directory', () => {
      sh(`mkdir -p /run/hostile/node_modules/commander && cd /run/hostile &&
        printf 'require("fs").writeFileSync("/run/evil","")' | tee index.js main.js drawbridge.js node_modules/commander/index.js > evil.cjs &&
        printf '{"type":"commonjs","main":"evil.cjs"}' > package.json &&
        printf 'NODE_OPTIONS=--require=./evil.cjs' > .env && printf '{"nodeOptions":{"require":["./evil.cjs"]}}' > node.config.json &&
        NODE_OPTIONS=--require=./evil.cjs NODE_PATH=/run/hostile/node_modules drawbridge --version &&
        drawbridge check --json > /run/hostile/out || true`);
      expect(existsIn('/run/evil')).toBe(false);
      expect(sh('cat /run/hostile/out')).toContain('"risk"');
    });

    test('code and settings in the working directory of the daemon itself', async () => {
      const there = '/run/hostile-daemon';
      const unit = '/run/systemd/system/drawbridge.service.d/folder.conf';
      sh(`mkdir -p ${there}/node_modules/zod ${there}/state && cd ${there} &&
        printf 'require("fs").writeFileSync("/run/evil","")' | tee index.js main.cjs agent.js drawbridge.js node_modules/zod/index.js keyring.node > evil.cjs &&
        printf '{"type":"commonjs","main":"evil.cjs"}' > package.json &&
        printf 'NODE_OPTIONS=--require=./evil.cjs' > .env && printf '{"nodeOptions":{"require":["./evil.cjs"]}}' > node.config.json &&
        printf 'server: { url: "https://evil.test" }' | tee agent.yaml drawbridge.yaml > managed.yaml &&
        printf 'ENROLL_URL=https://evil.test\nENROLL_TOKEN=x' > enroll && printf '{}' > state/enrolment.json &&
        printf '{"drawbridge":"00"}' > installed.json && chown -R nobody . && chmod -R a+rwX .`);
      sh(`printf '[Service]\nWorkingDirectory=${there}\n' > ${unit} && systemctl daemon-reload`);
      try {
        expect(restart().code).toBe(0);
        expect(sh(`readlink /proc/${mainPid()}/cwd`).trim()).toBe(there);
        const connected = await expectSoon('connected', () => {
          const found = status();
          return found?.connection.state === 'connected' ? found : null;
        });
        expect(connected.device).toBe(device);
        await expectSoon('whole', () => agentFact()?.['integrity'] === true);
        expect(existsIn('/run/evil')).toBe(false);
        expect(existsIn(`${there}/enroll`)).toBe(true);
      } finally {
        sh(`rm ${unit} && systemctl daemon-reload`);
        restart();
      }
    });

    test('a debugger by SIGUSR1', async () => {
      const pid = mainPid();
      sh(`kill -USR1 ${pid}`);
      await wait(1_000);
      expect(sh('ss -H -tlnp')).not.toContain(`pid=${pid},`);
      expect(mainPid()).toBe(pid);
      expect(property('drawbridge', 'ActiveState')).toBe('active');
    });

    const words = () => sh('cat /run/agent.log');
    const expectRefused = async (spoil: string, mend: string, because: string) => {
      must('/usr/bin/systemctl', 'stop', 'drawbridge');
      sh(`: > /run/agent.log; ${spoil}`);
      try {
        machine.run('/usr/bin/systemctl', 'start', '--no-block', 'drawbridge');
        await expectSoon(because, () => words().includes(because));
        expect(property('drawbridge', 'ActiveState')).not.toBe('active');
      } finally {
        sh(mend);
      }
      must('/usr/bin/systemctl', 'restart', 'drawbridge');
      expect(property('drawbridge', 'ActiveState')).toBe('active');
    };

    test('settings that somebody else can write', async () => {
      const file = '/etc/drawbridge/agent.yaml';
      await expectRefused(`chown nobody ${file}`, `chown root ${file}`, `${file} belongs to user id`);
      await expectRefused(`chmod 666 ${file}`, `chmod 644 ${file}`, `Others can write to ${file}`);
      await expectRefused(
        'chmod 777 /etc/drawbridge',
        'chmod 755 /etc/drawbridge',
        'Others can write to /etc/drawbridge',
      );
    });

    test('a state folder behind a link, and one below a folder into which others write', async () => {
      const state = '/var/lib/drawbridge';
      await expectRefused(
        `mv ${state} /var/lib/elsewhere && ln -s /var/lib/elsewhere ${state}`,
        `rm ${state} && mv /var/lib/elsewhere ${state}`,
        `${state} is a link`,
      );
      await expectRefused('chmod 777 /var/lib', 'chmod 755 /var/lib', 'Others can write to /var/lib');
      await expectRefused(`chmod 777 ${state}`, `chmod 755 ${state}`, `Others can write to ${state}`);
    });
  });

  test('the tray serves the status page out of the executable, for a code that works once', async () => {
    // In place of the browser: whoever is asked to open the page's address writes it down.
    sh(`useradd --create-home employee && mkdir -p /run/browser && chown employee /run/browser &&
      printf '#!/bin/sh\nprintf %%s "$1" > /run/browser/url.part && mv /run/browser/url.part /run/browser/url\n' > /run/browser/open &&
      chmod 755 /run/browser/open && touch /usr/bin/xdg-open && mount --bind /run/browser/open /usr/bin/xdg-open`);
    sh(
      `cd / && setsid runuser -u employee -- dbus-run-session -- /usr/bin/drawbridge tray --open </dev/null >/run/browser/log 2>&1 &`,
    );
    const url = await expectSoon('the page is opened', () => {
      const { out } = machine.run('/bin/sh', '-c', 'cat /run/browser/url 2>/dev/null');
      return out === '' ? null : new URL(out);
    });
    const curl = (path: string, ...argv: string[]) =>
      must(
        '/usr/sbin/runuser',
        '-u',
        'employee',
        '--',
        'curl',
        '-s',
        '-w',
        '\n%{http_code} %{content_type}',
        ...argv,
        `${url.origin}${path}`,
      );
    const types = { '/': 'text/html', '/page.css': 'text/css', '/app.js': 'text/javascript' };
    for (const [path, type] of Object.entries(types)) expect(curl(path)).toMatch(`\n200 ${type}`);
    expect(curl('/')).toContain('src="/app.js"');
    expect(curl('/app.js')).toContain('/api/session');
    expect(curl('/api/view')).toMatch('\n401 ');
    const code = JSON.stringify({ code: url.hash.slice(1) });
    const exchange = () => curl('/api/session', '-H', 'Content-Type: application/json', '--data', code);
    const exchanged = exchange();
    expect(exchanged).toMatch('\n200 ');
    const { token } = JSON.parse(exchanged.split('\n')[0] ?? '') as { token: string };
    expect(exchange()).toMatch('\n401 ');
    expect(curl('/api/view', '-H', `Authorization: Bearer ${token}`)).toMatch(/"view":\{[\s\S]*\n200 /);
  });

  test('upgraded without a token it stays the device that it was', async () => {
    // The tray of before is nobody's to look at now.
    machine.run('/usr/bin/pkill', '-u', 'employee');
    const pid = mainPid();
    must('/usr/bin/dpkg', '--force-unsafe-io', '-i', inRoot(`drawbridge_${NEW}_amd64.deb`));
    expect(mainPid()).not.toBe(pid);
    await expectSoon('the new version reports', () => agentFact()?.['version'] === NEW);
    expect(status()?.device).toBe(device);
    await expectSoon('whole', () => agentFact()?.['integrity'] === true);
    expect(devices()).toHaveLength(1);
  });

  test('an older one over it is refused, and the newer one goes on', () => {
    const refused = machine.run('/usr/bin/dpkg', '-i', inRoot(`drawbridge_${OLD}_amd64.deb`));
    expect(refused.code).not.toBe(0);
    expect(refused.err).toContain(`drawbridge ${NEW} is newer than ${OLD}`);
    expect(sh('drawbridge --version').trim()).toBe(NEW);
    expect(property('drawbridge', 'ActiveState')).toBe('active');
  });

  test('removed it holds nothing and keeps its identity; purged nothing of it is left', () => {
    must('/usr/bin/dpkg', '-r', 'drawbridge');
    expect(machine.run('/usr/bin/systemctl', 'is-active', 'drawbridge').out.trim()).toBe('inactive');
    expect(sh('nft list tables')).not.toContain('drawbridge');
    expect(existsIn('/var/lib/drawbridge/enrolment.json')).toBe(true);
    must('/usr/bin/dpkg', '-P', 'drawbridge');
    const left = sh(
      `find /etc /usr/bin /usr/lib /usr/share /var /opt -path '*drawbridge*' ! -path '*drawbridge-server*' 2>/dev/null || true`,
    );
    expect(left.trim()).toBe('');
    expect(sh('readlink /proc/[0-9]*/exe || true')).not.toContain('/usr/lib/drawbridge/');
  });

  test('the gateway: installed with its hooks, waiting for settings; audits; runs; gone again', () => {
    must('/usr/bin/dpkg', '--force-unsafe-io', '-i', inRoot(`drawbridge-gateway_${OLD}_amd64.deb`));
    expect(property('drawbridge-gateway', 'ActiveState')).toBe('inactive');
    expect(sh('stat -c %a /usr/lib/drawbridge-gateway/updown /etc/ppp/ip-up.d/drawbridge').trim()).toBe(
      '755\n755',
    );
    const audited = machine.run('/usr/bin/drawbridge-gateway', 'audit', '/etc/freeradius/3.0', '--json');
    expect(JSON.parse(audited.out)[0]).toHaveProperty('todo');
    sh(`cd /etc/drawbridge &&
      printf 'servers: ["https://posture.test:8443"]\ncaFile: ca.pem\ncredentialFile: credential\nhelper: { tokenFile: helper-token }\n' > gateway.yaml &&
      touch ca.pem && printf 'gw.%s' ${'s'.repeat(32)} > credential && printf %s ${'t'.repeat(32)} > helper-token`);
    const [settled = ''] = guideBlocks('## Gateway');
    sh(
      `set -e\n${settled.replace('start drawbridge-gateway', '$& || { cat /run/gateway.log >&2; exit 1; }')}`,
    );
    expect(property('drawbridge-gateway', 'ActiveState')).toBe('active');
    expect(sh('nft list tables')).toContain('drawbridge_gateway');
    expect(sh('ss -H -tln "sport = :9813"')).toContain('127.0.0.1:9813');
    expect(sh(`stat -c %U /proc/${property('drawbridge-gateway', 'MainPID')}`).trim()).toBe(
      'drawbridge-gateway',
    );
    sh('chmod 644 /etc/drawbridge/helper-token');
    expect(machine.run('/usr/bin/systemctl', 'restart', 'drawbridge-gateway').code).not.toBe(0);
    must('/usr/bin/systemctl', 'stop', 'drawbridge-gateway');
    must('/usr/bin/dpkg', '-P', 'drawbridge-gateway');
    expect(existsIn('/etc/ppp/ip-up.d/drawbridge')).toBe(false);
  });

  test('the guide’s invitation in a file may come before any package', () => {
    const [, invitation = ''] = guideBlocks('## Laptops, silently');
    sh(`rm -rf /etc/drawbridge\n${invitation.replace('…', 'a.b.c')}`);
    expect(sh('stat -c "%a %U" /etc/drawbridge /etc/drawbridge/enroll')).toBe('755 root\n600 root\n');
    expect(sh('cat /etc/drawbridge/enroll')).toBe(
      'ENROLL_URL=https://posture.example.org:8443\nENROLL_TOKEN=a.b.c\n',
    );
  });

  test('the .rpm’s scripts start the service, and end it when it is removed', () => {
    sh(
      `rm -rf /etc/drawbridge; rpm --initdb && ENROLL_URL=https://posture.test:8443 ENROLL_TOKEN=a.b.c rpm -i --force-debian --nodeps ${inRoot(`drawbridge-${OLD}-1.x86_64.rpm`)}`,
    );
    expect(property('drawbridge', 'ActiveState')).toBe('active');
    expect(machine.run('/usr/bin/systemctl', 'is-enabled', 'drawbridge').out.trim()).toBe('enabled');
    expect(sh('stat -c "%a %U" /etc/drawbridge/enroll').trim()).toBe('600 root');
    sh('rpm -e --force-debian drawbridge');
    expect(machine.run('/usr/bin/systemctl', 'is-active', 'drawbridge').out.trim()).toBe('inactive');
    expect(existsIn('/usr/lib/drawbridge/drawbridge')).toBe(false);
    expect(existsIn('/var/lib/drawbridge')).toBe(true);
  });

  test('the server’s data goes only when it is purged', () => {
    must('/usr/bin/dpkg', '-r', 'drawbridge-server');
    expect(existsIn(`${DATA}/drawbridge.db`)).toBe(true);
    must('/usr/bin/dpkg', '-P', 'drawbridge-server');
    expect(existsIn(DATA)).toBe(false);
  });
});
