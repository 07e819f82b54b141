import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthyReadings, PLAIN_DISK } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, type Identity, type TestLink } from '../server/test-agent.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

const root = join(import.meta.dirname, '../..');
const cli = join(root, 'src/cli/drawbridge-server.ts');
const policy = join(root, 'src/policy/default-policy.yaml');

function command(...argv: string[]) {
  const done = spawnSync(process.execPath, [cli, ...argv], { encoding: 'utf8', timeout: 20_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

let folder: ServerFolder;
let server: ServerProcess;
let identity: Identity;
let link: TestLink;
const work = mkdtempSync(join(tmpdir(), 'drawbridge-cli-'));
const here = (...argv: string[]) => command(...argv, '--data', folder.path);

beforeAll(async () => {
  // `order` finds the running server by its settings, so it needs a port of its own.
  folder = serverFolder(18_453);
  server = await startServerProcess(folder.path);
  const enrolled = await enrol(server.target, folder.token(), { name: 'anna-laptop' });
  if (!isIdentity(enrolled)) throw new Error(JSON.stringify(enrolled));
  identity = enrolled;
  link = await connected(server.target, identity);
  const readings = healthyReadings(new Date().toISOString(), { 'disk-encryption': PLAIN_DISK });
  await link.report({ readings });
});

afterAll(async () => {
  await server.kill('SIGTERM');
  folder.remove();
  rmSync(work, { recursive: true });
});

describe('help', () => {
  test.each([
    [[]],
    [['init']],
    [['start']],
    [['token']],
    [['device']],
    [['order']],
    [['sessions']],
    [['breaker']],
    [['policy']],
  ])('%j teaches with examples', (argv) => {
    const { code, out } = command(...argv, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(argv[0] === 'start' ? /server\.yaml/ : /Examples?:/);
  });

  test('a wrong command is answered with the nearest', () => {
    expect(command('tokn')).toMatchObject({ code: 4, err: expect.stringContaining('token') });
  });
});

describe('tokens', () => {
  test('are made, shown once, listed without their secret, and revoked', () => {
    const made = here('token', 'create', '--uses', '5', '--valid', '7d', '--approval', '--note', 'roll-out');
    expect(made).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^tk_[\w-]{12}\.[\w-]{22}\.[\w-]{43}\n$/),
    });
    const [id = '', secret = ''] = made.out.split('.');
    const listed = here('token', 'list');
    expect(listed.out).toContain(id);
    expect(listed.out).toContain('roll-out');
    expect(listed.out).not.toContain(secret);
    expect(here('token', 'revoke', id).code).toBe(0);
    const after = JSON.parse(here('token', 'list', '--json').out) as { name: string; state: string }[];
    expect(after.find(({ name }) => name === id)).toMatchObject({ state: 'revoked', usesLeft: 5 });
  });

  test('a gateway’s credential is a bearer of its own', () => {
    const made = here('token', 'create', '--gateway', 'radius-1', '--json');
    expect(JSON.parse(made.out)).toMatchObject({
      name: 'radius-1',
      credential: expect.stringMatching(/^gw_[\w-]{12}\.[\w-]{22}$/),
    });
    expect(here('token', 'create', '--gateway', 'radius-1')).toMatchObject({
      code: 4,
      err: expect.stringContaining('already'),
    });
  });

  test.each([
    [['--valid', 'soon'], '90m, 24h or 7d'],
    [['--valid', '0h'], 'at least a minute'],
    [['--uses', 'many'], 'whole number'],
  ])('%j is refused with what would be right', (argv, says) => {
    expect(here('token', 'create', ...argv)).toMatchObject({ code: 4, err: expect.stringContaining(says) });
  });
});

describe('policy try', () => {
  const strict = () => {
    const file = join(work, 'strict.yaml');
    writeFileSync(file, readFileSync(policy, 'utf8').replace('medium: restrict', 'medium: deny'));
    return file;
  };

  test('shows who would move, and exits as asked', () => {
    const done = here('policy', 'try', strict());
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/anna-laptop\s+restrict\s+deny/) });
    expect(done.out).toContain('1 would lose access');
    expect(here('policy', 'try', strict(), '--fail-on', 'lose').code).toBe(2);
    expect(here('policy', 'try', policy, '--fail-on', 'less').code).toBe(0);
    expect(here('policy', 'try', strict(), '--fail-on', 'rain').code).toBe(4);
    expect(JSON.parse(here('policy', 'try', strict(), '--json').out)).toMatchObject({ losing: 1 });
  });
});

describe('fairness', () => {
  test('break-glass lets a device in and ends, with the reason on record', async () => {
    const id = identity.device;
    expect(here('device', id, 'break-glass', '--hours', '1')).toMatchObject({
      code: 4,
      err: expect.stringContaining('--reason'),
    });
    expect(here('device', id, 'break-glass', '--hours', '1', '--reason', 'on site').code).toBe(0);
    const access = () => JSON.parse(here('device', id, '--json').out).decision.access;
    await expect.poll(access, { timeout: 20_000 }).toBe('allow');
    expect(here('device', 'break-glass', id, '--end').code).toBe(0);
    await expect.poll(access, { timeout: 20_000 }).toBe('restrict');
  });

  test('tags and the breaker', () => {
    expect(here('device', identity.device, 'tag', '--add', 'pilot').code).toBe(0);
    expect(here('breaker')).toMatchObject({ code: 0, out: expect.stringContaining('At rest') });
    expect(here('breaker', 'confirm', '--reason', 'x')).toMatchObject({
      code: 4,
      err: expect.stringContaining('nothing to confirm'),
    });
  });
});

