import { describe, expect, test } from 'vitest';
import {
  CONTROL,
  LONGEST_START_MS,
  ServiceLife,
  STATE,
  type ServiceStatus,
} from '../../src/agent/service/status.ts';

/** A service whose time passes by `pass`, and what its manager has heard. */
function begun() {
  const heard: ServiceStatus[] = [];
  let tick: (() => void) | null = null;
  const life = new ServiceLife({
    tell: (status) => heard.push(status),
    every(ms, act) {
      expect(ms).toBe(2_000);
      tick = act;
      return () => {
        if (tick === act) tick = null;
      };
    },
  });
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 2_000) tick?.();
  };
  life.begin();
  return { life, heard, pass, isTicking: () => tick !== null };
}

const states = (heard: readonly ServiceStatus[]) => heard.map(({ state }) => state);

describe('a service of Windows', () => {
  test('is pending while it starts, with rising check points, and takes nothing meanwhile', () => {
    const { life, heard, pass } = begun();
    pass(6_000);
    life.running();
    expect(states(heard)).toEqual([2, 2, 2, 2, 4]);
    expect(heard.map(({ checkPoint }) => checkPoint)).toEqual([1, 2, 3, 4, 0]);
    expect(heard.map(({ accepts }) => accepts)).toEqual([0, 0, 0, 0, 0x105]);
    // The manager gives up on a word that does not come within the hint.
    for (const { waitHintMs } of heard.slice(0, 4)) expect(waitHintMs).toBeGreaterThan(2_000);
  });

  test('whose start takes long is called running, so that it can be stopped', () => {
    const { heard, pass, isTicking } = begun();
    pass(LONGEST_START_MS + 10_000);
    expect(heard.at(-1)?.state).toBe(STATE.running);
    expect(states(heard).filter((state) => state === STATE.running)).toHaveLength(1);
    expect(isTicking()).toBe(false);
  });

  test.each(Object.entries({ stop: 1, shutdown: 5, preshutdown: 15 }))(
    '%s: pending until it has ended, STOPPED last and once',
    (_, control) => {
      const { life, heard, pass, isTicking } = begun();
      life.running();
      expect(life.signal.aborted).toBe(false);
      expect(life.control(control)).toBe(0);
      expect(life.signal.aborted).toBe(true);
      pass(4_000);
      life.stopped(0);
      life.stopped(1);
      life.running();
      pass(10_000);
      life.control(CONTROL.interrogate);
      expect(states(heard)).toEqual([2, 4, 3, 3, 3, 1]);
      expect(heard.at(-1)).toMatchObject({ exitCode: 0, checkPoint: 0, accepts: 0 });
      expect(isTicking()).toBe(false);
    },
  );

  test('a second wish to stop does not begin the stopping anew', () => {
    const { life, heard } = begun();
    life.running();
    life.control(CONTROL.preshutdown);
    life.control(CONTROL.stop);
    expect(states(heard)).toEqual([2, 4, 3]);
  });

  test('asked, it says how it is; what it does not know it refuses', () => {
    const { life, heard } = begun();
    life.running();
    expect(life.control(CONTROL.interrogate)).toBe(0);
    expect(states(heard)).toEqual([2, 4, 4]);
    expect(life.control(200)).toBe(120);
    expect(life.signal.aborted).toBe(false);
    expect(heard).toHaveLength(3);
  });

  test('an end with an error is one of its own, which the recovery actions see', () => {
    const { life, heard } = begun();
    life.stopped(4);
    expect(heard.at(-1)).toMatchObject({ state: 1, exitCode: 1_066, specificExitCode: 4 });
  });
});
