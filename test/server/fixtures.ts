import type { CheckId, Fact, Readings } from '../../collectors/specs.ts';
import type { Known } from '../../src/base/reading.ts';

/** Facts of a healthy laptop of the test's own invention. */
function facts(at: string): { [Id in CheckId]: Fact<Id> } {
  return {
    'os-version': {
      platform: 'linux',
      family: 'debian',
      name: 'Debian GNU/Linux',
      version: '13',
      build: null,
      display: 'Debian GNU/Linux 13 (trixie)',
      edition: null,
      kernel: '6.12.48-amd64',
      arch: 'x86_64',
      endOfSupport: null,
      container: null,
    },
    'os-patch': {
      manager: 'apt',
      lastInstalledAt: at,
      lastCheckedAt: at,
      metadataAt: at,
      pending: 2,
      pendingSecurity: 0,
      pendingMajor: null,
      pendingNames: ['tzdata', 'vim-common'],
      rebootRequired: false,
      rebootReason: null,
      automatic: 'on',
    },
    'disk-encryption': {
      system: 'encrypted',
      volumes: [
        {
          id: 'dm-0',
          mount: '/',
          role: 'system',
          encrypted: 'yes',
          protection: 'on',
          method: 'luks2-aes-xts-plain64-512',
          converting: null,
          percent: null,
          keyProtectors: ['password'],
        },
      ],
    },
    antivirus: {
      products: [
        {
          vendor: 'Example',
          name: 'Example Shield',
          version: '4.2',
          installed: true,
          running: true,
          realtime: true,
          mode: 'active',
          definitionsVersion: '1.441.7',
          definitionsAt: at,
          upToDate: true,
          lastScanAt: at,
          tamperProtection: true,
          health: [],
        },
      ],
      active: 'Example Shield',
    },
    detections: { sources: [{ name: 'Example Shield', readable: true }], open: [], recentClosed: 0 },
    firewall: {
      state: 'on',
      inboundDefault: 'block',
      managedBy: 'ufw',
      profiles: [{ name: 'ip', enabled: true, inboundDefault: 'block' }],
      stealth: null,
    },
    'screen-lock': {
      users: [{ session: 'c1', enabled: true, delaySeconds: 0, idleSeconds: 300, enforced: null }],
    },
    'secure-boot': {
      secureBoot: 'on',
      level: null,
      tpm: '2.0',
      secureEnclave: null,
      sip: null,
      gatekeeper: null,
      kernelLockdown: 'integrity',
    },
    'l2tp-server': { listening: [], services: [], verdict: 'none' },
    'vpn-client': { backends: ['networkmanager'], profiles: [] },
    processes: { matches: [] },
    tags: {},
    agent: {
      version: '0.1.0',
      startedAt: at,
      bootId: null,
      keyProtection: 'file',
      integrity: null,
      spoolDropped: 0,
      crashes: 0,
      managed: [],
      sensors: { defender: null, falcon: null, sentinelone: null, wazuh: null },
      machineId: null,
    },
  };
}

function known<F>(fact: F, at: string): Known<F> {
  return { state: 'known', fact, at, tookMs: 3 };
}

/** One L2TP profile in a state. */
export function profileFact(
  name: string,
  state: 'up' | 'down' | 'denied',
  change: Partial<Fact<'vpn-client'>['profiles'][number]> = {},
): Fact<'vpn-client'>['profiles'][number] {
  return {
    id: name,
    name,
    backend: 'networkmanager',
    scope: 'system',
    gateway: 'vpn.example.com',
    auth: 'psk',
    suites: null,
    ipsec: true,
    allTraffic: true,
    dns: null,
    mtu: null,
    enabled: true,
    state,
    since: null,
    address: null,
    interface: null,
    secretsReadableByUser: null,
    ...change,
  };
}

/** All readings of a healthy laptop at a time (ISO 8601); `changed` replaces facts. */
export function healthyReadings(at: string, changed: Partial<{ [Id in CheckId]: Fact<Id> }> = {}): Readings {
  const all = { ...facts(at), ...changed };
  return Object.fromEntries(Object.entries(all).map(([id, fact]) => [id, known(fact, at)])) as Readings;
}

/** One that the default policy finds severe. */
export const OPEN_DETECTION: Fact<'detections'> = {
  sources: [],
  open: [
    {
      source: 'x',
      id: null,
      name: 'Eicar',
      severity: 5,
      status: 'open',
      executed: null,
      detectedAt: null,
    },
  ],
  recentClosed: 0,
};

export const PLAIN_DISK: Fact<'disk-encryption'> = { system: 'plain', volumes: [] };

/** As large as the report of a laptop on which much is installed: about 8 kB. */
export function bulkyReadings(at: string): Readings {
  const patch = facts(at)['os-patch'];
  const pendingNames = Array.from({ length: 50 }, (_, index) => `package-with-a-rather-long-name-${index}`);
  const services = Array.from({ length: 25 }, (_, index) => ({
    name: `some-system-service-${index}.service`,
    state: 'running' as const,
    start: 'auto' as const,
    role: 'client' as const,
  }));
  return healthyReadings(at, {
    'os-patch': { ...patch, pending: 50, pendingNames },
    'l2tp-server': { listening: [], services, verdict: 'client-only' },
  });
}
