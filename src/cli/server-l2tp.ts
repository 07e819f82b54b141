import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Result } from '../base/result.ts';
import type { Refused } from '../server/administer.ts';
import {
  acceptOn,
  changeRolloutBy,
  requestRollout,
  rolloutRequest,
  type RolloutChange,
  type RolloutRequest,
} from '../server/l2tp/rollout-requests.ts';
import {
  eventList,
  knownServers,
  rolloutList,
  rolloutReport,
  type RolloutDevice,
  type RolloutDocument,
  type RolloutSummary,
} from '../server/l2tp/rollout-view.ts';
import { readPolicy } from '../server/policy-file.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { complain, paint, say, sayJson, table, type Colour } from './present.ts';
import { askServer } from './server-api.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

export type RolloutOptions = ServerOptions & {
  device?: string[];
  tag?: string[];
  directory?: string[];
  group?: string;
  found?: boolean;
  firewall?: boolean;
  evenIfUsed?: boolean;
  for?: string;
  batch?: number;
  stopAfter?: number;
  within?: string;
  reason?: string;
  detach?: boolean;
};

const MAX_FOR_MS = 30 * DAY_MS;
const HOUR_MS = 3_600_000;
const POLL_MS = 500;

/** `l2tp-server close | reopen`: puts a rollout on record and, unless `--detach`, shows how it goes on. */
export async function rolloutCommand(
  action: RolloutRequest['action'],
  options: RolloutOptions,
): Promise<number> {
  const request = requestOf(action, options);
  const id = await create(request, options);
  const isWatched = options.detach !== true && (await isServed(options));
  const document = isWatched ? await watch(id, options) : await reportOf(id, options);
  return showReport(document, options);
}

