import { HttpsProxyAgent } from 'https-proxy-agent';
import { describe, expect, test } from 'vitest';
import { agentFor } from '../../src/agent/http.ts';

function through(proxy: string): HttpsProxyAgent<string> {
  const agent = agentFor({ url: new URL('https://posture.example.org'), proxy, env: {} });
  if (!(agent instanceof HttpsProxyAgent)) throw new Error('goes straight');
  return agent;
}

describe('a proxy that is reached by TLS', () => {
  test('is believed by Node’s own list, and that list says nothing of the server behind it', () => {
    const { connectOpts, options } = through('https://proxy.example.org:3129');
    expect(connectOpts).toHaveProperty('ca.length', expect.any(Number));
    expect(Array.isArray(connectOpts.ca) ? connectOpts.ca.length : 0).toBeGreaterThan(50);
    expect(options).not.toHaveProperty('ca');
  });

  test('only: one by HTTP needs no list', () => {
    expect(through('http://proxy.example.org:3128').connectOpts).not.toHaveProperty('ca');
  });
});
