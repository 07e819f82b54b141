import { lstat, mkdir } from 'node:fs/promises';
import { isMissing } from '../../base/atomic-file.ts';
import { windowsApi } from '../../base/windows-api.ts';
import { StateFolderError } from '../state-folder.ts';
import { ownAccount } from '../windows-account.ts';
import { listProblem, OWN_FOLDER } from './access-list.ts';

/**
 * Makes the service's folder below ProgramData its own, or closes to others the one that the installer has made.
 * Everybody may make a folder there, so that one which somebody else owns, or which leads elsewhere, is refused:
 * throws `StateFolderError`.
 */
export async function closeOwnFolder(path: string): Promise<void> {
  await makeFolder(path);
  const { listOf, setList } = await accessLists();
  const own = shorten(await ownAccount());
  const owner = listProblem(listOf(path), own);
  // What others may do is put right; that another owns it, who could undo that, is not.
  if (owner?.startsWith('it belongs to') === true) throw foreign(path, owner);
  setList(path, OWN_FOLDER);
  const problem = listProblem(listOf(path), own);
  if (problem !== null) throw foreign(path, problem);
}

async function makeFolder(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink() || !found.isDirectory()) throw foreign(path, 'it leads elsewhere');
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(path);
  }
}

function foreign(path: string, problem: string): StateFolderError {
  return new StateFolderError(
    `${path} is not the service’s own: ${problem}. Look through it, remove it as an administrator and start the service again.`,
  );
}

/* accctrl.h, winnt.h, sddl.h */
const FILE_OBJECT = 1;
const OWNER = 0x1;
const DACL = 0x4;
const PROTECTED_DACL = 0x8000_0000;
const REVISION = 1;

/** A pointer that a function of Windows has filled in. */
type Out = [unknown];

async function accessLists() {
  const { koffi, declare, lastError } = await windowsApi();
  const out = koffi.out(koffi.pointer('void *'));
  const outText = koffi.out(koffi.pointer('str16'));
  const outFlag = koffi.out(koffi.pointer('int'));
  const getSecurity = declare<
    (
      path: string,
      type: number,
      what: number,
      owner: null,
      group: null,
      dacl: null,
      sacl: null,
      into: Out,
    ) => number
  >('advapi32', 'GetNamedSecurityInfoW', [
    'uint32_t',
    'str16',
    'int',
    'uint32_t',
    ...(['void *', 'void *', 'void *', 'void *'] as const),
    out,
  ]);
  const setSecurity = declare<
    (path: string, type: number, what: number, owner: null, group: null, dacl: unknown, sacl: null) => number
  >('advapi32', 'SetNamedSecurityInfoW', [
    'uint32_t',
    'str16',
    'int',
    'uint32_t',
    ...(['void *', 'void *', 'void *', 'void *'] as const),
  ]);
  const toText = declare<
    (sd: unknown, revision: number, what: number, into: [string | null], length: null) => number
  >('advapi32', 'ConvertSecurityDescriptorToStringSecurityDescriptorW', [
    'int',
    'void *',
    'uint32_t',
    'uint32_t',
    outText,
    'void *',
  ]);
  const fromText = declare<(sddl: string, revision: number, into: Out, length: null) => number>(
    'advapi32',
    'ConvertStringSecurityDescriptorToSecurityDescriptorW',
    ['int', 'str16', 'uint32_t', out, 'void *'],
  );
  const daclOf = declare<(sd: unknown, isThere: [number], dacl: Out, isDefault: [number]) => number>(
    'advapi32',
    'GetSecurityDescriptorDacl',
    ['int', 'void *', outFlag, out, outFlag],
  );
  const must = (done: boolean, what: string, code = lastError()) => {
    if (!done) throw new StateFolderError(`${what}: Windows says error ${code}`);
  };

  return {
    listOf(path: string): string {
      const security: Out = [null];
      const code = getSecurity(path, FILE_OBJECT, OWNER | DACL, null, null, null, null, security);
      must(code === 0, `who may use ${path} cannot be seen`, code);
      const text: [string | null] = [null];
      must(
        toText(security[0], REVISION, OWNER | DACL, text, null) !== 0,
        `who may use ${path} cannot be seen`,
      );
      return text[0] ?? '';
    },
    setList(path: string, sddl: string): void {
      const security: Out = [null];
      must(fromText(sddl, REVISION, security, null) !== 0, `${sddl} is no access list`);
      const dacl: Out = [null];
      must(daclOf(security[0], [0], dacl, [0]) !== 0, `${sddl} is no access list`);
      const code = setSecurity(path, FILE_OBJECT, DACL | PROTECTED_DACL, null, null, dacl[0], null);
      must(code === 0, `${path} cannot be closed to others`, code);
    },
  };
}

/** As access lists write it. */
function shorten(sid: string): string {
  return sid === 'S-1-5-18' ? 'SY' : sid;
}
