import { messageOf } from '../base/errors.ts';
import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import { peek } from '../agent/state-file.ts';
import { statusSchema, type Status, type VpnStatus } from '../agent/status.ts';
import type { Settings } from './agent-settings.ts';
import { complain, paint, say, sayJson, table } from './present.ts';

const EXIT_OFFLINE = 1;
const EXIT_NOT_RUNNING = 3;

/** `drawbridge status`: what the agent last wrote about itself. 0 connected, 1 not connected, 3 not running. */
export async function status(settings: Settings, json: boolean): Promise<number> {
  const paths = statePaths(settings.stateDir);
  const content = await peek(paths.status, statusSchema).catch((error: unknown) => ({
    state: 'unreadable' as const,
    detail: messageOf(error),
  }));
  const running = (await lockHolder(paths.lock)) !== null;
  if (content.state !== 'present') {
    if (json) sayJson({ running, status: null });
    else complain(absence(content, paths.status, settings.stateDir));
    return EXIT_NOT_RUNNING;
  }
  if (json) sayJson({ running, status: content.value });
  else await show(content.value, running);
  if (!running) return EXIT_NOT_RUNNING;
  return content.value.connection.state === 'connected' ? 0 : EXIT_OFFLINE;
}

type Absence = { state: 'missing' | 'damaged' } | { state: 'unreadable'; detail: string };

function absence(content: Absence, file: string, folder: string): string {
  switch (content.state) {
    case 'missing':
      return `No agent has left word in ${folder}. Start it: drawbridge agent`;
    case 'damaged':
      return `${file} is damaged. A running agent writes it anew; restart the agent if it stays so.`;
    case 'unreadable':
      return `${file} cannot be read (${content.detail}). Run this as the user who runs the agent.`;
  }
}

async function show(now: Status, running: boolean): Promise<void> {
  const rows = [
    [
      'Agent',
      running ? `running since ${now.startedAt}` : paint('red', `not running; last word ${now.updatedAt}`),
    ],
    ['Server', now.server ?? 'none'],
    ['Device', `${now.device ?? 'none'} (${now.enrolment})`],
    ['Connection', connectionOf(now, running)],
    ['Access', accessOf(now)],
    ...vpnRows(now),
    ...certificateRows(now),
    ...managedRows(now),
    ['Last report', `${now.lastReportAt ?? 'none'}, last acknowledged ${now.lastAckAt ?? 'never'}`],
    ['Next reading', nextOf(now)],
    ['Waiting', waitingOf(now)],
    ['Key', now.keyProtection ?? 'none'],
    ['To do first', now.firstToFix?.sentence ?? (now.risk === null ? 'not read yet' : 'nothing')],
  ];
  say(await table([], rows));
}

function vpnRows({ vpn }: Status): string[][] {
  if (vpn === null) return [];
  const rows = [['VPN', vpnState(vpn)]];
  for (const { cause, since, until, reason } of vpn.holders)
    rows.push(['Held by', `${cause} since ${since}${until === null ? '' : ` until ${until}`}: ${reason}`]);
  if (vpn.lastOrder !== null) rows.push(['Last order', orderLine(vpn.lastOrder)]);
  return rows;
}

function certificateRows({ certificate }: Status): string[][] {
  if (certificate === null) return [];
  const { serial, notAfter, dropped, problem } = certificate;
  const held = serial === null ? (dropped ? 'none, by order' : 'none') : `until ${notAfter}`;
  return [['Certificate', problem === null ? held : `${held}; ${problem}`]];
}

function managedRows({ managed }: Status): string[][] {
  if (managed === null) return [];
  const { source, settings, problems } = managed;
  const set = `${settings.length === 0 ? 'nothing' : settings.join(', ')} (${source})`;
  return [['Managed', set], ...problems.map((problem) => ['', paint('red', problem)])];
}

function vpnState({ driver, observing, live, interfaces, isolated, holders, problem }: VpnStatus): string {
  if (problem !== null) return paint('red', `not in the wanted state: ${problem}`);
  if (isolated) return paint('red', 'this computer is isolated');
  if (holders.length > 0) return paint('red', 'held down');
  const now = live ? `up (${interfaces.join(', ') || driver})` : 'not up';
  return observing === null ? `${now}, allowed` : `${now}; only observed: ${observing}`;
}

function orderLine({ action, target, phase, status, text, at }: NonNullable<VpnStatus['lastOrder']>): string {
  return `${action} ${target}: ${phase === 'done' ? `${status} ${text} at ${at}` : phase}`;
}

function connectionOf({ connection }: Status, running: boolean): string {
  if (connection.state === 'connected' && !running)
    return paint('yellow', `was connected since ${connection.since} over ${connection.transport}`);
  if (connection.state === 'connected')
    return paint('green', `connected since ${connection.since} over ${connection.transport}`);
  return paint('yellow', `offline since ${connection.since}: ${connection.detail}`);
}

function accessOf({ decision, risk }: Status): string {
  if (decision !== null) return `${decision.access}: ${decision.sentence}`;
  return risk === null ? 'not decided yet' : `not decided yet; by its own judgement ${risk.level} risk`;
}

function nextOf({ nextCollectionAt, pace }: Status): string {
  const next = nextCollectionAt ?? 'unknown';
  if (pace === null || pace.stretch === 1) return next;
  const cost = `${pace.cpuPercent} % of a processor, ${pace.rssMiB} MiB`;
  return `${next}, ${pace.stretch} times as rarely as configured to spare this computer (${cost})`;
}

function waitingOf({ spool }: Status): string {
  const lost = spool.dropped === 0 ? '' : `, ${spool.dropped} lost since enrolment`;
  const problem = spool.problem === null ? '' : paint('red', `; cannot be written: ${spool.problem}`);
  return `${spool.reports} reports (${Math.ceil(spool.bytes / 1024)} kB)${lost}${problem}`;
}
