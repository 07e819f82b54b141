import { expect, test } from 'vitest';
import { argvFor, wantedScript } from '../../src/base/own-script.ts';

test('Node is given the file, an executable the name of a script that it bears', () => {
  const script = '/somewhere/src/cli/inventory-child.ts';
  expect(argvFor(script, ['a'], false)).toEqual([script, 'a']);
  expect(argvFor(script, ['a'], true)).toEqual(['--own-script', 'inventory-child.ts', 'a']);
  const program = ['/usr/bin/x', '/usr/bin/x'];
  expect(wantedScript([...program, ...argvFor(script, [], true)])).toBe('inventory-child.ts');
  expect(wantedScript([...program, 'check'])).toBeNull();
  expect(wantedScript([...program, '--own-script'])).toBeNull();
});
