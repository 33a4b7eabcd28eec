// Reads mosquitto's ACL files as mosquitto 2.0 does, with additional lines whose first words mosquitto does not have.

import { BlockList, isIP, isIPv6 } from 'node:net'
import { isTopicFilter, levelCount } from '../../routing/topic.ts'
import { AccessFileError, type Line, linesOf, type Problem, trimmed } from '../access-file.ts'

/** mosquitto's bound is 200 separators. */
const LEVELS_MAX = 201
const FILTER_BYTES_MAX = 65_535

/** The clients that a line applies to. */
interface Section {
  /** Null for clients without a user name. */
  readonly username: string | null
  /** Only this client id; null for all. */
  readonly clientId: string | null
  /** Only these addresses; null for all. */
  readonly subnets: BlockList | null
}

type AclAccess = 'read' | 'write' | 'readwrite' | 'deny'

/** A `topic` or `pattern` line. */
export interface TopicLine {
  readonly kind: 'topic' | 'pattern'
  readonly section: Section
  readonly access: AclAccess
  readonly filter: string
  /** The line does not allow publishing with a higher QoS, or with RETAIN. */
  readonly qosMax: number
  readonly mayRetain: boolean
  readonly place: string
}

/** An additional line: the filters that may be subscribed to. */
export interface SubscribeLine {
  readonly kind: 'subscribe'
  readonly section: Section
  readonly allows: boolean
  readonly filter: string
  readonly place: string
}

export type AclLine = TopicLine | SubscribeLine

export interface AclFile {
  readonly lines: readonly AclLine[]
  /** Warnings about lines that are allowed but probably not intended. */
  readonly warnings: readonly Problem[]
}

/** Throws AccessFileError. `file` is the name of the file in error places. */
export function parseAclFile(bytes: Buffer, file: string): AclFile {
  const problems: Problem[] = []
  const reading = new Reading()
  for (const line of linesOf(bytes, file, problems)) {
    try {
      reading.read(line)
    } catch (error) {
      if (!(error instanceof WrongLine)) throw error
      problems.push({ place: line.place, sentence: error.message })
    }
  }
  if (problems.length > 0) throw new AccessFileError(problems)
  return reading
}

class WrongLine extends Error {}

class Reading implements AclFile {
  readonly lines: AclLine[] = []
  readonly warnings: Problem[] = []
  #section: Section = { username: null, clientId: null, subnets: null }

  read({ text, place }: Line): void {
    // Only a # as the first character of a line begins a comment.
    if (text === '' || text.startsWith('#')) return
    const [word, rest] = splitAtSpaces(text)
    switch (word) {
      case 'user':
        this.#section = { username: needed(rest, 'user NAME'), clientId: null, subnets: null }
        return
      case 'client':
        this.#section = { ...this.#section, clientId: needed(rest, 'client ID') }
        return
      case 'cidr':
        this.#section = { ...this.#section, subnets: subnetsIn(needed(rest, 'cidr SUBNET')) }
        return
      case 'subscribe':
        this.lines.push(subscribeLine(rest, this.#section, place))
        return
      default:
        this.#readTopicLine(text, place)
    }
  }

  #readTopicLine(text: string, place: string): void {
    const { qosMax, mayRetain, rest } = withoutLimits(text)
    const [kind, words] = splitAtSpaces(rest)
    if (kind !== 'topic' && kind !== 'pattern') throw new WrongLine(unknownWord(kind))
    const { access, filter } = accessAndFilter(words, kind)
    const isLimited = qosMax < 2 || !mayRetain
    if (isLimited && (access === 'deny' || access === 'read')) {
      throw new WrongLine(
        `qos<= and noretain limit what may be written, and this line is ${access}`,
      )
    }
    if (words !== '' && filter === words && ACCESS_WORDS.has(words)) {
      this.#warn(place, `this allows to read and write the topic named ${words}: no topic follows`)
    }
    if (kind === 'pattern' && !/%[cu]/.test(filter)) {
      this.#warn(place, 'this pattern has neither %c nor %u: it holds for everybody')
    }
    const section = this.#section
    this.lines.push({ kind, section, access, filter, qosMax, mayRetain, place })
  }

  #warn(place: string, sentence: string): void {
    this.warnings.push({ place, sentence })
  }
}

const ACCESS_WORDS = new Map<string, AclAccess>([
  ['read', 'read'],
  ['write', 'write'],
  ['readwrite', 'readwrite'],
  ['deny', 'deny'],
])

