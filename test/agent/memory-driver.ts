// A VPN client in memory: it has profiles, sessions and a block, and behaves as the contract of `VpnDriver` says.
import {
  VpnFailure,
  type SeenProfile,
  type VpnDriver,
  type VpnState,
  type VpnWanted,
} from '../../src/agent/vpn/driver.ts';

type Profile = { gateway: string; up: boolean };

export class MemoryDriver implements VpnDriver {
  readonly profiles = new Map<string, Profile>();
  /** Null: no block; `all` or the profiles that it covers. */
  block: 'all' | readonly string[] | null = null;
  /** What was asked, in order. */
  readonly asked: string[] = [];
  /** Called before each act; may wait or throw. */
  before: (want: VpnWanted, signal: AbortSignal | undefined) => Promise<void> | void = () => {};
  restored = 0;

  constructor(names: readonly string[] = ['office']) {
    for (const name of names) this.profiles.set(name, { gateway: 'vpn.example.com', up: false });
  }

  /** As a user would; false when the block forbids it. */
  dial(name: string): boolean {
    const profile = this.profiles.get(name);
    if (profile === undefined || this.#isBlocked(name)) return false;
    profile.up = true;
    return true;
  }

  isUp(name: string): boolean {
    return this.profiles.get(name)?.up === true;
  }

  async inspect(): Promise<VpnState> {
    const profiles = [...this.profiles].map(([name, one]) => this.#seen(name, one));
    const live = profiles.filter(({ state }) => state === 'up');
    return {
      profiles,
      block: this.block === null ? 'none' : 'holding',
      interfaces: live.map((_, index) => `ppp${index}`),
      collateral: [],
      problems: [],
    };
  }

  async apply(want: VpnWanted, signal?: AbortSignal): Promise<VpnState> {
    this.asked.push(want.state === 'set' ? `set ${want.profile.name}${want.up ? ' up' : ''}` : want.state);
    await this.before(want, signal);
    signal?.throwIfAborted();
    if (want.state === 'allowed') this.block = null;
    if (want.state === 'denied') this.#deny(want.profiles);
    if (want.state === 'set') {
      const { name, gateway } = want.profile;
      this.profiles.set(name, { gateway, up: false });
      if (want.up && !this.dial(name)) throw new VpnFailure('blocked', 500, await this.inspect());
    }
    return this.inspect();
  }

  async restore(): Promise<void> {
    this.restored += 1;
  }

  #deny(profiles: readonly string[] | null): void {
    this.block = profiles === null ? 'all' : [...profiles];
    for (const [name, profile] of this.profiles) if (this.#isBlocked(name)) profile.up = false;
  }

  #isBlocked(name: string): boolean {
    return this.block === 'all' || this.block?.includes(name) === true;
  }

  #seen(name: string, { gateway, up }: Profile): SeenProfile {
    return {
      id: name,
      name,
      backend: 'memory',
      scope: 'system',
      gateway,
      auth: 'psk',
      suites: null,
      ipsec: true,
      allTraffic: null,
      dns: null,
      mtu: null,
      enabled: true,
      state: up ? 'up' : this.#isBlocked(name) ? 'denied' : 'down',
      since: null,
      address: null,
      interface: up ? 'ppp0' : null,
      secretsReadableByUser: null,
    };
  }
}