function requestOf(
  action: RolloutRequest['action'],
  options: RolloutOptions,
): z.input<typeof rolloutRequest> {
  const { device, tag, directory, group, found, batch, stopAfter, within, reason } = options;
  const given = { devices: device, tags: tag, directoryGroups: directory, group, found };
  const to = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = rolloutRequest.safeParse({
    action,
    to,
    way: options.firewall === true ? 'firewall' : 'service',
    evenIfUsed: options.evenIfUsed === true,
    durationSeconds:
      options.for === undefined ? undefined : durationMs(options.for, '--for', MAX_FOR_MS) / 1_000,
    batch,
    stopAfter,
    withinHours: within === undefined ? undefined : durationMs(within, '--within', MAX_FOR_MS) / HOUR_MS,
    cause: reason,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.path.join('.') === 'to')
    throw new UsageError('Say whom you mean: --device, --tag, --directory, --group or --found.');
  throw new UsageError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`);
}

async function create(request: z.input<typeof rolloutRequest>, options: RolloutOptions): Promise<string> {
  const config = await serverConfig(options);
  const asked = await askServer(config, 'POST', '/v1/l2tp-server/rollouts', request);
  if (asked !== null) return z.object({ id: z.string() }).parse(asked).id;
  const policy = await readPolicy(config.policyFile);
  if (!policy.ok) throw new UsageError(policy.error);
  return withStore(options, async (store) =>
    granted(
      await store.write((db) => requestRollout(db, rolloutRequest.parse(request), policy.value, byCommand())),
    ),
  );
}

async function isServed(options: ServerOptions): Promise<boolean> {
  return (await askServer(await serverConfig(options), 'GET', '/v1/l2tp-server/rollouts?limit=1')) !== null;
}

/** Until it is finished or waits for somebody; whoever stops watching changes nothing. */
async function watch(id: string, options: RolloutOptions): Promise<RolloutDocument> {
  if (!process.stderr.isTTY) return until(id, options, () => {});
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  let last: RolloutDocument | null = null;
  const title = 'L2TP servers';
  const tasks = new Listr(
    [
      {
        title,
        async task(_context, task) {
          last = await until(id, options, (document) => (task.title = `${title}: ${progressOf(document)}`));
        },
      },
    ],
    { rendererOptions: { logger } },
  );
  await tasks.run();
  return last ?? reportOf(id, options);
}

async function until(
  id: string,
  options: ServerOptions,
  show: (document: RolloutDocument) => void,
): Promise<RolloutDocument> {
  return withStore(options, async (store) => {
    for (;;) {
      const document = await store.read((db) => rolloutReport(db, id));
      if (document === null) throw new UsageError(`There is no rollout ${id} any more.`);
      show(document);
      if (document.state !== 'running' || document.note !== '') {
        if (document.devices.ordered === 0) return document;
      }
      await sleep(POLL_MS);
    }
  });
}

function progressOf({ devices, report, note }: RolloutDocument): string {
  const { done, failed, ordered } = devices;
  return `${done} of ${report.length} done, ${failed} failed, ${ordered} under way. ${note}`;
}

/** `l2tp-server approve | stop | resume ID`. */
export async function rolloutChangeCommand(
  change: RolloutChange,
  id: string,
  options: ServerOptions & { retry?: boolean },
): Promise<number> {
  requireId(id);
  const retry = options.retry === true;
  const path = `/v1/l2tp-server/rollouts/${id}/${change}`;
  const asked = await askServer(await serverConfig(options), 'POST', path, { retry });
  if (asked === null)
    await withStore(options, async (store) =>
      granted(await store.write((db) => changeRolloutBy(db, id, change, { ...byCommand(), retry }))),
    );
  return showReport(await reportOf(id, options), options);
}

/** `l2tp-server accept DEVICE`: what is there is meant to be there. */
export async function acceptCommand(device: string, options: ServerOptions): Promise<number> {
  requireId(device);
  const path = `/v1/l2tp-server/devices/${device}/accept`;
  const asked = await askServer(await serverConfig(options), 'POST', path);
  if (asked === null)
    await withStore(options, async (store) =>
      granted(await store.write((db) => acceptOn(db, device, byCommand()))),
    );
  if (options.json) sayJson({ device, accepted: true });
  else say('Accepted. Whether it counts against the device is the policy’s word: checks.l2tp-server.');
  return 0;
}

/** `l2tp-server show ID`: the report of before and after. */
export async function rolloutShowCommand(id: string, options: ServerOptions): Promise<number> {
  requireId(id);
  return showReport(await reportOf(id, options), options);
}

/** `l2tp-server list`. */
export async function rolloutListCommand(options: ServerOptions): Promise<number> {
  const rollouts = await withStore(options, (store) => store.read((db) => rolloutList(db, 100)));
  if (options.json) sayJson(rollouts);
  else if (rollouts.length === 0) say('No rollouts.');
  else
    say(
      await table(
        ['Rollout', 'Began', 'What', 'State', 'Done', 'Failed', 'Open', 'Why'],
        rollouts.map(lineOf),
      ),
    );
  return 0;
}

function lineOf({ id, createdAt, action, state, devices, cause }: RolloutSummary): string[] {
  const { done, failed, waiting, ordered } = devices;
  return [id, createdAt, action, state, String(done), String(failed), String(waiting + ordered), cause];
}

/** `l2tp-server servers`: the baseline. */
export async function serversCommand(options: ServerOptions): Promise<number> {
  const servers = await withStore(options, (store) => store.read(knownServers));
  if (options.json) sayJson(servers);
  else if (servers.length === 0) say('No L2TP server was ever seen.');
  else
    say(
      await table(
        ['Device', 'Server', 'State', 'Since', 'Times', 'Accepted by'],
        servers.map(({ device, name, state, changedAt, times, acceptedBy }) => {
          return [device, name, state, changedAt, String(times), acceptedBy ?? 'nobody'];
        }),
      ),
    );
  return 0;
}

/** `l2tp-server events`. */
export async function eventsCommand(options: ServerOptions & { device?: string }): Promise<number> {
  if (options.device !== undefined) requireId(options.device);
  const events = await withStore(options, (store) =>
    store.read((db) => eventList(db, options.device ?? null, 200)),
  );
  if (options.json) sayJson(events);
  else if (events.length === 0) say('Nothing has happened.');
  else
    say(
      await table(
        ['At', 'Device', 'What', ''],
        events.map(({ at, device, kind, text }) => [at, device, kind, text]),
      ),
    );
  return 0;
}

async function reportOf(id: string, options: ServerOptions): Promise<RolloutDocument> {
  const document = await withStore(options, (store) => store.read((db) => rolloutReport(db, id)));
  if (document === null)
    throw new UsageError(`There is no rollout ${id}; see: drawbridge-server l2tp-server list`);
  return document;
}

const COLOURS: Record<RolloutDevice['state'], Colour> = {
  waiting: 'dim',
  ordered: 'yellow',
  done: 'green',
  failed: 'red',
  'left-out': 'yellow',
};

/** Exit code 4 where a device failed or it was stopped. */
async function showReport(document: RolloutDocument, { json }: ServerOptions): Promise<number> {
  if (json === true) sayJson(document);
  else {
    const { id, action, state, note } = document;
    say(`${paint('bold', `${action} ${id}`)}: ${state}${note === '' ? '' : `. ${note}`}`);
    const head = ['Device', 'State', 'Before', 'Done', 'Now', 'The device says'];
    say(await table(head, document.report.map(rowOf)));
  }
  if (document.state === 'unapproved' && json !== true)
    complain(`It waits for: drawbridge-server l2tp-server approve ${document.id}`);
  return document.state === 'stopped' || document.devices.failed > 0 ? EXIT_FAILED : 0;
}

function rowOf({ device, name, state, before, done, now, reason }: RolloutDevice): string[] {
  const what = done === null ? '' : done.way === 'firewall' ? 'rule' : `closed ${done.services.join(', ')}`;
  return [`${name} ${device}`, paint(COLOURS[state], state), seen(before), what, seen(now), reason ?? ''];
}

function seen(shown: RolloutDevice['now']): string {
  if (shown === null) return 'unknown';
  const { closed, listening, verdict } = shown;
  if (closed !== null) return `closed by ${closed}`;
  return listening.length === 0 ? (verdict ?? 'unknown') : `${verdict ?? ''}: ${listening.join(', ')}`;
}

function byCommand() {
  return { actor: 'cli', now: Date.now() };
}

function requireId(id: string): void {
  if (!z.uuid().safeParse(id).success) throw new UsageError(`"${id}" is no id.`);
}

function granted<T>(result: Result<T, Refused>): T {
  if (result.ok) return result.value;
  throw new UsageError(result.error.hint);
}
