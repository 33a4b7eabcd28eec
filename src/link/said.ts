// What a front end says of its connections, in JSON. It reads bytes of strangers, so what it says is checked as theirs.

import { isIP } from 'node:net'
import type { ClientCertificate } from '../access/access.ts'
import type { LogFields } from '../observe/log.ts'
import { shortened } from '../packet/text.ts'
import type { WireProtocol } from '../transport/preparation.ts'
import { LinkFault } from './frame-reader.ts'

/** What is known of a client when its wire is ready. */
export interface Proved {
  /** The milliseconds of the time for CONNECT that are over. */
  readonly spentMs: number
  readonly protocol: WireProtocol
  /** Of the certificates and keys that the front end had. */
  readonly generation: number
  readonly certificate: ClientCertificate | null
  /** The identity of the key that it has proved, or null. */
  readonly psk: string | null
}

export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: LogFields
  readonly sentence: string
}

/** What a front end says of its own process. */
export interface FrontEndFigures {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly loopDelayMs: number
  /** How often clients were not read, because the link was full. */
  readonly readPauses: number
}

/** The most bytes of a text in a line of the log, or of a cause: a client may have a long name. */
const WORDS_BYTES_MAX = 1_024

export function lineBytesOf({ level, fields, sentence }: Line): Buffer {
  const short = Object.entries(fields).map(
    ([name, value]) => [name, typeof value === 'string' ? shortCause(value) : value] as const,
  )
  return bytesOf({ level, fields: Object.fromEntries(short), sentence })
}

/** Why a connection has ended, as a frame has it. */
export function shortCause(cause: string): string {
  return shortened(cause, WORDS_BYTES_MAX)
}

export function bytesOf(
  said: Proved | Line | FrontEndFigures | { readonly cause: string } | Source,
): Buffer {
  return Buffer.from(JSON.stringify(said))
}

const PORT_MAX = 65_535

interface Source {
  readonly address: string
  readonly port: number
}

export function openedIn(body: Buffer): Proved {
  const said = recordIn(body)
  return {
    spentMs: numberAt(said, 'spentMs'),
    protocol: said['protocol'] === 'http' ? 'http' : 'mqtt',
    generation: numberAt(said, 'generation'),
    certificate: said['certificate'] === null ? null : certificateIn(said['certificate']),
    psk: said['psk'] === null ? null : textAt(said, 'psk'),
  }
}

export function sourceIn(body: Buffer): Source {
  const said = recordIn(body)
  const address = textAt(said, 'address')
  const port = numberAt(said, 'port')
  if (isIP(address) === 0) throw new LinkFault('an address that is none')
  if (!Number.isInteger(port) || port > PORT_MAX) throw new LinkFault('a port that is none')
  return { address, port }
}

export function refusalIn(body: Buffer): string {
  return textAt(recordIn(body), 'cause')
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
/** What lines about a connection tell. */
const FIELDS = ['event', 'listener', 'address', 'cause', 'place']

export function lineIn(body: Buffer): Line {
  const said = recordIn(body)
  const level = LEVELS.find(each => each === said['level'])
  const fields = said['fields']
  if (level === undefined || !isRecord(fields))
    throw new LinkFault('a line of the log that is none')
  const named = FIELDS.filter(name => name in fields).map(name => [name, textAt(fields, name)])
  return {
    level,
    fields: Object.fromEntries(named) as LogFields,
    sentence: textAt(said, 'sentence'),
  }
}

export function figuresIn(body: Buffer): FrontEndFigures {
  const said = recordIn(body)
  return {
    cpuSeconds: numberAt(said, 'cpuSeconds'),
    residentBytes: numberAt(said, 'residentBytes'),
    loopDelayMs: numberAt(said, 'loopDelayMs'),
    readPauses: numberAt(said, 'readPauses'),
  }
}

function certificateIn(said: unknown): ClientCertificate {
  if (!isRecord(said)) throw new LinkFault('a certificate that is none')
  return {
    commonName: textAt(said, 'commonName'),
    subjectAltNames: textsAt(said, 'subjectAltNames'),
    fingerprint: textAt(said, 'fingerprint'),
    // JSON has no date that is none.
    ...(typeof said['validTo'] === 'number' && { validTo: said['validTo'] }),
    issuedAs: textsAt(said, 'issuedAs'),
  }
}

type Said = Readonly<Record<string, unknown>>

function recordIn(body: Buffer): Said {
  let said: unknown
  try {
    said = JSON.parse(body.toString())
  } catch {
    throw new LinkFault('a body that is no JSON')
  }
  if (isRecord(said)) return said
  throw new LinkFault('a body that is no map')
}

function isRecord(said: unknown): said is Said {
  return typeof said === 'object' && said !== null && !Array.isArray(said)
}

function textAt(said: Said, name: string): string {
  const value = said[name]
  if (typeof value === 'string') return value
  throw new LinkFault(`${name} is no text`)
}

function textsAt(said: Said, name: string): readonly string[] {
  const value = said[name]
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return value
  throw new LinkFault(`${name} is no list of texts`)
}

function numberAt(said: Said, name: string): number {
  const value = said[name]
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new LinkFault(`${name} is no number`)
}
