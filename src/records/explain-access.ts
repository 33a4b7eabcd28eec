// Explains whether a user or client may do something, by which rule, and whether it was refused lately. It changes nothing.

import type { Identity } from '../access/identity.ts'
import { GONE, isRuled, NOTHING, type Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import { isReserved, parseFilter } from '../routing/topic.ts'
import type { BadEnds } from './bad-ends.ts'
import { byRule, type Explanation, has, now, recorded, type Step } from './explanation.ts'
import type { RefusedClients } from './refused-clients.ts'

type AccessAction = 'publish' | 'subscribe' | 'unsubscribe' | 'receive'

export interface AccessQuestion {
  /** Null for a client without a user. */
  readonly username: string | null
  readonly clientId: string | null
  readonly action: AccessAction
  /** A topic, or a filter for (un)subscribing. */
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

interface Sources {
  readonly broker: Broker
  readonly badEnds: BadEnds
  readonly refusedClients: RefusedClients
  readonly permissionsOf: (identity: Identity) => Permissions
}

const RECORDED_MAX = 5

export function explainAccess(asked: AccessQuestion, sources: Sources): Explanation {
  const question = { ...asked, username: asked.username ?? refusedAs(asked, sources) }
  const past = ofPast(question, sources)
  const { permissions, step } = permissionsFor(question, sources)
  const right = permissions === null ? [] : rightSteps(question, permissions)
  const isAllowed = permissions !== null && right.every(({ level }) => level !== 'fault')
  const verdict =
    permissions === null
      ? 'Its rights are not known.'
      : isAllowed
        ? 'It is allowed now.'
        : 'It is refused now.'
  return { verdict, steps: [...past, step, ...right] }
}

/** A client that was never let in has the user that it came as. */
function refusedAs({ clientId }: AccessQuestion, { refusedClients, broker }: Sources) {
  if (clientId === null || broker.sessions.get(clientId) !== undefined) return null
  return refusedClients.all.find(entry => entry.clientId === clientId)?.username ?? null
}

/** Returns the rights of the client's session if it is of this user, or else those that the user would have. */
function permissionsFor(
  { username, clientId }: AccessQuestion,
  { broker, permissionsOf }: Sources,
) {
  const session = clientId === null ? undefined : broker.sessions.get(clientId)
  const isSame =
    session !== undefined && (username === null || session.rights.identity.username === username)
  if (isSame) {
    const { identity, permissions } = session.rights
    const who = identity.username === null ? 'without a user' : `as user ${identity.username}`
    const how = `authenticated ${who} (${identity.authentication}), from ${identity.address}`
    return known(permissions, clientId, how)
  }
  const identity = {
    clientId: clientId ?? '',
    username,
    address: '',
    authentication: username === null ? 'none' : 'password',
  }
  const who = username === null ? 'a client without a user' : `user ${username}`
  return known(
    permissionsOf(identity),
    clientId,
    `the rights of ${who}, as if it came now with its password`,
  )
}

function known(permissions: Permissions, clientId: string | null, cause: string) {
  if (permissions !== NOTHING && permissions !== GONE) {
    return { permissions, step: now('ok', clientId, cause) }
  }
  const mend =
    'pondhawk user list has the users; other kinds of users are known only while they are connected'
  return { permissions: null, step: now('fault', clientId, 'this user is not known now', mend) }
}

function rightSteps(question: AccessQuestion, permissions: Permissions): readonly Step[] {
  const { action, topic, clientId, qos, retain } = question
  if (action === 'publish') {
    if (isReserved(topic))
      return [now('fault', clientId, 'only the broker publishes to this tree', 'another topic')]
    const rule = byRule(permissions, ruled => ruled.publishRule(topic, qos, retain))
    return [
      rightStep(
        question,
        has(() => permissions.mayPublish(topic, qos, retain)),
        rule,
      ),
    ]
  }
  if (action === 'receive') {
    const rule = byRule(permissions, ruled => ruled.receiveRule(topic))
    const may =
      permissions.mayReceive === undefined || has(() => permissions.mayReceive?.(topic) === true)
    return [rightStep(question, may, rule)]
  }
  const parts = parseFilter(topic)
  if (parts === null)
    return [
      now('fault', clientId, 'the filter is not well formed', '# at the end, + alone in its level'),
    ]
  const { topicFilter, shareName } = parts
  if (action === 'unsubscribe') {
    const may =
      permissions.mayUnsubscribe === undefined ||
      has(() => permissions.mayUnsubscribe?.(topicFilter, shareName) === true)
    return [
      rightStep(
        question,
        may,
        byRule(permissions, ruled => ruled.unsubscribeRule(topicFilter, shareName)),
      ),
    ]
  }
  const may = has(() => permissions.maySubscribe(topicFilter, shareName))
  const step = rightStep(
    question,
    may,
    byRule(permissions, ruled => ruled.subscribeRule(topicFilter, shareName)),
  )
  if (!may || !isRuled(permissions) || permissions.mayReceiveAllOf(topicFilter)) return [step]
  return [
    step,
    now(
      'warning',
      clientId,
      'some of the topics that it matches may not be received: their messages are withheld',
    ),
  ]
}

function rightStep(
  { action, topic, clientId, username }: AccessQuestion,
  may: boolean,
  rule: string,
): Step {
  if (may) return now('ok', clientId, `may ${action}${rule}`)
  const who = username === null ? 'its user' : `user ${username}`
  return now(
    'fault',
    clientId,
    `may not ${action}${rule}`,
    `a rule that lets ${who} ${action}: ${topic}`,
  )
}

function ofPast({ clientId, topic }: AccessQuestion, { badEnds, refusedClients }: Sources) {
  const steps: Step[] = []
  if (clientId === null) return steps
  for (const end of badEnds.newest()) {
    const isAsked = end.clientId === clientId && end.topic === topic && end.kind !== 'dropped'
    if (!isAsked || steps.length === RECORDED_MAX) continue
    const times = end.count === 1 ? '' : `${end.count.toLocaleString('en')} times `
    steps.push(recorded(end.lastAt, 'fault', clientId, `${times}refused: ${end.cause}`))
  }
  for (const entry of refusedClients.all) {
    if (entry.clientId !== clientId || steps.length === RECORDED_MAX) continue
    const times = entry.count === 1 ? '' : ` ${entry.count.toLocaleString('en')} times`
    const cause = `CONNECT refused${times}: ${entry.cause}`
    steps.push({
      ...recorded(entry.lastAt, 'fault', clientId, cause, entry.reasonCode),
      mend: entry.mend,
    })
  }
  return steps.sort((one, other) => (one.at ?? 0) - (other.at ?? 0))
}
