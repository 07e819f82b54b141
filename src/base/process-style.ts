/** What differs between the families of systems in how a program is started and ended. */
export type ProcessStyle = {
  /** Working folder of every program that we start. */
  cwd: string;
  /** The whole environment of every program that we start: nothing is inherited. */
  environment: Readonly<Record<string, string>>;
  /** Whether a program and its children can be ended together as a group; otherwise as a tree, by taskkill. */
  hasGroups: boolean;
};

/** C locale, UTC, a fixed path. */
export const posixStyle: ProcessStyle = {
  cwd: '/',
  environment: {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    LANG: 'C',
    LANGUAGE: '',
    TZ: 'UTC',
    NO_COLOR: '1',
    SYSTEMD_COLORS: '0',
    SYSTEMD_PAGER: '',
    HOME: '/',
  },
  hasGroups: true,
};

const SYSTEM32 = 'C:\\Windows\\System32';

/**
 * Node adds a few variables that are not named here from our own environment (USERPROFILE, USERNAME, …), since
 * Windows programs do not start without them. PATH and PSModulePath hold folders that administrators alone can write:
 * PowerShell would otherwise load modules from the documents of whoever runs us, elevated.
 */
export const windowsStyle: ProcessStyle = {
  cwd: SYSTEM32,
  environment: {
    SystemDrive: 'C:',
    SystemRoot: 'C:\\Windows',
    windir: 'C:\\Windows',
    PATH: SYSTEM32,
    PATHEXT: '.COM;.EXE',
    ComSpec: `${SYSTEM32}\\cmd.exe`,
    PSModulePath: `${SYSTEM32}\\WindowsPowerShell\\v1.0\\Modules`,
    ProgramData: 'C:\\ProgramData',
    ProgramFiles: 'C:\\Program Files',
    TEMP: 'C:\\Windows\\Temp',
    TMP: 'C:\\Windows\\Temp',
  },
  hasGroups: false,
};

/** The style of the system that Node calls `platform`. */
export function styleFor(platform: string): ProcessStyle {
  return platform === 'win32' ? windowsStyle : posixStyle;
}
