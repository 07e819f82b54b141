import type { Host, Output } from '../../collectors/check.ts';
import { BOOK } from '../../src/agent/vpn/windows-book.ts';
import { powershell, type Command } from '../../src/base/commands.ts';
import { err, ok } from '../../src/base/result.ts';
import { emptyHost } from './machine.ts';

export type Rule = { name: string; direction: number; protocol: number; [property: string]: unknown };
type Connection = {
  Name: string;
  ServerAddress: string;
  TunnelType: string;
  L2tpIPsecAuth: string | null;
  SplitTunneling: boolean;
  IPSecCustomPolicy?: unknown;
};
type Session = { name: string; up: boolean; addresses: string[] };
type Told = Record<string, unknown> & { name: string; names: string[]; rules: Rule[]; gateways: Gateway[] };
type Gateway = { name: string; rules: Rule[] };
type Answer = { ok: boolean; ms: number } & Record<string, unknown>;

export const failed = (fqid: string, hresult = -2146233087): Answer => ({
  ok: false,
  ms: 1,
  fqid,
  hresult,
  message: '',
});

/**
 * A Windows machine made by hand: it takes the questions and steps of a script in the script's own order, as its
 * PowerShell would, and writes down what happens. It proves nothing about Windows itself.
 */
export function windowsMachine() {
  const events: string[] = [];
  const state = {
    connections: [] as Connection[],
    people: [] as { user: string | null; text: string }[],
    sessions: [] as Session[],
    rules: [] as Rule[],
    disabled: new Set<string>(),
    managed: [] as string[],
    hosts: {} as Record<string, string[]>,
    firewallOn: [true, true, true],
    /** Which profiles isolation turned on. */
    wasOff: null as boolean[] | null,
    modifyState: 0,
    book: null as string | null,
    /** Sessions that rasdial cannot end. */
    stubborn: new Set<string>(),
    certificates: [] as string[],
    dialCode: 0,
    /** Whether a connection that is removed stays all the same. */
    sticky: false,
    /** Steps that end in an error. */
    broken: new Map<string, Answer>(),
    scripts: [] as { script: string; told: string; argv: readonly string[] }[],
    powershell: null as Output | null,
  };
  const done = (data: unknown = null): Answer => ({ ok: true, ms: 1, data });
  const addRule = (rule: Rule) => {
    events.push(`block ${rule.name}`);
    state.rules.push({ ...rule });
  };
  const notes = (group: unknown): Rule[] =>
    state.wasOff !== null && group === 'Drawbridge isolation'
      ? [{ name: `${group} off Public`, direction: 2, protocol: 256 }]
      : [];
  const hangUp = (name: string) => {
    events.push(`hang up ${name}`);
    if (!state.stubborn.has(name)) state.sessions = state.sessions.filter((one) => one.name !== name);
    return { name, code: state.stubborn.has(name) ? 5 : 0 };
  };
  const steps: Record<string, (told: Told, answers: Record<string, Answer>) => Answer> = {
    block: ({ rules, group }) => (rules.forEach((rule) => addRule({ ...rule, group })), done()),
    cut({ names, cutName, group }) {
      const cut = state.sessions.filter(({ name }) => names.includes(name));
      const addresses = cut.flatMap((one) => one.addresses.flatMap((address) => [address, address]));
      for (const [index, localAddresses] of addresses.entries())
        addRule({
          name: String(cutName).replace('{0}', String(index + 1)),
          direction: (index % 2) + 1,
          protocol: 256,
          localAddresses,
          group,
        });
      return done(cut);
    },
    gateways({ gateways, group }) {
      const found = gateways.map(({ name, rules }) => {
        const addresses = state.hosts[name] ?? [];
        if (addresses.length > 0)
          for (const rule of rules) addRule({ ...rule, group, remoteAddresses: addresses.join(',') });
        return { name, addresses };
      });
      return done(found);
    },
    replaced({ rules, cutName }) {
      const generation = rules[0]?.name.split(' ').at(-2) ?? String(cutName).split(' ').at(-3) ?? '';
      const added = events.filter((event) => event.startsWith('block ')).length;
      if (added > 0) state.rules = state.rules.filter(({ name }) => name.includes(generation));
      return done();
    },
    hungUp: ({ names }) => done(names.map(hangUp)),
    blocked({ group, rules }) {
      if (rules === undefined) return done();
      const added = rules.map(({ name }) => name);
      for (const rule of rules) addRule({ ...rule, group });
      state.rules = state.rules.filter((rule) => rule['group'] !== group || added.includes(rule.name));
      state.wasOff ??= state.firewallOn.includes(false) ? state.firewallOn : null;
      state.firewallOn = [true, true, true];
      return done();
    },
    lifted({ group, lift }) {
      if (group === 'Drawbridge isolation' && lift !== true) return done();
      state.rules = state.rules.filter((rule) => rule['group'] !== group);
      if (state.wasOff !== null) state.firewallOn = state.wasOff;
      state.wasOff = null;
      return done();
    },
    removed({ name }) {
      events.push(`remove ${name}`);
      if (state.sticky) return done();
      state.connections = state.connections.filter(({ Name }) => Name !== name);
      state.book =
        state.book
          ?.split(/^(?=\[)/m)
          .filter((entry) => !entry.startsWith(`[${name}]`))
          .join('') ?? null;
      return done();
    },
    managed: () => done(state.managed.map((InstanceID) => ({ InstanceID }))),
    certificate: ({ thumbprint }) =>
      thumbprint === null || state.certificates.includes(String(thumbprint))
        ? done()
        : failed('PathNotFound'),
    set: (told, answers) => setConnection(told, answers),
    dialled({ up, name }, answers) {
      if (up !== true || answers['set']?.ok !== true) return done();
      events.push(`dial ${name}`);
      if (state.dialCode === 0) state.sessions.push({ name, up: true, addresses: ['10.8.0.9'] });
      return done({ code: state.dialCode });
    },
    vpnConnections: () =>
      done(
        state.connections.map((one) => ({
          ...one,
          AllUserConnection: true,
          ConnectionStatus: 'Disconnected',
        })),
      ),
    phonebooks: () => done(state.people),
    rasParameters: () => done({ ProhibitIPSec: null }),
    sessions: () => done(state.sessions),
    firewall: ({ group }) =>
      done({
        rules: [...state.rules.filter((rule) => rule['group'] === group), ...notes(group)].map((rule) => ({
          Name: rule.name,
          Description: rule['description'] ?? null,
          Direction: rule.direction,
          Protocol: rule.protocol,
          Action: 0,
          Enabled: !state.disabled.has(rule.name),
        })),
        modifyState: state.modifyState,
        profiles: [1, 2, 4].map((profile, index) => ({
          profile,
          current: profile === 4,
          enabled: state.firewallOn[index],
        })),
      }),
  };
  const setConnection = (told: Told, answers: Record<string, Answer>): Answer => {
    if (answers['certificate']?.ok !== true) return failed('no-certificate');
    if (answers['managed']?.ok !== true && !/0x800410(?:0e|10)\b/.test(String(answers['managed']?.['fqid'])))
      return failed('ownership-unknown');
    if (state.managed.includes(told.name)) return failed('managed-profile');
    if (state.sessions.some(({ name }) => name === told.name)) hangUp(told.name);
    events.push(`set ${told.name}`);
    if (state.book?.includes(`[${told.name}]`) !== true)
      state.book = (state.book ?? '') + bookEntry(told.name, String(told['server']));
    state.connections = [
      ...state.connections.filter(({ Name }) => Name !== told.name),
      {
        Name: told.name,
        ServerAddress: String(told['server']),
        TunnelType: 'L2tp',
        L2tpIPsecAuth: told['psk'] === null ? 'Certificate' : 'Psk',
        SplitTunneling: told['splitTunneling'] === true,
        IPSecCustomPolicy: told['suites'],
      },
    ];
    return done();
  };
  const run: Host['run'] = async (command: Command, argv, options = {}) => {
    if (command.path !== powershell.path) return { stdout: '', stderr: '', code: null, failure: 'not-found' };
    if (state.powershell !== null) return state.powershell;
    const lines = (options.stdin ?? '').trimEnd().split('\n');
    const told = lines.at(-1) ?? '';
    const script = lines.slice(0, -1).join('\n');
    state.scripts.push({ script, told, argv });
    const answers: Record<string, Answer> = {};
    for (const [, name = ''] of script.matchAll(/^probe '(\w+)'/gm))
      answers[name] =
        state.broken.get(name) ?? steps[name]?.(JSON.parse(told) as Told, answers) ?? failed('NoSuchStep');
    const document = { schema: 1, startedAt: '2026-11-28T12:00:00Z', probes: answers };
    return { stdout: JSON.stringify(document), stderr: '', code: 0, failure: null };
  };
  const readBytes: Host['readBytes'] = async (path) =>
    path === BOOK && state.book !== null ? ok(Buffer.from(state.book, 'utf8')) : err('missing');
  const host: Host = {
    ...emptyHost(),
    run,
    readBytes,
    readText: async (path) => {
      const bytes = await readBytes(path);
      return bytes.ok ? ok(Buffer.from(bytes.value).toString('utf8')) : bytes;
    },
  };
  return { host, state, events };
}

/** An entry of a phone book; L2TP only. */
export function bookEntry(name: string, gateway: string): string {
  return `[${name}]\r\nEncoding=1\r\nType=2\r\nVpnStrategy=3\r\nIpPrioritizeRemote=1\r\nIpSecFlags=1\r\nPhoneNumber=${gateway}\r\n\r\n`;
}

export function connection(
  Name: string,
  ServerAddress: string,
  change: Partial<Connection> = {},
): Connection {
  return { Name, ServerAddress, TunnelType: 'L2tp', L2tpIPsecAuth: 'Psk', SplitTunneling: false, ...change };
}
