import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { rawFromDocument, type ReadManaged } from '../../src/agent/managed-raw.ts';
import { err, ok } from '../../src/base/result.ts';
import { managedFindings } from '../../src/cli/agent-doctor-managed.ts';
import { loadSettings } from '../../src/cli/agent-settings.ts';
import { eventually, readStatus, startAgent, temporaryFolder } from '../agent/harness.ts';

const says =
  (document: Record<string, unknown>): ReadManaged =>
  async () =>
    ok(rawFromDocument('/etc/drawbridge/managed.yaml', document));

async function load(yaml: string, read: ReadManaged, state?: string) {
  const folder = await temporaryFolder();
  const config = join(folder, 'agent.yaml');
  await writeFile(config, yaml);
  return loadSettings({ config, state: state ?? folder }, 'linux', folder, read);
}

const findings = async (yaml: string, document: Record<string, unknown>) =>
  managedFindings(await load(yaml, says(document))).map(
    ({ name, level, found, todo }) => `${level} ${name}: ${found}${todo === null ? '' : ` -> ${todo}`}`,
  );

describe('doctor', () => {
  test('names each setting of management, and each of the file that it overrides', async () => {
    const yaml = 'vpn: { mode: observe, allowedGateways: [own.example] }\n';
    const document = {
      vpn: { mode: 'enforce', allowedGateways: ['a.example', 'b.example'] },
      tray: { enabled: false },
    };
    expect(await findings(yaml, document)).toEqual([
      'ok management: 3 settings from /etc/drawbridge/managed.yaml',
      'ok managed: vpn.mode: enforce; the settings file’s observe is overridden',
      'ok managed: vpn.allowedGateways: a.example, b.example; the settings file’s own.example is overridden',
      'ok managed: tray.enabled: false',
    ]);
  });

  test('fails on what makes no sense, and warns of what holds in its place', async () => {
    expect(await findings('', { vpn: { allowedGateways: 5 }, later: 1 })).toEqual([
      'warn managed: vpn.allowedGateways: none, since what management says makes no sense',
      'warn management: unknown setting "later" -> Put it right in the device management (/etc/drawbridge/managed.yaml).',
      'fail management: vpn.allowedGateways: has to be a list of at most 64, given 5 -> Put it right in the device management (/etc/drawbridge/managed.yaml).',
    ]);
  });

  test('never shows a token, and says nothing where nothing is managed', async () => {
    const token = 'abcdefgh.AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB';
    const said = await findings('', { enrolment: { url: 'https://a.example', token } });
    expect(said.join('\n')).not.toContain('AAAA');
    expect(said).toContain('ok managed: enrolment.token: given');
    expect(managedFindings(await load('', async () => ok(null)))).toEqual([]);
  });
});

describe('a source that cannot be read', () => {
  const broken: ReadManaged = async () => err('/etc/drawbridge/managed.yaml is a symbolic link');

  test('ends every command the first time, and says why', async () => {
    await expect(load('', broken)).rejects.toThrow(
      'is not known from before. /etc/drawbridge/managed.yaml is a symbolic link',
    );
  });

  test('changes nothing once an agent has run with it', async () => {
    const state = await temporaryFolder();
    const { managed } = await load('', says({ vpn: { allowedGateways: ['a.example'] } }), state);
    const agent = startAgent(state, { managed });
    await eventually('status', async () => (await agent.status())?.managed);
    await agent.stop();
    const { config, managed: now } = await load('vpn: { allowedGateways: [own.example] }\n', broken, state);
    expect(config.vpn.allowedGateways).toEqual(['a.example']);
    expect(now.problems).toEqual([
      { kind: 'wrong', message: '/etc/drawbridge/managed.yaml is a symbolic link' },
    ]);
  });

  test('what was kept and is damaged counts as nothing', async () => {
    const state = await temporaryFolder();
    await writeFile(statePaths(state).managed, '[1');
    await expect(load('', broken, state)).rejects.toThrow('not known from before');
  });
});

test('a running agent says in its status what is managed', async () => {
  const { managed } = await load('', says({ log: { level: 'silent' }, vpn: { mode: 'x' } }));
  const folder = await temporaryFolder();
  startAgent(folder, { managed });
  const status = await eventually('status', async () => (await readStatus(folder))?.managed);
  expect(status).toEqual({
    source: '/etc/drawbridge/managed.yaml',
    settings: ['vpn.mode', 'log.level'],
    problems: ['vpn.mode: has to be one of auto, enforce, observe, given "x"'],
  });
});
