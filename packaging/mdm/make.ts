import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { customProfile, omaUris } from './intune.ts';
import { jamfSchema, managedSchema, settingsSchema } from './json-schema.ts';
import { settingsProfile, systemProfile } from './profiles.ts';
import { adml, admx, type Language } from './templates.ts';
import { nested, type Values } from './values.ts';

export type Wanted = { out: string; values: Values; team: string | null };

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Every file by its path, as text. The token of an enrolment is in those that set it. */
export function filesFor({ values, team }: Omit<Wanted, 'out'>): Record<string, string> {
  const languages: Language[] = ['en-US', 'de-DE'];
  return {
    'schema/agent.schema.json': json(settingsSchema()),
    'schema/managed.schema.json': json(managedSchema()),
    'windows/Drawbridge.admx': admx(),
    ...Object.fromEntries(
      languages.map((language) => [`windows/${language}/Drawbridge.adml`, adml(language)]),
    ),
    'intune/oma-uris.json': json(omaUris()),
    'intune/custom-profile.json': json(customProfile(values)),
    'macos/drawbridge-settings.mobileconfig': settingsProfile(values),
    'macos/drawbridge-system.mobileconfig': systemProfile(team),
    'jamf/io.drawbridge.agent.json': json(jamfSchema()),
    'linux/managed.yaml': stringify(nested(withoutEnrolment(values), (value) => value)),
  };
}

/** On Linux that is a file of its own. */
function withoutEnrolment(values: Values): Values {
  return new Map([...values].filter(([name]) => !name.startsWith('enrolment.')));
}

/** Writes all of it below `out`, for its owner's eyes only. What else is there stays. */
export function makeMdm(wanted: Wanted): string[] {
  const { out } = wanted;
  const files = Object.entries(filesFor(wanted));
  for (const [name, text] of files) {
    const file = join(out, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Made anew: one that is there may be for others to read.
    rmSync(file, { force: true });
    writeFileSync(file, text, { mode: 0o600 });
  }
  cpSync(join(import.meta.dirname, 'jamf'), join(out, 'jamf'), { recursive: true });
  cpSync(join(import.meta.dirname, 'ansible'), join(out, 'ansible'), { recursive: true });
  return files.map(([name]) => join(out, name));
}
