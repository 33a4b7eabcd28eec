// `store.jetstream`: a store whose log lies in a stream of NATS.

import { file, whole } from './values.ts'
import { z } from './zod.ts'

const PROTOCOLS = ['nats:', 'tls:']

const tls = z.strictObject({
  caFile: file.optional().describe('Authority of the servers, as PEM. Default: those of Node'),
  certFile: file.optional().describe('Certificate of the broker, as PEM'),
  keyFile: file.optional().describe('Its private key, as PEM'),
})

export const jetstreamSection = z
  .strictObject({
    servers: z
      .array(z.string().refine(isServer, 'expected nats://HOST:PORT, without a password'))
      .min(1)
      .default(['nats://127.0.0.1:4222'])
      .describe(
        'Servers of one cluster of NATS; the others of it are learned from them. Default: nats://127.0.0.1:4222',
      ),
    stream: z
      .string()
      .regex(/^[\w-]{1,128}$/, 'expected letters, digits, _ and -')
      .default('pondhawk')
      .describe('Name of the stream of the log, which is made if it is not there'),
    replicas: whole(
      1,
      1,
      5,
      'Servers that have the log: 1, 3 or 5; more than one needs nats-server 2.10',
    ),
    syncsAlways: z
      .boolean()
      .default(false)
      .describe(
        'Whether all servers have sync_interval: always, which no client can see. Only then, and from nats-server 2.10, is the durability fsync',
      ),
    user: z.string().min(1).optional().describe('User at the servers'),
    passwordFile: file.optional().describe('File whose first line is its password'),
    credentialsFile: file.optional().describe('Credentials of a user as nsc writes them'),
    tls: tls.optional().describe('TLS to the servers; {} is enough for a public certificate'),
    bytesMax: z
      .int()
      .min(1_048_576)
      .max(1_125_899_906_842_624)
      .optional()
      .describe('Size of the log that is not exceeded. Default: what the account allows'),
    cacheBytes: whole(
      16_777_216,
      0,
      17_179_869_184,
      'Bytes of the newest commits in memory, so that they are not asked for',
    ),
    waitSeconds: whole(
      30,
      1,
      3_600,
      'How long NATS may not answer, at a start and later. Then the broker stops',
    ),
  })
  .refine(({ replicas }) => replicas % 2 === 1, {
    path: ['replicas'],
    message: 'expected 1, 3 or 5: of an even number no more may fail',
  })
  .refine(({ user, passwordFile }) => (user === undefined) === (passwordFile === undefined), {
    path: ['user'],
    message: 'user and passwordFile belong together',
  })

function isServer(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  return PROTOCOLS.includes(protocol) && hostname !== '' && username === '' && password === ''
}
