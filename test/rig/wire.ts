import { expect } from 'vitest';
import { theRig } from './each.ts';
import type { RigNode } from './node.ts';
import { addresses } from './rig.ts';
import { startCapture, type Travelled } from './stack/capture.ts';

/** No packet of L2TP or PPP leaves ESP while a session ends, or whatever else happens to it. */
export async function mustStaySealed(ending: () => Promise<void>): Promise<void> {
  const { clear, esp } = await travelled(ending);
  expect(clear, 'L2TP packets outside ESP').toBe(0);
  expect(esp, 'ESP packets, without which this shows nothing').toBeGreaterThan(0);
}

/** What is on the wire meanwhile. Where IKE is ended first and there is no rule it is not empty: the control. */
export async function travelled(ending: () => Promise<void>): Promise<Travelled> {
  const capture = await startCapture(theRig().guest);
  try {
    await ending();
  } catch (error) {
    await capture.stop();
    throw error;
  }
  return capture.stop();
}

/** Traffic through a tunnel, from a node to the company, for as long as an action takes. */
export async function whilePinging(node: RigNode, action: () => Promise<void>): Promise<void> {
  await node.must(`setsid ping -i 0.05 ${addresses.corp} < /dev/null > /dev/null 2>&1 &`);
  try {
    await action();
  } finally {
    await node.exec('pkill -x ping');
  }
}
