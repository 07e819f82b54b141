// Notes something in the database FILE, and is killed the moment that it is said to be there.
import { setMeta } from '../../src/server/store/meta.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';

const store = await openSqlite(process.argv[2] ?? '');
await store.note((db) => setMeta(db, 'noted', 'yes'));
process.kill(process.pid, 'SIGKILL');
