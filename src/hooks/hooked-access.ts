// The access of a broker behind the hooks onConnect and onAuthenticate. Without such hooks it is asked at once.

import type { Access, Connecting, Credentials, Exchange, Verdict } from '../access/access.ts'
import { type CodeAnswer, CodeAuthenticator } from '../access/code-authenticator.ts'
import type { FoundOrRefused } from '../access/authenticator.ts'
import { GivenRules } from '../access/given-rules.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { ClientFacts } from '../broker/observer.ts'
import { frozenProperties } from '../message.ts'
import type { Will } from '../packet/packet.ts'
import { Asking, hookError, sees } from './answers.ts'
import type { Client } from './client.ts'
import type { ConnectContext, Hooks } from './contexts.ts'
import type { HookRegistry } from './registry.ts'

/** The `authentication` of clients that a hook has let in. */
const HOOK = 'hook'

type Answer = Verdict | Promise<Verdict>

/** `registry` is called with the first CONNECT at the earliest. */
export function hookedAccess(access: Access, registry: () => HookRegistry): Access {
  const hooked: Access = {
    authenticate: (credentials, connecting) => {
      const ask = (): Answer => access.authenticate(credentials, connecting)
      if (connecting === undefined) return ask()
      const hooks = registry()
      const isNameless = connecting.connect.username === null
      if (isNameless && hooks.clients.isOfProgram(connecting.peer)) return OF_PROGRAM
      const authenticated = (): Answer => authenticate(credentials, connecting, hooks, access, ask)
      return connect(credentials, connecting, hooks, authenticated)
    },
    beginExchange: (method, credentials, connecting) => {
      const exchange = access.beginExchange(method, credentials, connecting)
      if (exchange === null || connecting === undefined) return exchange
      return afterConnect(exchange, credentials, connecting, registry())
    },
    permissionsOf: identity => access.permissionsOf(identity),
  }
  if (access.authorRights === undefined) return hooked
  return { ...hooked, authorRights: identity => access.authorRights?.(identity) ?? null }
}

/** A connection that the program has opened without a user: it may do what the program may. */
const OF_PROGRAM: Verdict = {
  kind: 'allowed',
  permissions: UNRESTRICTED,
  authentication: 'program',
}

/** Asks `next` unless a hook refuses CONNECT. */
function connect(
  credentials: Credentials,
  connecting: Connecting,
  registry: HookRegistry,
  next: () => Answer,
): Answer {
  const hooks = registry.of('onConnect')
  if (hooks.length === 0) return next()
  const { point } = registry
  const { clientId } = credentials
  const context = connectContext(credentials, connecting, registry)
  const asking = new Asking('onConnect', hooks, context, { clientId, left: () => null }, point)
  const decision = asking.decide(null)
  const go = (refusal: NotAdmitted | null): Answer => (refusal === null ? next() : refused(refusal))
  return decision instanceof Promise ? decision.then(go) : go(decision)
}

function refused({ reason, sentence }: NotAdmitted): Verdict {
  return { kind: 'refused', reason, sentence }
}

function afterConnect(
  exchange: Exchange,
  credentials: Credentials,
  connecting: Connecting,
  registry: HookRegistry,
): Exchange {
  let isFirst = true
  return {
    step: step => {
      if (!isFirst) return exchange.step(step)
      isFirst = false
      return connect(credentials, connecting, registry, () => exchange.step(step))
    },
  }
}

/** Asks the hooks one after the other, and `ask` if none of them knows the client. */
function authenticate(
  credentials: Credentials,
  connecting: Connecting,
  registry: HookRegistry,
  access: Access,
  ask: () => Answer,
): Answer {
  const hooks = registry.of('onAuthenticate')
  if (hooks.length === 0) return ask()
  const client = clientOf(credentials, connecting, registry)
  const { faults, statistics, answerMsMax, afterTime } = registry.point
  const read = (found: FoundOrRefused): Verdict | null =>
    found?.kind === 'found' ? allowed(found, credentials, access) : found
  const askFrom = (start: number): Answer => {
    for (let index = start; index < hooks.length; index++) {
      const { call, owner } = hooks[index] ?? NONE
      if (!sees(owner, undefined)) continue
      const authenticator = new CodeAuthenticator(
        { authenticate: asked => answerOf(call({ ...asked, client })) },
        {
          complain: (what, error) =>
            faults.failed('hook', hookError('onAuthenticate', owner, what, error), client.id),
          afterTime: late =>
            afterTime(() => {
              statistics.hookTimeouts += 1
              late()
            }),
          name: '',
          answerMsMax,
        },
      )
      const found = authenticator.authenticate(credentials)
      if (found instanceof Promise) return found.then(late => read(late) ?? askFrom(index + 1))
      const verdict = read(found)
      if (verdict !== null) return verdict
    }
    return ask()
  }
  return askFrom(0)
}

const NONE = { call: () => null, owner: { name: '', prefix: '' } }

/** Nothing said is "not known here". */
function answerOf(answer: ReturnType<Hooks['onAuthenticate']>): CodeAnswer | Promise<CodeAnswer> {
  if (answer instanceof Promise) return answer.then(late => late ?? null)
  return answer ?? null
}

function allowed(
  { username, rights, validForMs }: Extract<FoundOrRefused, { kind: 'found' }>,
  credentials: Credentials,
  access: Access,
): Verdict {
  const own = rights instanceof GivenRules ? null : rights
  const permissions = own ?? access.rightsOf?.(credentials, username) ?? UNRESTRICTED
  return {
    kind: 'allowed',
    permissions,
    username,
    authentication: HOOK,
    ...(validForMs !== null && { validForMs }),
  }
}

function connectContext(
  credentials: Credentials,
  connecting: Connecting,
  registry: HookRegistry,
): ConnectContext {
  const { password: _, ...rest } = credentials
  const { version, cleanStart, keepAliveSeconds, will, properties } = connecting.connect
  const client = clientOf(credentials, connecting, registry)
  return {
    ...rest,
    client,
    version,
    cleanStart,
    keepAliveSeconds,
    will: will && frozenWill(will),
    properties: frozenProperties(properties),
  }
}

function frozenWill(will: Will): Will {
  frozenProperties(will.properties)
  return Object.freeze(will)
}

function clientOf(
  { clientId, username, address, transport }: Credentials,
  { connect: { version }, peer }: Connecting,
  { clients }: HookRegistry,
): Client {
  const facts: ClientFacts = { clientId, version, username, address, transport }
  return clients.at(peer, facts)
}