/** The first word is an access type if more words follow; otherwise it is the topic. */
function accessAndFilter(words: string, kind: string): { access: AclAccess; filter: string } {
  const [first, rest] = splitAtSpaces(needed(words, `${kind} [read|write|readwrite|deny] FILTER`))
  if (rest === '') return { access: 'readwrite', filter: checkedFilter(first) }
  const access = ACCESS_WORDS.get(first)
  if (access === undefined) {
    throw new WrongLine(
      `${quoted(first)} is none of read, write, readwrite and deny, and ${quoted(trimmed(rest))} follows it`,
    )
  }
  return { access, filter: checkedFilter(trimmed(rest)) }
}

function subscribeLine(rest: string, section: Section, place: string): SubscribeLine {
  const [first, more] = splitAtSpaces(needed(rest, 'subscribe [deny] FILTER'))
  const allows = first !== 'deny' || more === ''
  const filter = checkedFilter(trimmed(allows ? rest : more))
  return { kind: 'subscribe', section, allows, filter, place }
}

/** `qos<=N` and `noretain`, before `topic` or `pattern`. */
function withoutLimits(text: string): { qosMax: number; mayRetain: boolean; rest: string } {
  let qosMax = 2
  let mayRetain = true
  let rest = text
  for (;;) {
    const [word, more] = splitAtSpaces(rest)
    if (word === 'noretain') mayRetain = false
    else if (word.startsWith('qos<=')) qosMax = qosIn(word)
    else return { qosMax, mayRetain, rest }
    rest = needed(more, `${word} topic|pattern …`)
  }
}

function qosIn(word: string): number {
  const qos = ['0', '1', '2'].indexOf(word.slice('qos<='.length))
  if (qos === -1) throw new WrongLine(`${quoted(word)} is none of qos<=0, qos<=1 and qos<=2`)
  return qos
}

function subnetsIn(text: string): BlockList {
  const subnets = new BlockList()
  for (const each of text.split(' ').filter(word => word !== '')) {
    const [address = '', bits, more] = each.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const most = family === 'ipv6' ? 128 : 32
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
    if (isIP(address) === 0 || more !== undefined || !isPrefix) {
      throw new WrongLine(`${quoted(each)} is no subnet such as 192.168.0.0/16 or fd00::/8`)
    }
    subnets.addSubnet(address, bits === undefined ? most : Number(bits), family)
  }
  return subnets
}

function checkedFilter(filter: string): string {
  if (!isTopicFilter(filter)) {
    const sentence = '# stands alone at the end, and + alone in its level'
    throw new WrongLine(`${quoted(filter)} is no topic filter: ${sentence}`)
  }
  const levels = levelCount(filter)
  if (levels > LEVELS_MAX) throw new WrongLine(`${levels} levels, and ${LEVELS_MAX} are the most`)
  if (Buffer.byteLength(filter) > FILTER_BYTES_MAX) {
    throw new WrongLine(`a filter has ${FILTER_BYTES_MAX} bytes at most`)
  }
  return filter
}

/** Splits a line into its first word and the text behind the following spaces. A tab is not a space. */
function splitAtSpaces(text: string): readonly [string, string] {
  let start = 0
  while (text[start] === ' ') start++
  const space = text.indexOf(' ', start)
  if (space === -1) return [text.slice(start), '']
  let next = space
  while (text[next] === ' ') next++
  return [text.slice(start, space), text.slice(next)]
}

function needed(words: string, shape: string): string {
  const text = trimmed(words)
  if (text === '') throw new WrongLine(`something is missing: ${shape}`)
  return text
}

const FIRST_WORDS = 'user, topic, pattern, subscribe, client, cidr, qos<=N or noretain'

function unknownWord(word: string): string {
  if (word.startsWith('#')) return 'a comment begins at the very start of its line'
  if (word.includes('\t')) return `a tab in ${quoted(word)}: words are told apart by spaces`
  const plain = word.toLowerCase()
  const meant = ['user', 'topic', 'pattern', 'subscribe', 'client', 'cidr'].includes(plain)
  const hint = meant ? ` (did you mean ${plain}?)` : ''
  return `${quoted(word)} is no word that a line begins with: ${FIRST_WORDS}${hint}`
}

const QUOTED_MAX = 60

function quoted(text: string): string {
  return JSON.stringify(text.length <= QUOTED_MAX ? text : `${text.slice(0, QUOTED_MAX)}…`)
}
