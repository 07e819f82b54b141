import { z } from 'zod';
import { defineCheck } from '../check.ts';

const vpnProfileFact = () =>
  z.object({
    id: z.string(),
    name: z.string(),
    backend: z.string(),
    scope: z.enum(['user', 'system', 'managed']),
    gateway: z.string().nullable(),
    auth: z.enum(['psk', 'certificate', 'eap']).nullable(),
    suites: z.array(z.string()).nullable(),
    /** False: plain L2TP, also a live PPP whose IPsec is gone. */
    ipsec: z.boolean().nullable(),
    allTraffic: z.boolean().nullable(),
    dns: z.array(z.string()).nullable(),
    mtu: z.number().int().positive().nullable(),
    enabled: z.boolean().nullable(),
    /** `denied` means that our own block holds. */
    state: z.enum(['down', 'connecting', 'up', 'denied']).nullable(),
    since: z.iso.datetime().nullable(),
    address: z.string().nullable(),
    interface: z.string().nullable(),
    secretsReadableByUser: z.boolean().nullable(),
  });

/** L2TP profiles and live sessions only. Source: NetworkManager, strongSwan, Libreswan, xl2tpd, RasMan, SystemConfiguration. */
const vpnClientFact = () =>
  z.object({
    backends: z.array(z.string()).max(20),
    profiles: z.array(vpnProfileFact()).max(100),
  });

export const vpnClient = defineCheck({
  id: 'vpn-client',
  version: 1,
  timeoutMs: 10_000,
  collects:
    'The L2TP VPN connections set up on this computer and whether they are up; never a password or key.',
  fact: vpnClientFact,
  reasons: ['vpn-without-ipsec', 'vpn-secrets-readable'],
});
