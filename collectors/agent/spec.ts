import { z } from 'zod';
import { defineCheck } from '../check.ts';

const sensorId = z.string().max(200).nullable();

/** What the agent says of itself. */
const agentFact = () =>
  z.object({
    version: z.string(),
    startedAt: z.iso.datetime(),
    /** The operating system's own boot id. */
    bootId: z.string().nullable(),
    keyProtection: z.enum(['tpm', 'os-keystore', 'file']).nullable(),
    /** Whether the program's own files are what was installed; null until packages state it. */
    integrity: z.boolean().nullable(),
    /** Reports lost because the spool was full, since enrolment. */
    spoolDropped: z.number().int().nonnegative(),
    /** Starts that followed an unclean end, since enrolment. */
    crashes: z.number().int().nonnegative(),
    /** Names of settings that management outranks. */
    managed: z.array(z.string()).max(100),
    /** The ids by which security products know this device. */
    sensors: z.object({ defender: sensorId, falcon: sensorId, sentinelone: sensorId, wazuh: sensorId }),
    /** A keyed hash of the system's own id; the id itself stays here. */
    machineId: z.string().nullable(),
  });

export type AgentFact = z.infer<ReturnType<typeof agentFact>>;

export const agent = defineCheck({
  id: 'agent',
  version: 1,
  timeoutMs: 5_000,
  collects:
    'Drawbridge’s own version and health, and the numbers by which your security tools know this device.',
  fact: agentFact,
  reasons: ['agent-tampered', 'agent-cloned', 'agent-silent', 'agent-key-weak'],
});
