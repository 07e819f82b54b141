import { iso } from '../../base/clock.ts';
import { certificatesIn } from './keys.ts';
import type { Chain } from './authority.ts';
import { gatewayEnds, lastEnds, latestIssue } from '../store/certificates.ts';
import type { Db, Store } from '../store/store.ts';
import type { CaSettings } from './settings.ts';

/** What ends when. Times are ISO 8601, UTC. */
export type Forecast = {
  authorities: { name: 'root' | 'issuing'; subject: string; notAfter: string; daysLeft: number }[];
  devices: {
    /** With a certificate that is good now, and how many of these should have been renewed long ago. */
    holding: number;
    late: number;
    /** When the first and the last of them ends; null without any. */
    firstEnd: string | null;
    lastEnd: string | null;
  };
  gateways: { name: string; notAfter: string; daysLeft: number }[];
  /** A sentence each, with what to do; empty where nothing will end unattended. */
  problems: string[];
};

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Days before its end from which on an authority is a matter for its keeper. */
const ATTENTION = { root: 365, issuing: 90 } as const;
/** Renewal is due at two thirds of a life; at three quarters something is wrong. */
const LATE_PART = 1 / 4;
const LATE_SHARE = 0.1;
const LATE_AT_LEAST = 3;
const CLOCK_LEEWAY_MS = 600_000;

/** Looks ahead, so that no end comes as a surprise. `now` in milliseconds. */
export async function forecast(
  store: Store,
  chain: Chain,
  settings: Pick<CaSettings, 'deviceHours' | 'gatewayDays'>,
  now: number,
): Promise<Forecast> {
  const authorities = authoritiesIn(chain, now);
  const known = await store.read((db) => issuedUntil(db, now));
  const devices = devicesAt(known.ends, settings.deviceHours * HOUR_MS, now);
  const gateways = known.gateways.map(({ name, not_after }) => ({ name, ...endOf(not_after, now) }));
  const problems = [
    ...authorities.flatMap(authorityProblem),
    ...gateways.flatMap((gateway) => gatewayProblem(gateway, settings.gatewayDays)),
    ...fleetProblem(devices),
    ...clockProblem(known.latest, now),
  ];
  return { authorities, devices, gateways, problems };
}

async function issuedUntil(db: Db, now: number) {
  return { ends: await lastEnds(db, now), gateways: await gatewayEnds(db), latest: await latestIssue(db) };
}

function authoritiesIn({ issuing, root }: Chain, now: number): Forecast['authorities'] {
  return [['root', root] as const, ['issuing', issuing] as const].flatMap(([name, pem]) =>
    certificatesIn(pem)
      .slice(0, 1)
      .map(({ subject, notAfter }) => ({ name, subject, ...endOf(notAfter.getTime(), now) })),
  );
}

function endOf(ms: number, now: number): { notAfter: string; daysLeft: number } {
  return { notAfter: iso(ms), daysLeft: Math.floor((ms - now) / DAY_MS) };
}

function devicesAt(rows: readonly { not_after: number }[], lifeMs: number, now: number): Forecast['devices'] {
  const ends = rows.map((row) => row.not_after).toSorted((a, b) => a - b);
  const [first, last] = [ends[0], ends.at(-1)];
  const late = ends.filter((end) => end - now < lifeMs * LATE_PART).length;
  return {
    holding: ends.length,
    late,
    firstEnd: first === undefined ? null : iso(first),
    lastEnd: last === undefined ? null : iso(last),
  };
}

function authorityProblem({ name, daysLeft, notAfter }: Forecast['authorities'][number]): string[] {
  if (daysLeft >= ATTENTION[name]) return [];
  const remedy =
    name === 'issuing'
      ? 'have the root sign a new one: drawbridge-server ca intermediate csr'
      : 'plan a new root, and give it to every gateway and laptop beside this one first';
  return [`The ${name} authority ends in ${daysLeft} days (${notAfter}): ${remedy}.`];
}

function gatewayProblem({ name, daysLeft, notAfter }: Forecast['gateways'][number], life: number): string[] {
  if (daysLeft >= life / 3) return [];
  const when = daysLeft < 0 ? `ended at ${notAfter}` : `ends in ${daysLeft} days (${notAfter})`;
  return [`The certificate of gateway ${name} ${when}: drawbridge-server ca issue.`];
}

function fleetProblem({ holding, late }: Forecast['devices']): string[] {
  if (late < LATE_AT_LEAST || late < holding * LATE_SHARE) return [];
  return [
    `${late} of ${holding} devices have not renewed in time and will soon have no certificate: are they connected, and what does the audit say of refusals?`,
  ];
}

function clockProblem(latest: number | null, now: number): string[] {
  if (latest === null || latest <= now + CLOCK_LEEWAY_MS) return [];
  return [
    `This server’s clock (${iso(now)}) is behind its last certificate (${iso(latest)}): nothing is issued until it is set right.`,
  ];
}
