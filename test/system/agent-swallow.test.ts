import { expect, test } from 'vitest';
import { enrolWith, startAgent, startServer, temporaryFolder } from '../agent/harness.ts';

test('a proxy that lets WebSocket open and swallows what follows: HTTPS instead', async () => {
  const server = await startServer({ websocket: 'swallow' });
  const folder = await temporaryFolder();
  await enrolWith(server, folder);
  startAgent(folder);
  await expect.poll(() => server.reports[0]?.via, { timeout: 30_000 }).toBe('https');
});
