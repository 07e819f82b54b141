import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '../../base/x509.ts';
import { isMissing, writeAtomic } from '../../base/atomic-file.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { readSecret } from '../secret-file.ts';
import {
  certificatePem,
  certificatesIn,
  generateAuthorityKeys,
  importAuthorityKey,
  isKeyOf,
  keyPem,
  SIGNING_ALGORITHM,
} from './keys.ts';

const DAY_MS = 86_400_000;
/** A server whose clock runs late would hold a certificate of this minute for one of the future. */
const BACKDATED_MS = DAY_MS;
const ROOT_DAYS = 3_650;
const ISSUING_DAYS = 730;

/** Where each thing lies below `ca` in the data folder. */
export function authorityPaths(dataDir: string) {
  const folder = join(dataDir, 'ca');
  return {
    folder,
    root: join(folder, 'root.pem'),
    issuing: join(folder, 'issuing.pem'),
    /** Key and certificate in one file, so that no crash can leave one without the other. */
    issuingKey: join(folder, 'issuing.key.pem'),
    /** Of an issuing authority that the root has not signed yet. */
    nextKey: join(folder, 'issuing-next.key.pem'),
  };
}

export type AuthorityPaths = ReturnType<typeof authorityPaths>;

/** `root.key.pem` and `root.pem`, wherever the root is kept. */
export function rootPaths(folder: string) {
  return { key: join(folder, 'root.key.pem'), certificate: join(folder, 'root.pem') };
}

/** `bits` of the keys; without it as many as ten years ask for. */
export type NewAuthority = { organisation: string; now: number; bits?: number };

/**
 * A root, and an issuing authority that it has signed. The root's key goes to `rootFolder`, which need not be on this
 * machine's own disk, and is not needed again until the issuing authority has to be renewed.
 */
export async function createHierarchy(
  paths: AuthorityPaths,
  rootFolder: string,
  { organisation, now, bits }: NewAuthority,
): Promise<void> {
  const root = rootPaths(rootFolder);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await mkdir(rootFolder, { recursive: true, mode: 0o700 });
  const keys = await generateAuthorityKeys(bits);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ O: [organisation] }, { CN: ['Drawbridge root'] }],
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    ...validity(now, ROOT_DAYS),
    extensions: await authorityExtensions(keys.publicKey, 1),
  });
  await writeAtomic(root.key, await keyPem(keys.privateKey));
  await writeAtomic(root.certificate, certificatePem(certificate), 0o644);
  const request = new Pkcs10CertificateRequest(await nextRequest(paths, organisation, bits));
  const issuing = await signIntermediate(request, certificate, keys.privateKey, now);
  await putInPlace(paths, issuing, certificate);
}

/** Makes a new issuing key beside the one in use, and answers with the request (PEM) that the root has to sign. */
export async function nextRequest(
  paths: AuthorityPaths,
  organisation: string,
  bits?: number,
): Promise<string> {
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const keys = await generateAuthorityKeys(bits);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [organisation] }, { CN: ['Drawbridge device issuing authority'] }],
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
  });
  await writeAtomic(paths.nextKey, await keyPem(keys.privateKey));
  return `${request.toString('pem')}\n`;
}

/** What the root's keeper does where the root's key is. Throws for a request that is not signed by its key. */
export async function signRequest(pem: string, rootFolder: string, now: number): Promise<string> {
  const root = rootPaths(rootFolder);
  const [certificate] = certificatesIn(await readFile(root.certificate, 'utf8'));
  if (certificate === undefined) throw new Error(`${root.certificate} holds no certificate`);
  const key = await importAuthorityKey(await readSecret(root.key));
  if (!(await isKeyOf(key, certificate)))
    throw new Error(`${root.key} is not the key of ${root.certificate}`);
  const request = new Pkcs10CertificateRequest(pem);
  if (!(await request.verify())) throw new Error('the request is not signed by the key in it');
  return certificatePem(await signIntermediate(request, certificate, key, now));
}

