import type { AddressInfo } from 'node:net';
import fastify, { type FastifyReply } from 'fastify';
import { messageOf } from '../../base/errors.ts';
import type { AddressReader } from '../addresses.ts';
import { answerErrors, createHttp, type App } from '../http.ts';
import type { Services } from '../services.ts';
import { closedOnFailure, StartError } from '../start-error.ts';
import type { ServerTls } from '../tls.ts';
import type { Certificates } from './certificates.ts';
import { addEstRoutes } from './est.ts';
import type { CaSettings } from './settings.ts';

/** Where EST and the revocation list are served; null where they are not. Has to be closed. */
export type CertificateDoors = { est: string | null; crl: string | null; close(): Promise<void> };

type Parts = Pick<Services, 'store' | 'clock' | 'log'> & {
  settings: CaSettings;
  certificates: Certificates;
  tls: ServerTls;
  remoteOf: AddressReader;
};

/** Opens the ports that certificates need besides the server's own. Throws `StartError`. */
export async function openCertificateDoors(parts: Parts): Promise<CertificateDoors> {
  const { settings } = parts;
  const open: { close(): Promise<unknown> }[] = [];
  const close = async () => void (await Promise.all(open.map((door) => door.close())));
  return closedOnFailure(close, async () => {
    const est = settings.est === undefined ? null : await openEst(parts, settings.est, open);
    const crl = settings.crl === undefined ? null : await openCrl(parts, settings.crl, open);
    return { est, crl, close };
  });
}

/** On the server's own port, too: for whoever checks its certificate anyway. */
export function addAuthorityRoutes(app: App, certificates: Certificates): void {
  app.get('/v1/ca/devices.crl', (_request, reply) => sendCrl(certificates, reply));
  app.get('/v1/ca/chain.pem', async (_request, reply) => {
    const { issuing, root } = await certificates.authority.chain();
    return reply.type('application/x-pem-file').send(issuing === root ? root : `${issuing}${root}`);
  });
}

type Door = { host: string; port: number };
type Open = { close(): Promise<unknown> }[];

/** A port of its own: on the server's, every browser with a certificate would ask its user which one to show. */
async function openEst(parts: Parts, { host, port }: Door, open: Open): Promise<string> {
  const { issuing, root } = await parts.certificates.authority.chain();
  const app = await createHttp(parts.tls, parts.remoteOf, [issuing, root]);
  open.push(app);
  answerErrors(app, parts.log);
  await addEstRoutes(app, parts);
  await listening('ca.est.port', port, () => app.listen({ host, port }));
  return `https://${host}:${(app.server.address() as AddressInfo).port}`;
}

/** Plain HTTP: who fetches it is about to check a certificate and must not need to check another one for that. */
async function openCrl({ certificates }: Parts, { host, port }: Door, open: Open): Promise<string> {
  const app = fastify({ bodyLimit: 1_024, requestTimeout: 10_000, forceCloseConnections: true });
  open.push(app);
  app.get('/crl/devices.crl', (_request, reply) => sendCrl(certificates, reply));
  await listening('ca.crl.port', port, () => app.listen({ host, port }));
  return `http://${host}:${(app.server.address() as AddressInfo).port}/crl/devices.crl`;
}

async function sendCrl({ revocation }: Certificates, reply: FastifyReply): Promise<FastifyReply> {
  const list = await revocation.crl();
  if (list === null)
    return reply.status(404).type('text/plain').send('This authority serves its own list.\n');
  return reply.type('application/pkix-crl').send(Buffer.from(list));
}

async function listening(setting: string, port: number, listen: () => Promise<unknown>): Promise<void> {
  try {
    await listen();
  } catch (error) {
    const why = messageOf(error);
    throw new StartError(`Cannot listen on port ${port} (${setting}): ${why}`);
  }
}
