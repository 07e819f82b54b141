// npm run -s schemas: JSON Schema of everything that travels and of the files that people write, as one document.
import { z } from 'zod';
import { policySchema } from '../policy/policy-schema.ts';
import { configSchema } from '../server/config.ts';
import { deviceDocument, deviceSummary } from '../server/device-document.ts';
import { decision, risk, verdict } from '../wire/decision.ts';
import {
  challengeClaims,
  challengeRequest,
  enrolClaims,
  enrolResult,
  jwsBody,
  rotateClaims,
  rotateRequest,
  rotateResult,
  sessionClaims,
} from '../wire/enrolment.ts';
import { agentFrame, linkRequest, linkResponse, serverFrame } from '../wire/frames.ts';
import { orderClaims, receiptClaims } from '../wire/order.ts';
import { reportClaims } from '../wire/report-claims.ts';
import { standingClaims } from '../wire/standing.ts';
import { specs } from '../../collectors/specs.ts';
import { sayJson } from './present.ts';

const wire = {
  agentFrame,
  serverFrame,
  linkRequest,
  linkResponse,
  challengeRequest,
  challengeClaims,
  enrolClaims,
  enrolResult,
  jwsBody,
  rotateRequest,
  rotateClaims,
  rotateResult,
  sessionClaims,
  reportClaims,
  orderClaims,
  receiptClaims,
  standingClaims,
  decision,
  risk,
  verdict,
};

/** `input`: what may be written or sent; members with a default may be left out. */
function schemasOf(schemas: Record<string, z.ZodType>): Record<string, unknown> {
  const entries = Object.entries(schemas).map(([name, schema]) => [
    name,
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
  ]);
  return Object.fromEntries(entries);
}

sayJson({
  wire: schemasOf(wire),
  facts: schemasOf(Object.fromEntries(Object.values(specs).map(({ id, fact }) => [id, fact]))),
  api: schemasOf({ deviceDocument, deviceSummary }),
  files: schemasOf({ policy: policySchema, server: configSchema }),
});
