// What an operator should look at: each alarm with its cause, what mends it, and since when.

import { CALM } from '../broker/overload-levels.ts'
import type { Broker } from '../broker/broker.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import { shortened } from '../packet/text.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Census } from './census.ts'
import type { RefusedClients } from './refused-clients.ts'

interface Alarm {
  /** Its name, which stays the same. */
  readonly code: string
  readonly level: 'warning' | 'fault'
  /** Milliseconds since 1970. */
  readonly since: number
  readonly cause: string
  readonly mend: string
  /** A screen of the dashboard, or null. */
  readonly link: string | null
}

type Finding = Omit<Alarm, 'since'>

/** Of a listener. */
export interface ListenerCertificate {
  /** The file it was read from. */
  readonly name: string
  readonly subject: string
  readonly notAfter: number
}

interface BridgeFacts {
  readonly name: string
  readonly state: string
  /** Why it is not connected; null if it never was asked to be. */
  readonly cause: string | null
}

/** What the alarms are made from. */
export interface AlarmSources {
  readonly broker: Broker
  readonly census: Pick<Census, 'filling' | 'top'>
  readonly refusedClients: Pick<RefusedClients, 'all'>
  /** Free space on the disk of the store; NaN if nothing is stored on a disk. */
  readonly storeFreeBytes: () => number
  /** The delay of the event loop in the last seconds; NaN if it is not known. */
  readonly loopDelaySeconds: () => number
  /** What is wrong with files of users, rules, keys and certificates, in sentences. */
  readonly troubles: () => readonly string[]
  readonly certificates: () => readonly ListenerCertificate[]
  /** How many connections were closed unread, by the limit that was reached, since the start. */
  readonly connectionsRefused: () => Readonly<Record<string, number>>
  readonly bridges: () => readonly BridgeFacts[]
}

const LOOP_DELAY_SECONDS_MAX = 0.05
const RECENT_MS = 300_000
const DAY_MS = 86_400_000
const CERTIFICATE_DAYS_MIN = 14
const CERTIFICATE_FAULT_DAYS = 2
const NAME_BYTES_MAX = 128

/** Which client had how many drops, or which limit refused how many connections. */
interface Recent {
  readonly at: number
  /** Empty for those of all clients together. */
  readonly name: string
  readonly count: number
}

export class Alarms {
  all: readonly Alarm[] = []
  readonly #sources: AlarmSources
  readonly #since = new Map<string, number>()
  readonly #contested = new Map<string, number>()
  #dropsBefore: number
  #drops: Recent[] = []
  #topDrops: AlarmSources['census']['top']['drops'] = []
  #refusedBefore: Readonly<Record<string, number>> = {}
  /** Connections that were refused, by the limit that was reached. */
  #refused: Recent[] = []

  constructor(sources: AlarmSources) {
    this.#sources = sources
    this.#dropsBefore = warnedDrops(sources.broker)
  }

