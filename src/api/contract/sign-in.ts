// Who may ask: the sign-in of a browser, and the keys of programs.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { time } from './fields.ts'

export const ROLES = ['viewer', 'operator', 'user'] as const
export type Role = (typeof ROLES)[number]

const signInRole = z.enum(['viewer', 'operator'])
const SECRET_LENGTH_MAX = 256
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export const sessionRequest = z.strictObject({
  key: z.string().min(1).max(SECRET_LENGTH_MAX).describe('What follows `#key=` in a link'),
})
export const sessionAnswer = z
  .strictObject({
    role: z.enum(ROLES),
    username: z.string().nullable().describe('The user of MQTT, for the role user'),
    expiresAt: time
      .nullable()
      .describe('When it ends if nothing is asked any more; null for never'),
  })
  .describe('Who asks')
export type SessionAnswer = zod.infer<typeof sessionAnswer>

export const linkRequest = z.strictObject({
  role: signInRole.default('operator').describe('What the link lets its owner do'),
})
export const linkAnswer = z
  .strictObject({
    key: z.string(),
    url: z
      .string()
      .describe('A link that signs in once; relative if the broker has no web listener'),
    role: signInRole,
    expiresAt: time,
  })
  .describe('A link that signs a browser in once')
export type LinkAnswer = zod.infer<typeof linkAnswer>

export const signInRow = z
  .strictObject({
    id: z.string(),
    role: signInRole,
    address: z.string().describe('Where it was made from'),
    createdAt: time,
    lastUsedAt: time,
    expiresAt: time,
  })
  .describe('A browser that is signed in')
export const idQuery = z.strictObject({ id: z.string().min(1).max(64) })
export const signInsAnswer = z.strictObject({ items: z.array(signInRow) })

export const keyRequest = z
  .strictObject({
    name: z
      .string()
      .regex(KEY_NAME, 'must be 1 to 64 letters, digits, dots, hyphens or underscores')
      .describe('What the key is for'),
    role: z.enum(ROLES),
    username: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('For the role user: the user of MQTT by whose rules it publishes and reads'),
    validDays: z.int().min(1).max(3_650).optional().describe('Left out: until it is removed'),
  })
  .refine(({ role, username }) => (role === 'user') === (username !== undefined), {
    path: ['username'],
    message: 'a key of the role user needs a username, and no other key has one',
  })
export const keyRow = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    username: z.string().nullable(),
    createdAt: time,
    lastUsedAt: time.nullable().describe('To the minute'),
    expiresAt: time.nullable(),
  })
  .describe('A key of a program, without the key itself')
export const keyAnswer = z.strictObject({
  ...keyRow.shape,
  key: z.string().describe('The key, this one time: `Authorization: Bearer phk_…`'),
})
export type KeyAnswer = zod.infer<typeof keyAnswer>
export const keysAnswer = z.strictObject({ items: z.array(keyRow) })
export type KeysAnswer = zod.infer<typeof keysAnswer>
