// Users, rules, share groups, listeners, the log: what an operator looks at and changes.

import type { z as zod } from 'zod'
import { STRATEGY_SOURCES } from '../../broker/share-overrides.ts'
import { z } from '../../config/zod.ts'
import { SHARE_STRATEGY_NAMES } from '../../routing/share-strategy.ts'
import { clientId, count, time, topicFilter } from './fields.ts'

export const banQuery = z.strictObject({ clientId })
export const bansAnswer = z.strictObject({
  items: z.array(z.strictObject({ clientId, until: time })),
})

export const bridgeRow = z
  .strictObject({
    name: z.string(),
    state: z.enum(['connecting', 'connected', 'waiting', 'closed']),
    since: time,
    address: z.string().describe('The address of the last try'),
    cause: z.string().nullable().describe('Why it is not connected'),
    queuedMessages: count.describe('What waits for the other broker'),
    messagesSent: count,
    messagesReceived: count,
    refusedThere: count.describe('Messages that the other broker has refused: lost to it'),
    refusedHere: count.describe('Messages that this broker has refused'),
    unmapped: count.describe('Messages that no entry of its topics fits any more'),
    looped: count.describe('Messages that had passed this broker before, and were dropped'),
  })
  .describe('A connection to another broker')
export type BridgeRow = zod.infer<typeof bridgeRow>
export const bridgesAnswer = z.strictObject({ items: z.array(bridgeRow) })

const username = z.string().min(1).max(65_535).describe('The name of the user')
export const userRow = z
  .strictObject({
    username,
    hash: z.string().describe('How its password is kept; never the hash itself'),
    isWeak: z.boolean(),
    clientsConnected: count,
  })
  .describe('A user of the users file')
export type UserRow = zod.infer<typeof userRow>
export const usersAnswer = z.strictObject({
  source: z.string().describe('The users file'),
  items: z.array(userRow),
})
export type UsersAnswer = zod.infer<typeof usersAnswer>
export const userQuery = z.strictObject({ username })
export const userRequest = z
  .strictObject({
    password: z.string().min(1).max(1_024).optional(),
    generate: z.boolean().default(false).describe('Make a password, which is shown this one time'),
  })
  .refine(({ password, generate }) => (password !== undefined) !== generate, {
    path: ['password'],
    message: 'give a password, or generate: true',
  })
export const userAnswer = z.strictObject({
  username,
  isNew: z.boolean(),
  password: z.string().nullable().describe('The password that was made'),
})
export type UserAnswer = zod.infer<typeof userAnswer>

export const rulesAnswer = z.strictObject({
  source: z.string().nullable().describe('The file; null for rules of the configuration'),
  text: z.string(),
  version: z.string().describe('For If-Match, as in ETag'),
})
export type RulesAnswer = zod.infer<typeof rulesAnswer>
export const rulesRequest = z.strictObject({
  text: z.string().max(49_152).describe('All rules, in the format of an acl_file of mosquitto'),
})

const where = z
  .string()
  .min(1)
  .max(4_096)
  .optional()
  .describe('Its expression, if it has one: groups differ by it')
export const groupQuery = z.strictObject({
  shareName: z.string().min(1),
  filter: topicFilter,
  where,
})
const groupWhere = z.string().nullable().describe('Which of the matching messages it collects')
const strategy = z.enum(SHARE_STRATEGY_NAMES)
const weight = z.int().min(1).max(1_000)
const groupFields = {
  shareName: z.string(),
  filter: z.string(),
  where: groupWhere,
  strategy,
  strategySource: z.enum(STRATEGY_SOURCES).describe('Who has chosen the strategy'),
  members: count,
  membersConnected: count,
  membersDrained: count.describe('Members that get no new messages, because an operator said so'),
  queuedMessages: count,
  queuedBytes: count,
}
export const groupRow = z.strictObject(groupFields).describe('A share group')
export type GroupRow = zod.infer<typeof groupRow>
export const groupsAnswer = z.strictObject({ items: z.array(groupRow), total: count })
export type GroupsAnswer = zod.infer<typeof groupsAnswer>
export const groupMember = z
  .strictObject({
    clientId,
    state: z.enum(['connected', 'away']),
    weight: count.describe('1 for all unless the strategy is weighted'),
    isDrained: z.boolean().describe('Whether it gets no new messages, because an operator said so'),
    qos: z.int().min(0).max(2),
    inFlight: count.describe('Messages of the group that it has not acknowledged'),
  })
  .describe('A member of a share group')
export type GroupMember = zod.infer<typeof groupMember>
export const groupDetail = z.strictObject({ ...groupFields, clients: z.array(groupMember) })
export type GroupDetail = zod.infer<typeof groupDetail>
export const groupRequest = z.strictObject({
  strategy: strategy.nullable().describe('null: as the configuration or a subscriber says'),
})
export const memberQuery = z.strictObject({ ...groupQuery.shape, clientId })
export const memberRequest = z
  .strictObject({
    weight: weight.nullable().optional().describe('null: as the configuration or the client says'),
    isDrained: z
      .boolean()
      .optional()
      .describe('true: it gets no new messages, and settles those that it has'),
  })
  .refine(change => change.weight !== undefined || change.isDrained !== undefined, {
    message: 'give weight, isDrained, or both',
  })
