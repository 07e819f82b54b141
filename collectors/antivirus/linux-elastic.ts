import { elasticAgent } from '../../src/base/commands.ts';
import { asList, asObject, asText, parseJson, type JsonObject } from '../json.ts';
import { ask, plainMode, unread, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

/** Elastic's numbers for the state of an agent, a component or a unit. */
const HEALTHY = 2;
const DEGRADED = 3;
const FAILED = 4;

/** The exit code repeats the agent's state, so that the answer counts whatever it is. */
export const elastic = vendor({
  find: (host) => ask(host, elasticAgent, ['status', '--output', 'json']),
  async read(host, answer) {
    const status = asObject(parseJson(answer.stdout));
    if (typeof status?.['state'] !== 'number') return unread(host, 'elastic-agent', answer);
    const defend = endpointOf(status);
    // The agent alone ships logs; it protects with Elastic Defend on board only.
    if (!defend) return null;
    const realtime = isProtecting(defend);
    return installedProduct('Elastic', 'Elastic Defend', {
      version: asText(asObject(status['info'])?.['version']),
      running: realtime,
      realtime,
      mode: plainMode(realtime),
      health: defend['state'] === DEGRADED ? ['degraded'] : [],
    });
  },
});

function endpointOf(status: JsonObject): JsonObject | undefined {
  return asList(status['components'])
    .map(asObject)
    .filter((component) => component !== null)
    .find(({ id, name }) => [id, name].some((word) => asText(word)?.startsWith('endpoint')));
}

/** The worst of the component and its units: an agent can be degraded by a unit that is healthy, and the reverse. */
function isProtecting(component: JsonObject): boolean | null {
  const units = asList(component['units']).map((unit) => asObject(unit)?.['state']);
  const states = [component['state'], ...units];
  if (states.includes(FAILED)) return false;
  return states.every((state) => state === HEALTHY || state === DEGRADED) ? true : null;
}