describe('devices', () => {
  test('are shown by the running server, as table and as JSON', () => {
    const { out } = here('devices');
    expect(out).toContain('anna-laptop');
    expect(out).toContain('online');
    expect(out).not.toContain('\u001B');
    expect(JSON.parse(here('devices', '--json').out)).toMatchObject([
      { id: identity.device, connected: true, access: 'restrict' },
    ]);
  });

  test('one is shown whole, and why', () => {
    const { code, out } = here('device', identity.device, '--why');
    expect(code).toBe(0);
    for (const words of [
      'anna-laptop',
      'disk-encryption',
      'not encrypted',
      'Risk: medium',
      'restrict since',
      'How the decision came about',
      'What would make it allow',
      'Decided',
    ]) {
      expect(out).toContain(words);
    }
    const document = JSON.parse(here('device', identity.device, '--json').out);
    expect(Object.keys(document).slice(0, 5)).toEqual(['device', 'readings', 'verdicts', 'risk', 'decision']);
  });

  test('what happened to one is shown in its order', () => {
    const { code, out } = here('device', identity.device, '--timeline');
    expect(code).toBe(0);
    expect(out).toMatch(/decision +restrict: .*not encrypted/);
    const { timeline } = JSON.parse(here('device', identity.device, '--timeline', '--json').out);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: 'decision' }));
  });

  test('one that is not there is told so', () => {
    const nobody = '01930000-0000-7000-8000-000000000000';
    expect(here('device', nobody)).toMatchObject({ code: 4, err: expect.stringContaining('no device') });
    expect(here('device', 'approve', nobody)).toMatchObject({
      code: 4,
      err: expect.stringContaining('no device'),
    });
    expect(here('device', 'approve', identity.device)).toMatchObject({
      code: 4,
      err: expect.stringContaining('nothing to approve'),
    });
  });

  test('a scan is ordered through the running server', async () => {
    expect(here('order', 'scan', identity.device)).toMatchObject({ code: 0 });
    expect(await link.order()).toMatchObject({ oc2: { action: 'scan' } });
  });

  test('revoking takes hold of the running server', async () => {
    expect(here('device', 'revoke', identity.device).code).toBe(0);
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
  });

  test('are shown from the database while no server runs', async () => {
    await server.kill('SIGTERM');
    expect(here('devices').out).toContain('revoked');
    expect(here('device', identity.device).out).toContain('not connected');
    expect(here('order', 'scan', identity.device)).toMatchObject({
      code: 4,
      err: expect.stringContaining('does not run'),
    });
  });
});

describe('sessions', () => {
  test('are told to be none, and mistakes in what is asked are named', () => {
    expect(here('sessions')).toMatchObject({ code: 0, out: expect.stringContaining('No session is up') });
    expect(JSON.parse(here('sessions', '--json', '--ended').out)).toEqual([]);
    const wrong = here('sessions', '--address', 'ten.nine', '--at', '2026-11-20T10:00:00Z');
    expect(wrong).toMatchObject({ code: 4, err: expect.stringContaining('IP address') });
    expect(here('sessions', '--at', 'noon')).toMatchObject({ code: 4, err: expect.stringContaining('--at') });
  });
});

describe('policy check', () => {
  test('is content with the default', () => {
    expect(command('policy', 'check', policy)).toMatchObject({
      code: 0,
      out: expect.stringContaining('is good'),
    });
  });

  test('names a mistake with line, column and what would be right', () => {
    const file = join(work, 'policy.yaml');
    copyFileSync(policy, file);
    writeFileSync(file, readFileSync(file, 'utf8').replace('  firewall:', '  firewal:'));
    const done = command('policy', 'check', file);
    expect(done).toMatchObject({
      code: 1,
      err: expect.stringMatching(/policy\.yaml:\d+:3: .*did you mean "firewall"/),
    });
    expect(JSON.parse(command('policy', 'check', file, '--json').out)).toMatchObject({
      ok: false,
      problems: [expect.any(String)],
    });
  });
});

describe('start', () => {
  test('ends with 4 and one sentence where it cannot', () => {
    expect(command('start', '--data', join(work, 'nowhere'))).toMatchObject({
      code: 4,
      out: '',
      err: expect.stringContaining('drawbridge-server init'),
    });
  });
});

test('the schemas of everything that travels are printed as JSON Schema', () => {
  const done = spawnSync(process.execPath, [join(root, 'src/cli/schemas.ts')], { encoding: 'utf8' });
  const { wire, facts, files } = JSON.parse(done.stdout);
  expect(wire.reportClaims).toMatchObject({
    type: 'object',
    properties: { kind: { enum: expect.arrayContaining(['heartbeat']) } },
  });
  expect(facts['disk-encryption']).toMatchObject({ properties: { system: expect.anything() } });
  expect(files.policy.properties.checks.properties).toHaveProperty('firewall');
  expect(files.policy.properties.expressions).toHaveProperty('default', []);
  expect(files.server.properties).toHaveProperty('listen');
});
