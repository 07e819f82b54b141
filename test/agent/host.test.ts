import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { createHost } from '../../src/agent/host.ts';
import { fileCache, memoryCache } from '../../src/agent/host-cache.ts';
import { MAX_FILE_BYTES } from '../../src/agent/host-files.ts';
import { parseAccount } from '../../src/agent/run-as.ts';
import { uname } from '../../src/base/commands.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-host-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const self = {
  version: '1',
  startedAt: '2026-01-01T00:00:00.000Z',
  keyProtection: null,
  integrity: null,
  managed: [],
};

function thisHost(crashes = 0) {
  return createHost({ self: () => ({ ...self, spoolDropped: 0, crashes }), questions: NO_QUESTIONS });
}

describe('files', () => {
  test('a whole file as text; wrong bytes become U+FFFD, a byte order mark goes', async () => {
    writeFileSync(join(folder, 'text'), Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xff, 0x62]));
    expect(await thisHost().readText(join(folder, 'text'))).toEqual({ ok: true, value: 'a\uFFFDb' });
  });

  test('an empty file is not a missing one', async () => {
    writeFileSync(join(folder, 'empty'), '');
    expect(await thisHost().readText(join(folder, 'empty'))).toEqual({ ok: true, value: '' });
    expect(await thisHost().readText(join(folder, 'nothing'))).toEqual({ ok: false, error: 'missing' });
    expect(await thisHost().readText(join(folder, 'empty', 'below'))).toEqual({
      ok: false,
      error: 'missing',
    });
  });

  test('4 MiB and no byte more', async () => {
    const path = join(folder, 'large');
    writeFileSync(path, '');
    truncateSync(path, MAX_FILE_BYTES);
    const most = await thisHost().readBytes(path);
    expect(most.ok && most.value.length).toBe(MAX_FILE_BYTES);
    truncateSync(path, MAX_FILE_BYTES + 1);
    expect(await thisHost().readBytes(path)).toEqual({ ok: false, error: 'too-large' });
  });

  test('folders, devices and loops of links are no files', async () => {
    symlinkSync('loop', join(folder, 'loop'));
    for (const path of [folder, '/dev/zero', join(folder, 'loop')])
      expect(await thisHost().readBytes(path)).toEqual({ ok: false, error: 'failed' });
  });

  test('the kernel’s own files state no size and are read all the same', async () => {
    const status = await thisHost().readText('/proc/self/status');
    expect(status.ok && status.value).toContain(`Pid:\t${process.pid}\n`);
    expect(await thisHost().readText('/proc/1/task')).toEqual({ ok: false, error: 'failed' });
    expect(await thisHost().readText('/proc/4194305/comm')).toEqual({ ok: false, error: 'missing' });
  });

  test('folders are listed in order, links are read as written', async () => {
    mkdirSync(join(folder, 'list'));
    for (const name of ['b', 'a', 'Z']) writeFileSync(join(folder, 'list', name), '');
    symlinkSync('../list/a', join(folder, 'list', 'link'));
    expect(await thisHost().list(join(folder, 'list'))).toEqual({ ok: true, value: ['Z', 'a', 'b', 'link'] });
    expect(await thisHost().readLink(join(folder, 'list', 'link'))).toEqual({ ok: true, value: '../list/a' });
    expect(await thisHost().list(join(folder, 'list', 'a'))).toEqual({ ok: false, error: 'missing' });
  });

  test('a status tells kind, size, permissions and time', async () => {
    const path = join(folder, 'status');
    writeFileSync(path, 'abc', { mode: 0o640 });
    const status = await thisHost().status(path);
    const { mtimeMs, ino, uid } = statSync(path);
    expect(status).toEqual({
      ok: true,
      value: { modifiedMs: mtimeMs, mode: 0o640, uid, kind: 'file', size: 3, inode: ino },
    });
    expect(await thisHost().status('/dev/null')).toMatchObject({ ok: true, value: { kind: 'other' } });
  });
});

