/*
 * Inside the guest, before and after its plug is pulled: `load SERVER-FOLDER AGENT-FOLDER TOKENS` reports to the server,
 * and writes an agent's spool and journal, without pause; what was acknowledged is told to the host, whose files stay.
 * `look SERVER-FOLDER AGENT-FOLDER` prints what is there afterwards.
 */
import { randomUUIDv7 } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Holder } from '../../src/agent/holders.ts';
import { Ledger, ledgerState } from '../../src/agent/ledger.ts';
import { Spool } from '../../src/agent/spool.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { createLogger } from '../../src/base/log.ts';
import type { OrderClaims } from '../../src/wire/order.ts';
import { bulkyReadings, healthyReadings } from '../server/fixtures.ts';
import { connected, enrol, isIdentity } from '../server/test-agent.ts';
import { acknowledgedIn, type Found, TOLD } from './power.ts';

const [verb = '', server = '', agent = '', ...tokens] = process.argv.slice(2);
const log = createLogger('test', 'silent');
const spoolFolder = join(agent, 'spool');
const journal = () => Ledger.open(stateFile(join(agent, 'ledger.json'), ledgerState, log));
const openSpool = () => Spool.open(spoolFolder, { maxReports: 1_000, maxBytes: 100 << 20 }, log);

/** The file lies on the host. */
const tell = (what: string, id: string) => appendFileSync(TOLD, `${what} ${id}\n`);

async function report(token: string): Promise<never> {
  const target = { url: 'https://127.0.0.1:8443', ca: readFileSync(join(server, 'tls-ca.pem'), 'utf8') };
  const identity = await enrol(target, token);
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  const link = await connected(target, identity);
  for (;;) {
    const at = new Date().toISOString();
    const id = randomUUIDv7();
    const answer = await link.report({ id, readings: bulkyReadings(at), change: { collected_at: at } });
    if (answer.t !== 'ack') throw new Error(`refused: ${answer.err}`);
    tell('stored', id);
    // Written at the same time and never flushed: what has to be gone afterwards, if the plug was pulled at all.
    appendFileSync(join(agent, 'unflushed'), `${id}\n`);
  }
}

async function spool(): Promise<never> {
  const spooled = await openSpool();
  for (let round = 1; ; round += 1) {
    const id = randomUUIDv7();
    const collectedAt = new Date().toISOString();
    await spooled.add({ id, collectedAt, readings: healthyReadings(collectedAt) });
    tell('spooled', id);
    if (round % 3 !== 0) continue;
    // From here on it may be there or not: the plug may be pulled before anybody is told that it is gone.
    tell('removing', id);
    await spooled.remove(id);
    tell('removed', id);
  }
}

async function order(): Promise<never> {
  const ledger = await journal();
  for (let oseq = 1; ; oseq += 1) {
    const jti = randomUUIDv7();
    const since = Date.now();
    const holder: Holder = {
      since,
      until: null,
      reason: String(oseq),
      profiles: null,
      order: jti,
      checks: [],
    };
    await ledger.begin(claimsOf(jti, oseq), {
      receipt: randomUUIDv7(),
      phase: 'received',
      holders: [{ cause: 'server', holder }],
    });
    tell('begun', String(oseq));
    await ledger.finish(jti, { status: 200, text: '', results: {} }, since);
    tell('finished', String(oseq));
  }
}

/** As much of an order as the journal looks at. */
const claimsOf = (jti: string, oseq: number) =>
  ({
    jti,
    oseq,
    oc2: { action: 'deny', target: { 'x-posture:vpn': {} }, args: { response_requested: 'complete' } },
  }) as unknown as OrderClaims;

async function look(): Promise<Found> {
  const told = acknowledgedIn(readFileSync(TOLD, 'utf8'));
  const db = new DatabaseSync(join(server, 'drawbridge.db'));
  const count = db.prepare('select count(*) as n from reports where id = ?');
  const times = told.stored.map((id) => Number(count.get(id)?.['n']));
  const ledger = await journal();
  const waiting = new Set((await openSpool()).ids);
  return {
    integrity: String(db.prepare('pragma integrity_check').get()?.['integrity_check']),
    reports: Number(db.prepare('select count(*) as n from reports').get()?.['n']),
    notStored: times.filter((n) => n !== 1).length,
    notSpooled: told.spooled.filter((id) => !told.removing.includes(id) && !waiting.has(id)).length,
    removedButThere: told.removed.filter((id) => waiting.has(id)).length,
    lastOrder: ledger.last('x-posture:vpn'),
    held: ledger.holders.server?.reason ?? null,
    newest: ledger.newest === null ? null : { finished: ledger.newest.outcome !== null },
    unflushed: readFileSync(join(agent, 'unflushed'), 'utf8').split('\n').length - 1,
  };
}

if (verb === 'look') process.stdout.write(`${JSON.stringify(await look())}\n`);
else {
  writeFileSync(TOLD, '');
  await Promise.all([...tokens.map(report), spool(), order()]);
}
