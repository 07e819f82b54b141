import { createHash } from 'node:crypto';
import { known, unknown, type Observed, type Why } from '../../src/base/reading.ts';
import type { FileProblem, Host, TagQuestion } from '../check.ts';
import type { Fact } from '../specs.ts';

/** Yes, no, or why nobody knows. What was read to answer goes no further. */
export type TagAnswer = boolean | { unknown: Why };

export type Kind = keyof TagQuestion;

/** How one system answers each kind of question that it can be asked. */
export type Answers = {
  [K in Kind]?: (host: Host, question: NonNullable<TagQuestion[K]>) => Promise<TagAnswer>;
};

/** Answers every tag that the policy asks on this system. */
export async function askTags(host: Host, answers: Answers): Promise<Observed<Fact<'tags'>>> {
  const tags = Object.entries(host.questions.tags);
  if (tags.length === 0) return unknown('not-applicable', 'The policy asks no tags.');
  const answered = await Promise.all(
    tags.map(async ([tag, question]) => [tag, await answerOne(host, question, answers)] as const),
  );
  return known(Object.fromEntries(answered));
}

/** One question that fails in an unforeseen way leaves the others their answers. */
async function answerOne(host: Host, question: TagQuestion, answers: Answers): Promise<TagAnswer> {
  const [kind] = kindsOf(question);
  if (kind === undefined) return { unknown: 'unsupported' };
  // The pair of a kind and its own question; a union of pairs cannot say so.
  const answer = answers[kind] as ((host: Host, question: unknown) => Promise<TagAnswer>) | undefined;
  if (answer === undefined) return { unknown: 'unsupported' };
  return answer(host, question[kind]).catch(() => ({ unknown: 'failed' }));
}

function kindsOf(question: TagQuestion): Kind[] {
  const kinds: readonly Kind[] = ['file', 'registry', 'plist', 'service', 'package'];
  return kinds.filter((kind) => question[kind] !== undefined);
}

/** Regular files only; with `sha256`, of at most the 4 MiB that `Host` reads. */
export async function fileTag(host: Host, question: NonNullable<TagQuestion['file']>): Promise<TagAnswer> {
  const status = await host.status(question.path);
  if (!status.ok) return status.error === 'missing' ? false : { unknown: whyOf(status.error) };
  if (status.value.kind !== 'file') return false;
  if (question.sha256 === undefined) return true;
  const bytes = await host.readBytes(question.path);
  if (!bytes.ok) return bytes.error === 'missing' ? false : { unknown: whyOf(bytes.error) };
  return createHash('sha256').update(bytes.value).digest('hex') === question.sha256;
}

export function whyOf(problem: FileProblem): Why {
  return problem === 'denied' ? 'denied' : 'failed';
}
