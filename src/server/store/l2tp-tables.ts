/* Rows about the L2TP servers of devices; times are milliseconds. */

/** One order about L2TP servers, to many devices in batches. */
export type RolloutRow = {
  id: string;
  action: 'close' | 'reopen';
  /** JSON: what the order says besides. */
  value: string;
  /** Milliseconds after which a device reopens by itself; null: never. */
  duration: number | null;
  cause: string;
  actor: string;
  /** So many devices at a time; so many failures stop the rest. */
  batch: number;
  stop_after: number;
  /** Failures that somebody has seen and gone on from. */
  forgiven: number;
  state: 'unapproved' | 'running' | 'stopped' | 'done';
  /** Why it is stopped or waits, for a person. */
  note: string;
  created_at: number;
  /** Devices that were away until then are left out. */
  expires_at: number;
  approved_by: string | null;
  finished_at: number | null;
};

export type RolloutDeviceRow = {
  rollout: string;
  device: string;
  /** Its place in the line. */
  position: number;
  state: 'waiting' | 'ordered' | 'done' | 'failed' | 'left-out';
  ordered_at: number | null;
  finished_at: number | null;
  order_id: string | null;
  /** What the device said, where it failed. */
  reason: string | null;
  /** JSON: its fact when it was ordered, and what its receipt says. */
  before: string | null;
  result: string | null;
};

/** An L2TP server that a device has or had: its baseline. */
export type L2tpServerRow = {
  device: string;
  /** As the fact names it: a service, a process or the kernel. */
  name: string;
  state: 'present' | 'gone';
  first_at: number;
  changed_at: number;
  /** How often it has appeared. */
  times: number;
  /** Who said that it is meant to be there. */
  accepted_by: string | null;
};

/** Of how many packets to UDP 1701, counted since a device was closed, an event has told. */
export type L2tpAttemptsRow = {
  device: string;
  /** When that closing began, as the device says it. */
  since: string;
  told: number;
  told_at: number;
};

export type L2tpEventRow = {
  id: string;
  device: string;
  at: number;
  kind: 'found' | 'reappeared' | 'reopened' | 'gone' | 'attempts';
  text: string;
};
