import { z } from 'zod';
import { iso } from '../base/clock.ts';
import { firstToFix, missingRequired } from '../policy/judge.ts';
import { ACCESS, RISK_LEVELS, decision, risk, verdict, type Decision } from '../wire/decision.ts';
import { inventory } from '../wire/inventory.ts';
import { decide, type Terms } from './decide.ts';
import { explain, explanation } from './explain.ts';
import { evidenceOf, type DeviceState } from './device-state.ts';
import { orderView, viewOf } from './order-view.ts';
import type { Device } from './store/devices.ts';
import type { OrderRow } from './store/tables.ts';

const time = z.iso.datetime();
const status = z.enum(['pending', 'live', 'revoked']);

/** One device whole: `GET /v1/devices/<id>`. */
export const deviceDocument = z.object({
  device: z.object({
    id: z.string(),
    name: z.string(),
    platform: z.string(),
    status,
    enrolledAt: time,
    agentVersion: z.string().nullable(),
    reportsDropped: z.number(),
    /** What kind of computer it is; null until the device has said so. */
    inventory: inventory.nullable(),
  }),
  readings: z.record(z.string(), z.unknown()),
  verdicts: z.array(verdict),
  risk,
  decision: decision.nullable(),
  firstToFix: verdict.nullable(),
  /** Checks that the policy requires and that are unknown: while there are any, the device cannot be judged. */
  requiredUnknown: z.array(z.string()),
  lastSeen: time.nullable(),
  connected: z.boolean(),
  alarms: z.array(z.string()),
  /** Checks that this server does not know, as they came. */
  raw: z.record(z.string(), z.unknown()),
  orders: z.array(orderView),
  /** How the decision came about. */
  explanation,
});

export type DeviceDocument = z.infer<typeof deviceDocument>;

/** A device in a list: `GET /v1/devices`. */
export const deviceSummary = z.object({
  id: z.string(),
  name: z.string(),
  platform: z.string(),
  status,
  access: z.enum(ACCESS).nullable(),
  risk: z.enum(RISK_LEVELS).nullable(),
  sentence: z.string().nullable(),
  lastSeen: time.nullable(),
  connected: z.boolean(),
  /** Null until it has reported. */
  agentVersion: z.string().nullable(),
  alarms: z.array(z.string()),
});

export type DeviceSummary = z.infer<typeof deviceSummary>;

export type DocumentParts = {
  state: DeviceState;
  orders: readonly OrderRow[];
  connected: boolean;
  terms: Terms;
  /** Milliseconds. */
  now: number;
};

/** Judged at `now`; the decision shown is the one in force, null before the first. */
export function documentOf({ state, orders, connected, terms, now }: DocumentParts): DeviceDocument {
  const inForce = state.decision?.decision ?? null;
  const judged = decide(evidenceOf(state), terms, now, inForce);
  const { id, name, platform, status, readings, raw, seenAt } = state;
  return {
    device: {
      id,
      name,
      platform,
      status,
      enrolledAt: iso(state.enrolledAt),
      agentVersion: state.agentVersion,
      reportsDropped: state.dropped,
      inventory: state.inventory,
    },
    readings,
    verdicts: judged.verdicts,
    risk: judged.decision.risk,
    decision: inForce,
    firstToFix: firstToFix(judged.verdicts, terms.policy),
    requiredUnknown: missingRequired(readings, terms.policy),
    lastSeen: seenAt === null ? null : iso(seenAt),
    connected,
    alarms: [...state.alarms],
    raw,
    orders: orders.map(viewOf),
    explanation: explain({ state, decided: judged, terms }),
  };
}

export function summaryOf(device: Device, state: DeviceState | null, connected: boolean): DeviceSummary {
  const { id, name, platform, status } = device;
  const seenAt = state?.seenAt ?? device.seen_at;
  return {
    id,
    name,
    platform,
    status,
    ...inShort(state?.decision?.decision ?? null),
    lastSeen: seenAt === null ? null : iso(seenAt),
    connected,
    agentVersion: state?.agentVersion ?? null,
    alarms: [...(state?.alarms ?? [])],
  };
}

function inShort(decision: Decision | null): Pick<DeviceSummary, 'access' | 'risk' | 'sentence'> {
  if (decision === null) return { access: null, risk: null, sentence: null };
  return { access: decision.access, risk: decision.risk.level, sentence: decision.sentence };
}
