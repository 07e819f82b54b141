/**
 * strongSwan's own protocol on its local socket (`src/libcharon/plugins/vici/README.md` of its sources), as much of it
 * as `swanctl` needs to list and to terminate. Numbers are big-endian; a packet is preceded by its length in 32 bits.
 */
export type ViciMessage = readonly ViciElement[];

export type ViciElement =
  | { name: string; value: string }
  | { name: string; list: readonly string[] }
  | { name: string; section: ViciMessage };

/** What the daemon sends: the answer to a request, or an event that was asked for. */
export type ViciPacket =
  { kind: 'response' | 'unknown' | 'confirmed' } | { kind: 'event'; name: string; message: ViciMessage };

const PACKET = {
  request: 0,
  response: 1,
  unknownCommand: 2,
  register: 3,
  confirm: 5,
  unknownEvent: 6,
  event: 7,
};
const ELEMENT = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 };

/** Longest packet that the protocol allows. */
export const MAX_PACKET = 512 * 1024;
const MAX_DEPTH = 16;

/** A command with plain values. */
export function viciRequest(command: string, values: Readonly<Record<string, string>> = {}): Buffer {
  const elements = Object.entries(values).map(([key, value]) =>
    Buffer.concat([Buffer.of(ELEMENT.keyValue), named(key), sized(value)]),
  );
  return framed(Buffer.concat([Buffer.of(PACKET.request), named(command), ...elements]));
}

export function viciRegister(event: string): Buffer {
  return framed(Buffer.concat([Buffer.of(PACKET.register), named(event)]));
}

function framed(packet: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(packet.length);
  return Buffer.concat([length, packet]);
}

function named(name: string): Buffer {
  return Buffer.concat([Buffer.of(Buffer.byteLength(name)), Buffer.from(name)]);
}

function sized(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}

/** One packet without its length; a response comes with its message. Throws `RangeError` where it is not one. */
export function readPacket(bytes: Buffer): ViciPacket & { message: ViciMessage } {
  const reader = new Reader(bytes);
  const type = reader.byte();
  if (type === PACKET.response) return { kind: 'response', message: readMessage(reader) };
  if (type === PACKET.confirm) return { kind: 'confirmed', message: [] };
  if (type === PACKET.unknownCommand || type === PACKET.unknownEvent) return { kind: 'unknown', message: [] };
  if (type === PACKET.event) return { kind: 'event', name: reader.name(), message: readMessage(reader) };
  throw new RangeError(`no packet is of type ${type}`);
}

function readMessage(reader: Reader, depth = 0): ViciMessage {
  if (depth > MAX_DEPTH) throw new RangeError('sections are nested too deeply');
  const elements: ViciElement[] = [];
  while (!reader.isAtEnd) {
    const type = reader.byte();
    if (type === ELEMENT.sectionEnd && depth > 0) return elements;
    elements.push(readElement(type, reader, depth));
  }
  if (depth > 0) throw new RangeError('a section does not end');
  return elements;
}

function readElement(type: number, reader: Reader, depth: number): ViciElement {
  const name = reader.name();
  if (type === ELEMENT.sectionStart) return { name, section: readMessage(reader, depth + 1) };
  if (type === ELEMENT.keyValue) return { name, value: reader.value() };
  if (type === ELEMENT.listStart) return { name, list: readList(reader) };
  throw new RangeError(`no element is of type ${type}`);
}

function readList(reader: Reader): string[] {
  const items: string[] = [];
  for (let type = reader.byte(); type !== ELEMENT.listEnd; type = reader.byte()) {
    if (type !== ELEMENT.listItem) throw new RangeError(`nothing of type ${type} is in a list`);
    items.push(reader.value());
  }
  return items;
}

/** Buffer's own methods throw `RangeError` past the end; a slice would be shorter instead. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  name(): string {
    return this.#text(this.byte());
  }

  value(): string {
    const length = this.#bytes.readUInt16BE(this.#at);
    this.#at += 2;
    return this.#text(length);
  }

  #text(length: number): string {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a text is longer than its packet');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    return text;
  }
}

/** A message as `swanctl --raw` prints it: one line, which `parseVici` reads. */
export function rawLine(label: string, message: ViciMessage): string {
  return `${label} ${rawSection(message)}`.replaceAll('\n', ' ');
}

function rawSection(message: ViciMessage): string {
  return `{${message.map(rawElement).join(' ')}}`;
}

function rawElement(element: ViciElement): string {
  if ('section' in element) return `${element.name} ${rawSection(element.section)}`;
  if ('list' in element) return `${element.name}=[${element.list.join(' ')}]`;
  return `${element.name}=${element.value}`;
}

export function valueIn(message: ViciMessage, name: string): string | null {
  const found = message.find((element) => element.name === name);
  return found !== undefined && 'value' in found ? found.value : null;
}
