import { describe, expect, test } from 'vitest';
import { said } from './pieces.ts';

describe('the pieces of an executable', () => {
  test('are read when they are asked for, once', () => {
    const pieces = {
      'main.cjs':
        'const a = require("./a.cjs"); require("./a.cjs").hello(); a.hello(); say(require("node:os").EOL.length);',
      'a.cjs': 'exports.hello = () => say("hello");',
      'b.cjs': '',
    };
    expect(said(pieces)).toEqual(['read:code/main.cjs', 'read:code/a.cjs', 'hello', 'hello', '1']);
  });

  test('are forgotten once nothing uses them, and read again when asked for again', () => {
    const pieces = {
      'main.cjs': `(async () => {
        await Promise.resolve().then(() => require('./a.cjs').hello());
        await soon();
        await Promise.resolve().then(() => require('./a.cjs').hello());
      })()`,
      'a.cjs': 'exports.hello = () => say("hello");',
    };
    const once = ['read:code/a.cjs', 'hello'];
    expect(said(pieces)).toEqual(['read:code/main.cjs', ...once, ...once]);
  });

  test('are one and the same while any function of theirs can be called', () => {
    const pieces = {
      'main.cjs': `(async () => {
        globalThis.kept = await Promise.resolve().then(() => require('./a.cjs').count);
        say(kept());
        await soon();
        say(await Promise.resolve().then(() => require('./a.cjs').count()));
      })()`,
      'a.cjs': 'let n = 0; class Other {} exports.count = () => (n += 1); exports.Other = Other;',
    };
    expect(said(pieces)).toEqual(['read:code/main.cjs', 'read:code/a.cjs', '1', '2']);
  });

  test('hold on to what they name', () => {
    const pieces = {
      'main.cjs': `const { ask } = require('./a.cjs'); soon().then(() => say(ask()));`,
      'a.cjs': 'const b = require("./b.cjs"); exports.ask = () => b.answer();',
      'b.cjs': 'exports.answer = () => "answered";',
    };
    const read = ['main', 'a', 'b'].map((name) => `read:code/${name}.cjs`);
    expect(said(pieces)).toEqual([...read, 'answered']);
  });
});
