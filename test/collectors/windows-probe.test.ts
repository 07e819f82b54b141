import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { askObject, askRows, codesOf, failureOf, mostTelling } from '../../collectors/windows-probe.ts';
import { text } from '../../collectors/windows-values.ts';
import { unknown } from '../../src/base/reading.ts';
import { answer, hostWith } from './windows-host.ts';

const CIM = 'Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand';

function failed(fqid: string, hresult = 0, message = '') {
  return { ok: false as const, ms: 3, fqid, hresult, message };
}

describe('why a probe failed', () => {
  test.each([
    [failed(`HRESULT 0x80041003,${CIM}`), 'denied'],
    [failed(`MI RESULT 2,${CIM}`), 'denied'],
    [failed('CimJob_BrokenCimSession,Get-MpComputerStatus', 0x80131500 | 0), 'denied'],
    [failed('x', -2147024891), 'denied'],
    [failed(`HRESULT 0x8004100e,${CIM}`, -2147217394), 'not-installed'],
    [failed('HRESULT 0x80041013,Get-MpComputerStatus'), 'not-installed'],
    [failed('CommandNotFoundException', 0x80131501 | 0), 'not-installed'],
    [failed('OutOfTime', 0x80041069 | 0), 'timeout'],
    [failed('x', 0, '(Exception from HRESULT: 0x80041069)'), 'timeout'],
    [failed('GetFWVarFailed,Microsoft.SecureBoot', 0), 'unsupported'],
    [failed('GetFWVarFailed,Microsoft.SecureBoot', 0, 'Zugriff: 0xC0000022'), 'denied'],
    [failed('x', -2144845816), 'failed'],
    [failed('', 0, 'Zugriff verweigert'), 'failed'],
  ])('%j', (failure, why) => expect(failureOf('p', failure).why).toBe(why));

  test('the message, which may hold names, is not passed on', () => {
    expect(failureOf('p', failed('x', 0, 'C:\\Users\\alice 0x80004005')).detail).toBe('p: x 0x80004005');
  });

  test('numbers are unsigned, the most specific first', () => {
    expect(codesOf(failed('HRESULT 0x80041003', -2147467259, 'and 0x80070005'))).toEqual([
      0x80041003, 0x80004005, 0x80070005,
    ]);
  });

  test('of several failures the one that somebody can act on', () => {
    const [missing, denied] = [unknown('not-installed', 'a'), unknown('denied', 'b')];
    expect(mostTelling(missing, denied)).toBe(denied);
    expect(mostTelling(denied, missing)).toBe(denied);
  });
});

describe('asking', () => {
  const row = z.object({ Name: text });

  test('a probe that the script did not hand over is unknown', async () => {
    expect(await askRows(hostWith({}), 'p', row)).toMatchObject({ ok: false, error: { why: 'unsupported' } });
  });

  test.each([['text'], [[1]], [[null]], [[[]]], [[{ Name: 'a' }, 'b']]])(
    '%j is no list of objects',
    async (data) => {
      const rows = await askRows(hostWith({ p: answer(data) }), 'p', row);
      expect(rows).toMatchObject({ ok: false, error: { why: 'unparsable' } });
    },
  );

  test.each([[null], [[]], [3], [[{}, {}]]])('%j is no object', async (data) => {
    const object = await askObject(hostWith({ p: answer(data) }), 'p', row);
    expect(object).toMatchObject({ ok: false, error: { why: 'unparsable' } });
  });

  test('more rows than a machine can have are cut off', async () => {
    const rows = await askRows(hostWith({ p: answer(Array.from({ length: 5000 }, () => ({}))) }), 'p', row);
    expect(rows).toMatchObject({ ok: true, value: { length: 2000 } });
  });
});
