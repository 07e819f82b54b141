import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundle } from '../../packaging/build/bundle.ts';
import { parts } from '../../packaging/build/parts.ts';
import { iso, systemClock } from '../../src/base/clock.ts';
import { startServer } from '../agent/harness.ts';
import { healthyReadings } from '../server/fixtures.ts';
import type { Given } from './judging-agent.ts';
import { said } from './pieces.ts';

test('a packaged agent judges by whatever policy it holds, and forgets what reads policies and expressions', async () => {
  const server = await startServer();
  const wanted = [
    [{ name: 'own', expected: 'it', expr: 'firewall.state == "on"' }],
    [],
    [{ name: 'own', expected: 'it', expr: 'firewall.state == "off"' }],
    [{ name: 'own', expected: 'it', expr: 'firewall.state == "on"' }],
  ];
  const policies = wanted.map((expressions, index) =>
    server.policy({ version: index + 1, policy: { version: 1, name: 'test', expressions } }),
  );
  const given: Given = {
    identity: {
      device: server.device,
      ueid: `AQ${'A'.repeat(21)}`,
      orderRoot: server.urn.split(':').at(-1) ?? '',
      orderKeys: [server.orderKey.jwk],
    },
    policies: await Promise.all(policies),
    readings: healthyReadings(iso(systemClock.now())),
  };
  const { code } = await bundle(join(import.meta.dirname, '../..'), 'test/packaging/judging-agent.ts');
  const agent = parts.find(({ name }) => name === 'drawbridge');
  const words = said(Object.fromEntries(code), { flags: agent?.execArgv ?? [], given });
  const schemas = `read:code/${pieceWith(code, 'two expressions have the same name')}`;
  const cel = `read:code/${pieceWith(code, 'Unknown variable: ')}`;
  const told = words.filter((word) => [schemas, cel].includes(word) || word.startsWith('own:'));
  const steps = [
    [schemas, cel, 'own:pass'],
    // The policy in force still holds on to CEL while the next one is read.
    [schemas, 'own:none'],
    [schemas, cel, 'own:fail'],
    [schemas, 'own:pass'],
  ];
  expect(told).toEqual(steps.flat());
});

function pieceWith(code: ReadonlyMap<string, string>, words: string): string {
  const [name = ''] = [...code].find(([, text]) => text.includes(words)) ?? [];
  return name;
}
