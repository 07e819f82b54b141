import type { Platform } from '../../collectors/check.ts';
import type { Actor } from '../base/actors.ts';
import type { Logger } from '../base/log.ts';
import { runningGraces, snoozeUntil } from '../policy/reminders.ts';
import type { TrayProblem, TrayStatus } from '../wire/tray.ts';
import type { AgentState } from './agent-state.ts';
import { createBell, type Bell } from './bell.ts';
import type { Fixer } from './fixes.ts';
import { judgeAll } from './judgement.ts';
import type { Reporting } from './reporting.ts';
import type { StandingPolicy } from './standing.ts';
import type { Status, StatusBoard } from './status.ts';
import { openDays } from './tray-days.ts';
import { createDesk } from './tray-desk.ts';
import type { TrayDoor } from './tray-door.ts';
import { createTrayGate } from './tray-gate.ts';
import { trayStatusOf } from './tray-status.ts';
import type { VpnPart } from './vpn-part.ts';

/** How this computer's users reach the agent, and what can be done for them. */
export type TrayWays = { platform: Platform; door: TrayDoor; fixer: Fixer };

export type TrayPartDeps = {
  ways: TrayWays;
  state: AgentState;
  reporting: Reporting;
  vpn: VpnPart;
  standing: () => StandingPolicy | null;
  /** Rings with the seconds for which the server is to put reminders off. */
  snoozes: Bell<number>;
  log: Logger;
};

export type TrayPart = {
  actors: Actor[];
  /** After each judgement: what is offered follows from it. */
  onJudged(): void;
  onSnoozed(until: string | null): void;
};

/** Milliseconds in which changes are gathered into one word to the trays. */
const GATHER_MS = 50;
/** Time alone changes what is to be said: deadlines pass, connections grow old. */
const LOOK_MS = 15_000;
/** Where nobody is told, only the colour is noted: of so many looks one is made. */
const UNHEARD_LOOKS = 4;
/** Milliseconds that somebody who waits for a report waits for the server. */
const REPORTED_MS = 5_000;
const HOUR_MS = 3_600_000;

/** What users are told and can ask for. */
export async function createTrayPart(deps: TrayPartDeps): Promise<TrayPart> {
  const { ways, state, reporting, vpn, standing, snoozes, log } = deps;
  const { clock } = state;
  const days = await openDays(state.days);
  const changed = createBell<void>();
  let offers: ReadonlyMap<string, TrayProblem['fixes']> = new Map();
  let ownSnooze: number | null = null;
  const status = (): TrayStatus =>
    trayStatusOf(
      {
        status: state.status.current,
        readings: reporting.latest(),
        policy: reporting.policyInForce(),
        platform: ways.platform,
        offers,
        snoozedUntil: ownSnooze ?? toMs(state.status.current.decision?.snoozedUntil),
        canReconnect: vpn.canBringUp(),
        days: days.shown,
      },
      clock.now(),
    );
  let isOver = false;
  const look = () => {
    if (isOver) return;
    const seen = status();
    days.note(seen, Date.parse(seen.at));
    changed.ring();
  };
  const dirty = gathering(look);
  const offer = async () => {
    offers = await ways.fixer.offers(status().problems, standing()?.policy.fixes ?? []);
    dirty();
  };
  const desk = createDesk({
    status,
    changed,
    clock,
    read: (check) => (check === null ? reporting.scheduler.request() : reporting.reread(check)),
    reported: (id) => reported(state, id),
    snooze(hours) {
      const until = snoozed(reporting, hours * HOUR_MS, clock.now());
      if (until === null) return false;
      ownSnooze = until;
      snoozes.ring(hours * 3_600);
      dirty();
      return true;
    },
    reconnect: () => vpn.bringUp(),
    fixer: ways.fixer,
  });
  const follow: Actor = {
    name: 'tray-status',
    async run(signal) {
      const isNews = newsOf(state.status);
      const stop = state.status.changed.listen(() => {
        if (isNews() || changed.isHeard) dirty();
      });
      for (let looks = 0; !signal.aborted; looks += 1) {
        if (changed.isHeard || looks % UNHEARD_LOOKS === 0) look();
        await clock.sleep(LOOK_MS, signal).catch(() => {});
      }
      stop();
      isOver = true;
      await days.flush();
    },
  };
  return {
    actors: [follow, createTrayGate({ door: ways.door, desk, clock, log })],
    onJudged() {
      dirty();
      offer().catch((error: unknown) =>
        log.warn({ err: error }, 'what can be done by one click is not known'),
      );
    },
    onSnoozed(until) {
      // Null: the server knows of no deadline, and what it knows is what counts.
      ownSnooze = toMs(until);
      dirty();
    },
  };
}

/** What the colour follows from; each acknowledgement changes the rest. */
function newsIn({ enrolment, connection, decision, vpn }: Status): unknown[] {
  return [enrolment, connection, decision, vpn];
}

/** Answers whether the colour may have changed since it was asked last. */
function newsOf(status: StatusBoard): () => boolean {
  let seen = newsIn(status.current);
  return () => {
    const before = seen;
    seen = newsIn(status.current);
    return seen.some((part, index) => part !== before[index]);
  };
}

function toMs(time: string | null | undefined): number | null {
  return time === null || time === undefined ? null : Date.parse(time);
}

/** Calls `act` once, shortly after the first of many calls. */
function gathering(act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      act();
    }, GATHER_MS).unref();
  };
}

/** Until when reminders can be put off (milliseconds); null where nothing has a deadline. */
function snoozed(reporting: Reporting, ms: number, now: number): number | null {
  const readings = reporting.latest();
  if (readings === null) return null;
  const { verdicts } = judgeAll(readings, reporting.policyInForce(), now);
  const followed = verdicts.filter(({ since }) => since !== null);
  return snoozeUntil(runningGraces(followed, now), ms, now);
}

/** Until the server has acknowledged a report, as long as there is a server to do so. */
function reported({ spool, status, clock }: AgentState, id: string): Promise<void> {
  const isDone = () => status.current.connection.state !== 'connected' || !spool.ids.includes(id);
  if (isDone()) return Promise.resolve();
  const control = new AbortController();
  return new Promise((resolve) => {
    const stops = [spool.changed, status.changed].map((bell) => bell.listen(() => isDone() && end()));
    const end = () => {
      for (const stop of stops) stop();
      control.abort();
      resolve();
    };
    clock.sleep(REPORTED_MS, control.signal).then(end, () => {});
  });
}
