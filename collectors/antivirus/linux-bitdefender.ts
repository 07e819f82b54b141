import { bduitool } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import { ask, parseFields, parseSwitch, plainMode, unread, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

export const bitdefender = vendor({
  find: (host) => ask(host, bduitool, ['get', 'ps']),
  async read(host, answer) {
    const fields = parseFields(answer.stdout);
    const version = fields.get('Product version');
    if (version === undefined) return unread(host, 'bduitool', answer);
    const realtime = parseSwitch(fields.get('Antimalware status'));
    const newer = parseSwitch(fields.get('New security content available'));
    return installedProduct('Bitdefender', 'Bitdefender Endpoint Security Tools', {
      version,
      running: answer.code === 0 ? true : null,
      realtime,
      mode: plainMode(realtime),
      definitionsVersion: fields.get('Engines version') ?? null,
      definitionsAt: parseUpdateTime(fields.get('Last security content update') ?? ''),
      upToDate: newer === null ? null : !newer,
    });
  },
});

/** `2023-08-24 at 11:44:37 GMT+2`: hours, or hours and minutes, east of Greenwich. */
export function parseUpdateTime(text: string): string | null {
  const [, date, time, sign = '+', hours = '0', minutes = '00'] =
    /^(\d{4}-\d\d-\d\d) at (\d\d:\d\d:\d\d)(?: (?:GMT|UTC)(?:([+-])(\d{1,2})(?::?(\d\d))?)?)?$/.exec(text) ??
    [];
  const at = Date.parse(`${date}T${time}${sign}${hours.padStart(2, '0')}:${minutes}`);
  return Number.isNaN(at) ? null : iso(at);
}
