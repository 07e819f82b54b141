import { busctl, loginctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { asList, asObject, asText, parseJson } from '../json.ts';

/** Somebody's login as logind knows it. */
export type Session = {
  id: string;
  user: string;
  uid: number | null;
  /** wayland, x11, mir, tty, … */
  type: string;
  /** user, greeter, manager, background, … */
  class: string;
  remote: boolean;
  closing: boolean;
  /** What the desktop calls itself (`gnome`, `KDE`, …); empty when it did not say. */
  desktop: string;
};

const MAX_SESSIONS = 50;
const SESSION_ID = /^[A-Za-z0-9]{1,40}$/;

/** Every session, or null when logind does not answer. */
export async function listSessions(host: Host): Promise<Session[] | null> {
  const ids = (await fromLoginctl(host)) ?? (await fromBus(host)) ?? (await fromLegend(host));
  if (ids === null) return null;
  const sessions = await Promise.all(ids.slice(0, MAX_SESSIONS).map((id) => showSession(host, id)));
  return sessions.filter((session) => session !== null);
}

async function fromLoginctl(host: Host): Promise<string[] | null> {
  const { code, stdout } = await host.run(loginctl, ['list-sessions', '-j']);
  const sessions = code === 0 ? parseJson(stdout) : undefined;
  return Array.isArray(sessions) ? idsOf(sessions.map((session) => asObject(session)?.['session'])) : null;
}

/** Before v247 `loginctl` knows no JSON; the bus does since v240. */
async function fromBus(host: Host): Promise<string[] | null> {
  const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
  const { code, stdout } = await host.run(busctl, ['--json=short', 'call', ...manager, 'ListSessions']);
  const [sessions] = code === 0 ? asList(asObject(parseJson(stdout))?.['data']) : [];
  return Array.isArray(sessions) ? idsOf(sessions.map((session) => asList(session)[0])) : null;
}

async function fromLegend(host: Host): Promise<string[] | null> {
  const { code, stdout } = await host.run(loginctl, ['list-sessions', '--no-legend']);
  return code === 0 ? idsOf(stdout.split('\n').map((line) => line.trim().split(/\s+/)[0])) : null;
}

function idsOf(values: readonly unknown[]): string[] {
  return values.map(asText).filter((id): id is string => id !== null && SESSION_ID.test(id));
}

async function showSession(host: Host, id: string): Promise<Session | null> {
  const { code, stdout } = await host.run(loginctl, ['show-session', id]);
  return code === 0 ? parseSession(id, stdout) : null;
}

/** `loginctl show-session ID`; null when the text does not say whose session it is. */
export function parseSession(id: string, text: string): Session | null {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const user = value('Name');
  const kind = value('Class');
  if (user === '' || kind === '') return null;
  return {
    id,
    user,
    uid: /^\d{1,10}$/.test(value('User')) ? Number(value('User')) : null,
    type: value('Type'),
    class: kind,
    remote: value('Remote') === 'yes',
    closing: value('State') === 'closing',
    desktop: value('Desktop'),
  };
}
