// A second reading of ACL files, written from the description of mosquitto's format, for lines without subnets. It shares no code
// with `src/access`.

import type { RandomLine } from '../../test/access/rules/acl-oracle.ts'
import { isWellFormed } from './well-formed.ts'

interface Section {
  readonly user: string | null
  readonly client: string | null
}

const ACCESS = ['read', 'write', 'readwrite', 'deny'] as const

/** Returns the lines, or null for a file that must be refused. */
export function referenceAcl(bytes: Buffer): readonly RandomLine[] | null {
  if (!isWellFormed(bytes)) return null
  const text = bytes.toString('utf8')
  if (text.includes('\0') || text.startsWith('\ufeff')) return null
  const lines: RandomLine[] = []
  let section: Section = { user: null, client: null }
  for (const raw of text.split('\n')) {
    const line = raw.replace(/[ \t-\r]+$/, '')
    if (line === '' || line.startsWith('#')) continue
    const found = readLine(line, section)
    if (found === null) return null
    if ('kind' in found) lines.push(found)
    else section = found
  }
  return lines
}

function readLine(line: string, section: Section): RandomLine | Section | null {
  const [, first = '', rest = ''] = /^ *([^ ]*) *(.*)$/s.exec(line) ?? []
  // White space in the sense of C at both ends is no part of a name.
  const words = rest.replace(/^[ \t-\r]+|[ \t-\r]+$/g, '')
  switch (first) {
    case 'user':
      return words === '' ? null : { user: words, client: null }
    case 'client':
      return words === '' ? null : { ...section, client: words }
    case 'subscribe':
      return words === '' ? null : subscribeLine(words, section)
    default:
      return topicLine(line, section)
  }
}

function subscribeLine(words: string, section: Section): RandomLine | null {
  const [, more] = /^deny +(.+)$/s.exec(words) ?? []
  const filter = trimmed(more ?? words)
  if (!isFilter(filter)) return null
  return {
    kind: 'subscribe',
    ...section,
    subnet: null,
    access: more === undefined ? 'allow' : 'deny',
    filter,
    qosMax: 2,
    mayRetain: true,
  }
}

function topicLine(line: string, section: Section): RandomLine | null {
  let rest = line.replace(/^ +/, '')
  let qosMax = 2
  let mayRetain = true
  for (;;) {
    const [whole, word = ''] = /^(noretain|qos<=[^ ]*) +/.exec(rest) ?? []
    if (whole === undefined) break
    if (word === 'noretain') mayRetain = false
    else if (/^qos<=[012]$/.test(word)) qosMax = Number(word.at(-1))
    else return null
    rest = trimmed(rest.slice(whole.length))
  }
  const [, kind, words = ''] = /^ *(topic|pattern) +(.*)$/s.exec(rest) ?? []
  if (kind !== 'topic' && kind !== 'pattern') return null
  const said = accessAndFilter(trimmed(words))
  if (said === null || !isFilter(said.filter)) return null
  const isLimited = qosMax < 2 || !mayRetain
  if (isLimited && (said.access === 'read' || said.access === 'deny')) return null
  return { kind, ...section, subnet: null, ...said, qosMax, mayRetain }
}

/** One word alone is the topic, and may be read and written. */
function accessAndFilter(words: string): Pick<RandomLine, 'access' | 'filter'> | null {
  const [, first = '', rest] = /^([^ ]+)(?: +(.*))?$/s.exec(words) ?? []
  if (first === '') return null
  if (rest === undefined || rest === '') return { access: 'readwrite', filter: first }
  const access = ACCESS.find(each => each === first)
  return access === undefined ? null : { access, filter: trimmed(rest) }
}

function trimmed(words: string): string {
  return words.replace(/^[ \t-\r]+|[ \t-\r]+$/g, '')
}

function isFilter(filter: string): boolean {
  const levels = filter.split('/')
  if (filter === '' || levels.length > 201 || Buffer.byteLength(filter) > 65_535) return false
  return levels.every((level, index) => {
    if (level === '#') return index === levels.length - 1
    return level === '+' || !/[+#]/.test(level)
  })
}
