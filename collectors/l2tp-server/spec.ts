import { z } from 'zod';
import { defineCheck } from '../check.ts';

/** As the package manager calls it. */
const packageName = z.string().max(200);

/** Source: sockets on UDP 1701 and their owners, service states, and the daemons' own configuration. */
const l2tpServerFact = () =>
  z.object({
    listening: z
      .array(
        z.object({
          address: z.string(),
          port: z.number().int().min(0).max(65_535),
          owner: z.object({
            process: z.string().nullable(),
            service: z.string().nullable(),
            /** The socket belongs to the kernel (an unmanaged tunnel), not to a process; null when that cannot be seen. */
            kernel: z.boolean().nullable(),
            /** What its program was installed with; left out where nobody can say. */
            package: packageName.optional(),
          }),
        }),
      )
      .max(50),
    services: z
      .array(
        z.object({
          /** As the system spells it: `xl2tpd.service`, `RemoteAccess`. */
          name: z.string(),
          state: z.enum(['running', 'stopped']),
          start: z.enum(['auto', 'manual', 'disabled', 'masked']).nullable(),
          role: z.enum(['server', 'client', 'unknown']),
          package: packageName.optional(),
        }),
      )
      .max(50),
    /** A bound 1701 alone is no server; a client daemon, on any port, is `client-only`. */
    verdict: z.enum(['server', 'client-only', 'none']),
    /** What this agent has closed here itself; null: nothing, left out: it does not do that. */
    closed: z
      .object({
        way: z.enum(['service', 'firewall']),
        since: z.iso.datetime(),
        /** Null: until somebody reopens it. */
        until: z.iso.datetime().nullable(),
        /** Packets by which others began with UDP 1701 since then; null where nothing counts them now. */
        attempts: z.number().int().min(0).nullable(),
      })
      .nullable()
      .optional(),
  });

export type L2tpServer = z.infer<ReturnType<typeof l2tpServerFact>>;

export const l2tpServer = defineCheck({
  id: 'l2tp-server',
  version: 1,
  timeoutMs: 5_000,
  collects: 'Whether this computer offers an L2TP server to others, which laptops never should.',
  fact: l2tpServerFact,
  reasons: ['l2tp-server-running'],
});
