import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host, Output } from '../../collectors/check.ts';
import { systemClock } from '../../src/base/clock.ts';
import { temporaryFolder } from './harness.ts';
import { HOUR, machine, printed, updates } from './windows-machine.ts';

const failedSearch = updates.replace('"ok":true,"ms":90000', '"ok":false,"hresult":-2145107924,"ms":9');

/** Lets what was started in the background come to its end: on a busy machine its files take a while. */
async function settle(): Promise<void> {
  do await systemClock.sleep(30);
  while (process.getActiveResourcesInfo().some((resource) => resource.startsWith('FSReq')));
}

describe('updates', () => {
  const search = async (host: Host) => host.probe('updates');

  test('are asked in the background at the start, and then every six hours', async () => {
    const { cycle, host, count, pass } = machine();
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: true, data: [] });
    for (let index = 0; index < 71; index += 1) {
      pass(HOUR / 12);
      await cycle().prepare?.();
    }
    await settle();
    expect(count('updates')).toBe(1);
    pass(HOUR / 12);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(2);
  });

  test('not yet answered is a timeout and holds nobody up; one asking at a time', async () => {
    const { cycle, host, answers, count } = machine();
    let answer: (output: Output) => void = () => {};
    answers.updates = () => new Promise((resolve) => (answer = resolve));
    await cycle().prepare?.();
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: false, hresult: 0x80041069 | 0 });
    expect(count('updates')).toBe(1);
    answer(printed(updates));
    await settle();
    expect(await search(host())).toMatchObject({ ok: true });
  });

  test('outlive a restart, after which they are asked soon', async () => {
    const first = machine({}, await temporaryFolder());
    await first.cycle().prepare?.();
    await expect.poll(() => existsSync(join(first.folder, 'windows-updates.json'))).toBe(true);
    const young = machine({}, first.folder);
    await young.cycle().prepare?.();
    await settle();
    expect(await search(young.host())).toMatchObject({ ok: true });
    expect(young.count('updates')).toBe(0);
    const old = machine({}, first.folder);
    old.pass(HOUR / 2);
    old.answers.updates = () => new Promise(() => {});
    await old.cycle().prepare?.();
    await settle();
    expect(old.count('updates')).toBe(1);
    expect(await search(old.host())).toMatchObject({ ok: true });
  });

  test.each([
    ['the process failed', () => printed('', 'timeout')],
    ['nothing but noise came', () => printed('Fehler')],
  ])('%s: the last answer stays for a day, and it is tried again soon', async (_what, answer) => {
    const { cycle, host, answers, count, pass } = machine();
    await cycle().prepare?.();
    await settle();
    answers.updates = answer;
    pass(6 * HOUR);
    await cycle().prepare?.();
    await settle();
    pass(HOUR / 2);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(3);
    expect(await search(host())).toMatchObject({ ok: true });
    pass(18 * HOUR);
    expect(await search(host())).toMatchObject({ ok: false });
  });

  test('a search that failed says so, keeps its other answers, and is tried again soon', async () => {
    const { cycle, host, answers, count, pass } = machine();
    answers.updates = () => printed(failedSearch);
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: false, hresult: -2145107924 });
    expect(await host().probe('autoUpdate')).toMatchObject({ ok: true });
    pass(HOUR / 2);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(2);
  });

  test('who looks once waits for the answer', async () => {
    const { host, answers } = machine({ patience: 'wait' });
    answers.updates = async () => {
      await systemClock.sleep(50);
      return printed(updates);
    };
    expect(await search(host())).toMatchObject({ ok: true });
  });

  test.each(['', '{', '{"schema":2}', '[]'])('a damaged file (%j) is none', async (text) => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, 'windows-updates.json'), text);
    const { host } = machine({}, folder);
    expect(await search(host())).toMatchObject({ ok: false });
  });

  test('where they cannot be kept they are known all the same', async () => {
    const { host, folder } = machine({ patience: 'wait' });
    expect(await search(host())).toMatchObject({ ok: true });
    expect(existsSync(folder)).toBe(false);
  });
});
