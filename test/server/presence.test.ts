import { expect, test } from 'vitest';
import { createConnections, type Live } from '../../src/server/connections.ts';

function live(device: string, remote: string, closed: string[] = []): Live {
  const nothing = () => {};
  const close = (code: string) => void closed.push(`${device} ${code}`);
  return { device, boot: '', remote, since: 0, send: nothing, challenge: nothing, close, drop: nothing };
}

test('who is behind an address, and who was, is known through every coming and going', () => {
  const connections = createConnections();
  const behind = (remote: string) => ({
    at: connections.at(remote).map(({ device }) => device),
    left: connections.leftFrom(remote),
  });
  const closed: string[] = [];
  const [anna, ben] = [live('anna', 'A', closed), live('ben', 'A', closed)];
  connections.take(anna);
  connections.take(ben);
  expect(behind('A')).toEqual({ at: ['anna', 'ben'], left: [] });
  // It moves: the older connection is closed, and has left nothing behind, now or when it ends.
  const moved = live('anna', 'B', closed);
  connections.take(moved);
  expect(closed).toEqual(['anna superseded']);
  connections.release(anna);
  expect([behind('A'), behind('B')]).toEqual([
    { at: ['ben'], left: [] },
    { at: ['anna'], left: [] },
  ]);
  connections.release(moved);
  connections.release(ben);
  expect([behind('A'), behind('B')]).toEqual([
    { at: [], left: ['ben'] },
    { at: [], left: ['anna'] },
  ]);
  // Where it is now is all that counts.
  connections.take(live('ben', 'B'));
  expect([behind('A'), behind('B'), behind('C')]).toEqual([
    { at: [], left: [] },
    { at: ['ben'], left: ['anna'] },
    { at: [], left: [] },
  ]);
  expect(connections.count()).toBe(1);
});
