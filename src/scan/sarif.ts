import type { Log, Result } from 'sarif';
import type { Scanned, State } from './scan.ts';
import { heardFrom, MEANS } from './words.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** `fail`: to be done something about; `open`: nothing is known. */
const AS: Readonly<Record<State, Pick<Result, 'kind' | 'level'>>> = {
  exposed: { kind: 'fail', level: 'error' },
  ipsec: { kind: 'pass', level: 'none' },
  refused: { kind: 'pass', level: 'none' },
  silent: { kind: 'open', level: 'none' },
  unasked: { kind: 'open', level: 'none' },
};

/** SARIF 2.1.0: one result a host, so that a host that was not asked is no clean bill of health. */
export function sarifOf(scanned: readonly Scanned[], version: string, at: { from: string; to: string }): Log {
  const hasUnasked = scanned.some(({ state }) => state === 'unasked');
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'drawbridge scan',
            version,
            rules: [
              {
                id: 'l2tp-exposed',
                name: 'L2tpWithoutIpsec',
                shortDescription: { text: 'L2TP answers outside IPsec' },
                fullDescription: { text: MEANS.exposed },
                defaultConfiguration: { level: 'error' },
              },
            ],
          },
        },
        invocations: [{ executionSuccessful: !hasUnasked, startTimeUtc: at.from, endTimeUtc: at.to }],
        results: scanned.map(resultOf),
      },
    ],
  };
}

function resultOf(scanned: Scanned): Result {
  const { address, name, state } = scanned;
  const who = name === address ? address : `${name} (${address})`;
  // A URI has no place for the zone of a link-local address (RFC 3986).
  const host = address.replace(/%.*/, '');
  const uri = `udp://${host.includes(':') ? `[${host}]` : host}:1701`;
  return {
    ruleId: 'l2tp-exposed',
    ruleIndex: 0,
    ...AS[state],
    message: { text: `${who}: ${state}. ${heardFrom(scanned)}. ${MEANS[state]}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri } },
        logicalLocations: [{ name: address, kind: 'resource' }],
      },
    ],
    partialFingerprints: { 'drawbridge/address': address },
    properties: { state },
  };
}
