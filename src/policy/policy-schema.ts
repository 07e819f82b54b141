import { z } from 'zod';
import type { CheckId } from '../../collectors/specs.ts';
import { ACCESS, MODES, RISK_LEVELS } from '../wire/decision.ts';
import { FIX_IDS } from '../wire/tray.ts';
import { gatewayName } from '../wire/vpn.ts';
import { closing } from './closing.ts';
import { breaker, fairness, graceRow } from './fairness.ts';
import { groups } from './groups.ts';
import { expressionsSchema } from './expressions-schema.ts';
import { tagsSchema, watchSchema } from './questions-schema.ts';
import { rules } from './rules.ts';
import { unknownRow } from './unknown-row.ts';

function checkSchema<S extends z.ZodType>(expect: S) {
  return z.strictObject({
    /** Points of risk that a fail adds; a warn adds half. 0 switches the check off. */
    weight: z.number().int().min(0).max(100).default(10),
    /** A required check that is unknown means that the device cannot be judged. */
    required: z.boolean().default(false),
    /** The least risk that one fail of this check alone means. */
    floor: z.enum(RISK_LEVELS).default('low'),
    unknown: unknownRow.prefault({}),
    /** For how long it may fail before that counts. */
    grace: graceRow.prefault({}),
    expect,
  });
}

const checks = z.strictObject({
  'os-version': checkSchema(rules['os-version'].expect.prefault({})).prefault({}),
  'os-patch': checkSchema(rules['os-patch'].expect.prefault({})).prefault({}),
  'disk-encryption': checkSchema(rules['disk-encryption'].expect.prefault({})).prefault({}),
  antivirus: checkSchema(rules.antivirus.expect.prefault({})).prefault({}),
  detections: checkSchema(rules.detections.expect.prefault({})).prefault({}),
  firewall: checkSchema(rules.firewall.expect.prefault({})).prefault({}),
  'screen-lock': checkSchema(rules['screen-lock'].expect.prefault({})).prefault({}),
  'secure-boot': checkSchema(rules['secure-boot'].expect.prefault({})).prefault({}),
  'l2tp-server': checkSchema(rules['l2tp-server'].expect.prefault({})).prefault({}),
  'vpn-client': checkSchema(rules['vpn-client'].expect.prefault({})).prefault({}),
  processes: checkSchema(rules.processes.expect.prefault({})).prefault({}),
  tags: checkSchema(rules.tags.expect.prefault({})).prefault({}),
  agent: checkSchema(rules.agent.expect.prefault({})).prefault({}),
} satisfies Record<CheckId, z.ZodType>);

/** The policy file: what is expected of every device, what each failure weighs, and what each level of risk may do. */
export const policySchema = z
  .strictObject({
    /** The form of this file. */
    version: z.literal(1),
    /** A name or date of the administrator's choice; it stands in every decision. */
    name: z.string().min(1).max(100),
    risk: z
      .strictObject({
        /** The score (0 to 100) from which risk is medium, and high. */
        medium: z.number().int().min(1).max(100).default(20),
        high: z.number().int().min(1).max(100).default(60),
      })
      .refine((value) => value.medium < value.high, {
        message: 'medium has to be lower than high',
        path: ['medium'],
      })
      .prefault({}),
    /** What each level of risk may do. */
    access: z
      .strictObject({
        low: z.enum(ACCESS).default('allow'),
        medium: z.enum(ACCESS).default('restrict'),
        high: z.enum(ACCESS).default('deny'),
      })
      .superRefine(refuseLooserWithRisk)
      .prefault({}),
    /** How much of this is put in force for a device that no group names. */
    mode: z.enum(MODES).default('enforce'),
    groups: groups.default([]),
    fairness: fairness.prefault({}),
    breaker: breaker.prefault({}),
    heartbeat: z
      .strictObject({
        everySeconds: z.number().int().min(5).max(3_600).default(30),
        /** Everything is sent anew at least this often. */
        fullEverySeconds: z.number().int().min(60).max(86_400).default(900),
        /** Heartbeats missed until a device counts as silent. */
        staleAfter: z.number().int().min(2).max(100).default(3),
        /** Seconds of silence until access goes from restrict to deny. */
        denyAfterSeconds: z.number().int().min(30).max(604_800).default(900),
      })
      .prefault({}),
    /** What a device does to its own VPN by its own judgement, server or no server. */
    standing: z
      .strictObject({
        /** The risk from which it takes its VPN down by itself, until its own judgement is better again. */
        deny: z.enum(['medium', 'high', 'never']).default('never'),
        /** Hours without a word from the server after which it does so, too; null: never. */
        serverSilentHours: z.number().min(0.1).max(8_760).nullable().default(null),
      })
      .prefault({}),
    /** What a device that was isolated can still reach, besides the posture server: names or addresses. */
    isolation: z.strictObject({ reachable: z.array(gatewayName).max(64).default([]) }).prefault({}),
    /** L2TP servers that nobody meant to run. */
    l2tpServers: closing.prefault({}),
    /** What a user may have done for them by one click that names the change; nothing unless it is named here. */
    fixes: z.array(z.enum(FIX_IDS)).max(FIX_IDS.length).default([]),
    /** Programs that must not run: names of executables under a rule's name. */
    watch: watchSchema.default({}),
    /** Questions of the organisation's own, by tag; `checks.tags.expect.required` says which must be true. */
    tags: tagsSchema.default({}),
    /** Rules of the organisation's own over what the checks have found. */
    expressions: expressionsSchema.default([]),
    checks: checks.prefault({}),
  })
  .superRefine((policy, context) => {
    const unasked = policy.checks.tags.expect.required.findIndex((tag) => policy.tags[tag] === undefined);
    if (unasked < 0) return;
    const path = ['checks', 'tags', 'expect', 'required', unasked];
    context.addIssue({ code: 'custom', path, message: 'this tag is not defined under "tags"' });
  });

type AccessMap = Record<(typeof RISK_LEVELS)[number], (typeof ACCESS)[number]>;

/** A device with nothing wrong has nothing to mend, and no reason could be given; more risk never gets more. */
function refuseLooserWithRisk(access: AccessMap, context: z.RefinementCtx<AccessMap>): void {
  const refuse = (key: keyof AccessMap, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message });
  const strictness = (level: keyof AccessMap) => ACCESS.indexOf(access[level]);
  if (access.low !== 'allow')
    refuse('low', 'has to be allow: a device with nothing wrong has nothing to mend');
  if (strictness('high') < strictness('medium')) {
    refuse('high', `has to be at least as strict as medium (${access.medium})`);
  }
}
