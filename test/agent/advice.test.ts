import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchChallenge } from '../../src/agent/enrol-protocol.ts';
import { stateFolderProblem } from '../../src/agent/state-folder.ts';
import { loadTrust } from '../../src/agent/trust.ts';
import { temporaryFolder } from './harness.ts';

test('enrolling where nobody listens asks about the server and the port', async () => {
  const origin = `https://127.0.0.1:${await unusedPort()}`;
  await expect(challengeOf(origin)).rejects.toThrow(
    `Nobody listens at ${origin}: is the server running, is the port right?`,
  );
});

test('a caFile that is not there is told by the name of its setting', async () => {
  const file = join(await temporaryFolder(), 'none.pem');
  await expect(loadTrust(null, file)).rejects.toThrow(`The setting server.caFile names ${file}`);
});

test('a file is no state folder', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  expect(await stateFolderProblem(file)).toContain('is not a folder');
});

function challengeOf(origin: string) {
  return fetchChallenge({ url: new URL(origin), proxy: 'none', env: {} }, 'root');
}

async function unusedPort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
