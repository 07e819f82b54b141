// A database in MaxMind's format (version 2.0, IPv4), as small as a test needs it.

type Value = string | number | boolean | { uint: number } | { [key: string]: Value } | Value[];

const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const NOTHING = 0;

/** The bytes of a database that knows these networks (`a.b.c.d/bits`). */
export function mmdbOf(networks: Readonly<Record<string, Value>>): Buffer {
  const data: Buffer[] = [];
  const root: Tree = [null, null];
  let size = 0;
  for (const [network, value] of Object.entries(networks)) {
    insert(root, network, size);
    const bytes = encoded(value);
    data.push(bytes);
    size += bytes.length;
  }
  const { bytes: tree, count } = treeBytes(root);
  const metadata = encoded({
    node_count: { uint: count },
    record_size: { uint: 32 },
    ip_version: { uint: 4 },
    database_type: 'Test-City',
    languages: ['en'],
    binary_format_major_version: { uint: 2 },
    binary_format_minor_version: { uint: 0 },
    build_epoch: { uint: 1_760_000_000 },
    description: { en: 'a test' },
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, MARKER, metadata]);
}

/** A node has a branch for 0 and one for 1: another node, an offset in the data, or nothing. */
type Tree = [Tree | number | null, Tree | number | null];

function insert(root: Tree, network: string, offset: number): void {
  const [address = '', bits = '32'] = network.split('/');
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  let node = root;
  for (let depth = 0; depth < Number(bits); depth += 1) {
    const bit = Math.floor(number / 2 ** (31 - depth)) % 2 === 1 ? 1 : 0;
    if (depth === Number(bits) - 1) node[bit] = offset;
    else {
      const next = node[bit];
      node = Array.isArray(next) ? next : (node[bit] = [null, null]);
    }
  }
}

function treeBytes(root: Tree): { bytes: Buffer; count: number } {
  const nodes: Tree[] = [root];
  for (const node of nodes) nodes.push(...node.filter((branch) => Array.isArray(branch)));
  const numbers = new Map(nodes.map((node, index) => [node, index]));
  const bytes = Buffer.alloc(nodes.length * 8);
  for (const [index, node] of nodes.entries()) {
    for (const [side, branch] of node.entries()) {
      const record = Array.isArray(branch)
        ? (numbers.get(branch) ?? NOTHING)
        : nodes.length + (branch === null ? 0 : 16 + branch);
      bytes.writeUInt32BE(record, index * 8 + side * 4);
    }
  }
  return { bytes, count: nodes.length };
}

const TYPES = { text: 2, double: 3, uint32: 6, map: 7, array: 11, boolean: 14 } as const;

function encoded(value: Value): Buffer {
  if (typeof value === 'string') return withHead(TYPES.text, Buffer.byteLength(value), Buffer.from(value));
  if (typeof value === 'boolean') return withHead(TYPES.boolean, value ? 1 : 0, Buffer.alloc(0));
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return withHead(TYPES.double, 8, bytes);
  }
  if (Array.isArray(value)) return withHead(TYPES.array, value.length, Buffer.concat(value.map(encoded)));
  if (typeof value['uint'] === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value['uint']);
    return withHead(TYPES.uint32, 4, bytes);
  }
  const entries = Object.entries(value as Record<string, Value>);
  return withHead(
    TYPES.map,
    entries.length,
    Buffer.concat(entries.flatMap(([key, one]) => [encoded(key), encoded(one)])),
  );
}

/** Control byte: type in the upper three bits (0: its number less 7 follows), size in the lower five (up to 284 here). */
function withHead(type: number, size: number, body: Buffer): Buffer {
  const small = size < 29 ? size : 29;
  const head = type <= 7 ? [(type << 5) | small] : [small, type - 7];
  return Buffer.concat([Buffer.from(head), size < 29 ? Buffer.alloc(0) : Buffer.from([size - 29]), body]);
}
