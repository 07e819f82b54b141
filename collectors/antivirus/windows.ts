import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import { err, type Result } from '../../src/base/result.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askExtraRows, askObject, askRows, mostTelling, type Unanswered } from '../windows-probe.ts';
import { text } from '../windows-values.ts';
import { installedProduct } from './product.ts';
import type { AntivirusProduct } from './spec.ts';
import {
  computerStatus,
  DEFENDER_NAME,
  defenderProduct,
  saysSomething,
  type ComputerStatus,
} from './windows-defender.ts';
import {
  registrationsOf,
  securityCenterRow,
  toProduct,
  type Registration,
} from './windows-security-center.ts';
import { PRODUCT_OF_SERVICE } from './windows-vendors.ts';

type Antivirus = Fact<'antivirus'>;

/**
 * Security Center knows every registered product, but exists on clients only. Defender speaks for itself. On a server
 * the services are all that shows another vendor's product.
 */
export async function read(host: Host): Promise<Observed<Antivirus>> {
  const registered = await askRows(host, 'antivirusProducts', securityCenterRow);
  const defender = await askDefender(host);
  if (registered.ok)
    return summarize(registrationsOf(registered.value), defender.ok ? defender.value : null, []);
  const services = await readServices(host);
  if (!defender.ok && !services.some(isActive)) return mostTelling(defender.error, registered.error);
  return summarize([], defender.ok ? defender.value : null, services);
}

async function askDefender(host: Host): Promise<Result<ComputerStatus, Unanswered>> {
  const answer = await askObject(host, 'defender', computerStatus);
  if (!answer.ok || saysSomething(answer.value)) return answer;
  return err(unknown('unparsable', 'defender: none of its states is stated'));
}

function summarize(
  registrations: readonly Registration[],
  defender: ComputerStatus | null,
  services: readonly AntivirusProduct[],
): Observed<Antivirus> {
  const registeredDefender = registrations.find((one) => one.isDefender) ?? null;
  const others = registrations.filter((one) => !one.isDefender).map(toProduct);
  const selfReported = [...microsofts(registeredDefender, defender), ...others];
  const active = selfReported.find(isProtecting) ?? services.find(isActive);
  return known({ products: [...selfReported, ...services].slice(0, 30), active: active?.name ?? null });
}

/** Seen from both sides it is still one product. */
function microsofts(registered: Registration | null, defender: ComputerStatus | null): AntivirusProduct[] {
  if (defender) return [defenderProduct(defender, registered?.upToDate ?? null)];
  return registered ? [{ ...toProduct(registered), vendor: 'Microsoft', name: DEFENDER_NAME }] : [];
}

function isProtecting({ mode, realtime }: AntivirusProduct): boolean {
  return mode === 'active' && realtime === true;
}

function isActive({ mode }: AntivirusProduct): boolean {
  return mode === 'active';
}

const service = z.object({ Name: text, State: text });

async function readServices(host: Host): Promise<AntivirusProduct[]> {
  const services = await askExtraRows(host, 'services', service);
  return services.flatMap(({ Name: name, State: state }) => {
    const product = PRODUCT_OF_SERVICE.get(name?.toLowerCase() ?? '');
    return product && state !== null ? [serviceProduct(product, state.toLowerCase() === 'running')] : [];
  });
}

/** Whether it runs is all that its service shows; a running one counts as protecting. */
function serviceProduct(product: { vendor: string; name: string }, isRunning: boolean): AntivirusProduct {
  return installedProduct(product.vendor, product.name, {
    running: isRunning,
    realtime: isRunning ? null : false,
    mode: isRunning ? 'active' : 'off',
  });
}
