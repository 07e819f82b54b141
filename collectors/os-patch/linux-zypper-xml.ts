/** One `<update>` of zypper's XML output. */
export type Update = { kind: string; name: string; status: string; category: string };

const TAG = /<update\s((?:[\w-]+="[^"]*"\s*)+)\/?>/g;
const ATTRIBUTE = /([\w-]+)="([^"]*)"/g;

/**
 * `zypper --xmlout lp` or `lu`. `--category` is ignored in this form, so the caller filters. Null when the list is not
 * there or not whole.
 */
export function parseUpdates(xml: string): Update[] | null {
  if (!/<update-status\b/.test(xml) || !/<\/update-status>\s*<\/stream>\s*$/.test(xml)) return null;
  return [...xml.matchAll(TAG)].map(([, attributes = '']) => {
    const value = Object.fromEntries([...attributes.matchAll(ATTRIBUTE)].map(([, key, text]) => [key, text]));
    return {
      kind: value['kind'] ?? '',
      name: value['name'] ?? '',
      status: value['status'] ?? 'needed',
      category: value['category'] ?? '',
    };
  });
}