  /** Connections with this client id end each other too often. */
  contested(clientId: string, now: number): void {
    this.#contested.delete(clientId)
    this.#contested.set(clientId, now)
    const [oldest] = this.#contested.keys()
    if (this.#contested.size > CONTESTED_MAX && oldest !== undefined) this.#contested.delete(oldest)
  }

  /** Looks again, about once a second. */
  update(now: number): void {
    const found = [
      ...this.#disk(),
      ...this.#overload(),
      ...this.#troubles(),
      ...this.#certificates(now),
      ...this.#bridges(),
      ...this.#recentDrops(now),
      ...this.#queues(),
      ...this.#refusals(now),
      ...this.#refusedConnections(now),
      ...this.#contestedIds(now),
    ]
    const codes = new Set(found.map(({ code }) => code))
    for (const code of this.#since.keys()) if (!codes.has(code)) this.#since.delete(code)
    for (const code of codes) if (!this.#since.has(code)) this.#since.set(code, now)
    this.all = found
      .map(each => ({ ...each, since: this.#since.get(each.code) ?? now }))
      .toSorted((one, other) => Number(other.level === 'fault') - Number(one.level === 'fault'))
  }

  #disk(): readonly Finding[] {
    const { broker, storeFreeBytes } = this.#sources
    const free = storeFreeBytes()
    const left = Number.isNaN(free) ? '' : ` ${mebibytes(free)} are free.`
    const link = '#/settings?tab=Store'
    if (broker.storeIsFull) {
      const cause = `The disk of the store is full: what must be stored is refused.${left}`
      const mend = 'free space on the disk, or lower store.reserveBytes'
      return [{ code: 'disk-full', level: 'fault', cause, mend, link }]
    }
    if (broker.overload.levels.disk === 0) return []
    const cause = `The disk of the store has little room.${left}`
    return [{ code: 'disk-low', level: 'warning', cause, mend: 'free space on the disk', link }]
  }

  #overload(): readonly Finding[] {
    const { broker, loopDelaySeconds } = this.#sources
    const { overload } = broker
    const link = '#/'
    const sensors = Object.entries(overload.levels).filter(
      ([name, level]) => name !== 'disk' && level > 0,
    )
    if (overload.levels !== CALM && sensors.length > 0) {
      const cause = `The broker is overloaded, at level ${overload.level} (${sensors.map(([name]) => name).join(', ')}).`
      const mend = 'see docs/explanation/overload.md: fewer messages, or a faster machine'
      const level = overload.level >= 2 ? 'fault' : 'warning'
      return [{ code: 'overload', level, cause, mend, link }]
    }
    const seconds = loopDelaySeconds()
    if (!(seconds > LOOP_DELAY_SECONDS_MAX)) return []
    const cause = `The event loop is late by ${Math.round(seconds * 1_000)} ms.`
    const mend = 'the processor is busy: look for the clients with the highest rates'
    return [{ code: 'loop-slow', level: 'warning', cause, mend, link }]
  }

  #troubles(): readonly Finding[] {
    const mend = 'the log has the line of the file; correct it and reload'
    const link = '#/log?level=warn'
    const cause = this.#sources.troubles().join(' ')
    return cause === '' ? [] : [{ code: 'reload-failed', level: 'fault', cause, mend, link }]
  }

  #certificates(now: number): readonly Finding[] {
    const [first] = this.#sources
      .certificates()
      .toSorted((one, other) => one.notAfter - other.notAfter)
    if (first === undefined) return []
    const days = (first.notAfter - now) / DAY_MS
    if (days >= CERTIFICATE_DAYS_MIN) return []
    const when = days < 0 ? 'has expired' : `expires in ${Math.ceil(days)} days`
    const cause = `The certificate ${first.name} ${when}.`
    const mend = 'put a new certificate in its place; it is read without a restart'
    const level = days < CERTIFICATE_FAULT_DAYS ? 'fault' : 'warning'
    return [{ code: 'certificate-expires', level, cause, mend, link: '#/settings?tab=Listeners' }]
  }

  /** Only those that were lost or could not connect, for one that has just begun has no cause. */
  #bridges(): readonly Finding[] {
    const lost = this.#sources
      .bridges()
      .filter(({ state, cause }) => state !== 'connected' && cause !== null)
    const [first] = lost
    if (first === undefined) return []
    const more = lost.length === 1 ? '' : ` ${shown(lost.length - 1)} more are not, either.`
    const cause = `The bridge ${cut(first.name)} is not connected: ${cut(first.cause ?? '')}.${more}`
    const mend = 'see whether the other broker runs and lets it in; it tries again by itself'
    return [{ code: 'bridge-lost', level: 'warning', cause, mend, link: '#/log?level=warn' }]
  }

  #recentDrops(now: number): readonly Finding[] {
    const { broker, census } = this.#sources
    const drops = warnedDrops(broker)
    const count = drops - this.#dropsBefore
    this.#dropsBefore = drops
    if (count > 0) this.#drops.push({ at: now, name: '', count })
    if (census.top.drops !== this.#topDrops) {
      this.#topDrops = census.top.drops
      for (const { name, value } of this.#topDrops) {
        this.#drops.push({ at: now, name, count: value })
      }
    }
    this.#drops = this.#drops.filter(({ at }) => now - at < RECENT_MS)
    const sums = new Map<string, number>()
    for (const { name, count: each } of this.#drops) sums.set(name, (sums.get(name) ?? 0) + each)
    const all = sums.get('') ?? 0
    if (all === 0) return []
    sums.delete('')
    const [most] = [...sums].toSorted(([, one], [, other]) => other - one)
    const who = most === undefined ? '' : `, most of them for ${cut(most[0])}`
    const cause = `${shown(all)} messages were dropped in 5 minutes${who}.`
    const mend = 'the timeline of the client says why, and which limit gives more room'
    const link = most === undefined ? '#/clients?dropped=1' : linkTo(most[0])
    return [{ code: 'drops', level: 'warning', cause, mend, link }]
  }

  #queues(): readonly Finding[] {
    const { broker, census } = this.#sources
    const [longest] = census.filling
    if (longest === undefined) return []
    const { clientId, queuedMessages } = longest
    const others = census.filling.length - 1
    const more = others === 0 ? '' : ` ${shown(others)} more queues are as full.`
    const max = shown(broker.limits.queuedMessagesMax)
    const cause = `The queue of ${cut(clientId)} has ${shown(queuedMessages)} of ${max} messages.${more}`
    const mend =
      'the client must come back or read faster; limits.queuedMessagesMax gives more room'
    return [{ code: 'queue-filling', level: 'warning', cause, mend, link: linkTo(clientId) }]
  }

