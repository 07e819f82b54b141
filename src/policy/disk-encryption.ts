import { z } from 'zod';
import type { Fact } from '../../collectors/specs.ts';
import { defineRule, fail, pass, warn, type Finding } from './rule.ts';

const EXPECTED = 'system and data encrypted';

type Disk = Fact<'disk-encryption'>;

const findings: Record<Disk['system'], (fact: Disk) => Finding<'disk-encryption'>> = {
  encrypted: () => pass(EXPECTED, 'encrypted'),
  converting: () => warn('disk-converting', EXPECTED, 'encryption not finished'),
  unprotected: () => fail('disk-unprotected', EXPECTED, 'encrypted, but protection is suspended'),
  mixed: (fact) => fail('disk-mixed', EXPECTED, `not encrypted: ${plainVolumes(fact)}`),
  plain: () => fail('disk-plain', EXPECTED, 'not encrypted'),
};

export const diskEncryption = defineRule('disk-encryption', {
  expect: z.strictObject({}),
  judge: (fact) => findings[fact.system](fact),
});

function plainVolumes(fact: Disk): string {
  const judged = ['system', 'data', 'swap'];
  const plain = fact.volumes.filter((volume) => volume.encrypted !== 'yes' && judged.includes(volume.role));
  const names = plain.slice(0, 5).map((volume) => volume.mount ?? volume.role);
  return names.join(', ') || 'some volumes';
}
