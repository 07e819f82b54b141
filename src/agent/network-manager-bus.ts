import { z } from 'zod';
import type { Bus, Place } from '../base/linux-bus.ts';

const SERVICE = 'org.freedesktop.NetworkManager';
const ROOT = '/org/freedesktop/NetworkManager';
const at = (path: string, kind = ''): Place => ({ service: SERVICE, path, interface: `${SERVICE}${kind}` });
const MANAGER = at(ROOT);
const SETTINGS = at(`${ROOT}/Settings`, '.Settings');
const PROPERTIES = (place: Place): Place => ({ ...place, interface: 'org.freedesktop.DBus.Properties' });

const path = z.string().max(300);
const paths = z.array(path).max(500);
const settings = z.record(z.string(), z.record(z.string(), z.unknown()));
const active = z.object({
  Connection: path,
  Uuid: z.string().max(100),
  State: z.number(),
  Default: z.boolean().catch(false),
  Ip4Config: path.catch('/'),
});
const ip4 = z.object({
  AddressData: z.array(z.object({ address: z.string(), prefix: z.number() })).catch([]),
  NameserverData: z.array(z.object({ address: z.string() })).catch([]),
});

/** What is set up, and the file that it stands in. */
type SetUp = { settings: z.infer<typeof settings>; file: string };

/** One connection that is set up, and that it runs, where it does. */
export type Connection = SetUp & { active: Active | null };
export type Active = z.infer<typeof active> & { path: string };
export type Addresses = z.infer<typeof ip4>;

/** NMActiveConnectionState */
const DEACTIVATED = 4;

/** Milliseconds between questions whether a connection has ended, should it not be told. */
const ASK_AGAIN_MS = 100;

/** NetworkManager, over one connection to the bus. Its methods reject where it does not answer as it should. */
export class NetworkManager {
  readonly #bus: Bus;
  /** By path; what NetworkManager says to have changed is forgotten. */
  readonly #setUp = new Map<string, Promise<SetUp>>();
  /** Who waits for the end of an active connection, by its path. */
  readonly #waiting = new Map<string, () => void>();

  private constructor(bus: Bus) {
    this.#bus = bus;
  }

  static async over(bus: Bus): Promise<NetworkManager> {
    const manager = new NetworkManager(bus);
    await manager.#listen();
    return manager;
  }

  /** Resolves when the bus is gone. */
  get ended(): Promise<string> {
    return this.#bus.ended;
  }

  /** Whether the connection keeps the process going. */
  hold(isUsed: boolean): void {
    this.#bus.hold(isUsed);
  }

  /** What is set up is to be asked for again. */
  forget(): void {
    this.#setUp.clear();
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  async connections(): Promise<Connection[]> {
    const [all, running] = await Promise.all([this.#call(SETTINGS, 'ListConnections'), this.actives()]);
    return Promise.all(
      paths.parse(all).map(async (one) => ({
        ...(await this.#setUpAt(one)),
        active: running.find(({ Connection: of }) => of === one) ?? null,
      })),
    );
  }

  /** One that has ended while it was asked about is none. */
  async actives(): Promise<Active[]> {
    const all = await this.#call(PROPERTIES(MANAGER), 'Get', 'ss', [MANAGER.interface, 'ActiveConnections']);
    const found = await Promise.all(paths.parse(all).map((one) => this.#activeAt(one)));
    return found.filter((one) => one !== null);
  }

  async addresses({ Ip4Config: one }: Active): Promise<Addresses> {
    const place = at(one, '.IP4Config');
    const seen =
      one === '/' ? null : await this.#bus.ask(PROPERTIES(place), 'GetAll', 's', [place.interface]);
    return ip4.parse(seen ?? {});
  }

  /** Answers whether it has ended within that many milliseconds. */
  async end({ path: one }: Active, withinMs: number, limit: AbortSignal): Promise<boolean> {
    const told = new Promise<void>((resolve) => this.#waiting.set(one, resolve));
    try {
      // It may be ending already, which is an error to ask for; whether it ends is seen.
      await this.#bus.call(MANAGER, 'DeactivateConnection', 'o', [one]).catch(() => {});
      const by = performance.now() + withinMs;
      while (!limit.aborted && performance.now() < by) {
        const now = await this.#activeAt(one);
        if (now === null || now.State === DEACTIVATED) return true;
        if (await Promise.race([told.then(() => true), soon(ASK_AGAIN_MS)])) return true;
      }
      return false;
    } finally {
      this.#waiting.delete(one);
    }
  }

  /** What is said comes before every later answer, so that nothing is taken for current that is not. */
  async #listen(): Promise<void> {
    const changed = { interface: `${SERVICE}.Settings.Connection`, sender: SERVICE };
    const forget = (_: unknown, __: string, one: string) => void this.#setUp.delete(one);
    const stateChanged = {
      interface: `${SERVICE}.Connection.Active`,
      member: 'StateChanged',
      sender: SERVICE,
    };
    await Promise.all([
      this.#bus.listen({ ...changed, member: 'Updated' }, forget),
      this.#bus.listen({ ...changed, member: 'Removed' }, forget),
      this.#bus.listen(OWNER_CHANGED, () => this.forget()),
      this.#bus.listen(stateChanged, ([state], _, one) => {
        if (state === DEACTIVATED) this.#waiting.get(one)?.();
      }),
    ]);
  }

  #setUpAt(one: string): Promise<SetUp> {
    const seen = this.#setUp.get(one);
    if (seen !== undefined) return seen;
    const reading = this.#readSetUp(one);
    this.#setUp.set(one, reading);
    reading.catch(() => {
      if (this.#setUp.get(one) === reading) this.#setUp.delete(one);
    });
    return reading;
  }

  async #readSetUp(one: string): Promise<SetUp> {
    const place = at(one, '.Settings.Connection');
    const [all, file] = await Promise.all([
      this.#call(place, 'GetSettings'),
      this.#bus.ask(PROPERTIES(place), 'Get', 'ss', [place.interface, 'Filename']),
    ]);
    return { settings: settings.parse(all), file: typeof file === 'string' ? file : '' };
  }

  async #activeAt(one: string): Promise<Active | null> {
    const place = at(one, '.Connection.Active');
    const seen = await this.#bus.ask(PROPERTIES(place), 'GetAll', 's', [place.interface]);
    return seen === null ? null : { ...active.parse(seen), path: one };
  }

  /** One that does not run is not started. */
  async #call(place: Place, member: string, signature?: string, body?: unknown[]): Promise<unknown> {
    const answer = await this.#bus.ask(place, member, signature, body);
    if (answer === null) throw new Error(`${member} was not answered`);
    return answer;
  }
}

/** Another NetworkManager has the same paths for other connections. */
const OWNER_CHANGED = {
  interface: 'org.freedesktop.DBus',
  member: 'NameOwnerChanged',
  sender: 'org.freedesktop.DBus',
  arg0: SERVICE,
};

function soon(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false));
}
