import type {
  L2tpAttemptsRow,
  L2tpEventRow,
  L2tpServerRow,
  RolloutDeviceRow,
  RolloutRow,
} from './l2tp-tables.ts';

/** Times are milliseconds since the epoch unless a name ends in `_s` (seconds, as they stand in a token). */
export type Tables = {
  devices: DeviceRow;
  keys: KeyRow;
  hardware: HardwareRow;
  tokens: TokenRow;
  token_uses: TokenUseRow;
  gateways: GatewayRow;
  reports: ReportRow;
  readings: ReadingRow;
  raw: RawRow;
  decisions: DecisionRow;
  memories: MemoryRow;
  wanted: WantedRow;
  orders: OrderRow;
  receipts: ReceiptRow;
  alarms: AlarmRow;
  places: PlaceRow;
  audit: AuditRow;
  meta: MetaRow;
  logins: LoginRow;
  new_logins: NewLoginRow;
  /** A view of both. */
  all_logins: LoginRow;
  sessions: SessionRow;
  tunnels: TunnelRow;
  signals: SignalRow;
  webhooks: WebhookRow;
  nas_requests: NasRequestRow;
  certificates: CertificateRow;
  est_tokens: EstTokenRow;
  vpn_credentials: VpnCredentialRow;
  rollouts: RolloutRow;
  rollout_devices: RolloutDeviceRow;
  l2tp_servers: L2tpServerRow;
  l2tp_attempts: L2tpAttemptsRow;
  l2tp_events: L2tpEventRow;
};

export type DeviceRow = {
  id: string;
  name: string;
  platform: string;
  machine_id: string | null;
  ueid: string;
  key_protection: string;
  /** `pending`: waits for approval; `live`; `revoked`: may never report again. */
  status: 'pending' | 'live' | 'revoked';
  /** The live device that this one takes the place of, once approved. */
  replaces: string | null;
  enrolled_at: number;
  /** Highest sequence number accepted. */
  seq: number;
  /** The agent's start that holds the device's identity, and, as JSON, earlier ones that it took over from. */
  boot: string | null;
  retired_boots: string;
  /** The last full or delta report, on which the next delta builds. */
  base_seq: number | null;
  base_dig: string | null;
  last_report: string | null;
  /** When the device was last heard, and the time for which its facts were last asserted. */
  seen_at: number | null;
  facts_at: number | null;
  agent_version: string | null;
  dropped: number;
  /** JSON: what the last full report that spoke of it said. */
  inventory: string | null;
  /** JSON: lists of names that administrators have given it. */
  tags: string;
  directory_groups: string;
  /** JSON: a `BreakGlass`; null where there is none. It may be past its time. */
  break_glass: string | null;
  /** Rises whenever somebody else than the device's own reports changes what it is judged by. */
  revision: number;
};

export type KeyRow = {
  /** RFC 7638 thumbprint. */
  kid: string;
  device: string;
  kind: 'report' | 'encryption';
  jwk: string;
  created_at: number;
  /** When another one took its place; null while it counts. */
  retired_at: number | null;
};

/** What outlives a new installation: hashes of a computer's own numbers, as it gave them. */
export type HardwareRow = { device: string; hardware: string };

export type TokenRow = {
  id: string;
  hash: string;
  kind: 'one-time' | 'fleet';
  uses_left: number;
  /** 1: what enrols with it waits for approval. */
  approval: number;
  /** JSON: the hardware ids that may use it; null: any. */
  hardware: string | null;
  note: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
};

/** Who used a token: the same key may ask again when the answer was lost. */
export type TokenUseRow = { token: string; kid: string; device: string; used_at: number };

export type GatewayRow = {
  id: string;
  name: string;
  hash: string;
  created_at: number;
  revoked_at: number | null;
};

export type ReportRow = {
  device: string;
  id: string;
  kind: string;
  seq: number;
  collected_at: number;
  received_at: number;
  /** Of the complete readings, also where the report was a delta. */
  content: string;
  /** JSON: readings as they came on the wire. */
  readings: string;
};

export type ReadingRow = {
  device: string;
  check_id: string;
  /** JSON: a `Reading`. */
  reading: string;
  /** When the check was last known (null: never), and first asked. */
  known_at: number | null;
  asked_at: number;
};

/** A check, or version of one, that this server does not know; JSON as it came. */
export type RawRow = { device: string; check_id: string; reading: string; received_at: number };

export type DecisionRow = {
  id: string;
  device: string;
  at: number;
  access: string;
  risk_score: number;
  risk_level: string;
  reason: string;
  sentence: string;
  since: number;
  until: number;
  policy: string;
  /** Null in rows of older versions. */
  mode: string | null;
  would: string | null;
  held: string | null;
  deadline: number | null;
};

/** What judging remembers of a device, and what its compiled policy was made from. */
export type MemoryRow = { device: string; memory: string; compiled: string; compiled_revision: number };

/** What is wanted of a device in one respect: by the decision about it, or by an administrator. */
export type WantedRow = {
  device: string;
  aspect: 'decision' | 'access' | 'profile' | 'isolation' | 'l2tp-server';
  /** `denied`, `allowed`, `set`, `contained`, `closed`, `open` or `none`. */
  want: string;
  /** JSON: what the order says besides; secrets in it are sealed to the device. */
  value: string | null;
  since: number;
  /** When it ends by itself; null: never. */
  until: number | null;
  cause: string;
  /** Who: `server`, `admin`, … */
  actor: string;
};

