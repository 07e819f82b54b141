import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkIds, specs } from '../collectors/specs.ts';
import { withTable } from '../packaging/mdm/docs-table.ts';
import { configSchema as agentSettings } from '../src/agent/config-schema.ts';
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

test('the agent’s settings stand in the documentation as the schema has them', () => {
  const document = read('docs/agent.md');
  expect(withTable(document), 'npm run mdm -- --docs makes it so').toBe(document);
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
});

describe('every document', () => {
  const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
    (name) => name.endsWith('.md'),
  );

  test('every link and picture leads to a file, and to a heading of it', () => {
    const broken = documents.flatMap((name) =>
      [...read(name).matchAll(/\]\(([^)#:]*)(?:#([^)]+))?\)/g)].flatMap(([link, path = '', anchor]) => {
        const target = path === '' ? name : join(dirname(name), path);
        if (!existsSync(join(root, target))) return [`${name}: ${link}`];
        return anchor === undefined || anchorsOf(read(target)).includes(anchor) ? [] : [`${name}: ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  test('each picture that a script takes is shown somewhere, and opens at once', () => {
    const shown = documents.map(read).join('\n');
    for (const name of readdirSync(join(root, 'docs/images'))) {
      expect(shown).toContain(`images/${name})`);
      expect(statSync(join(root, 'docs/images', name)).size, name).toBeLessThan(150_000);
    }
  });
});

/** What a document's headings are called in a link. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, words = '']) =>
    words
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('versions are pinned exactly', () => {
  const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(all))
    expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+(-[a-z]+\.\d+)?$/);
});
