import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { bitdefender } from './linux-bitdefender.ts';
import { clamav } from './linux-clamav.ts';
import { cortex } from './linux-cortex.ts';
import { defender } from './linux-defender.ts';
import { elastic } from './linux-elastic.ts';
import { esetEndpoint, esetServer } from './linux-eset.ts';
import { falcon } from './linux-falcon.ts';
import { sentinelone } from './linux-sentinelone.ts';
import { sophos } from './linux-sophos.ts';
import type { Product, Unread, Vendor } from './linux-vendor.ts';
import { wazuh } from './linux-wazuh.ts';

/** The order in which one of several protecting products is named. */
const VENDORS: readonly Vendor[] = [
  defender,
  falcon,
  sentinelone,
  cortex,
  bitdefender,
  sophos,
  esetEndpoint,
  esetServer,
  elastic,
  clamav,
  wazuh,
];

/** A product that is there and cannot be read may be the one that protects: then nobody can say that none does. */
export async function read(host: Host): Promise<Observed<Fact<'antivirus'>>> {
  const answers = (await Promise.all(VENDORS.map((vendor) => vendor(host)))).filter((one) => one !== null);
  const products = answers.filter((answer): answer is Product => 'vendor' in answer);
  const problem = answers.find((answer): answer is Unread => 'why' in answer);
  const active = products.find(protects)?.name ?? null;
  return active === null && problem ? problem : known({ products, active });
}

function protects({ running, realtime, mode }: Product): boolean {
  return running === true && realtime === true && mode === 'active';
}
