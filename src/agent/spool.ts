import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { removeDurably, removeLeftovers, syncFolder, writeAtomic } from '../base/atomic-file.ts';
import type { Logger } from '../base/log.ts';
import { uuid } from '../wire/ids.ts';
import { toWire, wireReadings, type Report } from '../wire/report.ts';
import { createBell, type Bell } from './bell.ts';
import { parseJson } from '../base/json.ts';
import { stateFile, type StateFile } from './state-file.ts';
import { createTurns } from './turns.ts';

/** A report as it waits: each reading with the version of its check, so that an update of the agent does no harm. */
const waitingReport = z.object({
  id: uuid,
  collectedAt: z.iso.datetime(),
  factsAt: z.iso.datetime().optional(),
  readings: wireReadings,
});

export type WaitingReport = z.infer<typeof waitingReport>;

const counters = () =>
  z.object({
    /** Reports lost for lack of room or because they were damaged, since enrolment. */
    dropped: z.number().int().nonnegative(),
  });

export type SpoolLimits = { maxReports: number; maxBytes: number };

/** `problem`: why the disk takes no reports at the moment, or null. */
export type SpoolSummary = { reports: number; bytes: number; dropped: number; problem: string | null };

type Entry = { bytes: number; /** Only while the disk does not take it. */ held: WaitingReport | null };

const NAME = /^([0-9a-f-]{36})\.json$/;

/** No report of ours is nearly as large. */
const MAX_REPORT_BYTES = 1024 * 1024;

/** At most this many reports are kept in memory while the disk is full. */
const MAX_HELD = 20;

/**
 * Reports that the server has not acknowledged, one file each, oldest first. Safe against a crash at any moment:
 * `add` returns once the report is on disk, `remove` once it is gone from there.
 */
export class Spool {
  readonly #folder: string;
  readonly #limits: SpoolLimits;
  readonly #log: Logger;
  readonly #counters: StateFile<z.infer<ReturnType<typeof counters>>>;
  readonly #entries = new Map<string, Entry>();
  /** Rings after each change: a report came in, was removed, dropped or set aside. */
  readonly changed: Bell<void> = createBell();
  /** One change of the folder at a time. */
  readonly #inTurn = createTurns();
  #dropped = 0;
  #problem: string | null = null;

  private constructor(folder: string, limits: SpoolLimits, log: Logger) {
    this.#folder = folder;
    this.#limits = limits;
    this.#log = log;
    this.#counters = stateFile(join(folder, 'counters.json'), counters, log);
  }

  static async open(folder: string, limits: SpoolLimits, log: Logger): Promise<Spool> {
    const spool = new Spool(folder, limits, log);
    await mkdir(join(folder, 'aside'), { recursive: true, mode: 0o700 });
    await removeLeftovers(folder);
    await spool.#load();
    return spool;
  }

