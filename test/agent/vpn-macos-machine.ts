import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host, Output } from '../../collectors/check.ts';
import { pfctl, plutil, profiles, scutil } from '../../src/base/commands.ts';
import { emptyHost } from './machine.ts';

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '../fixtures/vpn-client/macos', name), 'utf8');

export const OFFICE = '0A1B2C3D-0000-4000-8000-00000000000A';
export const OLD = '0A1B2C3D-0000-4000-8000-00000000000B';
export const OFFICE_NAME = 'Head office: "A" & B';

const output = (change: Partial<Output> = {}): Output => ({
  stdout: '',
  stderr: '',
  code: 0,
  failure: null,
  ...change,
});

/** The rules that every Mac loads from /etc/pf.conf, as pfctl shows them. */
const MAIN = 'scrub-anchor "com.apple/*" all fragment reassemble\nanchor "com.apple/*" all\n';
const NOISE = 'No ALTQ support in kernel\nALTQ related functions disabled\n';

/**
 * A Mac made by hand: scutil, plutil and profiles answer as captured, pfctl as its manual says. It writes down what
 * happens, and proves nothing about macOS itself.
 */
export function mac() {
  const events: string[] = [];
  const state = {
    up: true,
    stubborn: false,
    anchors: new Map<string, string[]>(),
    main: MAIN,
    tokens: [] as string[],
    /** Somebody else's hold on pf. */
    otherToken: false,
    refuseRules: false,
    forgotten: [] as string[],
    broken: null as Output['failure'],
  };
  const takeToken = () => {
    const token = `1844674407370955${state.tokens.length}`;
    state.tokens.push(token);
    events.push('pf on');
    return output({ stderr: `${NOISE}pf enabled\nToken : ${token}\n` });
  };
  const giveBack = (token: string) => {
    state.tokens = state.tokens.filter((one) => one !== token);
    events.push('pf let go');
    return output({ stderr: NOISE });
  };
  const status = () =>
    state.tokens.length > 0 || state.otherToken ? 'Enabled for 0 days 00:00:05' : 'Disabled';
  const show = (what: string) =>
    output({
      stdout: what === 'info' ? `Status: ${status()}           Debug: Urgent\n` : state.main,
      stderr: NOISE,
    });
  const forget = (argv: readonly string[]) => {
    state.forgotten.push(argv.join(' '));
    return output({ stderr: NOISE });
  };
  const pf = (argv: readonly string[], stdin: string): Output => {
    const [flag = '', second = '', third = '', fourth = ''] = argv;
    if (state.broken !== null) return output({ code: null, failure: state.broken });
    const ways: Record<string, () => Output> = {
      '-E': takeToken,
      '-X': () => giveBack(second),
      '-s': () => show(second),
      '-k': () => forget(argv),
      '-F': () => forget(argv),
      '-a': () => anchored(second, third, fourth, stdin),
    };
    return ways[flag]?.() ?? output({ code: 1, stderr: 'usage' });
  };
  const anchored = (name: string, what: string, more: string, stdin: string): Output => {
    if (what === '-s') return output({ stdout: (state.anchors.get(name) ?? []).join(''), stderr: NOISE });
    if (what === '-F' && more === 'rules') {
      state.anchors.delete(name);
      events.push(`empty ${name}`);
      return output({ stderr: NOISE });
    }
    if (state.refuseRules) return output({ code: 1, stderr: `${NOISE}stdin:1: syntax error\n` });
    state.anchors.set(name, stdin.split(/(?<=\n)/));
    events.push(`load ${name}`);
    return output({ stderr: NOISE });
  };
  const scutilSays = (argv: readonly string[]): Output => {
    const [, verb, id] = argv;
    if (verb === 'list')
      return output({
        stdout: state.up
          ? fixture('list-up.txt')
          : fixture('list-up.txt').replace('(Connected)   ', '(Disconnected)'),
      });
    if (verb === 'status' && id === OFFICE)
      return output({ stdout: state.up ? fixture('status.txt') : 'Disconnected\n' });
    if (verb === 'stop') {
      events.push(`stop ${id}`);
      if (!state.stubborn) state.up = false;
      return output();
    }
    return output({ code: 1, stderr: 'No service\n' });
  };
  const run: Host['run'] = async (command, argv, options = {}) => {
    if (command.path === pfctl.path) return pf(argv, options.stdin ?? '');
    if (command.path === scutil.path) return scutilSays(argv);
    if (command.path === plutil.path && argv.at(-1)?.includes('preferences.plist') === true)
      return output({ stdout: fixture('preferences.plist') });
    if (command.path === profiles.path) {
      events.push('ask who installed it');
      return output({ stdout: fixture('profiles.plist') });
    }
    return output({ code: null, failure: 'not-found' });
  };
  return { host: { ...emptyHost(), run } satisfies Host, state, events };
}
