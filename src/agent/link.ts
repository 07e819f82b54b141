import { messageOf } from '../base/errors.ts';
import type { Actor } from '../base/actors.ts';
import { iso, type Clock } from '../base/clock.ts';
import type { Bell } from './bell.ts';
import { connect, type TransportChoice } from './connect.ts';
import { Conversation, type ConversationDeps } from './conversation.ts';
import type { Ending } from './ending.ts';
import { identityOf, keysOf, type EnrolmentState } from './enrolment.ts';
import type { Route } from './http.ts';
import { openKeys, type KeyHome } from './key-choice.ts';
import { KeyStoreError, reportSigner, type KeyStore } from './keys.ts';
import { openStanding, type Standing, type StandingState } from './standing.ts';
import type { StateFile } from './state-file.ts';
import type { Connection, OfflineReason } from './status.ts';
import type { TransportKind } from './transport.ts';
import { connectProblem, loadTrust } from './trust.ts';

/** What a conversation needs and the link does not make itself. */
type Given = Omit<ConversationDeps, 'attester' | 'signer' | 'standing' | 'onWelcome'>;

export type LinkDeps = Given & {
  boot: string;
  version: string;
  enrolment: StateFile<EnrolmentState>;
  standingFile: StateFile<StandingState>;
  keyHome: KeyHome;
  /** The settings' own address outranks the one of enrolment. */
  url?: string | undefined;
  caFile?: string | undefined;
  proxy: Route['proxy'];
  env: Route['env'];
  transport: TransportChoice;
  /** Rings when the computer has slept. */
  wakes: Bell<void>;
  /** Told whenever keys and standing policy are known or have changed. */
  onIdentity(known: { device: string; keys: KeyStore; older: KeyStore | null; standing: Standing }): void;
};

/** A device that was enrolled: what one connection after the other is made from. */
type Enrolled = {
  state: EnrolmentState;
  attester: ConversationDeps['attester'];
  keys: KeyStore;
  standing: Standing;
};

type Failure = { because: OfflineReason; code: string | null; detail: string; retry: 'soon' | 'late' };

/** Milliseconds between looks at whether somebody has enrolled the device meanwhile. */
const ENROLMENT_POLL_MS = 2_000;

/** A connection that lasted this long starts the waiting times anew. */
const STABLE_MS = 60_000;

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Where only a person can change something. */
const LATE_WAIT_MS = 60_000;

/** Beyond this, a certificate's dates and a clock cannot be told apart without asking. */
const CLOCK_WRONG_MS = 120_000;

/** Keeps one connection to the server, whatever happens to it. */
export function createLink(deps: LinkDeps): Actor {
  return {
    name: 'link',
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        const enrolled = await whenEnrolled(deps, signal);
        if (enrolled !== null) failures = await round(enrolled, failures, deps, signal);
      }
    },
  };
}

/** One connection and the wait after it; waking up ends both. Returns how many rounds in a row have failed. */
async function round(
  enrolled: Enrolled,
  failures: number,
  deps: LinkDeps,
  stop: AbortSignal,
): Promise<number> {
  const woken = new AbortController();
  const stopListening = deps.wakes.listen(() => woken.abort());
  const signal = AbortSignal.any([stop, woken.signal]);
  const started = deps.clock.monotonic();
  try {
    const failure = await attempt(enrolled, deps, signal);
    if (signal.aborted) return 0;
    const stable = deps.clock.monotonic() - started >= STABLE_MS;
    const inRow = stable ? 1 : failures + 1;
    offline(deps, failure);
    await pause(deps.clock, waitFor(inRow, failure.retry), signal);
    return signal.aborted ? 0 : inRow;
  } finally {
    stopListening();
  }
}

/**
 * Milliseconds to wait after `failures` in a row: full jitter between the first wait and twice as much with each,
 * up to a minute, so that a fleet does not come back all at once.
 */
export function waitFor(failures: number, retry: Ending['retry'], random = Math.random()): number {
  if (retry === 'late') return LATE_WAIT_MS * (0.5 + random);
  const limit = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  return FIRST_WAIT_MS + random * (limit - FIRST_WAIT_MS);
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch(() => {});
}

/** Waits until this device has an identity and its keys can be used; null when `signal` aborts first. */
async function whenEnrolled(deps: LinkDeps, signal: AbortSignal): Promise<Enrolled | null> {
  while (!signal.aborted) {
    const enrolled = await loadEnrolled(deps);
    if ('attester' in enrolled) return enrolled;
    offline(deps, enrolled);
    await pause(deps.clock, ENROLMENT_POLL_MS, signal);
  }
  return null;
}

async function loadEnrolled(deps: LinkDeps): Promise<Enrolled | Failure> {
  const state = await completed(await deps.enrolment.read(), deps);
  const identity = state === null ? null : identityOf(state);
  if (state === null || identity === null) return notEnrolled;
  const keys = await openKeys(keysOf(state), deps.keyHome).catch(messageOf);
  if (keys === null || typeof keys === 'string') return keysMissing(keys ?? 'The device’s keys are gone.');
  const standing = await openStanding(deps.standingFile, identity, deps.clock);
  const { device, status: enrolment } = { ...state };
  deps.status.update({ device, enrolment, server: deps.url ?? state.server.url });
  const older = state.older === null ? null : await openKeys(state.older, deps.keyHome).catch(() => null);
  deps.onIdentity({ device: identity.device, keys, older, standing });
  return { state, keys, standing, attester: { identity, boot: deps.boot, version: deps.version } };
}

