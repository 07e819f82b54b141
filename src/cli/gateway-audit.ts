import { isMissing } from '../base/atomic-file.ts';
import { auditHost } from '../gateway/audit-host.ts';
import { paint, say, sayJson, table } from './present.ts';
import { UsageError } from './usage-error.ts';

/** 0 when nothing is wrong, 1 when something is; what only could be wrong does not count. */
export async function auditCommand(folder: string, { json }: { json?: boolean }): Promise<number> {
  const findings = await auditHost(folder).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new UsageError(
      `There is no radiusd.conf in ${folder}. Name the folder: drawbridge-gateway audit FOLDER`,
    );
  });
  if (json) sayJson(findings);
  else if (findings.length === 0) say('Nothing is wrong.');
  else {
    const rows = findings.map(({ level, where, found, todo }) => [
      paint(level === 'fail' ? 'red' : 'yellow', level),
      found,
      todo,
      where,
    ]);
    say(await table(['', 'found', 'what to do', 'where'], rows));
  }
  return findings.some(({ level }) => level === 'fail') ? 1 : 0;
}
