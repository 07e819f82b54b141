import { createInterface } from 'node:readline/promises';

/** The answer of whoever sits at the terminal; null where there is none to ask at. */
export async function isAgreed(question: string): Promise<boolean | null> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await questions.question(`${question} [y/N] `)).trim());
  } finally {
    questions.close();
  }
}
