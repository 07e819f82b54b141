import { unknown } from '../src/base/reading.ts';
import type { Readers } from './specs.ts';

const notRead = async () => unknown('unsupported', 'This agent does not read this on Windows yet.');

/** What is really read on Windows. */
export const windows = {
  'os-version': notRead,
  'os-patch': notRead,
  'disk-encryption': notRead,
  antivirus: notRead,
  detections: notRead,
  firewall: notRead,
  'screen-lock': notRead,
  'secure-boot': notRead,
  'l2tp-server': notRead,
  'vpn-client': notRead,
  processes: notRead,
  tags: notRead,
  agent: notRead,
} satisfies Readers;
