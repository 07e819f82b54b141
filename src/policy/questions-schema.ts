import { z } from 'zod';
import { posixPath, registryKey, windowsPath } from './paths.ts';

/*
 * What a policy may ask of a device beyond the built-in checks. It is a closed grammar: questions with yes or no for
 * an answer, about places that are no user's and hold no secret. An agent checks it again on what its server sends,
 * so that a server that was taken over can ask nothing else either.
 */

const MAX_TAGS = 50;
const MAX_RULES = 50;
const MAX_EXECUTABLES = 20;

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'a name is letters, digits, dots, hyphens and underscores');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'has to be a SHA-256 in 64 lower-case hexadecimal digits');
const version = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z.+~:^_-]{0,59}$/, 'has to be a version such as 1.2.3');
const serviceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9@_.:-]{0,99}$/, 'has to be the name of a service');
const packageName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9+._-]{0,149}$/, 'has to be the name of a package');
const scalar = z.union([z.string().max(200), z.number().int(), z.boolean()]);

const fileQuestion = <P extends z.ZodType<string>>(path: P) =>
  z.strictObject({ path, sha256: sha256.optional() });
const service = z.strictObject({
  name: serviceName,
  state: z.enum(['running', 'stopped']).default('running'),
});
const installed = (packages: z.ZodType<string, string>) =>
  z.strictObject({ name: packages, atLeast: version });

/** Windows knows a package by the name that Settings shows, which no command ever gets to see. */
const shownName = z.string().regex(/^[^\p{Cc}]{1,150}$/u, 'has to be the name that Settings shows');

const registry = z.strictObject({
  key: registryKey,
  value: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9 _.-]{0,199}$/, 'has to be the name of a value')
    .refine((text) => !/passw|secret|credential|token/i.test(text), 'may not name a secret'),
  equals: z.union([z.string().max(200), z.number().int()]),
});

const plist = z.strictObject({
  path: posixPath.refine((path) => path.endsWith('.plist'), 'has to end in .plist'),
  key: z
    .string()
    .regex(/^[^\p{Cc}]{1,200}$/u, 'has to be the name of a value; a colon leads into nested ones'),
  equals: scalar,
});

const questions = {
  windows: oneOf({
    file: fileQuestion(windowsPath).optional(),
    registry: registry.optional(),
    service: service.optional(),
    package: installed(shownName).optional(),
  }),
  macos: oneOf({
    file: fileQuestion(posixPath).optional(),
    plist: plist.optional(),
    service: service.optional(),
    package: installed(packageName).optional(),
  }),
  linux: oneOf({
    file: fileQuestion(posixPath).optional(),
    service: service.optional(),
    package: installed(packageName).optional(),
  }),
};

function oneOf<S extends z.ZodRawShape>(shape: S) {
  const kinds = Object.keys(shape);
  return z
    .strictObject(shape)
    .refine((value) => Object.values(value).filter((one) => one !== undefined).length === 1, {
      message: `has to ask exactly one of ${kinds.join(', ')}`,
    });
}

/** A tag: the question that answers it, on each system where it is asked. */
const tag = z
  .strictObject({
    windows: questions.windows.optional(),
    macos: questions.macos.optional(),
    linux: questions.linux.optional(),
  })
  .refine((value) => Object.keys(value).length > 0, 'has to ask something on windows, macos or linux');

export const tagsSchema = z
  .record(name, tag)
  .refine((tags) => Object.keys(tags).length <= MAX_TAGS, `has to be at most ${MAX_TAGS} tags`);

/** The same from a server that may be newer: a tag that is no question of ours is left out, and so never asked. */
export const knownTags = z.record(z.string(), z.unknown()).transform((all) => {
  const entries = Object.entries(all).slice(0, MAX_TAGS);
  return Object.fromEntries(
    entries.flatMap(([key, value]) => {
      const parsed = tagsSchema.safeParse({ [key]: value });
      return parsed.success ? Object.entries(parsed.data) : [];
    }),
  );
});

/** The base name of an executable file. */
const executable = z
  .string()
  .regex(/^[^/\\\p{Cc}]{1,100}$/u, 'has to be the name of a program’s file, without its folder');
const executables = z.array(executable).max(MAX_EXECUTABLES).default([]);

const watched = z.strictObject({ windows: executables, macos: executables, linux: executables });

export const watchSchema = z
  .record(name, watched)
  .refine((rules) => Object.keys(rules).length <= MAX_RULES, `has to be at most ${MAX_RULES} rules`);
