// CONNECT as programs for aedes decide on it: preConnect, a few rules, authenticate.

import type { Access, Connecting, Credentials, Verdict } from '../access/access.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import { type ReasonCode, connectReturnCode } from '../packet/reason.ts'
import {
  ADMINISTRATIVE_ACTION,
  BAD_USER_NAME_OR_PASSWORD,
  CLIENT_IDENTIFIER_NOT_VALID,
  NOT_AUTHORIZED,
  SERVER_UNAVAILABLE,
} from '../packet/reason.ts'
import { after, outcomeOf } from './callbacks.ts'
import type { AedesClient } from './client.ts'
import type { AedesHandlers, AuthenticateError } from './options.ts'
import { connectPacketOf } from './packets.ts'

/** The part of a broker that decides. */
export interface Admitting extends Pick<AedesHandlers, 'preConnect' | 'authenticate'> {
  readonly opts: { readonly keepaliveLimit?: number; readonly maxClientsIdLength?: number }
  clientAt(peer: object): AedesClient
  /** CONNECT was refused with this return code of MQTT 3.1.1. */
  refused(client: AedesClient, returnCode: number): void
}

const MAX_CLIENT_ID = 23

/** Everything is decided by the handlers, which get the client and no rights. */
export function aedesAccess(broker: Admitting): Access {
  return {
    authenticate: (credentials, connecting) =>
      connecting === undefined ? ALLOWED : connect(broker, credentials, connecting),
    beginExchange: () => null,
    permissionsOf: () => UNRESTRICTED,
  }
}

const ALLOWED: Verdict = {
  kind: 'allowed',
  permissions: UNRESTRICTED,
  username: null,
  authentication: 'none',
}

function connect(
  broker: Admitting,
  credentials: Credentials,
  connecting: Connecting,
): Verdict | Promise<Verdict> {
  const client = broker.clientAt(connecting.peer)
  client.connecting = true
  const packet = connectPacketOf(connecting.connect)
  const outcome = outcomeOf<boolean>(done => broker.preConnect(client, packet, done), false)
  return after(outcome, ({ error, value }) => {
    // aedes closes without CONNACK. This reason has no return code of MQTT 3, so none is sent.
    if (error !== null || value !== true) {
      return refusal(client, ADMINISTRATIVE_ACTION, error ?? new Error('preConnect has refused it'))
    }
    return identified(broker, client, credentials, connecting)
  })
}

function identified(
  broker: Admitting,
  client: AedesClient,
  credentials: Credentials,
  { connect: { version, keepAliveSeconds, clientId, cleanStart } }: Connecting,
): Verdict | Promise<Verdict> {
  const { keepaliveLimit = 0, maxClientsIdLength = MAX_CLIENT_ID } = broker.opts
  if (version === 3 && clientId.length > maxClientsIdLength) {
    broker.refused(client, 2)
    const error = withCode(new Error('identifier rejected'), 2)
    return refusal(client, CLIENT_IDENTIFIER_NOT_VALID, error)
  }
  if (keepaliveLimit > 0 && (keepAliveSeconds === 0 || keepAliveSeconds > keepaliveLimit)) {
    broker.refused(client, 6)
    return refusal(client, NOT_AUTHORIZED, withCode(new Error('keep alive limit exceeded'), 6))
  }
  client.id = credentials.clientId
  client.clean = cleanStart
  client.version = version
  const username = credentials.username ?? undefined
  const password = credentials.password ?? undefined
  const outcome = outcomeOf<boolean | null>(
    done => broker.authenticate(client, username, password, done),
    false,
  )
  return after(outcome, ({ error, value }) => {
    if (error === null && value === true) return ALLOWED
    const found: AuthenticateError = error ?? new Error('not authorized')
    const reason = REASONS.get(found.returnCode ?? 5) ?? NOT_AUTHORIZED
    const returnCode = connectReturnCode(reason)
    broker.refused(client, returnCode)
    return refusal(client, reason, withCode(found, returnCode))
  })
}

const REASONS: ReadonlyMap<number, ReasonCode> = new Map([
  [2, CLIENT_IDENTIFIER_NOT_VALID],
  [3, SERVER_UNAVAILABLE],
  [4, BAD_USER_NAME_OR_PASSWORD],
  [5, NOT_AUTHORIZED],
])

function refusal(client: AedesClient, reason: ReasonCode, error: Error): Verdict {
  client.connecting = false
  client.refusal = error
  const sentence = error.message === '' ? 'not authorized' : error.message
  return { kind: 'refused', reason, sentence }
}

function withCode(error: Error, errorCode: number): Error {
  return Object.assign(error, { errorCode })
}
