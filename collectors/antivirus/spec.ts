import { z } from 'zod';
import { defineCheck } from '../check.ts';

const antivirusProduct = () =>
  z.object({
    vendor: z.string(),
    name: z.string(),
    version: z.string().nullable(),
    installed: z.boolean().nullable(),
    running: z.boolean().nullable(),
    realtime: z.boolean().nullable(),
    mode: z.enum(['active', 'passive', 'edr-block', 'off']).nullable(),
    definitionsVersion: z.string().nullable(),
    definitionsAt: z.iso.datetime().nullable(),
    upToDate: z.boolean().nullable(),
    lastScanAt: z.iso.datetime().nullable(),
    tamperProtection: z.boolean().nullable(),
    /** The vendor's own codes for what ails it. */
    health: z.array(z.string()).max(50),
  });

export type AntivirusProduct = z.infer<ReturnType<typeof antivirusProduct>>;

/** Source: Security Center and Defender's WMI classes, XProtect, and each vendor's own status command. */
const antivirusFact = () =>
  z.object({
    products: z.array(antivirusProduct()).max(30),
    /** Name of the product that protects now, or null. */
    active: z.string().nullable(),
  });

export const antivirus = defineCheck({
  id: 'antivirus',
  version: 1,
  timeoutMs: 20_000,
  collects: 'Which antivirus is installed, whether it is switched on, and how old its definitions are.',
  fact: antivirusFact,
  reasons: ['av-missing', 'av-inactive', 'av-outdated'],
});