describe('programs', () => {
  test('run with our environment and come back with their code', async () => {
    const { code, stdout, failure } = await thisHost().run(uname, ['-s']);
    expect({ code, failure, system: stdout.trim() }).toEqual({ code: 0, failure: null, system: 'Linux' });
  });

  test('an account is one line of passwd(5)', () => {
    expect(parseAccount('alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n')).toEqual({
      uid: 1000,
      home: '/home/alice',
    });
    for (const line of [
      '',
      'alice',
      'alice:x:-1:1000::/home/alice:/bin/sh',
      'alice:x:1000:1000::home:/bin/sh',
    ])
      expect(parseAccount(line)).toBeNull();
  });

  test.each(['-rroot', '', 'a b', '../x', 'nobody-of-that-name'])('nobody is called "%s"', async (as) => {
    expect(await thisHost().run(uname, [], { as })).toMatchObject({ failure: 'not-found', code: null });
  });

  test('aborting ends what still runs', async () => {
    const host = createHost({
      self: () => ({ ...self, spoolDropped: 0, crashes: 0 }),
      questions: NO_QUESTIONS,
      signal: AbortSignal.timeout(1),
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await host.run(uname, [])).failure).toBe('timeout');
  });
});

test('what the agent knows of itself is asked anew every time', () => {
  let crashes = 1;
  const host = createHost({ self: () => ({ ...self, spoolDropped: 0, crashes }), questions: NO_QUESTIONS });
  crashes = 2;
  expect(host.self.crashes).toBe(2);
});

describe('cache', () => {
  const caches = {
    memory: () => memoryCache(),
    file: () => fileCache(mkdtempSync(join(folder, 'cache-'))),
  };

  test.each(Object.entries(caches))('%s: an answer belongs to its fingerprint', (_kind, create) => {
    const cache = create();
    expect(cache.get('key', 'a')).toBeUndefined();
    cache.set('key', 'a', { n: 1 });
    expect(cache.get('key', 'a')).toEqual({ n: 1 });
    expect(cache.get('key', 'b')).toBeUndefined();
    cache.set('key', 'b', { n: 2 });
    expect(cache.get('key', 'a')).toBeUndefined();
  });

  test('a file outlives the process, readable by its owner alone', () => {
    const place = mkdtempSync(join(folder, 'cache-'));
    fileCache(place).set('key', 'a', [1, 'two']);
    expect(fileCache(place).get('key', 'a')).toEqual([1, 'two']);
    expect(statSync(join(place, 'reader-cache.json')).mode & 0o777).toBe(0o600);
  });

  test('it never grows beyond its bounds', () => {
    const place = mkdtempSync(join(folder, 'cache-'));
    const cache = fileCache(place);
    for (let index = 0; index < 100; index += 1) cache.set(`key${index}`, 'a', index);
    expect(cache.get('key0', 'a')).toBeUndefined();
    expect(cache.get('key99', 'a')).toBe(99);
    cache.set('huge', 'a', 'x'.repeat(1024 * 1024));
    expect(statSync(join(place, 'reader-cache.json')).size).toBeLessThan(512 * 1024);
    expect(fileCache(place).get('key99', 'a')).toBe(99);
  });

  test.each([
    ['damaged', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -5))],
    ['of another shape', (path: string) => writeFileSync(path, '{"version":1,"entries":{"key":7}}')],
    ['writable by others', (path: string) => chmodSync(path, 0o666)],
    [
      'a link',
      (path: string) => {
        writeFileSync(`${path}.real`, readFileSync(path), { mode: 0o600 });
        rmSync(path);
        symlinkSync(`${path}.real`, path);
      },
    ],
  ])('a file that is %s counts as empty', (_what, harm) => {
    const place = mkdtempSync(join(folder, 'cache-'));
    fileCache(place).set('key', 'a', 1);
    harm(join(place, 'reader-cache.json'));
    expect(fileCache(place).get('key', 'a')).toBeUndefined();
  });

  test('a folder that cannot be written is done without', () => {
    const cache = fileCache(join(folder, 'not', 'there'));
    cache.set('key', 'a', 1);
    expect(cache.get('key', 'a')).toBe(1);
  });
});
