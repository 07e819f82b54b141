import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { onDemand } from '../../src/base/on-demand.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** What was looked at in one turn of the event loop is held until the next. */
const nextTurn = () => new Promise((resolve) => setTimeout(resolve));

test('is made when somebody asks, is the same while somebody holds it, and made again once it was forgotten', async () => {
  let made = 0;
  const shape = onDemand(() => ({ number: (made += 1) }));
  expect(made).toBe(0);
  let held: object | null = shape();
  await nextTurn();
  collect();
  expect(shape()).toBe(held);
  held = null;
  await nextTurn();
  collect();
  expect(shape()).toEqual({ number: 2 });
});
