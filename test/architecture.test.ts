import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Parts of the tree, most specific first: each file belongs to the first row that matches its path. */
type Part = { name: string; files: RegExp; may: readonly string[]; packages?: RegExp; why: string };

const parts: readonly Part[] = [
  { name: 'base', files: /^src\/base\//, may: ['base'], why: 'knows nothing of posture' },
  {
    name: 'specs',
    files:
      /^collectors\/(check|specs|remedies|remedies\.de|words|help)\.ts$|^collectors\/[^/]+\/(spec|remedy|remedy\.de)\.ts$/,
    may: ['base', 'specs'],
    packages: /^zod$/,
    why: 'pure: shared by agent, server and tray',
  },
  {
    name: 'readers',
    files: /^collectors\//,
    may: ['base', 'specs', 'readers'],
    packages: /^(zod|node:path|node:crypto|node:buffer|node:zlib|plist|@expo\/plist|fast-xml-parser|yaml)$/,
    why: 'reach the system through Host only',
  },
  {
    name: 'wire',
    files: /^src\/wire\//,
    may: ['base', 'specs', 'wire'],
    packages: /^(zod|jose|canonicalize|node:crypto|node:util)$/,
    why: 'no network, no store',
  },
  {
    name: 'policy',
    files: /^src\/policy\//,
    may: ['base', 'specs', 'wire', 'policy'],
    packages: /^(zod|@marcbachmann\/cel-js)$/,
    why: 'pure: time is an argument',
  },
  {
    name: 'decide',
    files: /^src\/server\/decide\.ts$/,
    may: ['base', 'specs', 'wire', 'policy'],
    packages: /^zod$/,
    why: 'pure: no clock, no store, no network',
  },
  {
    name: 'scan',
    files: /^src\/scan\//,
    may: ['base', 'scan'],
    packages: /^(node:(crypto|dgram|net)|ip-bigint|sarif)$/,
    why: 'looks from outside: nothing of this computer',
  },
  {
    name: 'agent',
    files: /^src\/agent\//,
    may: ['base', 'specs', 'readers', 'wire', 'policy', 'scan', 'agent'],
    why: 'never the server',
  },
  { name: 'tray', files: /^src\/tray\//, may: ['base', 'specs', 'wire', 'tray'], why: 'no key, no evidence' },
  {
    name: 'server',
    files: /^src\/server\//,
    may: ['base', 'specs', 'wire', 'policy', 'decide', 'server'],
    why: 'loads specs, never a reader of an operating system',
  },
  {
    name: 'gateway',
    files: /^src\/gateway\//,
    may: ['base', 'specs', 'wire', 'gateway'],
    why: 'small and alone',
  },
  { name: 'console', files: /^src\/console\//, may: ['specs', 'wire', 'console'], why: 'runs in a browser' },
  {
    name: 'server-cli',
    files: /^src\/cli\/(drawbridge-server|server-[^/]+|schemas)\.ts$/,
    may: ['base', 'specs', 'wire', 'policy', 'decide', 'server', 'cli', 'server-cli'],
    why: 'never the agent',
  },
  {
    name: 'agent-cli',
    files: /^src\/cli\/(drawbridge|agent-[^/]+)\.ts$/,
    may: ['base', 'specs', 'readers', 'wire', 'policy', 'scan', 'agent', 'tray', 'cli', 'agent-cli'],
    why: 'never the server',
  },
  {
    name: 'gateway-cli',
    files: /^src\/cli\/(drawbridge-gateway|gateway-[^/]+)\.ts$/,
    may: ['base', 'specs', 'wire', 'gateway', 'cli', 'gateway-cli'],
    why: 'neither agent nor server',
  },
  {
    name: 'cli',
    files: /^src\/cli\//,
    may: ['base', 'specs', 'wire', 'policy', 'cli'],
    why: 'shared by the commands',
  },
];

const sources = list('src').concat(list('collectors'));

describe('imports', () => {
  test.each(sources)('%s imports only what its part may', (file) => {
    const part = partOf(file);
    expect(part, `${file} belongs to no part: add a row`).toBeDefined();
    const wrong = importsOf(file).filter((specifier) => !allowed(file, specifier, part as Part));
    expect(wrong, `${part?.name}: ${part?.why}`).toEqual([]);
  });

  test('one operating system’s readers never import another’s', () => {
    const systems = ['windows', 'macos', 'linux'];
    const wrong = sources.flatMap((file) => {
      const own = systems.find((name) => new RegExp(`(^|/)${name}[-.]`).test(file));
      if (!file.startsWith('collectors/') || own === undefined) return [];
      const others = systems.filter((name) => name !== own);
      return importsOf(file)
        .filter((specifier) => others.some((name) => new RegExp(`(^|/)${name}[-.]`).test(specifier)))
        .map((specifier) => `${file} -> ${specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  test('a check’s readers never import another check’s folder', () => {
    const wrong = sources.flatMap((file) => {
      const check = /^collectors\/([^/]+)\//.exec(file)?.[1];
      if (check === undefined) return [];
      return relativeImports(file)
        .filter((target) => /^collectors\/[^/]+\//.test(target) && !target.startsWith(`collectors/${check}/`))
        .map((target) => `${file} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('an agent loads what reads policies only while it reads one, and judging needs none of it', () => {
    const reads = /^src\/policy\/(cel|compiled|policy-text|[^/]+-schema)\.ts$/;
    const roots = ['src/policy/judge.ts', ...sources.filter((file) => file.startsWith('src/agent/'))];
    expect(roots.flatMap((root) => pathTo(reads, [root]) ?? [])).toEqual([]);
    // It is there, and found where it is used.
    expect(pathTo(reads, ['src/server/policy-file.ts'])).not.toBeNull();
  });

  test('there is no cycle', () => {
    expect(findCycle()).toEqual([]);
  });
});

describe('doors', () => {
  test('only src/base/exec.ts starts processes', () => {
    const wrong = sources.filter(
      (file) =>
        file !== 'src/base/exec.ts' && importsOf(file).some((name) => /^(node:)?child_process$/.test(name)),
    );
    expect(wrong).toEqual([]);
  });

  test('process.platform is read in main.ts files and the commands’ own entry points only', () => {
    const entry = /(^|\/)main\.ts$|^src\/cli\/(start|drawbridge|drawbridge-server)\.ts$/;
    const wrong = sources.filter(
      (file) => !entry.test(file) && /process\.platform|\bos\.platform\(/.test(text(file)),
    );
    expect(wrong).toEqual([]);
  });

  test('policy and decide read no clock', () => {
    const pure = sources.filter((file) => ['policy', 'decide'].includes(partOf(file)?.name ?? ''));
    const wrong = pure.filter((file) =>
      /Date\.now\(|new Date\(\)|performance\.now|systemClock/.test(text(file)),
    );
    expect(wrong).toEqual([]);
  });

  test('files that came with the program are read by src/base/assets.ts only, so that one executable can bear them', () => {
    // The launcher runs from a checkout alone; the inventory's child is a script that an executable bears by its name.
    const others = /^src\/base\/assets\.ts$|^src\/cli\/(start|children)\.ts$|^src\/agent\/inventory\.ts$/;
    const wrong = sources.filter((file) => !others.test(file) && /import\.meta/.test(code(file)));
    expect(wrong).toEqual([]);
  });

  test('no source asks for a shell', () => {
    const wrong = sources.filter((file) =>
      /shell:\s*true|\bexecSync\(|['"]\/bin\/(ba)?sh['"]/.test(text(file)),
    );
    expect(wrong).toEqual([]);
  });

  test('an unknown reading is never turned into false', () => {
    const wrong = sources.filter(
      (file) => file.startsWith('collectors/') && /\?\?\s*(false|true)\b/.test(code(file)),
    );
    expect(wrong).toEqual([]);
  });
});

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name).replaceAll('\\', '/'))
    .toSorted();
}

function partOf(file: string): Part | undefined {
  // Launcher and benchmarks tie both halves together; only the launcher lies in src.
  if (file === 'src/cli/start.ts')
    return {
      name: 'launcher',
      files: /x/,
      may: ['base', 'wire', 'specs', 'policy', 'cli'],
      why: 'starts both as processes',
    };
  return parts.find((part) => part.files.test(file));
}

function allowed(file: string, specifier: string, part: Part): boolean {
  if (!specifier.startsWith('.'))
    return part.packages === undefined ? allowedPackage(part, specifier) : part.packages.test(specifier);
  const target = partOf(resolve(file, specifier));
  return target !== undefined && (target.name === part.name || part.may.includes(target.name));
}

/** Parts without a list of packages may use any that package.json names; base is limited to built-ins and a few libraries. */
function allowedPackage(part: Part, specifier: string): boolean {
  return (
    part.name !== 'base' ||
    /^(node:|koffi$|dbus-native$|pino$|yaml$|zod$|@peculiar\/x509$|reflect-metadata$)/.test(specifier)
  );
}

function text(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function code(file: string): string {
  return text(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

function importsOf(file: string): string[] {
  const source = code(file);
  const forms = [
    /\bfrom\s+['"]([^'"]+)['"]/g,
    /\bimport\s+['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return forms.flatMap((form) => [...source.matchAll(form)].map((match) => match[1] ?? ''));
}

function relativeImports(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolve(file, specifier));
}

function resolve(file: string, specifier: string): string {
  return relative(root, normalize(join(root, dirname(file), specifier))).replaceAll('\\', '/');
}

/** What is loaded together with a file: types are not there when it runs, and `import()` comes later. */
function loadedWith(file: string): string[] {
  const source = code(file).replace(/^(import|export) type [^;]*;/gm, '');
  return [...source.matchAll(/^(?:import|export)\b[^;]*?['"](\.[^'"]+)['"];/gm)].map((match) =>
    resolve(file, match[1] ?? ''),
  );
}

/** The way by which a file loads one that matches; null where it loads none. */
function pathTo(wanted: RegExp, path: string[], seen = new Set<string>()): string[] | null {
  for (const next of loadedWith(path.at(-1) ?? '')) {
    if (wanted.test(next)) return [...path, next];
    if (seen.has(next)) continue;
    seen.add(next);
    const found = pathTo(wanted, [...path, next], seen);
    if (found !== null) return found;
  }
  return null;
}

function findCycle(): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const visit = (file: string, path: string[]): string[] => {
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    if (state.get(file) === 'done') return [];
    state.set(file, 'open');
    for (const next of relativeImports(file).filter((name) => name.endsWith('.ts'))) {
      const cycle = visit(next, [...path, file]);
      if (cycle.length > 0) return cycle;
    }
    state.set(file, 'done');
    return [];
  };
  for (const file of sources) {
    const cycle = visit(file, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
