/** Whom an installed service trusts with its folder: SYSTEM, Administrators, TrustedInstaller. */
const TRUSTED = ['SY', 'BA', 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464'];

/** Full control for SYSTEM and Administrators, handed down to everything inside; nothing comes from the folder above. */
export const OWN_FOLDER = 'D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)';

/** Reading and entering, as SDDL spells it for files: FILE_GENERIC_READ with FILE_GENERIC_EXECUTE, or the generic rights. */
const READS = 0x0012_00a9 | 0x2000_0000 | -0x8000_0000;
const READ_WORDS = ['FR', 'FX', 'GR', 'GX', 'RC'];

/**
 * What is wrong with the security descriptor of a folder (SDDL with owner and DACL) of a service that runs as
 * `account`: a sentence, or null. Nobody else may own it, who could change what it allows, or change what lies in it. Pure.
 */
export function listProblem(sddl: string, account: string): string | null {
  const isTrusted = (sid: string) => TRUSTED.includes(sid) || sid === account;
  const parts = /^O:([^:]+?)(?:G:[^:]+?)?D:([A-Z_]*)((?:\([^()]*\))*)$/.exec(sddl);
  if (parts === null) return `what it allows cannot be understood (${sddl})`;
  const [, owner = '', flags = '', entries = ''] = parts;
  if (!isTrusted(owner)) return `it belongs to ${owner}`;
  // Without a list, everybody may do everything.
  if (flags.includes('NO_ACCESS_CONTROL')) return 'it allows everything to everybody';
  const writers = [...entries.matchAll(/\(([^()]*)\)/g)]
    .map(([, entry = '']) => entry.split(';'))
    .filter(([kind = '', , rights = '']) => !kind.includes('D') && !onlyReads(rights))
    .map((fields) => fields[5] ?? '')
    // CREATOR OWNER stands for whoever makes something inside, which nobody else can.
    .filter((sid) => !isTrusted(sid) && sid !== 'CO');
  return writers.length === 0 ? null : `${[...new Set(writers)].join(', ')} may change it`;
}

function onlyReads(rights: string): boolean {
  if (/^0x[0-9a-f]+$/i.test(rights)) return (Number(rights) & ~READS) === 0;
  return (rights.match(/../g) ?? ['']).every((word) => READ_WORDS.includes(word));
}
