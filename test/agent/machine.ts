import type { Readers } from '../../collectors/specs.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { unknown } from '../../src/base/reading.ts';

const notHere = async () => unknown('unsupported', 'not in this test');

/** Readers that know nothing but what a test makes them say. */
export function readersWith(change: Partial<Readers> = {}): Readers {
  return {
    'os-version': notHere,
    'os-patch': notHere,
    'disk-encryption': notHere,
    antivirus: notHere,
    detections: notHere,
    firewall: notHere,
    'screen-lock': notHere,
    'secure-boot': notHere,
    'l2tp-server': notHere,
    'vpn-client': notHere,
    processes: notHere,
    tags: notHere,
    agent: notHere,
    ...change,
  };
}

/** A machine on which nothing exists. */
export function emptyHost() {
  return replayHost({
    root: true,
    commands: [],
    files: new Map(),
    dirs: new Map(),
    links: new Map(),
    probes: new Map(),
  });
}
