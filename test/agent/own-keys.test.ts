// The real agent and the real server: waiting for approval, and new keys while connected, cut off, and refused.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enrol } from '../../src/agent/enrol.ts';
import { enrolmentState, type EnrolmentState } from '../../src/agent/enrolment.ts';
import { openKeys } from '../../src/agent/key-choice.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { rotateKeys } from '../../src/agent/rotate.ts';
import { stateFile, type StateFile } from '../../src/agent/state-file.ts';
import { systemClock } from '../../src/base/clock.ts';
import { parseToken } from '../../src/wire/token.ts';
import { startRig, type Rig } from '../server/rig.ts';
import { eventually, keyHome, quiet, startAgent, temporaryFolder, type RunningAgent } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const choiceAt = (stateDir: string) =>
  ({ wanted: 'file', home: keyHome(stateDir), platform: 'linux', isRoot: true, hasSession: false }) as const;
const fileAt = (stateDir: string) => stateFile(statePaths(stateDir).enrolment, enrolmentState, quiet);
const routeTo = () => ({ url: new URL(rig.target.url), proxy: 'none' as const, env: {} });

async function enrolled(wanted: object = {}): Promise<{ folder: string; state: EnrolmentState }> {
  const folder = await temporaryFolder();
  const token = parseToken(await rig.token(wanted));
  if (!token.ok) throw new Error(token.error);
  const state = await enrol({
    route: routeTo(),
    token: token.value,
    file: fileAt(folder),
    keys: choiceAt(folder),
    host: { name: 'laptop', platform: 'linux', machine_id: null },
    clock: systemClock,
    again: false,
  });
  return { folder, state };
}

const rotation = (folder: string, file: StateFile<EnrolmentState> = fileAt(folder)) => ({
  route: routeTo(),
  file,
  home: keyHome(folder),
  clock: systemClock,
});
const rotate = (folder: string, file?: StateFile<EnrolmentState>) =>
  rotateKeys(rotation(folder, file), choiceAt(folder));

const isConnected = async (agent: RunningAgent) => (await agent.status())?.connection.state === 'connected';
const kidsOf = async (folder: string, slot: 'a' | 'b') =>
  (await (await openKeys({ kind: 'file', slot }, keyHome(folder)))?.publicJwks())?.report.x;

test('a device that waits goes on by itself once it is approved', async () => {
  const { folder, state } = await enrolled({ approval: true });
  expect(state.status).toBe('pending');
  const agent = startAgent(folder);
  await eventually('told to wait', async () => (await agent.status())?.enrolment === 'pending');
  await rig.admin.post(`/v1/devices/${state.device}/approve`);
  await eventually('connected', () => isConnected(agent));
  expect(await fileAt(folder).read()).toMatchObject({ status: 'enrolled' });
});

describe('new keys', () => {
  test('are taken by a running agent without a restart; nothing of the device is lost', async () => {
    const { folder, state } = await enrolled();
    const agent = startAgent(folder);
    await eventually('connected', () => isConnected(agent));
    const before = await kidsOf(folder, 'a');
    const after = await rotate(folder);
    expect(after).toMatchObject({
      device: state.device,
      ueid: state.ueid,
      keySlot: 'b',
      next: null,
      older: { slot: 'a' },
    });
    const since = rig.clock.now();
    await eventually(
      'heard anew',
      async () => Date.parse((await rig.document(state.device ?? '')).lastSeen ?? '') > since,
    );
    await eventually('connected', () => isConnected(agent));
    expect(await kidsOf(folder, 'b')).not.toBe(before);
    expect(await rig.audit()).toContainEqual(expect.stringMatching(`rotate keys ${state.device}$`));
    // And once more, back into the first place.
    expect(await rotate(folder)).toMatchObject({ keySlot: 'a', older: { slot: 'b' } });
    expect(await kidsOf(folder, 'a')).not.toBe(before);
  });

  test('that the server has and the record does not are found again by the agent itself', async () => {
    const { folder, state } = await enrolled();
    const file = fileAt(folder);
    const dying: StateFile<EnrolmentState> = {
      ...file,
      write: async (value) => (value.next === null ? Promise.reject(new Error('killed')) : file.write(value)),
    };
    await expect(rotate(folder, dying)).rejects.toThrow('killed');
    expect(await file.read()).toMatchObject({ keySlot: 'a', next: { slot: 'b' } });
    const agent = startAgent(folder);
    await eventually('connected', () => isConnected(agent));
    expect(await file.read()).toMatchObject({ keySlot: 'b', next: null, device: state.device });
  });

  test('of which the server never heard are no loss: the old ones count until then', async () => {
    const { folder } = await enrolled();
    const unreachable = { ...rotation(folder), route: { ...routeTo(), url: new URL('https://127.0.0.1:9') } };
    await expect(rotateKeys(unreachable, choiceAt(folder))).rejects.toMatchObject({ code: 'unreachable' });
    const before = await kidsOf(folder, 'b');
    expect(await rotate(folder)).toMatchObject({ keySlot: 'b', next: null });
    expect(await kidsOf(folder, 'b')).toBe(before);
  });

  test('a copy of the folder from before is told that it is old', async () => {
    const { folder, state } = await enrolled();
    const copy = await temporaryFolder();
    for (const name of ['enrolment.json', 'keys.json'])
      await writeFile(join(copy, name), await readFile(join(folder, name)), { mode: 0o600 });
    await rotate(folder);
    const thief = startAgent(copy);
    await eventually('refused', async () => {
      const connection = (await thief.status())?.connection;
      return connection?.state === 'offline' && connection.code === 'key_retired';
    });
    expect(await rig.audit()).toContain(`127.0.0.1 session refused key_retired ${state.device}`);
    await expect(rotate(copy)).rejects.toMatchObject({ code: 'key_retired' });
  });

  test('are not for who is not enrolled, waits, or has lost the old ones', async () => {
    const nobody = await temporaryFolder();
    await expect(rotate(nobody)).rejects.toMatchObject({ code: 'not_enrolled' });
    await expect(rotate((await enrolled({ approval: true })).folder)).rejects.toMatchObject({
      code: 'approval_pending',
    });
  });
});