  /** Ids of the waiting reports, oldest first. */
  get ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** How it stands, for people. */
  get summary(): SpoolSummary {
    return { ...this.#size(), dropped: this.#dropped, problem: this.#problem };
  }

  /** Reports lost since enrolment; goes into every report. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Never rejects: a report that the disk does not take stays in memory, is sent from there, and tried again. */
  add({ readings, ...rest }: Report): Promise<void> {
    return this.#inTurn(async () => {
      const report: WaitingReport = { ...rest, readings: toWire(readings) };
      this.#entries.set(report.id, { bytes: sizeOf(report), held: report });
      await this.#makeRoom();
      await this.#storeHeld();
      this.changed.ring();
    });
  }

  /** Null when it is not there any more, cannot be read, or was damaged: then it is set aside and counted. */
  read(id: string): Promise<WaitingReport | null> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(id);
      if (entry === undefined) return null;
      if (entry.held !== null) return entry.held;
      const text = await this.#readText(id);
      if (text === null) return null;
      const report = parseReport(text, id);
      if (report === null) await this.#setAside(id);
      return report;
    });
  }

  /** After the server's ack. */
  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(id);
      this.#entries.delete(id);
      this.changed.ring();
      if (entry?.held === null) await removeDurably(this.#path(id));
    });
  }

  /** Gives up a report that the server will never take; counted. */
  drop(id: string): Promise<void> {
    return this.#inTurn(() => this.#drop(id));
  }

  #size(): { reports: number; bytes: number } {
    const bytes = [...this.#entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    return { reports: this.#entries.size, bytes };
  }

  async #load(): Promise<void> {
    this.#dropped = (await this.#counters.read())?.dropped ?? 0;
    const names = (await readdir(this.#folder)).toSorted();
    for (const name of names) {
      const id = NAME.exec(name)?.[1];
      if (id === undefined) continue;
      this.#entries.set(id, { bytes: (await stat(this.#path(id))).size, held: null });
    }
    await this.#makeRoom();
  }

  async #makeRoom(): Promise<void> {
    for (;;) {
      const { reports, bytes } = this.#size();
      const oldest = this.ids[0];
      const full = reports > this.#limits.maxReports || bytes > this.#limits.maxBytes;
      if (!full || oldest === undefined) return;
      await this.#drop(oldest);
    }
  }

  /** Counted before it is removed: after a crash in between it is counted twice rather than not at all. */
  async #drop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    await this.#count();
    this.#log.warn({ report: id }, 'report dropped');
    this.#entries.delete(id);
    this.changed.ring();
    if (entry.held !== null) return;
    // A file that cannot be removed is back after a restart, and dropped again.
    await removeDurably(this.#path(id)).catch((error: unknown) =>
      this.#log.error({ err: error, report: id }),
    );
  }

  async #count(): Promise<void> {
    this.#dropped += 1;
    // On a full disk the number lives in memory, and on disk with the next one.
    await this.#counters.write({ dropped: this.#dropped }).catch(() => {});
  }

  async #storeHeld(): Promise<void> {
    for (const [id, entry] of this.#entries) {
      if (entry.held === null) continue;
      try {
        await writeAtomic(this.#path(id), `${JSON.stringify(entry.held)}\n`);
      } catch (error) {
        await this.#cannotStore(error);
        return;
      }
      entry.held = null;
    }
    if (this.#problem !== null) this.#log.info('the disk takes reports again');
    this.#problem = null;
  }

  async #cannotStore(error: unknown): Promise<void> {
    const detail = messageOf(error);
    if (this.#problem === null) this.#log.error({ detail }, 'reports cannot be written to disk');
    this.#problem = detail;
    const held = [...this.#entries].filter(([, entry]) => entry.held !== null);
    const oldest = held[0]?.[0];
    if (held.length > MAX_HELD && oldest !== undefined) await this.#drop(oldest);
  }

  /** Null when the disk does not give it out: it stays there, and waits for the next start of the agent. */
  async #readText(id: string): Promise<string | null> {
    try {
      const { size } = await stat(this.#path(id));
      return size > MAX_REPORT_BYTES ? '' : await readFile(this.#path(id), 'utf8');
    } catch (error) {
      this.#log.error({ err: error, report: id }, 'waiting report cannot be read');
      this.#entries.delete(id);
      this.changed.ring();
      return null;
    }
  }

  async #setAside(id: string): Promise<void> {
    this.#log.error({ report: id }, 'waiting report is damaged; set aside');
    await this.#count();
    this.#entries.delete(id);
    this.changed.ring();
    // One name for all: of damaged reports, the last is enough to look at.
    await rename(this.#path(id), join(this.#folder, 'aside', 'damaged.json')).catch(() => {});
    await syncFolder(this.#folder).catch(() => {});
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function parseReport(text: string, id: string): WaitingReport | null {
  const report = waitingReport.safeParse(parseJson(text));
  return report.success && report.data.id === id ? report.data : null;
}

function sizeOf(report: WaitingReport): number {
  return Buffer.byteLength(JSON.stringify(report)) + 1;
}
