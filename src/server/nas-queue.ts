import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { ERROR_CAUSE, type DaeAnswer } from '../wire/dae.ts';
import { end } from './accounting.ts';
import { changeAttributes, exchangeDae, sessionAttributes, type DaeDoor } from './containment-dae.ts';
import { accessOf, requestRow } from './containment-plan.ts';
import type { Nas, RadiusSettings } from './radius-settings.ts';
import { templateFor } from './radius-templates.ts';
import { dueAt, insertNasRequest, updateNasRequest } from './store/nas-requests.ts';
import { findSession, updateSession } from './store/sessions.ts';
import type { Db, Store } from './store/store.ts';
import type { NasRequestRow, SessionRow } from './store/tables.ts';

export type NasQueueParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  settings: RadiusSettings;
  /** Called after the commit, for each device whose sessions are others than before. */
  changed(device: string): Promise<void>;
};

/** What has to be asked of one NAS. It lies in the store, so neither a dead NAS nor a restart loses any of it. */
export type NasQueue = {
  /** There is something new. */
  ring(): void;
  run(signal: AbortSignal): Promise<void>;
};

/** Asked side by side; one that does not answer takes six seconds. */
const AT_ONCE = 32;
const LOOK_MS = 1_000;
/** After so many seconds each is tried again; then it is given up, and the session's own end has to do. */
const AGAIN_SECONDS = [2, 5, 15, 30, 60, 60, 60, 120, 120, 300, 300, 300, 300, 300, 300];

export function createNasQueue(parts: NasQueueParts, nas: Nas, door: DaeDoor): NasQueue {
  const { store, clock, log } = parts;
  const flying = new Set<string>();
  let wake = new AbortController();
  const ring = () => wake.abort();
  const launch = (request: NasRequestRow) => {
    flying.add(request.id);
    attempt(parts, nas, door, request)
      .catch((error: unknown) => log.warn({ err: error, nas: nas.name }, 'request to a NAS not dealt with'))
      .finally(() => {
        flying.delete(request.id);
        ring();
      });
  };
  return {
    ring,
    async run(signal) {
      while (!signal.aborted) {
        wake = new AbortController();
        const due = await store
          .read((db) => dueAt(db, nas.name, clock.now(), AT_ONCE * 2))
          .catch((): NasRequestRow[] => []);
        for (const request of due) if (!flying.has(request.id) && flying.size < AT_ONCE) launch(request);
        await clock.sleep(LOOK_MS, AbortSignal.any([signal, wake.signal])).catch(() => {});
      }
    },
  };
}

async function attempt(parts: NasQueueParts, nas: Nas, door: DaeDoor, request: NasRequestRow): Promise<void> {
  const { store, clock, settings, log } = parts;
  const session = await store.read((db) => findSession(db, request.session));
  if (session === undefined || session.ended_at !== null) {
    await store.write((db) => finish(db, request, 'done', 'the session had ended', clock.now()));
    return;
  }
  const answer = await exchangeDae(
    door,
    { kind: request.kind, attributes: attributesFor(request, session, nas, settings) },
    clock,
  ).catch((error: unknown) => {
    log.warn({ err: error, nas: nas.name }, 'NAS not reached');
    return null;
  });
  const touched = await store.write((db) => record(db, { request, session, nas, answer, now: clock.now() }));
  for (const device of touched) await parts.changed(device);
}

function attributesFor(request: NasRequestRow, session: SessionRow, nas: Nas, settings: RadiusSettings) {
  const names = sessionAttributes(session, nas.type);
  const want = accessOf(request.want);
  if (request.kind === 'disconnect' || want === null) return names;
  const template = templateFor(want, nas, settings);
  return template === 'deny' ? names : { ...names, ...changeAttributes(template) };
}

type Answered = {
  request: NasRequestRow;
  session: SessionRow;
  nas: Nas;
  answer: DaeAnswer | null;
  now: number;
};

/** A unit of the store; answers with the devices whose sessions are others now. */
async function record(db: Db, answered: Answered): Promise<string[]> {
  const { request, session, answer, now } = answered;
  if (answer === null) return again(db, request, 'no answer', now);
  const said = wordsFor(answer);
  // RFC 5176: a session that is not there any more is what was wanted.
  const isGone = answer.errorCause === ERROR_CAUSE.sessionNotFound;
  if (answer.result === 'ack' || isGone) {
    await finish(db, request, 'done', said, now);
    if (isGone) return end(db, session, now, 'gone');
    if (request.kind === 'disconnect') return end(db, session, now, 'disconnected');
    await updateSession(db, session.id, { access: request.want });
    return [];
  }
  if (request.kind === 'coa') return refusedChange(db, answered, said);
  return again(db, request, said, now);
}

/** A NAS that cannot hold a session to less has to end it; what would only be given stays as it is. */
async function refusedChange(
  db: Db,
  { request, session, nas, now }: Answered,
  said: string,
): Promise<string[]> {
  const isCurrent = await finish(db, request, 'failed', said, now);
  if (isCurrent && request.want !== 'allow') {
    const cause = `${request.cause} The NAS refused to change the session.`;
    const instead = requestRow(nas.name, session, { kind: 'disconnect', want: request.want, cause }, now);
    await insertNasRequest(db, instead);
  }
  return [];
}

async function again(db: Db, request: NasRequestRow, said: string, now: number): Promise<string[]> {
  const attempts = request.attempts + 1;
  const pause = AGAIN_SECONDS[request.attempts];
  if (pause === undefined) await finish(db, { ...request, attempts: request.attempts }, 'failed', said, now);
  else await updateNasRequest(db, request.id, { attempts, next_at: now + pause * 1_000, answer: said });
  return [];
}

/** False when a later request took its place meanwhile. */
function finish(
  db: Db,
  { id, attempts }: NasRequestRow,
  state: 'done' | 'failed',
  answer: string,
  now: number,
): Promise<boolean> {
  return updateNasRequest(db, id, { state, answer, attempts: attempts + 1, finished_at: now });
}

const CAUSES = Object.fromEntries(Object.entries(ERROR_CAUSE).map(([name, code]) => [code, name]));

function wordsFor({ result, errorCause }: DaeAnswer): string {
  if (errorCause === null) return result;
  return `${result}, Error-Cause ${errorCause} (${CAUSES[errorCause] ?? 'unknown'})`;
}
