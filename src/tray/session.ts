import type { Clock } from '../base/clock.ts';
import type { TrayAnswer, TrayAsk, TrayRefusal, TrayStatus } from '../wire/tray.ts';
import { Unreachable, type TrayClient } from './client.ts';
import type { Locale } from './locale.ts';
import { failureNote, noBrowserNote, noteOf, viewOf } from './model.ts';
import { mayShow, NOTHING_TOLD, shown, step, type PromptMemory } from './prompt.ts';
import { hoursOf, type ActionId, type Tray, type TrayEvents } from './view.ts';

/** How often is looked whether something is due. */
const TICK_MS = 30_000;

export type SessionParts = {
  client: TrayClient;
  locale: Locale;
  clock: Clock;
  /** What was told before this start, and the way to keep it. */
  memory: { read(): Promise<PromptMemory | null>; write(memory: PromptMemory): Promise<void> };
  /** Shows the status page. False where no browser could be opened. */
  openPage(token: string | null): Promise<boolean>;
};

/** What a tray does from its start to its end, whatever the system. */
export type Session = { events: TrayEvents; run(tray: Tray, signal: AbortSignal): Promise<string> };

/**
 * Binds the agent's word to the icon, and the person's clicks to the agent. `run` returns why it ended.
 */
export function createSession(parts: SessionParts): Session {
  const { client, locale, clock } = parts;
  const gone = Promise.withResolvers<string>();
  let tray: Tray | null = null;
  let checking = 0;
  let offset = 0;
  let heard: TrayStatus | null = null;
  const now = () => clock.now() + offset;
  let drawn = '';
  const draw = () => {
    const view = viewOf({ status: client.status, isChecking: checking > 0, locale, now: now() });
    // A menu that is open closes when it is replaced: only for what says something else.
    if (JSON.stringify(view) === drawn) return;
    drawn = JSON.stringify(view);
    tray?.show(view);
  };
  const prompts = createPrompts(parts, now);
  const changed = (status: TrayStatus | null) => {
    // Deadlines are the server's; the agent's clock is corrected by it, this computer's may be off.
    if (status !== null && status !== heard) offset = Date.parse(status.at) - clock.now();
    heard = status;
    draw();
    if (tray !== null) prompts.look(tray);
  };
  const ask = async (request: TrayAsk) => {
    const refusal = await client.ask(request).then(codeOf, whyNot);
    if (refusal !== null && refusal !== 'busy') tray?.notify(failureNote(refusal, locale));
  };
  const recheck = async () => {
    checking += 1;
    draw();
    await ask({ verb: 'recheck' });
    checking -= 1;
    draw();
  };
  const act = async (action: ActionId, token: string | null): Promise<void> => {
    const hours = hoursOf(action);
    if (hours !== null) return ask({ verb: 'snooze', hours });
    if (action === 'recheck') return recheck();
    if (action === 'reconnect') return ask({ verb: 'reconnect' });
    if (!(await parts.openPage(token))) tray?.notify(noBrowserNote(locale));
  };
  return {
    events: {
      onAction: (action, token) => void act(action, token),
      onDismissed: () => {},
      onGone: (why) => gone.resolve(why),
    },
    async run(shownBy, signal) {
      tray = shownBy;
      await prompts.load();
      const stopWatching = client.watch(changed);
      changed(client.status);
      const stopped = ticking(clock, signal, () => changed(client.status));
      const why = await Promise.race([gone.promise, stopped]);
      stopWatching();
      return why;
    },
  };
}

async function ticking(clock: Clock, signal: AbortSignal, tick: () => void): Promise<string> {
  while (!signal.aborted) {
    await clock.sleep(TICK_MS, signal).catch(() => {});
    if (!signal.aborted) tick();
  }
  return 'stopped';
}

function codeOf(answer: TrayAnswer): TrayRefusal | null {
  return answer.ok ? null : answer.code;
}

/** An agent that cannot be reached is a refusal like any other to the person. */
function whyNot(error: unknown): 'unreachable' {
  if (error instanceof Unreachable) return 'unreachable';
  throw error;
}

/** Tells what is due, one at a time, and keeps what was told. */
function createPrompts({ client, memory: kept, locale }: SessionParts, now: () => number) {
  let memory = NOTHING_TOLD;
  let isLooking = false;
  let lookAgain = false;
  const keep = async (next: PromptMemory) => {
    const before = memory;
    memory = next;
    // Without a place to keep it, a restart tells again: worse things happen.
    if (JSON.stringify(before) !== JSON.stringify(next)) await kept.write(next).catch(() => {});
  };
  const once = async (tray: Tray) => {
    const { status } = client;
    if (status === null) return;
    const { memory: next, due, withdraw } = step(memory, status, now());
    if (withdraw) tray.withdraw();
    if (due === null || !mayShow(due, due.kind === 'paused' ? null : await tray.isQuiet())) return keep(next);
    tray.notify(noteOf(due, status, locale, now()));
    await keep(shown(next, due, now()));
  };
  return {
    async load() {
      memory = (await kept.read().catch(() => null)) ?? NOTHING_TOLD;
    },
    look(tray: Tray) {
      lookAgain = isLooking;
      if (isLooking) return;
      isLooking = true;
      void once(tray).finally(() => {
        isLooking = false;
        if (lookAgain) this.look(tray);
      });
    },
  };
}