  #refusals(now: number): readonly Finding[] {
    const recent = this.#sources.refusedClients.all.filter(
      ({ lastAt, letInAt }) => letInAt === null && now - lastAt < RECENT_MS,
    )
    const [last] = recent
    if (last === undefined) return []
    const who = last.clientId === '' ? last.address : cut(last.clientId)
    const clients = recent.length === 1 ? '1 client was' : `${shown(recent.length)} clients were`
    const cause = `${clients} refused in 5 minutes, the last one ${who}: ${last.cause}.`
    const { mend } = last
    return [{ code: 'refusals', level: 'warning', cause, mend, link: '#/clients?state=refused' }]
  }

  /** They have sent no CONNECT, so there is no client id to name. */
  #refusedConnections(now: number): readonly Finding[] {
    const counts = this.#sources.connectionsRefused()
    for (const [name, all] of Object.entries(counts)) {
      const count = all - (this.#refusedBefore[name] ?? 0)
      if (count > 0) this.#refused.push({ at: now, name, count })
    }
    this.#refusedBefore = { ...counts }
    this.#refused = this.#refused.filter(({ at }) => now - at < RECENT_MS)
    const last = this.#refused.at(-1)
    if (last === undefined) return []
    const all = this.#refused.reduce((sum, { count }) => sum + count, 0)
    const connections = all === 1 ? '1 connection was' : `${shown(all)} connections were`
    const cause = `${connections} refused in 5 minutes: limits.${last.name} was reached.`
    const mend = 'the log has the address; if these are devices of yours, raise the limit'
    const link = '#/log?level=warn'
    return [{ code: 'connections-refused', level: 'warning', cause, mend, link }]
  }

  #contestedIds(now: number): readonly Finding[] {
    for (const [clientId, at] of this.#contested) {
      if (now - at >= RECENT_MS) this.#contested.delete(clientId)
    }
    const clientId = [...this.#contested.keys()].at(-1)
    if (clientId === undefined) return []
    const cause = `Two devices seem to use the client id ${cut(clientId)}: they end each other's connections.`
    const mend = 'give each device a client id of its own'
    return [{ code: 'client-id-contested', level: 'warning', cause, mend, link: linkTo(clientId) }]
  }
}

/** The most contested client ids that are kept. */
const CONTESTED_MAX = 100

function warnedDrops({ statistics }: Broker): number {
  let drops = 0
  for (const [reason, count] of Object.entries(statistics.dropped)) {
    if (DROP_WORDS[reason as DropReason].isWarned) drops += count
  }
  return drops
}

function linkTo(clientId: string): string {
  return `#/client?id=${encodeURIComponent(clientId)}`
}

function cut(clientId: string): string {
  return shortened(clientId, NAME_BYTES_MAX)
}

function shown(count: number): string {
  return count.toLocaleString('en')
}

function mebibytes(bytes: number): string {
  return `${shown(Math.floor(bytes / 1_048_576))} MiB`
}
