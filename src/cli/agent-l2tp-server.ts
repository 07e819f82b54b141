import { NO_QUESTIONS } from '../../collectors/check.ts';
import { createHost } from '../agent/host.ts';
import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import { REPLAYED_SELF } from '../agent/replay.ts';
import type { Changed, L2tpServerControl } from '../agent/l2tp-server/control.ts';
import type { Look } from '../agent/l2tp-server/linux-look.ts';
import { openL2tpServer } from '../agent/l2tp-server/open.ts';
import type { Closing } from '../agent/l2tp-server/record.ts';
import { iso, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { paint, say, sayJson, table, withProgress } from './present.ts';
import { UsageError } from './usage-error.ts';

export type CloseOptions = SettingsOptions & {
  firewall?: boolean;
  for?: string;
  evenIfUsed?: boolean;
  reason?: string;
};

const EXIT_OPEN = 1;
const EXIT_COULD_NOT = 3;
const LONGEST_DAYS = 30;

function open({ platform, stateDir, config }: Settings): { control: L2tpServerControl; isRoot: boolean } {
  const host = createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, platform });
  const { url } = config.server;
  const control = openL2tpServer(platform, {
    host,
    stateDir,
    clock: systemClock,
    log: createLogger('drawbridge-l2tp-server', 'silent'),
    server: async () => (url === undefined ? null : new URL(url)),
  });
  if (control === null)
    throw new UsageError(
      'On this system Drawbridge finds L2TP servers (drawbridge check) and does not close them.',
    );
  return { control, isRoot: host.isRoot };
}

function openToChange(settings: Settings): L2tpServerControl {
  const { control, isRoot } = open(settings);
  if (!isRoot) throw new UsageError('Only root can do that.');
  return control;
}

/** `drawbridge l2tp-server status`. 0 nobody listens, 1 somebody does or did until we closed it not, 3 unknown. */
export async function l2tpServerStatus(settings: Settings, { json }: SettingsOptions): Promise<number> {
  const { closing, seen } = await withProgress('Looking at UDP 1701', () => open(settings).control.status());
  if (json === true) sayJson({ closing, ...seen });
  else await show(closing, seen);
  if (seen.fact === null) return EXIT_COULD_NOT;
  const isShut = closing?.phase === 'closed' && (closing.way === 'service' || seen.attempts !== null);
  return isShut || (seen.fact.listening.length === 0 && seen.fact.verdict !== 'server') ? 0 : EXIT_OPEN;
}

/** `drawbridge l2tp-server close`. */
export async function l2tpServerClose(settings: Settings, options: CloseOptions): Promise<number> {
  const control = openToChange(settings);
  const until = await untilOf(settings, options.for);
  const changed = await withProgress('Closing', () =>
    control.close({
      way: options.firewall === true ? 'firewall' : 'service',
      until,
      reason: (options.reason ?? 'closed at this computer').slice(0, 500),
      order: null,
      evenIfUsed: options.evenIfUsed === true,
    }),
  );
  return showChange(changed, options, 'Nothing here serves L2TP.');
}

/** `drawbridge l2tp-server reopen`. */
export async function l2tpServerReopen(settings: Settings, options: SettingsOptions): Promise<number> {
  const control = openToChange(settings);
  const { closing } = await control.status();
  const changed = await withProgress('Putting it back', () => control.reopen());
  return showChange(changed, options, closing === null ? 'Nothing was closed here.' : 'As before.');
}

/** Somebody has to be there when the time is over. */
async function untilOf({ stateDir }: Settings, text: string | undefined): Promise<number | null> {
  if (text === undefined) return null;
  const ms = durationMs(text, '--for', LONGEST_DAYS * DAY_MS);
  if ((await lockHolder(statePaths(stateDir).lock)) === null)
    throw new UsageError(
      '--for needs the running agent, which reopens in time. Start it, or close without --for.',
    );
  return systemClock.now() + ms;
}

async function showChange(
  { before, after, closing }: Changed,
  { json }: SettingsOptions,
  nothing: string,
): Promise<number> {
  if (json === true) sayJson({ closing, before, after });
  else if (closing === null) say(nothing);
  else await show(closing, after);
  return 0;
}

async function show(
  closing: Closing | null,
  { fact, problem, connected, clientThrough, ssh, attempts }: Look,
): Promise<void> {
  const rows = [
    ['Verdict', fact === null ? paint('yellow', problem ?? 'unknown') : fact.verdict],
    ['Closed', closing === null ? 'no' : closedWords(closing)],
    ...(fact?.listening ?? []).map(({ address, port, owner }) => [
      'Listens',
      `${address}:${port} ${owner.process ?? (owner.kernel === true ? 'the kernel' : 'unknown')} ${owner.service ?? ''}`,
    ]),
    ...(fact?.services ?? []).map(({ name, state, start, role }) => [
      'Service',
      `${name}: ${state}, ${start ?? 'unknown'}, ${role}`,
    ]),
    ['Connected', connected.join(', ') || 'nobody that the kernel knows'],
    [
      'Client',
      clientThrough.length === 0 ? 'no session' : `${clientThrough.length} sessions to other servers`,
    ],
    ['SSH', ssh === null ? 'unknown' : ssh ? 'listens' : 'does not listen'],
    ...(attempts === null ? [] : [['Attempts', `${attempts} packets to UDP 1701 since it was closed`]]),
  ];
  say(await table([], rows));
}

function closedWords({ phase, way, until, since, reason }: Closing): string {
  const end = until === null ? 'until it is reopened' : `until ${iso(until)}`;
  return `${phase} by ${way} since ${iso(since)} ${end}: ${reason}`;
}
