import { unknown } from '../src/base/reading.ts';
import { read as agent } from './agent/linux.ts';
import { read as diskEncryption } from './disk-encryption/linux.ts';
import { read as l2tpServer } from './l2tp-server/linux.ts';
import { read as osPatch } from './os-patch/linux.ts';
import { read as osVersion } from './os-version/linux.ts';
import type { Readers } from './specs.ts';

const notRead = async () => unknown('unsupported', 'This agent does not read this on Linux yet.');

/** What is really read on Linux. */
export const linux = {
  'os-version': osVersion,
  'os-patch': osPatch,
  'disk-encryption': diskEncryption,
  antivirus: notRead,
  detections: notRead,
  firewall: notRead,
  'screen-lock': notRead,
  'secure-boot': notRead,
  'l2tp-server': l2tpServer,
  'vpn-client': notRead,
  processes: notRead,
  tags: notRead,
  agent,
} satisfies Readers;
