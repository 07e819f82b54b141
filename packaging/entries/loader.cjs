'use strict';
// What an executable starts with. Its code lies in it in pieces, and only those that a command needs are read: V8 keeps
// the text of whatever it has read, and reading takes time. What nothing uses any more is forgotten, and read again
// when it is asked for again.
const { getAsset } = require('node:sea');
const { compileFunction } = require('node:vm');

/** By name, and not kept alive by this. */
const modules = new Map();

/** Node's own modules by their name; pieces of ours as `./NAME`. */
function load(name) {
  if (!name.startsWith('./')) return require(name);
  const known = modules.get(name)?.deref();
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  modules.set(name, new WeakRef(module));
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
  // All of it is ASCII. A function of a piece holds on to what the piece's functions name, and by this last one that
  // is the module, too: there is never a second one of a piece while anything of the first can still be called.
  const code = `${getAsset(`code/${name.slice(2)}`, 'latin1')}\n;() => module;`;
  const run = compileFunction(code, parameters, { filename: name.slice(2) });
  run(module.exports, load, module, __filename, __dirname);
  return module.exports;
}

load('./main.cjs');
