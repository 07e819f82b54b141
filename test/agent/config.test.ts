import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig, parseConfig } from '../../src/agent/config.ts';
import { defaultPaths, platformOf } from '../../src/agent/paths.ts';
import { temporaryFolder } from './harness.ts';

const problem = (text: string) => {
  const parsed = parseConfig(text, 'agent.yaml');
  return parsed.ok ? null : parsed.error;
};

describe('settings', () => {
  test('an empty file is a complete one', () => {
    expect(parseConfig('', 'agent.yaml')).toMatchObject({
      ok: true,
      value: {
        given: {},
        config: {
          server: { proxy: 'auto', transport: 'auto' },
          collect: { everySeconds: 300 },
          spool: { maxReports: 500, maxBytes: 16_777_216 },
          keyStore: 'auto',
          log: { level: 'info' },
        },
      },
    });
  });

  test.each([
    ['server:\n  urll: https://a.example\n', 'agent.yaml:2:3: unknown setting "urll"; did you mean "url"?'],
    ['colect: {}\n', 'agent.yaml:1:1: unknown setting "colect"; did you mean "collect"?'],
    ['server:\n  transport: websockt\n', 'did you mean "websocket"?'],
    ['server:\n  url: http://a.example\n', 'agent.yaml:2:3: server.url: has to be an https:// address'],
    ['server:\n  url: https://me:secret@a.example\n', 'must not hold a user name or password'],
    ['collect:\n  everySeconds: 1\n', 'agent.yaml:2:3: collect.everySeconds'],
    ['log:\n  level: inof\n', 'did you mean "info"?'],
    ['server: [', 'agent.yaml:1:'],
  ])('%j names the place and what would be right', (text, message) => {
    expect(problem(text)).toContain(message);
  });

  test('a file that was named has to exist, the default one need not', async () => {
    const file = join(await temporaryFolder(), 'agent.yaml');
    expect(await loadConfig(file, true)).toMatchObject({ ok: true });
    expect(await loadConfig(file, false)).toMatchObject({ ok: false, error: expect.stringContaining(file) });
    await writeFile(file, 'keyStore: file\n');
    expect(await loadConfig(file, false)).toMatchObject({
      ok: true,
      value: { config: { keyStore: 'file' } },
    });
  });
});

test('each system has its own places, and a user another than the service', () => {
  expect(defaultPaths('linux', true, '/root').stateDir).toBe('/var/lib/drawbridge');
  expect(defaultPaths('linux', false, '/home/a').stateDir).toBe('/home/a/.local/state/drawbridge');
  expect(defaultPaths('windows', false, 'x').stateDir).toContain('ProgramData');
  expect(platformOf('darwin')).toBe('macos');
  expect(() => platformOf('aix')).toThrow('does not run on aix');
});
