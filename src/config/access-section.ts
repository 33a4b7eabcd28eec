// The section `access` of the configuration.

import { z } from './zod.ts'
import { file, serviceUrl, whole } from './values.ts'

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'HS256',
  'HS384',
  'HS512',
] as const

const AUTHENTICATORS = ['certificates', 'psk', 'tokens', 'jwt', 'users', 'http', 'code'] as const

const jwt = z
  .strictObject({
    jwksFile: file.optional().describe('Public keys of the identity provider, as a JWKS'),
    jwksUrl: serviceUrl
      .optional()
      .describe('Where the identity provider has its JWKS: an https URL'),
    caFile: file.optional().describe('Authority that jwksUrl is verified with, in PEM'),
    keyFile: file.optional().describe('One public key or certificate, in PEM'),
    secretFile: file
      .optional()
      .describe('A secret of 32 bytes or more that the provider signs with (HS256, HS384, HS512)'),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1)
      .optional()
      .describe('The only algorithms that are accepted. Default: those that fit each key'),
    issuer: z.string().min(1).optional().describe('What the claim iss must be'),
    audience: z.string().min(1).optional().describe('What the claim aud must have'),
    userClaim: z.string().min(1).default('sub').describe('The claim that is the user name'),
    clientIdClaim: z
      .string()
      .min(1)
      .optional()
      .describe('The claim that is the only client id that a token is for'),
    rulesClaim: z.string().min(1).default('acl').describe('The claim that has rules'),
    clockSkewSeconds: whole(0, 0, 300, 'How far the clock of the provider may differ'),
    refreshSeconds: whole(300, 30, 86_400, 'How often the keys at jwksUrl are read'),
    keysValidSeconds: whole(
      3_600,
      60,
      2_592_000,
      'How long keys hold while jwksUrl does not answer; then tokens are refused',
    ),
  })
  .describe('Tokens of an identity provider (JWT), as password or by enhanced authentication')

const http = z
  .strictObject({
    url: serviceUrl.describe('Where it is asked, by POST: an https URL'),
    caFile: file.optional().describe('Authority that it is verified with, in PEM'),
    tokenFile: file.optional().describe('What the broker shows it, as Authorization: Bearer'),
    timeoutMs: whole(5_000, 100, 60_000, 'Time for an answer'),
    cacheSeconds: whole(
      30,
      0,
      86_400,
      'How long a client that was allowed, and comes again with the same password, needs no request',
    ),
    requestsMax: whole(16, 1, 256, 'Requests at a time'),
    requestsQueuedMax: whole(256, 0, 65_536, 'Clients that wait for a request'),
  })
  .describe('An HTTP service that knows users, asked once for each CONNECT')

const tokens = z
  .strictObject({
    validSeconds: whole(900, 60, 86_400, 'How long a token is valid'),
    users: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('The only users that may have tokens. Default: all that the others know'),
  })
  .describe('Tokens of the broker for pages in browsers, issued at /api/v1/tokens')

export const accessSection = z.strictObject({
  usersFile: file
    .optional()
    .describe(
      'File of users and passwords in the format of mosquitto; `pondhawk user add NAME` adds one',
    ),
  users: z
    .record(z.string(), z.string())
    .optional()
    .describe('Users by name, each with a password hash as in usersFile'),
  rulesFile: file
    .optional()
    .describe(
      'File of rules, in the format of mosquitto ACL files: who may publish and receive what. Default: everybody everything',
    ),
  rules: z.string().optional().describe('Rules, as in rulesFile'),
  dynamicSecurityFile: file
    .optional()
    .describe(
      'Users, roles and groups in a file of the dynamic security of mosquitto, instead of the four above. Commands to `$CONTROL/dynamic-security/v1` change it',
    ),
  certificates: z
    .strictObject({
      user: z
        .enum(['commonName', 'subjectAltName'])
        .optional()
        .describe(
          'The part of a verified certificate that is the user name of its client; no password is needed then',
        ),
      fingerprints: z
        .array(
          z
            .string()
            .regex(/^[0-9a-fA-F]{2}(?::?[0-9a-fA-F]{2}){31}$/, 'expected SHA-256 in hexadecimal'),
        )
        .min(1)
        .optional()
        .describe('SHA-256 fingerprints. Only certificates in this list are accepted'),
      fingerprintsFile: file
        .optional()
        .describe('The same in a file: one on each line, followed by a user name or nothing'),
    })
    .optional()
    .describe('How client certificates are used, on listeners with tls.caFile'),
  psk: z
    .strictObject({
      user: z
        .enum(['identity'])
        .describe(
          'The identity of a pre-shared key is the user name of its client; no password is needed then',
        ),
    })
    .optional()
    .describe('How pre-shared keys are used, on listeners with tls.pskFile'),
  jwt: jwt.optional(),
  http: http.optional(),
  tokens: tokens.optional(),
  order: z
    .array(z.enum(AUTHENTICATORS))
    .min(1)
    .optional()
    .describe(
      'Who is asked for a client, one after another, until one knows it. Default: certificates, psk, tokens, jwt, users, http, code (of a program that embeds the broker)',
    ),
  checkRetainSource: z
    .boolean()
    .optional()
    .describe(
      'Whether a retained message is delivered only while its publisher may publish there (`check_retain_source` of mosquitto). Default: true',
    ),
  clientIdPattern: z
    .string()
    .regex(
      /^(?!.*%u.*%u)(?:[^*]*%u[^*]*\*?|[^*]+\*)$/,
      'expected %u once, and * only at the end: "%u:*"; or a beginning and *: "home-*"',
    )
    .optional()
    .describe(
      'Client ids that a user may have: %u is the user name, * at the end any text. Without %u: those of all clients. Default: any',
    ),
  anonymous: z
    .enum(['never', 'loopback', 'everywhere'])
    .optional()
    .describe(
      'Where clients may connect without a user name. Default: loopback; never if there are users',
    ),
})
