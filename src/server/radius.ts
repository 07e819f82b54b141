import type { Clock } from '../base/clock.ts';
import { ACCESS, type Access } from '../wire/decision.ts';
import { isOutdated, type Terms } from './decide.ts';
import type { DeviceState } from './device-state.ts';
import { classOf, newNonce } from './login-class.ts';
import { recognise, type IdentityParts, type Recognised, type Unrecognised } from './radius-identity.ts';
import { nasFor } from './radius-nas.ts';
import type { GateAnswer } from './radius-reply.ts';
import type { Dialling } from './radius-request.ts';
import { IDENTITIES, type Identity, type RadiusSettings } from './radius-settings.ts';
import { templateFor } from './radius-templates.ts';
import { countOpen } from './store/sessions.ts';
import type { Db } from './store/store.ts';

/** Why the gate answers as it does, where that is not the device's own decision. */
const DOUBTS = {
  no_device:
    'No computer with Drawbridge is online from your address. Start your computer’s Drawbridge agent, then dial again.',
  unknown_certificate:
    'Your computer’s VPN certificate belongs to no computer that is enrolled. Ask your administrator.',
  ambiguous_identity:
    'Several computers are online from your address, and yours cannot be told apart. Use a computer with a certificate, or another network.',
  weak_identity:
    'Your computer was not recognised as surely as your company asks. Ask your administrator for a certificate.',
  too_many_sessions: 'There are as many VPN sessions as are allowed. End one, then dial again.',
  not_judged: 'Your computer has not reported yet. Wait a moment, then dial again.',
  outdated: 'Your computer has not reported lately. You get everything once it has.',
} as const;

export type Doubt = keyof typeof DOUBTS;

/** The answer to one login, with what stands on record about it. */
export type Gated = {
  answer: GateAnswer;
  nonce: string;
  state: DeviceState | null;
  identity: Identity | null;
  reason: string;
  /** The most that this login may ever have, however well its device is. */
  ceiling: Access;
  /** Seconds; null where the reply sets none. */
  sessionTimeout: number | null;
};

export type Gate = {
  /**
   * What a dialling user's device may do now, by what `db` and memory say at this moment. Awaits nothing but queries.
   * The state of a device of which nothing is known now stands in place of the answer, unless it was asked already.
   */
  answer(db: Db, dialling: Dialling, asked: boolean): Promise<Gated | Unheard>;
  /** Asks a device of which nothing is known now, and gives it a moment to answer. */
  hear(unheard: Unheard): Promise<void>;
};

export type Unheard = { unheard: DeviceState };

/** How long a login waits for a device that has only just woken: FreeRADIUS itself gives up after 2 s. */
const PATIENCE_MS = 1_500;
const LOOK_MS = 50;

export type GateParts = IdentityParts & {
  clock: Clock;
  terms: () => Terms;
  settings: RadiusSettings;
};

/** What may be, and why, before the NAS's own words for it. */
type Opinion = { access: Access; reason: string; message: string | null };

export function createGate(parts: GateParts): Gate {
  return {
    hear: ({ unheard }) => hear(parts, unheard),
    async answer(db, dialling, asked) {
      const found = await recognise(parts, db, dialling);
      if (typeof found === 'string') return gated(parts, dialling, null, doubt(found), 'restrict');
      const { state } = found;
      if (!asked && isUnheard(parts, state)) return { unheard: state };
      const count = await ofCount(parts, db, dialling, state);
      const limit = stricter(ofIdentity(found.identity, parts.settings), count);
      const opinion = stricter(ofDevice(state, parts), limit);
      return gated(parts, dialling, { state, identity: found.identity }, opinion, limit.access);
    },
  };
}

function ofDevice(state: DeviceState, { terms, clock }: GateParts): Opinion {
  if (state.decision === null) return doubt('not_judged');
  const { access, reason, sentence, mode, held } = state.decision.decision;
  const decided = { access, reason, message: access === 'allow' ? null : sentence };
  // Who is only observed or warned, or let in by an administrator's word, is not held up by an old report either.
  const isSpared = mode !== 'enforce' || held === 'break-glass';
  return !isSpared && isOutdated(state, terms(), clock.now())
    ? stricter(decided, doubt('outdated'))
    : decided;
}

/** Recognised more weakly than is asked for, a device is at most restricted; what it deserves less it gets. */
function ofIdentity(identity: Identity, { minimumIdentity }: RadiusSettings): Opinion {
  if (IDENTITIES.indexOf(identity) <= IDENTITIES.indexOf(minimumIdentity)) return ALLOWED;
  return doubt(identity === 'hint' ? 'ambiguous_identity' : 'weak_identity');
}

async function ofCount(
  { settings }: GateParts,
  db: Db,
  { userName }: Dialling,
  state: DeviceState,
): Promise<Opinion> {
  const { perDevice, perUser } = settings.sessions;
  const whose = { device: state.id, user: userName };
  const { ofDevice, ofUser } = await countOpen(db, whose);
  return ofDevice >= perDevice || ofUser >= perUser ? doubt('too_many_sessions') : ALLOWED;
}

const ALLOWED: Opinion = { access: 'allow', reason: 'ok', message: null };

function doubt(reason: Unrecognised | Doubt): Opinion {
  return { access: 'restrict', reason, message: DOUBTS[reason] };
}

/** The stricter of two; where they agree, the first one's reason stands. */
function stricter(a: Opinion, b: Opinion): Opinion {
  return ACCESS.indexOf(b.access) > ACCESS.indexOf(a.access) ? b : a;
}

/** In the NAS's own words. One that cannot hold somebody to less than everything refuses instead. */
function gated(
  { settings }: GateParts,
  dialling: Dialling,
  found: Recognised | null,
  { access: wanted, reason, message }: Opinion,
  ceiling: Access,
): Gated {
  const nas = nasFor(dialling, settings.nas);
  const access = templateFor(wanted, nas, settings) === 'deny' ? 'deny' : wanted;
  const words = templateFor(access, nas, settings);
  const template = words === 'deny' ? {} : words;
  const nonce = newNonce();
  const names = { nonce, device: found?.state.id ?? null, decision: found?.state.decision?.id ?? null };
  const timeout = template['Session-Timeout'];
  return {
    answer: { access, message, template, correlation: access === 'deny' ? null : classOf(names) },
    nonce,
    state: found?.state ?? null,
    identity: found?.identity ?? null,
    reason,
    ceiling,
    sessionTimeout: typeof timeout === 'number' ? timeout : null,
  };
}

async function hear(parts: GateParts, state: DeviceState): Promise<void> {
  const { connections, fleet, clock } = parts;
  connections.of(state.id)?.challenge(state.base === null ? 'full' : 'heartbeat', PATIENCE_MS / 1_000);
  let latest: DeviceState | null = state;
  for (
    let waited = 0;
    waited < PATIENCE_MS && latest !== null && isUnheard(parts, latest);
    waited += LOOK_MS
  ) {
    await clock.sleep(LOOK_MS);
    latest = await fleet.get(state.id);
  }
}

function isUnheard({ terms, clock }: GateParts, state: DeviceState): boolean {
  const { decision } = state;
  return (
    decision === null ||
    decision.decision.reason === 'agent-silent' ||
    isOutdated(state, terms(), clock.now())
  );
}
