import { formOf, managedSettings, type Setting } from '../../src/agent/setting-list.ts';
import { admx, CATEGORY, elementId, plain, policyName, sentence } from './templates.ts';
import type { SettingValue, Values } from './values.ts';
import { escapeXml } from '../build/plist.ts';

/* Addresses by "Win32 and Desktop Bridge app ADMX policy ingestion" of Microsoft's documentation of the Policy CSP. */

const APP = 'Drawbridge';
const INGESTION = `./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/${APP}/Policy/DrawbridgeAdmx`;

/** The address of a setting, once the template is there. */
export function omaUri(setting: Setting): string {
  return `./Device/Vendor/MSFT/Policy/Config/${APP}~Policy~${CATEGORY}/${policyName(setting)}`;
}

/** How a list stands in one text: its entries with this character of no meaning between. */
const BETWEEN = '&#xF000;';

/** A setting's value as the Policy CSP takes it. */
export function omaValue(setting: Setting, value: SettingValue): string {
  if (formOf(setting).kind === 'switch') return value === true ? '<enabled/>' : '<disabled/>';
  const text = Array.isArray(value)
    ? value.map((item) => escapeXml(String(item))).join(BETWEEN)
    : escapeXml(String(value));
  return `<enabled/><data id="${elementId(setting)}" value="${text}"/>`;
}

type OmaSetting = {
  '@odata.type': string;
  displayName: string;
  description: string;
  omaUri: string;
  value: string;
};

const oma = (displayName: string, description: string, uri: string, value: string): OmaSetting => ({
  '@odata.type': '#microsoft.graph.omaSettingString',
  displayName,
  description,
  omaUri: uri,
  value,
});

/** A custom profile as Microsoft Graph takes it (`POST /deviceManagement/deviceConfigurations`): template and values. */
export function customProfile(values: Values): unknown {
  const given = managedSettings.flatMap((setting) => {
    const value = values.get(setting.name);
    if (value === undefined) return [];
    const { title, about } = setting.words;
    return [oma(title.en, sentence(plain(about.en)), omaUri(setting), omaValue(setting, value))];
  });
  return {
    '@odata.type': '#microsoft.graph.windows10CustomConfiguration',
    displayName: 'Drawbridge agent',
    description: 'The template of the settings, then the settings.',
    omaSettings: [oma('Template', 'The settings that there are.', INGESTION, admx()), ...given],
  };
}

/** Every address there is, for those who fill in the form by hand. */
export function omaUris(): { setting: string; omaUri: string; dataType: 'String'; example: string }[] {
  return managedSettings.map((setting) => ({
    setting: setting.name,
    omaUri: omaUri(setting),
    dataType: 'String',
    example: omaValue(setting, exampleOf(setting)),
  }));
}

function exampleOf(setting: Setting): SettingValue {
  const form = formOf(setting);
  switch (form.kind) {
    case 'switch':
      return true;
    case 'choice':
      return form.options[0] ?? '';
    case 'number':
      return form.max;
    case 'list':
      return ['first.example.org', 'second.example.org'];
    case 'text':
      return '…';
  }
}
