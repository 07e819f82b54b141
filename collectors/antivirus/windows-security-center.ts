import { z } from 'zod';
import { integer, text } from '../windows-values.ts';
import type { AntivirusProduct } from './spec.ts';
import { vendorOf } from './windows-vendors.ts';

export const securityCenterRow = z.object({ displayName: text, instanceGuid: text, productState: integer });

type Row = z.output<typeof securityCenterRow>;
type State = 'on' | 'snoozed' | 'expired' | 'off';

/** One product as Security Center knows it. Null is what its productState does not say. */
export type Registration = {
  name: string;
  isDefender: boolean;
  state: State | null;
  upToDate: boolean | null;
};

/**
 * productState is 0x00PPSSUU: provider, state with owner, signatures. Microsoft does not document it; vendors and
 * inventory tools agree on this layout.
 */
const STATES: ReadonlyMap<number, State> = new Map([
  [0x0000, 'off'],
  [0x1000, 'on'],
  [0x2000, 'snoozed'],
  [0x3000, 'expired'],
]);
const SIGNATURES: ReadonlyMap<number, boolean> = new Map([
  [0x00, true],
  [0x10, false],
]);
const OWNER_MICROSOFT = 0x100;

/** Defender's registration has the same id on every machine. */
const DEFENDER = '{d68ddc3a-831f-4fae-9e44-da132c1acf46}';

/** The registered products, one for each name. An update or removal often leaves an old entry of the same name. */
export function registrationsOf(rows: readonly Row[]): Registration[] {
  const named = rows.filter((row) => row.displayName !== null || row.instanceGuid !== null);
  const byName = Map.groupBy(named.map(decode), (one) =>
    one.isDefender ? DEFENDER : one.name.toLowerCase(),
  );
  return [...byName.values()].flatMap((twins) => twins.toSorted((a, b) => rank(a) - rank(b)).slice(0, 1));
}

function decode({ displayName, instanceGuid, productState: state }: Row): Registration {
  const name = displayName ?? instanceGuid ?? '';
  const isMicrosofts = state !== null && (state & 0xf00) === OWNER_MICROSOFT;
  return {
    name,
    isDefender:
      instanceGuid?.toLowerCase() === DEFENDER ||
      isMicrosofts ||
      /^(?:windows|microsoft) defender/i.test(name),
    state: (state === null ? null : STATES.get(state & 0xf000)) ?? null,
    upToDate: (state === null ? null : SIGNATURES.get(state & 0xf0)) ?? null,
  };
}

/** The entry that protects best is the living one. */
function rank({ state, upToDate }: Registration): number {
  const order: readonly (State | null)[] = ['on', 'snoozed', 'expired', 'off', null];
  return order.indexOf(state) * 2 + (upToDate === true ? 0 : 1);
}

/** What Security Center alone can say: whether a product is on, and whether its signatures are current. */
export function toProduct({ name, state, upToDate }: Registration): AntivirusProduct {
  const isOn = state === null ? null : state === 'on';
  return {
    vendor: vendorOf(name),
    name,
    version: null,
    installed: true,
    // An off product may well have its processes running.
    running: isOn === true || state === 'snoozed' ? true : null,
    realtime: isOn,
    mode: isOn === null ? null : isOn ? 'active' : 'off',
    definitionsVersion: null,
    definitionsAt: null,
    upToDate,
    lastScanAt: null,
    tamperProtection: null,
    health: state === 'snoozed' || state === 'expired' ? [state] : [],
  };
}
