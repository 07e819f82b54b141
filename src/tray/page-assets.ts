import { stripTypeScriptTypes } from 'node:module';
import { readAsset } from '../base/assets.ts';

export type PageFile = { type: string; text: string };

let files: Readonly<Record<string, PageFile>> | null = null;

/** The page's own files, by path. Read at the first use: most days nobody opens the page. */
export function pageFiles(): Readonly<Record<string, PageFile>> {
  const folder = 'src/tray/page';
  files ??= {
    '/': { type: 'text/html; charset=utf-8', text: readAsset(`${folder}/index.html`) },
    '/page.css': { type: 'text/css; charset=utf-8', text: readAsset(`${folder}/page.css`) },
    '/icon.svg': { type: 'image/svg+xml', text: readAsset(`${folder}/icon.svg`) },
    '/app.js': {
      type: 'text/javascript; charset=utf-8',
      text: stripTypeScriptTypes(readAsset(`${folder}/app.ts`)),
    },
  };
  return files;
}
