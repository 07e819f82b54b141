import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import { peek } from '../agent/state-file.ts';
import { statusSchema, type Status } from '../agent/status.ts';
import type { Settings } from './agent-settings.ts';
import { complain, paint, say, sayJson, table } from './present.ts';

const EXIT_OFFLINE = 1;
const EXIT_NOT_RUNNING = 3;

/** `drawbridge status`: what the agent last wrote about itself. 0 connected, 1 not connected, 3 not running. */
export async function status(settings: Settings, json: boolean): Promise<number> {
  const paths = statePaths(settings.stateDir);
  const content = await peek(paths.status, statusSchema).catch(() => ({ state: 'missing' as const }));
  const running = (await lockHolder(paths.lock)) !== null;
  if (content.state !== 'present') {
    if (json) sayJson({ running, status: null });
    else complain(`No agent has left word in ${settings.stateDir}. Start it: drawbridge agent`);
    return EXIT_NOT_RUNNING;
  }
  if (json) sayJson({ running, status: content.value });
  else await show(content.value, running);
  if (!running) return EXIT_NOT_RUNNING;
  return content.value.connection.state === 'connected' ? 0 : EXIT_OFFLINE;
}

async function show(now: Status, running: boolean): Promise<void> {
  const rows = [
    [
      'Agent',
      running ? `running since ${now.startedAt}` : paint('red', `not running; last word ${now.updatedAt}`),
    ],
    ['Server', now.server ?? 'none'],
    ['Device', `${now.device ?? 'none'} (${now.enrolment})`],
    ['Connection', connectionOf(now)],
    ['Access', accessOf(now)],
    ['Last report', `${now.lastReportAt ?? 'none'}, last acknowledged ${now.lastAckAt ?? 'never'}`],
    ['Next reading', nextOf(now)],
    ['Waiting', waitingOf(now)],
    ['Key', now.keyProtection ?? 'none'],
    ['To do first', now.firstToFix?.sentence ?? 'nothing'],
  ];
  say(await table([], rows));
}

function connectionOf({ connection }: Status): string {
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
