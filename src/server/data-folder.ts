import { join } from 'node:path';

/** Where each thing lies in the server's data folder. */
export function pathsIn(folder: string) {
  return {
    config: join(folder, 'server.yaml'),
    policy: join(folder, 'policy.yaml'),
    database: join(folder, 'drawbridge.db'),
    adminToken: join(folder, 'admin-token'),
    orderRoot: join(folder, 'order-root.jwk.json'),
    orderKey: join(folder, 'order-key.jwk.json'),
    baselineKey: join(folder, 'baseline-key.jwk.json'),
    /** VPN credentials are derived from it. */
    credentialKey: join(folder, 'credential-key'),
    tlsCa: join(folder, 'tls-ca.pem'),
    tlsCaKey: join(folder, 'tls-ca.key.pem'),
    /** Key and certificate in one file, so that no crash can leave one without the other. */
    tls: join(folder, 'tls.pem'),
  };
}

export type DataPaths = ReturnType<typeof pathsIn>;