/** New keys of which nobody knows whether the server has them: it is told of them again before anything else. */
async function completed(state: EnrolmentState | null, deps: LinkDeps): Promise<EnrolmentState | null> {
  if (state === null || state.next === null) return state;
  const { enrolment: file, keyHome: home, clock, caFile, proxy, env, log } = deps;
  const route = { url: new URL(deps.url ?? state.server.url), proxy, env };
  const { continueRotation } = await import('./rotate.ts');
  try {
    const done = await continueRotation({ state, route, file, home, clock, caFile });
    if (done !== null) log.info('new keys taken, as was begun before');
    return done ?? state;
  } catch (error) {
    log.warn({ detail: messageOf(error) }, 'new keys not taken yet');
    return state;
  }
}

const notEnrolled: Failure = {
  because: 'not-enrolled',
  code: null,
  detail:
    'This device is not enrolled. Ask for a token and run: drawbridge enroll --server URL --token-stdin',
  retry: 'soon',
};

function keysMissing(detail: string): Failure {
  return { because: 'keys', code: null, detail, retry: 'late' };
}

/** One connection from beginning to end. Never rejects. */
async function attempt(enrolled: Enrolled, deps: LinkDeps, signal: AbortSignal): Promise<Failure> {
  const { state, attester, keys, standing } = enrolled;
  const url = new URL(deps.url ?? state.server.url);
  const route: Route = { url, proxy: deps.proxy, env: deps.env };
  try {
    const trust = await loadTrust(state.server.tlsCa, deps.caFile);
    const askedAt = deps.clock.uncorrected();
    const { transport, first } = await connect(deps.transport, { route, trust, signal }, deps.log);
    const onWelcome = () => welcomed(enrolled, transport.kind, deps);
    const signer = await reportSigner(keys);
    const conversation = new Conversation(transport, askedAt, {
      ...deps,
      attester,
      signer,
      standing,
      onWelcome,
    });
    return fromEnding(await conversation.run(first, signal));
  } catch (error) {
    return failureOf(error, route, state.server.orderRoot, deps, signal);
  }
}

function welcomed({ state }: Enrolled, transport: TransportKind, deps: LinkDeps): void {
  const since = iso(deps.clock.now());
  deps.log.info({ transport }, 'connected');
  deps.status.update({ enrolment: 'enrolled', connection: { state: 'connected', since, transport } });
  if (state.status === 'enrolled') return;
  // Approved meanwhile. If this is not kept, the next welcome says so again.
  deps.enrolment.write({ ...state, status: 'enrolled' }).catch(() => {});
}

function fromEnding({ code, hint, retry }: Ending): Failure {
  const ours = code === 'closed' || code === 'silent';
  return { because: ours ? 'unreachable' : 'refused', code, detail: hint, retry };
}

async function failureOf(
  error: unknown,
  route: Route,
  orderRoot: string,
  deps: LinkDeps,
  signal: AbortSignal,
): Promise<Failure> {
  if (error instanceof KeyStoreError) return keysMissing(error.message);
  const detail = `${route.url.origin}: ${messageOf(error)}`;
  const problem = connectProblem(error);
  if (problem !== 'certificate-time') return { because: problem, code: null, detail, retry: 'soon' };
  const behindMs = await clockError(route, orderRoot, deps.clock, signal);
  if (behindMs === null || Math.abs(behindMs) < CLOCK_WRONG_MS)
    return { because: 'certificate', code: null, detail, retry: 'soon' };
  const minutes = Math.round(Math.abs(behindMs) / 60_000);
  const sentence = `This computer’s clock is ${minutes} minutes ${behindMs > 0 ? 'behind' : 'ahead'}, so no certificate seems valid. Set the date and time.`;
  return { because: 'clock', code: null, detail: sentence, retry: 'soon' };
}

/**
 * Milliseconds by which the system's clock is behind the server's, or null when nobody can say. The time comes
 * signed by the order root over our own nonce, so TLS need not be believed for it.
 */
async function clockError(
  route: Route,
  orderRoot: string,
  clock: ConversationDeps['clock'],
  signal: AbortSignal,
): Promise<number | null> {
  const { EnrolError, fetchChallenge } = await import('./enrol-protocol.ts');
  try {
    const { serverNow } = await fetchChallenge(route, orderRoot, signal);
    return serverNow - (clock.now() - clock.offsetMs());
  } catch (error) {
    if (error instanceof EnrolError) return null;
    throw error;
  }
}

function offline({ status, log, clock }: LinkDeps, { because, code, detail }: Failure): void {
  const before = status.current.connection;
  const same = before.state === 'offline' && before.because === because && before.code === code;
  const since = before.state === 'offline' ? before.since : iso(clock.now());
  const connection: Connection = { state: 'offline', since, because, code, detail };
  status.update({
    connection,
    ...(code === 'approval_pending' ? { enrolment: 'pending' } : {}),
  });
  if (!same) log.warn({ because, code, detail }, 'not connected');
}
