import { stripTypeScriptTypes } from 'node:module';
import { isPackaged, readAsset } from '../base/assets.ts';

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
      text: withoutTypes(readAsset(`${folder}/app.ts`)),
    },
  };
  return files;
}

/** An executable bears it without types already: what removes them is WebAssembly, which the executable has not. */
function withoutTypes(code: string): string {
  return isPackaged ? code : stripTypeScriptTypes(code);
}
