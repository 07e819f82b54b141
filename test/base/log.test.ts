import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';

test('secrets never reach a line, at whatever depth they stand', () => {
  let lines = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines += String(chunk);
      done();
    },
  });
  const log = createLogger('test', 'info', sink);
  log.info(
    { token: 'SECRET1', request: { authorization: 'SECRET2', body: { password: 'SECRET3' } } },
    'hello',
  );
  expect(lines).toContain('hello');
  expect(lines).not.toMatch(/SECRET/);
  expect(JSON.parse(lines)).toMatchObject({
    name: 'test',
    token: '[redacted]',
    request: { body: { password: '[redacted]' } },
  });
});
