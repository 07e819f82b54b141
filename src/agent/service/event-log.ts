import { windowsApi } from '../../base/windows-api.ts';

/* winnt.h */
const ERROR_TYPE = 1;

/** Leaves one error in Windows' application log: what ends a service before it has a log of its own. */
export async function reportEvent(source: string, message: string): Promise<void> {
  const { koffi, declare } = await windowsApi();
  const open = declare<(server: null, source: string) => unknown>('advapi32', 'RegisterEventSourceW', [
    'void *',
    'void *',
    'str16',
  ]);
  const report = declare<
    (
      log: unknown,
      type: number,
      category: number,
      id: number,
      user: null,
      texts: number,
      bytes: number,
      text: readonly string[],
      data: null,
    ) => number
  >('advapi32', 'ReportEventW', [
    'int',
    'void *',
    'uint16_t',
    'uint16_t',
    'uint32_t',
    'void *',
    'uint16_t',
    'uint32_t',
    koffi.pointer('str16'),
    'void *',
  ]);
  const close = declare<(log: unknown) => number>('advapi32', 'DeregisterEventSource', ['int', 'void *']);
  const log = open(null, source);
  report(log, ERROR_TYPE, 0, 1, null, 1, 0, [message], null);
  close(log);
}
