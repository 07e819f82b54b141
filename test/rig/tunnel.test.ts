import { beforeAll, describe, expect, test } from 'vitest';
import { theRig } from './each.ts';
import { addresses } from './rig.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { type PlainLaptop, startPlainLaptop } from './stack/plain-laptop.ts';
import { type Agent, type Posture, startPosture } from './stack/posture.ts';
import { makeSecrets } from './stack/secrets.ts';

describe('a laptop with strongSwan and xl2tpd', () => {
  let gateway: Gateway;
  let laptop: PlainLaptop;
  let posture: Posture;
  let agent: Agent;

  beforeAll(async () => {
    const rig = theRig();
    const secrets = await makeSecrets();
    await rig.reset();
    posture = await startPosture(rig, secrets);
    gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('gate');
    laptop = await startPlainLaptop(rig.node('lt'), secrets);
    agent = await posture.startAgent(laptop.node);
  });

  test('healthy: gets in and pings through', async () => {
    const name = await laptop.connect();
    await laptop.node.must(['ping', '-c2', '-i0.2', '-W5', '-I', name, addresses.corp]);
    expect(await gateway.sessions()).toEqual(['ppp0']);
    expect(agent.device).toMatch(/./);
  });

  test('by hand it can be hung up', async () => {
    expect(await laptop.hangUp()).toBeGreaterThan(0);
    expect(await gateway.sessions()).toEqual([]);
  });
});
