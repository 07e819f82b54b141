import { Socket } from 'node:net';
import { createClient, type DefinedInterface, type Message, type MessageBus } from 'dbus-native';

/** Where a method is called. */
export type Place = { service: string; path: string; interface: string };

/** A signal that is listened to: what arrives, and from where. */
export type SignalRule = { interface: string; member: string; path?: string; sender?: string; arg0?: string };

/** A connection to a session's bus or to the system's. */
export type Bus = {
  /** Our unique name on it. */
  readonly name: string;
  /** Calls a method; `body` is written by `signature`. Rejects with what the other end says, or after `CALL_MS`. */
  call(place: Place, member: string, signature?: string, body?: unknown[]): Promise<unknown>;
  /** Like `call`, but does not start a service that is not running: null then, and for every other failure. */
  ask(place: Place, member: string, signature?: string, body?: unknown[]): Promise<unknown>;
  /** Returns once the bus has taken the rule. */
  listen(rule: SignalRule, listener: (body: unknown[], sender: string, path: string) => void): Promise<void>;
  emit(path: string, iface: string, member: string, signature?: string, body?: unknown[]): void;
  serve(path: string, definition: DefinedInterface): Promise<void>;
  /** True when the name is ours; false when somebody else has it. */
  own(name: string): Promise<boolean>;
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<string>;
  /** Whether it keeps the process going, as it does at first. */
  hold(isUsed: boolean): void;
  close(): Promise<void>;
};

export const BUS: Place = {
  service: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
};

const CALL_MS = 5_000;
/** `DO_NOT_QUEUE`: a second tray of the same session is told so instead of waiting for the first to end. */
const DO_NOT_QUEUE = 4;
const IS_OWNER = new Set([1, 4]);
/** NO_AUTO_START */
const START_NOTHING = 2;
/** Nothing that is said to us needs more; an attacker of the same session could otherwise fill the memory. */
const MAX_MESSAGE = 8 * 1024 * 1024;
const SIGNAL = 4;

/** Connects to the bus at `address`. Rejects when there is none. */
export async function openBus(address: string): Promise<Bus> {
  const client = createClient({ busAddress: address, maxMessageSize: MAX_MESSAGE, timeout: CALL_MS });
  const ended = endOf(client);
  const failed = ended.then((why) => Promise.reject(new Error(why)));
  const hello = () => client.invokeDbus({ member: 'GetId' });
  await Promise.race([hello(), failed]);
  // From here on the end is told by `ended` alone.
  failed.catch(() => {});
  return { ...parts(client), name: client.name ?? '', ended };
}

function parts(client: MessageBus): Omit<Bus, 'name' | 'ended'> {
  const call: Bus['call'] = async (place, member, signature, body) =>
    client.invoke(messageTo(place, member, signature, body));
  return {
    call,
    async ask(place, member, signature, body) {
      const message = { ...messageTo(place, member, signature, body), flags: START_NOTHING };
      return client.invoke(message, { timeout: 1_000 }).catch(() => null);
    },
    async listen(rule, listener) {
      client.connection.on('message', (message) => {
        if (matches(message, rule)) listener(message.body ?? [], message.sender ?? '', message.path ?? '');
      });
      await client.addMatch(ruleText(rule));
    },
    emit: (path, iface, member, signature, body) => client.sendSignal(path, iface, member, signature, body),
    async serve(path, definition) {
      await client.export(path, definition);
    },
    own: async (name) => IS_OWNER.has(await client.requestName(name, DO_NOT_QUEUE)),
    hold(isUsed) {
      const { stream } = client.connection;
      if (!(stream instanceof Socket)) return;
      if (isUsed) stream.ref();
      else stream.unref();
    },
    close: () => client.close(),
  };
}

/** Why the connection ended. Errors of others that reach our handlers (an unknown member, a wrong body) end nothing. */
function endOf({ connection }: MessageBus): Promise<string> {
  return new Promise((resolve) => {
    connection.on('error', (error) => resolve(`the bus failed: ${error.message}`));
    connection.on('close', (cause) => resolve(`the bus is gone${cause ? `: ${cause.message}` : ''}`));
    connection.on('handlerError', () => {});
  });
}

function messageTo(place: Place, member: string, signature = '', body: unknown[] = []): Message {
  const { service, path } = place;
  const message = { destination: service, path, interface: place.interface, member };
  return signature === '' ? message : { ...message, signature, body };
}

/** The sender of a rule is a well-known name, that of a message a unique one: the bus itself compares those. */
function matches(message: Message, rule: SignalRule): boolean {
  return (
    message.type === SIGNAL &&
    message.interface === rule.interface &&
    message.member === rule.member &&
    (rule.path === undefined || message.path === rule.path) &&
    (rule.arg0 === undefined || message.body?.[0] === rule.arg0)
  );
}

function ruleText(rule: SignalRule): string {
  return ["type='signal'", ...Object.entries(rule).map(([key, value]) => `${key}='${value}'`)].join(',');
}

/** A property of another's object, without starting it; null where it cannot be read. */
export function property(bus: Bus, place: Place, name: string): Promise<unknown> {
  const properties = { ...place, interface: 'org.freedesktop.DBus.Properties' };
  return bus.ask(properties, 'Get', 'ss', [place.interface, name]);
}
