// What a run of vitest says of its tests in JSON, as far as `npm test` reads it.
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { WINE_CRASHED } from './support/wine.ts';

export type Outcome = { status: string; fullName: string; failureMessages?: string[] };
export type FileReport = {
  name: string;
  status: string;
  message: string;
  assertionResults: Outcome[];
};
export type Counts = { passed: number; failed: number; skipped: number };

const SKIPPED = ['skipped', 'pending', 'todo'];

export function countsOf(files: readonly FileReport[]): Counts {
  const withStatus = (status: string) => testsOf(files).filter((one) => one.status === status).length;
  return { passed: withStatus('passed'), failed: withStatus('failed'), skipped: skippedIn(files).length };
}

/** Titles of skipped tests; a test that can be skipped says why in its title. */
export function skippedIn(files: readonly FileReport[]): string[] {
  return testsOf(files)
    .filter(({ status }) => SKIPPED.includes(status))
    .map(({ fullName }) => fullName);
}

function testsOf(files: readonly FileReport[]): Outcome[] {
  return files.flatMap(({ assertionResults }) => assertionResults);
}

/** What failed, a line each: a file that could not be run, or a test with the first line of its reason. */
export function failedIn(files: readonly FileReport[], root: string): string[] {
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults.filter((one) => one.status === 'failed');
    const file = relative(root, name);
    if (tests.length === 0) return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
    return tests.map((one) => `${file}: ${one.fullName}: ${firstLine(one.failureMessages?.[0])}`);
  });
}

/**
 * Files in which the server of Wine crashed: their other failures follow from it, and it is no fault of what is tested.
 * No other failure is a reason to run a file again.
 */
export function crashedIn(files: readonly FileReport[]): string[] {
  return files
    .filter(({ status }) => status === 'failed')
    .filter((file) => textsOf(file).some((text) => text.includes(WINE_CRASHED)))
    .map(({ name }) => name);
}

function textsOf({ message, assertionResults }: FileReport): string[] {
  return [message, ...assertionResults.flatMap(({ failureMessages }) => failureMessages ?? [])];
}

/** The reports with those of a second run in the place of those before. */
export function replaced(files: readonly FileReport[], again: readonly FileReport[]): FileReport[] {
  const second = new Map(again.map((file) => [file.name, file]));
  return files.map((file) => second.get(file.name) ?? file);
}

function firstLine(text = ''): string {
  return stripVTControlCharacters(text).trim().split('\n', 1)[0]?.slice(0, 300) ?? '';
}
