/*
 * What a service of Windows tells its service manager, and is told. Numbers: winsvc.h.
 * https://learn.microsoft.com/windows/win32/services/service-status-transitions
 */

export const STATE = { stopped: 1, startPending: 2, stopPending: 3, running: 4 } as const;
export const CONTROL = { stop: 1, interrogate: 4, shutdown: 5, preshutdown: 15 } as const;

/** Controls that a running service takes: stop, shutdown, preshutdown. In no other state does the manager send any. */
const ACCEPTS = 0x1 | 0x4 | 0x100;

const NO_ERROR = 0;
const CALL_NOT_IMPLEMENTED = 120;
/** The service's own exit code stands in `specificExitCode`. */
const SERVICE_SPECIFIC = 1_066;

export type ServiceStatus = {
  state: (typeof STATE)[keyof typeof STATE];
  accepts: number;
  exitCode: number;
  specificExitCode: number;
  /** Rises while something is pending: the manager sees that it goes on. */
  checkPoint: number;
  /** Milliseconds until the next word at the latest. */
  waitHintMs: number;
};

/** Milliseconds between two words while something is pending, and what is promised. */
const TICK_MS = 2_000;
const HINT_MS = 20_000;
/** A start that takes longer is called running: in between, the manager lets nobody stop the service. */
export const LONGEST_START_MS = 20_000;

export type ServiceLifeDeps = {
  tell(status: ServiceStatus): void;
  /** Calls again and again; answers with the way to end that. */
  every?: (ms: number, act: () => void) => () => void;
};

/** The states of one service from its start to its end, in the order in which a manager may hear them. */
export class ServiceLife {
  readonly #deps: Required<ServiceLifeDeps>;
  readonly #stopping = new AbortController();
  #state: ServiceStatus['state'] = STATE.startPending;
  #checkPoint = 0;
  #endTicks = () => {};

  constructor({ tell, every = repeat }: ServiceLifeDeps) {
    this.#deps = { tell, every };
  }

  /** Aborts when the manager wants the service to end. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The first word. */
  begin(): void {
    this.#pending(STATE.startPending);
  }

  /** The service does its work. */
  running(): void {
    if (this.#state !== STATE.startPending) return;
    this.#enter(STATE.running);
    this.#tell();
  }

  /** What the manager wants; answers with what its handler has to return. */
  control(code: number): number {
    if (this.#state === STATE.stopped) return NO_ERROR;
    switch (code) {
      case CONTROL.interrogate:
        this.#tell();
        return NO_ERROR;
      case CONTROL.stop:
      case CONTROL.shutdown:
      case CONTROL.preshutdown:
        if (this.#state !== STATE.stopPending) this.#pending(STATE.stopPending);
        this.#stopping.abort();
        return NO_ERROR;
      default:
        return CALL_NOT_IMPLEMENTED;
    }
  }

  /** The last word: the manager may end the process from now on. `code` other than 0 counts as a failure. */
  stopped(code: number): void {
    if (this.#state === STATE.stopped) return;
    this.#enter(STATE.stopped);
    this.#tell(code);
  }

  #pending(state: ServiceStatus['state']): void {
    this.#enter(state);
    this.#endTicks = this.#deps.every(TICK_MS, () => {
      const isLate = state === STATE.startPending && this.#checkPoint * TICK_MS >= LONGEST_START_MS;
      if (isLate) this.running();
      else this.#tell();
    });
    this.#tell();
  }

  #enter(state: ServiceStatus['state']): void {
    this.#endTicks();
    this.#endTicks = () => {};
    this.#state = state;
    this.#checkPoint = 0;
  }

  #tell(code = 0): void {
    const state = this.#state;
    const isPending = state === STATE.startPending || state === STATE.stopPending;
    if (isPending) this.#checkPoint += 1;
    this.#deps.tell({
      state,
      accepts: state === STATE.running ? ACCEPTS : 0,
      exitCode: code === 0 ? NO_ERROR : SERVICE_SPECIFIC,
      specificExitCode: code,
      checkPoint: isPending ? this.#checkPoint : 0,
      waitHintMs: isPending ? HINT_MS : 0,
    });
  }
}

function repeat(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => clearInterval(timer);
}