async function signIntermediate(
  request: Pkcs10CertificateRequest,
  root: X509Certificate,
  key: webcrypto.CryptoKey,
  now: number,
): Promise<X509Certificate> {
  const until = Math.min(now + ISSUING_DAYS * DAY_MS, root.notAfter.getTime());
  return X509CertificateGenerator.create({
    subject: request.subjectName,
    issuer: root.subjectName,
    publicKey: request.publicKey,
    signingKey: key,
    signingAlgorithm: SIGNING_ALGORITHM,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(until),
    extensions: [
      ...(await authorityExtensions(request.publicKey, 0)),
      await AuthorityKeyIdentifierExtension.create(root),
    ],
  });
}

/**
 * Puts a signed issuing authority in the place of the one in use. `pem` holds its certificate; `rootPem` the root's,
 * where it is not the one that stands there. The error is a sentence.
 */
export async function importIssuing(
  paths: AuthorityPaths,
  pem: string,
  rootPem: string | null,
  now: number,
): Promise<Result<X509Certificate, string>> {
  const [issuing, second] = certificatesIn(pem);
  const given = rootPem ?? (await readIfThere(paths.root));
  const root = given === null ? second : certificatesIn(given)[0];
  if (issuing === undefined) return err('The file holds no certificate.');
  if (root === undefined) return err('Name the root’s certificate too: --root FILE.');
  const next = await readSecret(paths.nextKey);
  if (!(await isKeyOf(await importAuthorityKey(next), issuing)))
    return err('The certificate is not for the key of the last "ca intermediate csr".');
  const problem = await problemWithIssuing(issuing, root, now);
  if (problem !== null) return err(problem);
  await putInPlace(paths, issuing, root);
  return ok(issuing);
}

async function problemWithIssuing(
  issuing: X509Certificate,
  root: X509Certificate,
  now: number,
): Promise<string | null> {
  const date = new Date(now);
  const isSigned = await issuing
    .verify({ publicKey: root.publicKey, date, signatureOnly: false })
    .catch(() => false);
  if (!isSigned) return 'The root has not signed this certificate, or it is not valid now.';
  const constraints = issuing.getExtension(BasicConstraintsExtension);
  const usages = issuing.getExtension(KeyUsagesExtension)?.usages ?? 0;
  const wanted = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  if (constraints?.ca !== true || (usages & wanted) !== wanted)
    return 'The certificate may not sign others: it needs CA:TRUE, keyCertSign and cRLSign.';
  return null;
}

/** The key with its certificate first: it is what the server signs with. */
async function putInPlace(
  paths: AuthorityPaths,
  issuing: X509Certificate,
  root: X509Certificate,
): Promise<void> {
  const key = await readSecret(paths.nextKey);
  await writeAtomic(paths.issuingKey, `${key}${certificatePem(issuing)}`);
  await writeAtomic(paths.issuing, certificatePem(issuing), 0o644);
  await writeAtomic(paths.root, certificatePem(root), 0o644);
}

export type Hierarchy = { issuing: X509Certificate; root: X509Certificate; key: webcrypto.CryptoKey };

/** What the server signs with; null where there is no authority. Throws for one that cannot be used. */
export async function loadHierarchy(paths: AuthorityPaths): Promise<Hierarchy | null> {
  const rootPem = await readIfThere(paths.root);
  if (rootPem === null) return null;
  const text = await readSecret(paths.issuingKey);
  const [issuing] = certificatesIn(text);
  const [root] = certificatesIn(rootPem);
  if (issuing === undefined || root === undefined)
    throw new Error(
      `${paths.folder} holds no whole authority. Restore it from a copy: docs/certificates.md.`,
    );
  const key = await importAuthorityKey(text);
  if (!(await isKeyOf(key, issuing)))
    throw new Error(
      `${paths.issuingKey}: key and certificate do not belong together. Restore it from a copy.`,
    );
  return { issuing, root, key };
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function authorityExtensions(
  publicKey: Parameters<typeof SubjectKeyIdentifierExtension.create>[0],
  pathLength: number,
) {
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

function validity(now: number, days: number) {
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + days * DAY_MS) };
}
