import { expect, test } from 'vitest';
import { runAll, type Actor } from '../../src/base/actors.ts';

function recording(name: string, stopped: string[]): Actor {
  return {
    name,
    run: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          stopped.push(name);
          resolve();
        });
      }),
  };
}

test('a signal stops all, in reverse order of start', async () => {
  const stopped: string[] = [];
  const control = new AbortController();
  const ended = runAll([recording('a', stopped), recording('b', stopped), recording('c', stopped)], {
    signal: control.signal,
    stopWithinMs: 1_000,
  });
  control.abort();
  expect(await ended).toEqual({ reason: 'signal', by: null, late: [] });
  expect(stopped).toEqual(['c', 'b', 'a']);
});

test('the first actor that ends or fails stops the others, and is named', async () => {
  const stopped: string[] = [];
  const failing: Actor = { name: 'bad', run: () => Promise.reject(new Error('no disk')) };
  const report = await runAll([recording('a', stopped), failing], {
    signal: new AbortController().signal,
    stopWithinMs: 1_000,
  });
  expect(report).toMatchObject({ reason: 'actor-failed', by: 'bad', late: [] });
  expect(report.error).toEqual(new Error('no disk'));
  expect(stopped).toEqual(['a']);
});

test('an actor that does not stop in time is named, not waited for', async () => {
  const stuck: Actor = { name: 'stuck', run: () => new Promise(() => {}) };
  const report = await runAll([stuck], { signal: AbortSignal.abort(), stopWithinMs: 20 });
  expect(report.late).toEqual(['stuck']);
});
