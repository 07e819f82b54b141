import { requiredChecks } from '../policy/policy.ts';
import { readPolicy } from '../server/policy-file.ts';
import { complain, say, sayJson } from './present.ts';

/** 0 for a policy that can be used, 1 for one that cannot. */
export async function policyCheckCommand(file: string, { json }: { json?: boolean }): Promise<number> {
  const read = await readPolicy(file);
  if (json)
    sayJson(read.ok ? { ok: true, name: read.value.name } : { ok: false, problems: read.error.split('\n') });
  else if (read.ok)
    say(
      `${file} is good: "${read.value.name}", requires ${requiredChecks(read.value).join(', ') || 'nothing'}.`,
    );
  else complain(read.error);
  return read.ok ? 0 : 1;
}
