import { parseGatewayConfig, type GatewayConfig } from '../../src/gateway/config.ts';

/** The least that a settings file says, and more by its top-level keys. */
export function settingsText(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    servers: ['https://posture.example.org:8443'],
    caFile: 'ca.pem',
    credentialFile: 'credential',
    ...more,
  });
}

export function gatewayConfigWith(more: Record<string, unknown> = {}): GatewayConfig {
  const parsed = parseGatewayConfig(settingsText(more), '/etc/drawbridge/gateway.yaml');
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
