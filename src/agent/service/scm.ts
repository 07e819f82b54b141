import type { ServiceStatus } from './status.ts';
import { windowsApi } from '../../base/windows-api.ts';

/** This process as a service that the service manager has started. */
export type Scm = {
  /** False where the manager did not take the word. */
  tell(status: ServiceStatus): boolean;
  /** Resolves once the manager has taken the last word, STOPPED. */
  ended: Promise<void>;
};

/** The process was started by somebody else than the service manager. The message is for a person. */
export class NoServiceManager extends Error {
  override name = 'NoServiceManager';
}

/** Milliseconds for the manager to say that it has started us; it waits no longer for our call either. */
const CALL_MS = 30_000;

/**
 * Makes this process the service of this name, told what the manager wants by `onControl`, whose answer goes back to it.
 * Takes one of libuv's threads as long as it runs; the calls come to the main thread. Rejects with `NoServiceManager`.
 */
export async function connectToScm(name: string, onControl: (code: number) => number): Promise<Scm> {
  const { koffi, declare } = await windowsApi();
  const main = koffi.proto('void __stdcall DrawbridgeServiceMain(uint32_t argc, void *argv)');
  const handler = koffi.proto(
    'uint32_t __stdcall DrawbridgeHandlerEx(uint32_t control, uint32_t type, void *data, void *context)',
  );
  const status = koffi.struct('DRAWBRIDGE_SERVICE_STATUS', {
    dwServiceType: 'uint32_t',
    dwCurrentState: 'uint32_t',
    dwControlsAccepted: 'uint32_t',
    dwWin32ExitCode: 'uint32_t',
    dwServiceSpecificExitCode: 'uint32_t',
    dwCheckPoint: 'uint32_t',
    dwWaitHint: 'uint32_t',
  });
  const entry = koffi.struct('DRAWBRIDGE_SERVICE_TABLE_ENTRY', {
    lpServiceName: 'str16',
    lpServiceProc: koffi.pointer(main),
  });
  type Entry = { lpServiceName: string | null; lpServiceProc: unknown };
  const dispatch = declare<(table: readonly Entry[]) => number>('advapi32', 'StartServiceCtrlDispatcherW', [
    'int',
    koffi.pointer(entry),
  ]);
  const register = declare<(name: string, handler: unknown, context: null) => unknown>(
    'advapi32',
    'RegisterServiceCtrlHandlerExW',
    ['void *', 'str16', koffi.pointer(handler), 'void *'],
  );
  const setStatus = declare<(handle: unknown, status: Record<string, number>) => number>(
    'advapi32',
    'SetServiceStatus',
    ['int', 'void *', koffi.pointer(status)],
  );

  const last = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const refuse = () =>
      reject(
        new NoServiceManager('Windows’ service manager has not started this. Use: sc.exe start Drawbridge'),
      );
    const timer = setTimeout(refuse, CALL_MS);
    // Called on a thread of the manager's, which waits for it; the functions live as long as the process does.
    const handle = koffi.register(onControl, koffi.pointer(handler));
    const start = koffi.register(() => {
      clearTimeout(timer);
      const service = register(name, handle, null);
      resolve({ ended: last.promise, tell: (one) => setStatus(service, inWindowsWords(one)) !== 0 });
    }, koffi.pointer(main));
    const table = [
      { lpServiceName: name, lpServiceProc: start },
      { lpServiceName: null, lpServiceProc: null },
    ];
    dispatch.async(table, () => {
      clearTimeout(timer);
      // Without effect once the service has been started.
      refuse();
      last.resolve();
    });
  });
}

const OWN_PROCESS = 0x10;

function inWindowsWords(status: ServiceStatus): Record<string, number> {
  return {
    dwServiceType: OWN_PROCESS,
    dwCurrentState: status.state,
    dwControlsAccepted: status.accepts,
    dwWin32ExitCode: status.exitCode,
    dwServiceSpecificExitCode: status.specificExitCode,
    dwCheckPoint: status.checkPoint,
    dwWaitHint: status.waitHintMs,
  };
}