export type OrderRow = {
  id: string;
  device: string;
  target: string;
  action: string;
  /** The wanted state that it is to bring about; null for a mere request such as `scan`. */
  want: string | null;
  /** The respect in which it is wanted: `access`, `profile`, `isolation` or `l2tp-server`; null for a mere request. */
  aspect: string | null;
  cause: string;
  actor: string;
  oseq: number;
  issued_at: number;
  expires_at: number;
  /** `proven`: a report after it has shown what was wanted. */
  state: 'sent' | 'received' | 'done' | 'proven' | 'failed';
  /** OpenC2 status and text of the last receipt. */
  status: number | null;
  reason: string | null;
  /** When the device was done, by its own clock, and who holds its VPN in spite of an allow. */
  done_at: number | null;
  held_by: string | null;
  /** What the report that proved it said of the VPN's block: `denied` where it was seen. */
  proof: string | null;
  jws: string;
};

export type ReceiptRow = {
  id: string;
  device: string;
  order_id: string;
  phase: string;
  status: number;
  received_at: number;
  /** The device's signed word. */
  jws: string;
};

export type AlarmRow = {
  id: string;
  device: string;
  kind: 'cloned_key' | 'report_conflict' | 'through_tunnel' | 'l2tp_server';
  raised_at: number;
  detail: string;
  cleared_at: number | null;
  cleared_by: string | null;
};

/** To a tenth of a degree. */
export type PlaceRow = {
  device: string;
  country: string;
  latitude: number;
  longitude: number;
  radius_km: number;
  /** When it was last seen there. */
  at: number;
};

export type AuditRow = {
  id: string;
  at: number;
  /** Who: `admin`, `cli`, `server`, `device:<id>`, `gateway:<name>`, or an address. */
  actor: string;
  action: string;
  subject: string;
  detail: string;
};

export type MetaRow = { key: string; value: string };

/** What the gate answered to one login. */
export type LoginRow = {
  /** The nonce of its Class attribute, which comes back in every accounting record. */
  id: string;
  /** The credential that asked, and the NAS it asked for. */
  gateway: string;
  nas: string;
  at: number;
  /** Until when the login counts as a session of which nothing has been heard yet. */
  expires_at: number;
  device: string | null;
  user: string;
  /** The address from which the tunnel comes. */
  address: string | null;
  access: string;
  reason: string;
  /** How the device was recognised; null when it was not. */
  identity: string | null;
  /** Seconds. */
  session_timeout: number | null;
  /** The most that how it was recognised allows; null in rows of older versions. */
  ceiling: string | null;
};

/** One that was only just answered. */
export type NewLoginRow = LoginRow & {
  /** Of its entry in the audit, which is made when it moves to the others. */
  audit_id: string;
};

/** One VPN session, as accounting tells it. */
export type SessionRow = {
  id: string;
  /** What identifies it: the credential, the NAS, its port, the address given out, and the login's nonce. */
  gateway: string;
  nas: string;
  nas_port: string;
  framed_address: string;
  login: string;
  /** As the NAS calls it; not unique everywhere. */
  acct_session_id: string;
  device: string | null;
  user: string;
  address: string | null;
  /** What it may do now; null where no login of ours is known. */
  access: string | null;
  /** The most that it may ever do. */
  ceiling: string | null;
  started_at: number;
  seen_at: number;
  /** When it counts as lost unless something is heard. */
  expires_at: number;
  ended_at: number | null;
  cause: string | null;
  bytes_in: number;
  bytes_out: number;
};

/** An IPsec tunnel that is up, as the gateway's helper tells it. */
export type TunnelRow = {
  gateway: string;
  peer_address: string;
  /** How the peer proved itself; with a pre-shared key it is only what it calls itself. */
  peer_id: string;
  /** `certificate`: its connection takes nothing else. */
  proof: string | null;
  certificate_serial: string | null;
  certificate_fingerprint: string | null;
  since: number;
};

/** What a source found on a device; the source and its own id name it. */
export type SignalRow = {
  source: string;
  id: string;
  device: string;
  /** OCSF's number, 0 to 5. */
  severity: number;
  title: string;
  opened_at: number;
  changed_at: number;
  /** When the event happened that was told last. */
  event_at: number;
  closed_at: number | null;
  closed_by: string | null;
};

/** Webhooks that were taken, so that each is taken once. */
export type WebhookRow = { source: string; id: string; received_at: number };

/** What a NAS is asked about a session (RFC 5176), and what came of it. */
export type NasRequestRow = {
  id: string;
  device: string | null;
  session: string;
  /** Its name in the settings. */
  nas: string;
  kind: 'disconnect' | 'coa';
  /** The access that is to come of it. */
  want: string;
  cause: string;
  created_at: number;
  state: 'waiting' | 'done' | 'failed' | 'superseded';
  attempts: number;
  next_at: number;
  answer: string | null;
  finished_at: number | null;
};

/** A certificate that was given. Nothing here is secret: the keys never were here. */
export type CertificateRow = {
  /** Hexadecimal, as the certificate has it. */
  serial: string;
  kind: 'device' | 'gateway';
  /** Null with a gateway. */
  device: string | null;
  /** The common name. */
  name: string;
  /** SHA-256 of the key and of the request, base64url: one certificate for each. */
  key_id: string;
  csr: string;
  via: 'agent' | 'est' | 'admin';
  issued_at: number;
  not_before: number;
  not_after: number;
  revoked_at: number | null;
  /** In the words of RFC 5280; null while it is not revoked. */
  reason: string | null;
};

/** What a device shows to EST, once; a newer one takes the place of the one before. */
export type EstTokenRow = { device: string; hash: string; created_at: number; expires_at: number };

/** Which VPN credential of a device counts. The credential itself is nowhere: it is derived from a key elsewhere. */
export type VpnCredentialRow = {
  device: string;
  /** Rises with each withdrawal. */
  generation: number;
  /** The one that the device has confirmed; null: none. */
  epoch: number | null;
  confirmed_at: number | null;
};
