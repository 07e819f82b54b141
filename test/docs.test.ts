import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkIds, specs } from '../collectors/specs.ts';
import { configSchema as agentSettings } from '../src/agent/config.ts';
import { WHYS } from '../src/base/reading.ts';
import { gatewayConfigSchema as gatewaySettings } from '../src/gateway/config.ts';
import { configSchema as serverSettings } from '../src/server/config.ts';
import { REFUSALS } from '../src/wire/refusal.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** First cells of a Markdown table's rows below a heading, without their backquotes. */
function firstCells(markdown: string, heading: string): string[] {
  const section = markdown.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');
}

describe('documentation agrees with the code', () => {
  const protocol = read('docs/protocol.md');

  test('every refusal, with its handling and sentence, and no other', () => {
    expect(firstCells(protocol, 'Refusals').toSorted()).toEqual(Object.keys(REFUSALS).toSorted());
    for (const [code, { handling, hint }] of Object.entries(REFUSALS)) {
      expect(protocol).toContain(`| \`${code}\` | \`${handling}\` | ${hint} |`);
    }
  });

  test('every reason for an unknown, and no other', () => {
    expect(firstCells(protocol, 'Why a reading is unknown').toSorted()).toEqual([...WHYS].toSorted());
  });

  test('every check with its sentence and reasons', () => {
    const checks = read('docs/checks.md');
    for (const id of checkIds) {
      const reasons = [...specs[id].reasons, `${id}-unknown`].map((reason) => `\`${reason}\``).join(' ');
      expect(checks).toContain(`| \`${id}\` | ${specs[id].collects} | ${reasons} |`);
    }
  });
});

describe('settings', () => {
  test.each([
    ['docs/agent.md', agentSettings],
    ['docs/server.md', serverSettings],
    ['docs/gateway.md', gatewaySettings],
  ])('%s names every setting and no other', (file, schema) => {
    const named = [...read(file).matchAll(/^\| (`.+?`) \|/gm)].flatMap((row) =>
      [...(row[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
    );
    expect(named.toSorted()).toEqual(settingsOf(z.toJSONSchema(schema, { io: 'input' })).toSorted());
  });
});

/** Dotted names of a schema's leaves. */
function settingsOf(schema: z.core.JSONSchema.BaseSchema, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const name = `${prefix}${key}`;
    return typeof child === 'object' && child.properties ? settingsOf(child, `${name}.`) : [name];
  });
}

describe('README', () => {
  const readme = read('README.md');

  test('names every dependency with what it is for', () => {
    const named = firstCells(readme, 'Dependencies');
    const all = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(named.filter((name) => !name.startsWith('node-')).toSorted()).toEqual(all.toSorted());
    for (const name of Object.keys(manifest.optionalDependencies)) expect(readme).toContain(`\`${name}\``);
  });

  test('every npm script that it names exists', () => {
    const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)];
    const named = documents
      .filter((name) => name.endsWith('.md'))
      .flatMap((name) =>
        [...read(name).matchAll(/npm run (?:-s |--silent )?([a-z:]+)/g)].map((match) => match[1] ?? ''),
      );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });

  test('every link and picture leads to a file', () => {
    const targets = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
    for (const target of targets) expect(() => readFileSync(join(root, target))).not.toThrow();
  });
});

test('versions are pinned exactly', () => {
  const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(all))
    expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+(-[a-z]+\.\d+)?$/);
});
