import { expect, test } from 'vitest';
import { NetworkManager } from '../../src/agent/network-manager-bus.ts';
import type { Bus, SignalRule } from '../../src/base/linux-bus.ts';

const NM = 'org.freedesktop.NetworkManager';
const PATH = '/org/freedesktop/NetworkManager/Settings/1';
const ACTIVE = '/org/freedesktop/NetworkManager/ActiveConnection/7';
const soon = AbortSignal.timeout(60_000);

type Listener = Parameters<Bus['listen']>[1];

/** A bus with a NetworkManager that has one connection, and may run it. */
class OneConnection {
  readonly asked: string[] = [];
  readonly #listeners: [SignalRule, Listener][] = [];
  name = 'corp';
  /** NMActiveConnectionState; null where it does not run. */
  state: number | null = 2;
  onDeactivate: () => void = () => {};

  readonly bus = {
    ask: async (place: { path: string }, member: string, _?: string, body: unknown[] = []) => {
      this.asked.push(member === 'Get' ? String(body[1]) : member);
      if (member === 'ListConnections') return [PATH];
      if (member === 'GetSettings') return { connection: { id: this.name } };
      if (member === 'GetAll' && place.path === ACTIVE) return this.#active();
      return { ActiveConnections: this.state === null ? [] : [ACTIVE], Filename: '/corp' }[String(body[1])];
    },
    call: async () => this.onDeactivate(),
    listen: async (rule: SignalRule, listener: Listener) => void this.#listeners.push([rule, listener]),
  } as unknown as Bus;

  #active(): unknown {
    const { state: State } = this;
    return State === null ? null : { Connection: PATH, Uuid: 'u', State, Default: false, Ip4Config: '/' };
  }

  says(member: string, path: string, ...body: unknown[]): void {
    for (const [rule, listener] of this.#listeners) if (rule.member === member) listener(body, NM, path);
  }

  async isNamed(manager: NetworkManager): Promise<unknown> {
    const [one] = await manager.connections();
    return one?.settings['connection']?.['id'];
  }
}

async function theOne(): Promise<{ one: OneConnection; manager: NetworkManager }> {
  const one = new OneConnection();
  return { one, manager: await NetworkManager.over(one.bus) };
}

test('what is set up is asked for once, and again when it has changed or is another NetworkManager’s', async () => {
  const { one, manager } = await theOne();
  const times = () => one.asked.filter((member) => member === 'GetSettings').length;
  await manager.connections();
  await manager.connections();
  expect(times()).toBe(1);
  one.name = 'home';
  one.says('Updated', PATH);
  expect(await one.isNamed(manager)).toBe('home');
  one.name = 'new';
  one.says('NameOwnerChanged', '/org/freedesktop/DBus');
  expect(await one.isNamed(manager)).toBe('new');
  expect(times()).toBe(3);
});

test('what it runs is asked for each time', async () => {
  const { one, manager } = await theOne();
  expect((await manager.connections())[0]?.active?.State).toBe(2);
  one.state = null;
  expect((await manager.connections())[0]?.active).toBe(null);
});

test('a connection has ended when it says so, and not before', async () => {
  const { one, manager } = await theOne();
  const [running] = await manager.actives();
  if (running === undefined) throw new Error('nothing runs');
  one.onDeactivate = () => {
    one.says('StateChanged', ACTIVE, 3, 0);
    setTimeout(() => one.says('StateChanged', ACTIVE, 4, 0), 20);
  };
  const started = performance.now();
  expect(await manager.end(running, 30_000, soon)).toBe(true);
  expect(performance.now() - started).toBeGreaterThan(15);
});

test('one that NetworkManager does not end, or will not, is told from one that is gone', async () => {
  const { one, manager } = await theOne();
  const [running] = await manager.actives();
  if (running === undefined) throw new Error('nothing runs');
  one.onDeactivate = () => {
    throw new Error('not active');
  };
  expect(await manager.end(running, 30, soon)).toBe(false);
  one.state = null;
  expect(await manager.end(running, 30_000, soon)).toBe(true);
});

test('settings that cannot be read are no settings', async () => {
  const { one, manager } = await theOne();
  one.state = null;
  const { ask } = one.bus;
  one.bus.ask = async (...asked) => (asked[1] === 'GetSettings' ? null : ask(...asked));
  await expect(manager.connections()).rejects.toThrow('GetSettings was not answered');
  one.bus.ask = ask;
  expect(await one.isNamed(manager)).toBe('corp');
});
