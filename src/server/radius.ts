import type { Clock } from '../base/clock.ts';
import type { ServerConfig } from './config.ts';
import type { Connections } from './connections.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import type { GateAnswer } from './radius-reply.ts';
import { hintIn, type Dialling } from './radius-request.ts';

/** Why the gate answers as it does, where that is not the device's own decision. */
const DOUBTS = {
  no_device:
    'No computer with Drawbridge is online from your address. Start your computer’s Drawbridge agent, then dial again.',
  ambiguous_identity:
    'Several computers are online from your address. Dial as user#computer, with the name of yours.',
  not_judged: 'Your computer has not reported yet. Wait a moment, then dial again.',
} as const;

export type Doubt = keyof typeof DOUBTS;

export type Gate = {
  /** What a dialling user's device may do now. Asks the store only for a device that is not in memory. */
  answer(dialling: Dialling): Promise<{ answer: GateAnswer; device: string | null; reason: string }>;
};

/** How long a login waits for a device that has only just woken: FreeRADIUS itself gives up after 2 s. */
const PATIENCE_MS = 1_500;
const LOOK_MS = 50;

export type GateParts = {
  connections: Connections;
  fleet: Fleet;
  clock: Clock;
  settings: ServerConfig['radius'];
};

export function createGate(parts: GateParts): Gate {
  const { connections, fleet, settings } = parts;
  return {
    async answer(dialling) {
      const found = pick(await present(connections, fleet, dialling.address), hintIn(dialling.userName));
      if (typeof found === 'string') {
        return { answer: restricted(DOUBTS[found], null, settings), device: null, reason: found };
      }
      const state = await heard(parts, found);
      return { answer: answerFor(state, settings), device: state.id, reason: reasonOf(state) };
    },
  };
}

/** Live devices whose agent is connected from this address right now. */
async function present(
  connections: Connections,
  fleet: Fleet,
  address: string | null,
): Promise<DeviceState[]> {
  if (address === null) return [];
  const states = await Promise.all(connections.at(address).map((live) => fleet.get(live.device)));
  return states.filter((state) => state !== null);
}

/** A hint chooses among those that are present; it never makes anybody present. */
function pick(candidates: readonly DeviceState[], hint: string | null): DeviceState | Doubt {
  const [only] = candidates;
  if (only === undefined) return 'no_device';
  if (candidates.length === 1) return only;
  const hinted = candidates.filter(
    ({ id, name }) => hint !== null && [id, name.toLowerCase()].includes(hint.toLowerCase()),
  );
  const [chosen] = hinted;
  return chosen !== undefined && hinted.length === 1 ? chosen : 'ambiguous_identity';
}

/** A device of which nothing is known now is asked, and given a moment to answer. */
async function heard({ connections, fleet, clock }: GateParts, state: DeviceState): Promise<DeviceState> {
  if (!isUnheard(state)) return state;
  connections.of(state.id)?.challenge(state.base === null ? 'full' : 'heartbeat', PATIENCE_MS / 1_000);
  let latest = state;
  for (let waited = 0; waited < PATIENCE_MS && isUnheard(latest); waited += LOOK_MS) {
    await clock.sleep(LOOK_MS);
    latest = (await fleet.get(state.id)) ?? state;
  }
  return latest;
}

function isUnheard({ decision }: DeviceState): boolean {
  return decision === null || decision.decision.reason === 'agent-silent';
}

function reasonOf(state: DeviceState): string {
  return state.decision?.decision.reason ?? 'not_judged';
}

function answerFor(state: DeviceState, settings: ServerConfig['radius']): GateAnswer {
  if (state.decision === null) return restricted(DOUBTS.not_judged, null, settings);
  const { id, decision } = state.decision;
  const correlation = `p1;d=${state.id};v=${id}`;
  const { access, sentence: message } = decision;
  if (access === 'restrict') return restricted(message, correlation, settings);
  if (access === 'quarantine') return { access, message, ...settings.quarantine, correlation };
  if (access === 'deny') {
    return {
      access,
      message,
      filterId: null,
      sessionTimeoutSeconds: null,
      correlation,
    };
  }
  return { access: 'allow', message: null, ...settings.allow, correlation };
}

function restricted(
  message: string,
  correlation: string | null,
  settings: ServerConfig['radius'],
): GateAnswer {
  return { access: 'restrict', message, ...settings.restrict, correlation };
}
