import { z } from 'zod';
import { MODES, type Mode } from '../wire/decision.ts';

/** What an administrator has said about a device; nothing that the device says of itself. */
export type Traits = { id: string; tags: readonly string[]; directoryGroups: readonly string[] };

const names = z.array(z.string().min(1).max(100)).min(1).max(1_000);

const match = z
  .strictObject({
    /** Any of these tags (`drawbridge-server device tag`). */
    tags: names.optional(),
    /** Any of these groups of the company's directory. */
    directoryGroups: names.optional(),
    /** Any of these devices, by id. */
    devices: z.array(z.uuid()).min(1).max(10_000).optional(),
    /** This share of all devices, always the same ones; raising it only adds some. */
    percent: z.number().min(0).max(100).optional(),
  })
  .refine((value) => Object.keys(value).length > 0, {
    message: 'has to say whom it means: tags, directoryGroups, devices or percent',
  });

const group = z.strictObject({
  name: z.string().min(1).max(100),
  /** All that is named here has to hold. */
  match,
  mode: z.enum(MODES),
});

/** The first group that a device is in counts. */
export const groups = z
  .array(group)
  .max(100)
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries()) {
      if (all.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `"${name}" is the name of two groups`,
      });
    }
  });

type Group = z.infer<typeof group>;

/** The mode that holds for a device, and the group that says so; null where it is the policy's own `mode`. */
export function modeFor(
  policy: { mode: Mode; groups: readonly Group[] },
  traits: Traits,
): { mode: Mode; group: string | null } {
  const found = policy.groups.find((one) => isIn(one.match, traits));
  return found === undefined ? { mode: policy.mode, group: null } : { mode: found.mode, group: found.name };
}

/** Whether all that a group's `match` names holds of a device. */
export function isIn({ tags, directoryGroups, devices, percent }: Group['match'], traits: Traits): boolean {
  return (
    (tags === undefined || tags.some((tag) => traits.tags.includes(tag))) &&
    (directoryGroups === undefined || directoryGroups.some((one) => traits.directoryGroups.includes(one))) &&
    (devices === undefined || devices.includes(traits.id)) &&
    (percent === undefined || shareOf(traits.id) < percent)
  );
}

/** A place from 0 to 100 (exclusive) that a device keeps for ever: FNV-1a (32 bits) of its id. */
export function shareOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return ((hash >>> 0) / 2 ** 32) * 100;
}
