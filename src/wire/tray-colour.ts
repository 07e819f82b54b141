import type { Decision, Level } from './decision.ts';
import type { Coloured } from './tray.ts';

/** All that the colour depends on. Times are in milliseconds. */
export type ColourFacts = {
  /** Whether this device has made a report at all since the agent started. */
  reported: boolean;
  enrolment: 'none' | 'requested' | 'pending' | 'enrolled';
  /** The server's; null before the first. */
  decision: Pick<Decision, 'access' | 'held' | 'mode' | 'until'> | null;
  /** Since when there is no connection; null while there is one. */
  offlineSince: number | null;
  isolated: boolean;
  /** Whether somebody holds the VPN down. */
  held: boolean;
  problems: readonly { level: Exclude<Level, 'pass'>; deadline: number | null }[];
  now: number;
};

/** Without a connection a decision is believed until its own end, and for as long as this. */
const BELIEVED_MS = 15 * 60_000;

/** What a tray shows that cannot reach its agent. */
export const UNREACHABLE: Coloured = { colour: 'grey', because: 'agent-unreachable' };

/**
 * The one rule by which a colour is chosen: what affects access comes first, then what is to be mended, and green
 * only where nothing is unknown.
 */
export function colourOf(facts: ColourFacts): Coloured {
  return affected(facts) ?? unsure(facts) ?? toMend(facts) ?? unread(facts) ?? well(facts);
}

function affected(facts: ColourFacts): Coloured | null {
  const { isolated, held, decision } = facts;
  if (isolated) return { colour: 'red', because: 'isolated' };
  if (held) return { colour: 'red', because: 'vpn-held' };
  if (decision === null || decision.access === 'allow' || !isBelieved(facts)) return null;
  const limited = decision.access === 'restrict';
  return { colour: 'red', because: limited ? 'access-limited' : 'access-paused' };
}

/** Where nobody can say what this device may do. */
function unsure(facts: ColourFacts): Coloured | null {
  const { reported, enrolment } = facts;
  if (!reported) return { colour: 'grey', because: 'starting' };
  if (enrolment === 'none') return { colour: 'grey', because: 'not-enrolled' };
  if (enrolment !== 'enrolled') return { colour: 'grey', because: 'pending' };
  return isBelieved(facts) ? null : { colour: 'grey', because: 'server-silent' };
}

/** While there is a connection, the next decision comes by itself. */
function isBelieved({ decision, offlineSince, now }: ColourFacts): boolean {
  if (decision === null) return false;
  return offlineSince === null || (now < Date.parse(decision.until) && now < offlineSince + BELIEVED_MS);
}

function toMend({ problems, decision }: ColourFacts): Coloured | null {
  if (decision?.mode === 'observe') return null;
  const known = problems.filter(({ level }) => level !== 'unknown');
  if (known.length === 0) return null;
  return {
    colour: 'amber',
    because: known.some(({ deadline }) => deadline !== null) ? 'deadline' : 'advice',
  };
}

function unread({ problems }: ColourFacts): Coloured | null {
  return problems.some(({ level }) => level === 'unknown') ? { colour: 'grey', because: 'unknown' } : null;
}

function well({ decision }: ColourFacts): Coloured {
  if (decision?.held === 'break-glass') return { colour: 'green', because: 'break-glass' };
  return { colour: 'green', because: decision?.mode === 'observe' ? 'observed' : 'good' };
}
