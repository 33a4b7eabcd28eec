// The section `bridges` of the configuration: other brokers that messages are exchanged with.

import { isTopicFilter } from '../routing/topic.ts'
import { addressIn } from './network-address.ts'
import { file, whole } from './values.ts'
import { z } from './zod.ts'

function isAddress(text: string): boolean {
  return addressIn(text, 1) !== null
}

const NAME = /^[\w.-]{1,64}$/

const topic = z
  .strictObject({
    filter: z
      .string()
      .default('#')
      .describe(
        'Topic filter behind the prefix of either side. Empty: the prefixes are two topics',
      ),
    direction: z
      .enum(['out', 'in', 'both'])
      .default('out')
      .describe('out: from here to the other broker'),
    qos: whole(1, 0, 2, 'The highest QoS of its messages'),
    localPrefix: z.string().default('').describe('What topics begin with here'),
    remotePrefix: z.string().default('').describe('What topics begin with at the other broker'),
  })
  .refine(
    ({ filter, localPrefix, remotePrefix }) =>
      [localPrefix, remotePrefix].every(prefix => isTopicFilter(prefix + filter)),
    'a prefix and the filter must be a topic filter together',
  )
  .refine(
    ({ localPrefix, remotePrefix }) => !/[+#]/.test(localPrefix + remotePrefix),
    'a prefix has no wildcard',
  )

const tls = z.strictObject({
  caFile: file.optional().describe('Authority of the other broker, as PEM. Default: those of Node'),
  certFile: file.optional().describe('Certificate of the bridge, as PEM'),
  keyFile: file.optional().describe('Its private key, as PEM'),
  alpn: z.string().min(1).max(255).optional().describe('Protocol that is asked for by ALPN'),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe('Name in the certificate of the other broker, if it is not that of the address'),
})

const bridge = z.strictObject({
  addresses: z
    .array(z.string().refine(isAddress, 'expected host, host:port or [address]:port'))
    .min(1)
    .describe('The other broker, as host or host:port; several are tried in turn'),
  tls: tls.optional().describe('TLS to the other broker; {} is enough for a public certificate'),
  protocol: z.enum(['5', '3.1.1']).default('5').describe('Version of MQTT'),
  clientId: z
    .string()
    .min(1)
    .optional()
    .describe('Client id at the other broker. Default: the name of this machine and of the bridge'),
  username: z.string().optional().describe('User at the other broker'),
  password: z.string().optional().describe('Its password, where there is no passwordFile'),
  passwordFile: file.optional().describe('File whose first line is the password'),
  keepAliveSeconds: whole(60, 0, 65_535, 'Keep Alive of the connection'),
  cleanStart: z
    .boolean()
    .default(false)
    .describe('Whether both sessions end with the connection: what is published meanwhile is lost'),
  bridgeBit: z
    .boolean()
    .default(true)
    .describe(
      'Whether CONNECT of 3.1.1 says that a bridge comes (bit 7 of the level), as mosquitto does: then RETAIN is kept and nothing is sent back',
    ),
  retain: z.boolean().default(true).describe('Whether messages keep RETAIN at the other broker'),
  topics: z
    .array(topic)
    .min(1)
    .describe('What is exchanged. The first entry that fits a topic counts'),
  notifications: z
    .enum(['both', 'local', 'none'])
    .default('both')
    .describe('Where the state is published as 1 or 0, retained'),
  notificationTopic: z
    .string()
    .min(1)
    .optional()
    .describe('Topic of the state. Default: $SYS/broker/connection/CLIENTID/state'),
  loopProtection: z
    .boolean()
    .default(true)
    .describe(
      'Whether messages of MQTT 5 carry the brokers that they have passed, in the user property pondhawk-bridge-path: what comes back is dropped',
    ),
  restartSecondsMin: whole(1, 1, 3_600, 'Pause before the second try; it doubles with each'),
  restartSecondsMax: whole(30, 1, 86_400, 'The longest pause'),
})

/** 10,000 took 40 s until the broker was ready. */
const BRIDGES_MAX = 256

export const bridgesSection = z
  .record(z.string().regex(NAME, 'a name has letters, digits, _ . and -, 64 at most'), bridge)
  .refine(
    bridges => Object.keys(bridges).length <= BRIDGES_MAX,
    `a broker has at most ${BRIDGES_MAX} bridges`,
  )
