import { z } from 'zod';
import { defineCheck } from '../check.ts';

/** Source: the antivirus products' own records. No file path leaves the machine. */
const detectionsFact = () =>
  z.object({
    sources: z.array(z.object({ name: z.string(), readable: z.boolean() })).max(30),
    open: z
      .array(
        z.object({
          source: z.string(),
          id: z.string().nullable(),
          name: z.string().nullable(),
          /** OCSF severity: 0 unknown, 1 informational, 2 low, 3 medium, 4 high, 5 critical. */
          severity: z.number().int().min(0).max(5),
          status: z.enum(['open', 'remediation-failed', 'allowed']),
          executed: z.boolean().nullable(),
          detectedAt: z.iso.datetime().nullable(),
        }),
      )
      .max(200),
    recentClosed: z.number().int().nonnegative().nullable(),
  });

export const detections = defineCheck({
  id: 'detections',
  version: 1,
  timeoutMs: 20_000,
  collects:
    'Malware that the antivirus found and that is not cleaned up yet: its name and severity, never a file name.',
  fact: detectionsFact,
  reasons: ['detection-open', 'detection-severe', 'signal-high'],
});
