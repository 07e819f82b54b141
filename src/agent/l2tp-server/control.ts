import type { Look } from './linux-look.ts';
import type { Closing } from './record.ts';

export type CloseWish = {
  way: Closing['way'];
  /** Milliseconds; null: until it is reopened. */
  until: number | null;
  reason: string;
  /** Null: a person at this computer. */
  order: string | null;
  /** Clients that are connected now may be cut off. */
  evenIfUsed: boolean;
};

export type Changed = { before: Look; after: Look; closing: Closing | null };

/** What is closed, and how many packets others have sent to it since (null: nobody counts). */
export type Held = { closing: Closing; attempts: number | null };

/** This computer's own L2TP server. What was not reached is a `ClosingFailure`, and as it was before where possible. */
export type L2tpServerControl = {
  status(): Promise<{ closing: Closing | null; seen: Look }>;
  /** What is closed here now; cheap. Null: nothing. */
  held(): Promise<Held | null>;
  /** Closed already, it is looked at again. Nothing to close is no error. */
  close(wish: CloseWish): Promise<Changed>;
  reopen(): Promise<Changed>;
  /** At a start and from time to time: completes what was begun, and reopens what is over. */
  recover(): Promise<Closing | null>;
};

/** `status` is an OpenC2 code (see `src/wire/order.ts`). */
export class ClosingFailure extends Error {
  override name = 'ClosingFailure';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
