import { z } from 'zod';
import { defineCheck } from '../check.ts';

const inbound = z.enum(['block', 'allow']).nullable();

/** Source: the rules in force (nftables, iptables, ActiveStore, application firewall), not a unit being loaded. */
const firewallFact = () =>
  z.object({
    /** `on`: unsolicited inbound is blocked by default for every family and active profile; `partial`: for some. */
    state: z.enum(['on', 'partial', 'off']),
    inboundDefault: inbound,
    managedBy: z.string().nullable(),
    profiles: z
      .array(z.object({ name: z.string(), enabled: z.boolean().nullable(), inboundDefault: inbound }))
      .max(20),
    stealth: z.boolean().nullable(),
  });

export const firewall = defineCheck({
  id: 'firewall',
  version: 1,
  timeoutMs: 10_000,
  collects: 'Whether the firewall blocks connections that nobody on this computer asked for.',
  fact: firewallFact,
  reasons: ['firewall-off', 'firewall-partial'],
});
