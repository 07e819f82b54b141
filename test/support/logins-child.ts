// Notes logins in the database FILE and moves them, for ever; says the id of each once it is noted. Made to be killed.
import { noteLogin, settleLogins } from '../../src/server/store/logins.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { loginRow } from './login-row.ts';

/** Waits for a reader that is slow: Node makes the pipe of a program with threads one that does not block. */
const say = (line: string) => new Promise<void>((resolve) => process.stdout.write(line, () => resolve()));

const store = await openSqlite(process.argv[2] ?? '');
for (let count = 0; ; count += 1) {
  const login = loginRow(`${process.pid}-${count}`);
  await store.note((db) => noteLogin(db, login));
  await say(`${login.id}\n`);
  if (count % 10 === 9) await store.note((db) => settleLogins(db, 4));
}
