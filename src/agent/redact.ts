import type { ProbeAnswer } from '../../collectors/check.ts';
import type { Answer } from './recorder.ts';
import { redactAddresses } from './redact-addresses.ts';
import { createAliases, type Alias, type Tally } from './redact-aliases.ts';
import { isSerialKey, redactIdentifiers, serialFor } from './redact-identifiers.ts';
import { createNames, type Names } from './redact-names.ts';
import { isSecretKey, redactEnvironment, redactSecrets, secretFor } from './redact-secrets.ts';

/** Names that are known before anything is read: of this computer, and of who sits at it. */
export type KnownNames = { hosts: readonly string[]; users: readonly string[] };

export type Redacted = { answer: Answer; tally: Tally };

/** What a text is, as far as redacting has to know. */
type Place = { versions: boolean; socketTable: boolean; environment: boolean };

const PLAIN_TEXT: Place = { versions: false, socketTable: false, environment: false };

/**
 * The same answers with names, addresses, identifiers and secrets replaced: the same one by the same stand-in
 * everywhere, in a form that parsers take. Pure.
 */
export function redactAnswers(answers: readonly Answer[], known: KnownNames): Redacted[] {
  const { alias, takeTally } = createAliases();
  const names = createNames(alias);
  for (const host of known.hosts)
    for (const name of [host, host.split('.')[0] ?? '']) names.add('host', name);
  for (const user of known.users) names.add('user', user);
  for (const answer of answers) learn(answer, names);
  const redactor = createRedactor(alias, names);
  return answers.map((answer) => ({ answer: redactAnswer(answer, redactor), tally: takeTally() }));
}

type Redactor = {
  text(text: string, place: Place): string;
  bytes(bytes: Uint8Array, place: Place): Uint8Array;
  value(value: unknown, key: string): unknown;
};

function createRedactor(alias: Alias, names: Names): Redactor {
  const text = (original: string, place: Place) => {
    const open = place.environment ? redactEnvironment(original, alias) : redactSecrets(original, alias);
    // Sockets first: their table's addresses look like digests.
    return names.redact(redactIdentifiers(redactAddresses(open, place, alias), alias));
  };
  const value = (original: unknown, key: string): unknown => {
    if (typeof original === 'string') return textOf(original, key);
    if (Array.isArray(original)) return original.map((one) => value(one, key));
    if (typeof original !== 'object' || original === null) return original;
    return Object.fromEntries(Object.entries(original).map(([name, one]) => [name, value(one, name)]));
  };
  const textOf = (original: string, key: string) => {
    if (isSecretKey(key)) return secretFor(original, alias);
    if (isSerialKey(key)) return serialFor(original, alias);
    return text(original, { ...PLAIN_TEXT, versions: /version/i.test(key) });
  };
  return { text, value, bytes: (bytes, place) => redactBytes(bytes, (part) => text(part, place)) };
}

/** What readers take from a file that is no text stands at its beginning. */
const MAX_BINARY = 4_096;

/** Bytes that are no text keep their number and their places; the readable parts among them are redacted. */
function redactBytes(bytes: Uint8Array, redact: (text: string) => string): Uint8Array {
  const whole = Buffer.from(bytes);
  const text = whole.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(whole)) return Buffer.from(redact(text), 'utf8');
  const runs = whole.subarray(0, MAX_BINARY).toString('latin1');
  const redacted = runs.replaceAll(/[\x20-\x7E]{4,}/g, (run) =>
    redact(run).padEnd(run.length, ' ').slice(0, run.length),
  );
  return Buffer.from(redacted, 'latin1');
}

function redactAnswer(answer: Answer, { text, bytes, value }: Redactor): Answer {
  const plain = (one: string) => text(one, PLAIN_TEXT);
  switch (answer.kind) {
    case 'command': {
      const place = { ...PLAIN_TEXT, versions: answer.argv.some((word) => /version/i.test(word)) };
      return {
        ...answer,
        argv: answer.argv.map(plain),
        ...(answer.stdin === undefined ? {} : { stdin: plain(answer.stdin) }),
        ...(answer.as === undefined ? {} : { as: plain(answer.as) }),
        stdout: text(answer.stdout, place),
        stderr: text(answer.stderr, place),
      };
    }
    case 'file':
      return { ...answer, path: plain(answer.path), content: bytes(answer.content, placeOf(answer.path)) };
    case 'folder':
      return { ...answer, path: plain(answer.path), names: answer.names.map(plain) };
    case 'link':
      return { ...answer, path: plain(answer.path), target: plain(answer.target) };
    case 'status':
    case 'problem':
      return { ...answer, path: plain(answer.path) };
    case 'probe':
      return { ...answer, answer: redactProbe(answer.answer, value) };
  }
}

function redactProbe(answer: ProbeAnswer, value: Redactor['value']): ProbeAnswer {
  return answer.ok
    ? { ...answer, data: value(answer.data, '') }
    : { ...answer, message: String(value(answer.message, '')) };
}

function placeOf(path: string): Place {
  return {
    versions: /version/i.test(path),
    socketTable: /^\/proc\/(?:\d+\/|self\/)?net\/(?:udp|tcp|raw)/.test(path),
    environment: /^\/proc\/[^/]+\/environ$/.test(path),
  };
}

/** Takes the names from everything in an answer that may tell some. */
function learn(answer: Answer, names: Names): void {
  if ('path' in answer) names.learn(answer.path);
  switch (answer.kind) {
    case 'command':
      if (answer.as !== undefined) names.add('user', answer.as);
      for (const text of [...answer.argv, answer.stdout, answer.stderr]) names.learn(text);
      break;
    case 'file':
      names.learn(Buffer.from(answer.content).toString('utf8'));
      break;
    case 'folder':
      if (/^\/(?:home|Users)$/.test(answer.path)) for (const name of answer.names) names.add('user', name);
      break;
    case 'link':
      names.learn(answer.target);
      break;
    case 'probe':
      learnValue(answer.answer, '', names);
  }
}

function learnValue(value: unknown, key: string, names: Names): void {
  if (typeof value === 'string') {
    if (key === 'ServerAddress' && /[A-Za-z]/.test(value)) names.add('gateway', value);
    names.learn(value);
  } else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) learnValue(one, name, names);
}
