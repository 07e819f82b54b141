import { unlink } from 'node:fs/promises';
import { readPrivate } from '../base/private-file.ts';
import { err, ok, type Result } from '../base/result.ts';

/** What an installer or a management system leaves for the agent, as it stands there; nothing of it was looked at. */
export type InvitationWords = { ENROLL_URL?: string; ENROLL_TOKEN?: string };

/** Where an invitation is left. */
export type InvitationPlace = {
  /** For the log. */
  name: string;
  /** Null: none is there. The error is a sentence about what is there and cannot be used. */
  read(): Promise<Result<InvitationWords | null, string>>;
  remove(): Promise<void>;
};

const MAX_BYTES = 4_096;

/** A file with ENROLL_URL and ENROLL_TOKEN, for root alone to read. */
export function invitationFile(file: string): InvitationPlace {
  return {
    name: file,
    async read() {
      const text = await readPrivate(file, MAX_BYTES);
      if (text.ok) return ok(wordsIn(text.value));
      if (text.error.kind === 'missing') return ok(null);
      return err(`${file} ${text.error.detail}: chown root and chmod 600 it`);
    },
    remove: () => unlink(file),
  };
}

/** `NAME=value` by lines, the value bare or in quotes; lines that begin with # are comments. */
export function wordsIn(text: string): InvitationWords {
  const lines = text
    .split(/\r?\n/)
    .map((line) => /^\s*(ENROLL_URL|ENROLL_TOKEN)=(["']?)(.*?)\2\s*$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match === null ? [] : [[match[1], match[3]]])));
}
