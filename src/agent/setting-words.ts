import { z } from 'zod';

/** A sentence for administrators, in both languages of the templates. */
export type Both = { en: string; de: string };

/** What people read about one setting, wherever they meet it: documentation, group policy, profile, editor. */
export type SettingWords = {
  title: Both;
  /** In the documentation's Markdown; elsewhere the backquotes fall away. */
  about: Both;
  /** Where there is no default in the schema: what holds without the setting. */
  without?: Both;
  /** Each computer's own matter: device management cannot set it. */
  local?: true;
  /** What holds where management's value makes no sense and none was ever right; without it, the default. */
  strictest?: unknown;
};

/** The words of each leaf of a settings schema. */
export const settingWords = z.registry<SettingWords>();
