import { z } from 'zod';
import type { Fact } from '../../collectors/specs.ts';
import { defineRule, fail, pass, warn } from './rule.ts';

export const diskEncryption = defineRule('disk-encryption', {
  expect: z.strictObject({}),
  judge(fact) {
    const expected = 'system and data encrypted';
    switch (fact.system) {
      case 'encrypted':
        return pass(expected, 'encrypted');
      case 'converting':
        return warn('disk-converting', expected, 'encryption not finished');
      case 'unprotected':
        return fail('disk-unprotected', expected, 'encrypted, but protection is suspended');
      case 'mixed':
        return fail('disk-mixed', expected, `not encrypted: ${plainVolumes(fact)}`);
      case 'plain':
        return fail('disk-plain', expected, 'not encrypted');
    }
  },
});

function plainVolumes(fact: Fact<'disk-encryption'>): string {
  const judged = ['system', 'data', 'swap'];
  const plain = fact.volumes.filter((volume) => volume.encrypted !== 'yes' && judged.includes(volume.role));
  return (
    plain
      .map((volume) => volume.mount ?? volume.role)
      .slice(0, 5)
      .join(', ') || 'some volumes'
  );
}
