import { chassis, cpu, mem, system } from 'systeminformation';
import { inventory } from '../wire/inventory.ts';

/*
 * Prints one JSON document of what kind of computer this is, for the agent that starts it. A process of its own, with
 * no rights and a clean environment, because systeminformation starts shells.
 */

/** Each value by itself, so that an odd one costs only itself. Serial numbers and the like are not even looked at. */
function pick(values: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(inventory.shape).map(([name, schema]) => {
    const value = schema.safeParse(values[name]);
    return [name, value.success ? value.data : null];
  });
  return Object.fromEntries(entries);
}

/** What the library says where it knows nothing. */
const PLACEHOLDERS = new Set(['', '-', 'Computer']);

function known(words: string): string | null {
  return PLACEHOLDERS.has(words) ? null : words;
}

async function print(): Promise<void> {
  const [machine, processor, memory, box] = await Promise.all([system(), cpu(), mem(), chassis()]);
  const manufacturer = known(machine.manufacturer);

  const found = pick({
    manufacturer,
    model: known(machine.model),
    cpu: known(`${processor.manufacturer} ${processor.brand}`.trim()),
    memoryBytes: memory.total,
    // Without a manufacturer `false` only means that there was nothing to recognise a virtual machine by.
    virtual: machine.virtual || (manufacturer === null ? null : false),
    chassis: known(box.type),
  });

  process.stdout.write(JSON.stringify(found));
}

void print();
