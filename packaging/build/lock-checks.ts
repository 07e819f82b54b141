import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { BuildError, tool } from './tools.ts';

/** Abseil's own variable and two of its values (absl/synchronization/mutex.cc, OnDeadlockCycle). */
const VARIABLE = '_ZN4absl12_GLOBAL__N_124synch_deadlock_detectionE';
const IGNORE = 0;
const ABORT = 2;

/** ELF64, little-endian (elf.h): the header, and one segment's. */
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;

/**
 * Node's Linux executables are built with Abseil's search for locks that are taken in different orders, which is meant
 * for debugging: 1 MiB of each process, and work at each lock. Sets the variable that says so to what any other build
 * has. To be done while the file still names its symbols. Throws where it is not as it was in the pinned Node.
 */
export function withoutLockChecks(file: string, nm: string): void {
  const address = addressOf(tool(nm, ['--defined-only', file]));
  const fd = openSync(file, 'r+');
  try {
    const offset = offsetOf(fd, address);
    const value = read(fd, offset, 4).readUInt32LE();
    if (value !== ABORT) throw new BuildError(`${VARIABLE} is ${value} in this Node, not ${ABORT}.`);
    writeSync(fd, Uint8Array.of(IGNORE), 0, 1, offset);
  } finally {
    closeSync(fd);
  }
}

function addressOf(symbols: string): bigint {
  const [, address] = new RegExp(`^([0-9a-f]+) d ${VARIABLE}(?:\\.\\d+)?$`, 'm').exec(symbols) ?? [];
  if (address === undefined)
    throw new BuildError(`${VARIABLE} is not in this Node: see packaging/build/lock-checks.ts.`);
  return BigInt(`0x${address}`);
}

/** Where in the file the byte lies that is loaded at an address. */
function offsetOf(fd: number, address: bigint): number {
  const header = read(fd, 0, HEADER_BYTES);
  const table = Number(header.readBigUInt64LE(32));
  for (let index = 0; index < header.readUInt16LE(56); index += 1) {
    const segment = read(fd, table + index * SEGMENT_BYTES, SEGMENT_BYTES);
    const [offset, from, length] = [8, 16, 32].map((at) => segment.readBigUInt64LE(at)) as [
      bigint,
      bigint,
      bigint,
    ];
    const isLoaded = segment.readUInt32LE(0) === 1;
    if (isLoaded && address >= from && address < from + length) return Number(address - from + offset);
  }
  throw new BuildError(`No part of this Node is loaded at 0x${address.toString(16)}.`);
}

function read(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (readSync(fd, bytes, 0, length, offset) !== length) throw new BuildError('This Node ends too soon.');
  return bytes;
}