export const groupSettings = z
  .strictObject({
    shareName: z.string(),
    filter: z.string(),
    where: groupWhere,
    isPresent: z.boolean().describe('Whether the group has a member now'),
    strategy: strategy.nullable(),
    members: z.array(
      z.strictObject({ clientId, weight: weight.nullable(), isDrained: z.boolean() }),
    ),
  })
  .describe('What an operator has set for a share group and its members')
export type GroupSettings = zod.infer<typeof groupSettings>
export const groupSettingsAnswer = z.strictObject({
  survivesRestart: z.boolean().describe('false: nothing is stored on a disk'),
  items: z.array(groupSettings),
})

export const listenersAnswer = z
  .strictObject({
    listeners: z.array(
      z.strictObject({
        port: z.int().optional(),
        path: z.string().optional(),
        protocol: z.enum(['mqtt', 'websockets']),
        tls: z.boolean(),
        mtls: z.boolean(),
        allow_anonymous: z.boolean(),
        name: z.string().describe('As in the log'),
        connections: count,
        certificate: z
          .strictObject({ subject: z.string(), notAfter: time })
          .nullable()
          .describe('Of the file; null without TLS, or if it cannot be read'),
      }),
    ),
  })
  .describe('The listeners, as mosquitto 2.1 has them')
export type ListenersAnswer = zod.infer<typeof listenersAnswer>
export const systreeAnswer = z
  .record(z.string(), z.union([z.number(), z.string()]))
  .describe('The topics of $SYS, as mosquitto 2.1 has them')

const level = z.enum(['debug', 'info', 'warn', 'error', 'silent'])
export const logLevel = z.strictObject({ level })
export type LogLevelAnswer = zod.infer<typeof logLevel>
export const configAnswer = z.strictObject({
  file: z.string().nullable().describe('The file that was read'),
  items: z.array(
    z.strictObject({
      path: z.string(),
      value: z.unknown().describe('Hashes of passwords are not shown'),
      source: z.string().describe('default, FILE:LINE, the name of a variable, flag, or program'),
      restart: z.boolean().describe('Whether the file says otherwise: a restart changes the value'),
    }),
  ),
})
export type ConfigAnswer = zod.infer<typeof configAnswer>
export const configFileAnswer = z.strictObject({
  file: z.string(),
  text: z.string().describe('With `(a hash 1)` and so on in the places of hashes'),
  version: z.string().describe('For If-Match, as in ETag'),
})
export type ConfigFileAnswer = zod.infer<typeof configFileAnswer>
const CONFIG_LENGTH_MAX = 49_152
export const configRequest = z.union([
  z.strictObject({
    text: z
      .string()
      .max(CONFIG_LENGTH_MAX)
      .describe('A whole file. `(a hash N)` stands for the hash that was read there'),
  }),
  z.strictObject({
    changes: z
      .array(
        z.strictObject({
          path: z.array(z.union([z.string(), z.int().min(0)])).min(1),
          value: z.unknown().optional().describe('Left out: the default counts'),
        }),
      )
      .min(1)
      .max(100),
  }),
])
const effect = {
  now: z.array(z.string()).describe('Keys that count at once'),
  restart: z.array(z.string()).describe('Keys that count after a restart'),
}
export const configEdited = z.strictObject({
  file: z.string(),
  version: z.string().describe('For If-Match, as in ETag'),
  ...effect,
})
export type ConfigEdited = zod.infer<typeof configEdited>
export const configCheckRequest = z.strictObject({
  text: z.string().max(CONFIG_LENGTH_MAX).describe('A whole file, in YAML or JSON'),
})
export const configCheckAnswer = z.strictObject({
  isValid: z.boolean(),
  errors: z.array(z.strictObject({ line: z.int().nullable(), detail: z.string() })),
  ...effect,
})
export type ConfigCheckAnswer = zod.infer<typeof configCheckAnswer>
const backupName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
    'must be 1 to 64 letters, digits, dots, hyphens or underscores',
  )
  .refine(name => !name.endsWith('.part'), 'must not end in .part')
export const backupQuery = z.strictObject({ name: backupName })
export const backupRequest = z.strictObject({ name: backupName })
export const backupRow = z
  .strictObject({ name: z.string(), bytes: count, at: time, path: z.string() })
  .describe('A backup')
export type BackupRow = zod.infer<typeof backupRow>
export const backupsAnswer = z.strictObject({ items: z.array(backupRow) })
export const reloadAnswer = z.strictObject({ reloaded: z.array(z.string()) })
