import { appendFile, chmod, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { loadConfig } from '../../src/server/config.ts';
import { pathsIn, type DataPaths } from '../../src/server/data-folder.ts';
import { init } from '../../src/server/init.ts';
import { startServer } from '../../src/server/main.ts';
import { systemClock } from '../../src/base/clock.ts';

let folder: string;
let paths: DataPaths;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-secrets-'));
  paths = pathsIn(folder);
  await init(folder, { names: [], now: Date.now(), port: 0 });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function start(): Promise<void> {
  const config = await loadConfig(paths.config);
  if (!config.ok) throw new Error(config.error);
  const server = await startServer(config.value, {
    clock: systemClock,
    log: createLogger('server', 'silent'),
  });
  await server.close();
}

describe('a secret of the server', () => {
  test('as init makes them, all are good', async () => {
    await expect(start()).resolves.toBeUndefined();
  });

  test.each(['orderRoot', 'orderKey', 'tls', 'tlsCaKey', 'adminToken'] as const)(
    '%s that others can read is refused, with the file and what to do',
    async (name) => {
      await chmod(paths[name], 0o644);
      await expect(start()).rejects.toThrow(
        `${paths[name]} can be read by others (mode 644). Make it private with chmod 600`,
      );
    },
  );

  test('the authority’s key may be kept elsewhere until it is needed', async () => {
    await rm(paths.tlsCaKey);
    await expect(start()).resolves.toBeUndefined();
  });

  test.each([
    ['signals: [{ source: edr, secretFile: /nonexistent/edr }]\n', 'signals: edr'],
    [
      'radius: { nas: [{ name: lns, dynamicAuthorization: { host: 127.0.0.1, secretFile: /nonexistent/lns } }] }\n',
      'radius.nas: lns',
    ],
  ])('that is shared and not there: nobody is sent to init for it', async (settings, setting) => {
    await appendFile(paths.config, settings);
    await expect(start()).rejects.toThrow(
      `is not there. Write the secret into it, readable by the server alone, or name another file: ${setting}.`,
    );
    await expect(start()).rejects.not.toThrow('init');
  });

  test('that is a symbolic link is refused', async () => {
    await rename(paths.orderKey, join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), paths.orderKey);
    await expect(start()).rejects.toThrow(`${paths.orderKey} is a symbolic link.`);
  });

  test('that is damaged is named, with what it would cost to do without', async () => {
    await writeFile(paths.orderKey, 'garbage');
    await expect(start()).rejects.toThrow(
      `${paths.orderKey} does not hold a key (damaged?). Restore it from a copy`,
    );
  });

  test('an empty administrator’s token is refused', async () => {
    await writeFile(paths.adminToken, '');
    await expect(start()).rejects.toThrow(
      `${paths.adminToken} holds no token. Remove the file and make a new one`,
    );
  });
});
