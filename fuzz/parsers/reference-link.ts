// A second reading of what a front end says, plain instead of fast, by docs/decisions/0076 and the table of frames.

export interface LinkEvents {
  readonly events: readonly string[]
  /** What came of each connection, in hexadecimal. */
  readonly bytes: Readonly<Record<string, string>>
  readonly hasFailed: boolean
}

const TEXT = 65_536
const BOUNDS: Readonly<Record<number, number>> = {
  32: TEXT,
  33: 262_144,
  34: 0,
  35: 4,
  36: 0,
  37: TEXT,
  38: 0,
  39: TEXT,
  40: 0,
  41: TEXT,
  42: TEXT,
  43: TEXT,
  44: 4,
}

type State = 'given' | 'open' | 'closed'
type Said = Readonly<Record<string, unknown>>

class Wrong extends Error {}

export function readLink(bytes: Buffer, connections: number): LinkEvents {
  const reading = new Reading(connections)
  let hasFailed = false
  try {
    reading.readAll(bytes)
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    hasFailed = true
    reading.closeAll()
  }
  return { events: reading.events, bytes: Object.fromEntries(reading.bytes), hasFailed }
}

class Reading {
  readonly events: string[] = []
  readonly bytes = new Map<number, string>()
  readonly #states = new Map<number, State>()

  constructor(connections: number) {
    for (let number = 1; number <= connections; number++) this.#states.set(number, 'given')
  }

  readAll(bytes: Buffer): void {
    let at = 0
    while (bytes.length - at >= 11) {
      const length = bytes.readUInt32LE(at)
      const kind = bytes[at + 4] ?? 0
      const connection = bytes.readUIntLE(at + 5, 6)
      const bound = BOUNDS[kind]
      must(bound !== undefined && length <= bound)
      at += 11
      const body = bytes.subarray(at, at + length)
      at += length
      const isWhole = body.length === length
      if (isWhole || (kind === 33 && body.length > 0)) this.#frame(kind, connection, body)
    }
  }

  /** With the link all connections are over. */
  closeAll(): void {
    for (const [connection, state] of this.#states) {
      if (state !== 'closed') this.#closed(connection)
    }
  }

  #frame(kind: number, connection: number, body: Buffer): void {
    // No turn has ended.
    if (kind === 38) must(connection === 0)
    else if (kind === 42) this.#line(said(body))
    else if (kind === 43) {
      const figures = said(body)
      for (const name of ['cpuSeconds', 'residentBytes', 'loopDelayMs', 'readPauses'])
        must(isNumber(figures[name]))
      this.events.push(`figures ${String(figures['cpuSeconds'])}`)
    } else {
      const state = this.#states.get(connection)
      must(state !== undefined)
      if (state === 'given') this.#early(kind, connection, body)
      else if (state === 'open') this.#later(kind, connection, body)
    }
  }

  #line({ level, fields, sentence }: Said): void {
    must(level === 'debug' || level === 'info' || level === 'warn' || level === 'error')
    must(isMap(fields))
    for (const name of ['event', 'listener', 'address', 'cause', 'place']) {
      if (name in (fields as Said)) must(typeof (fields as Said)[name] === 'string')
    }
    must(typeof sentence === 'string')
    this.events.push(`line ${String(level)} ${String(sentence)}`)
  }

  #early(kind: number, connection: number, body: Buffer): void {
    if (kind === 32) this.#opened(connection, said(body))
    else if (kind === 39) {
      const { address, port } = said(body)
      must(typeof address === 'string' && isNumber(port))
      this.events.push(`named ${connection} ${String(address)}`)
    } else if (kind === 41) this.#refused(connection, body)
    else if (kind === 37) this.#closed(connection)
    else must(kind === 40)
  }

  #opened(connection: number, opened: Said): void {
    const { spentMs, protocol, generation, certificate, psk } = opened
    must(isNumber(spentMs) && isNumber(generation))
    must(certificate === null || isCertificate(certificate))
    must(psk === null || typeof psk === 'string')
    this.#states.set(connection, 'open')
    const name = certificate === null ? '-' : String((certificate as Said)['commonName'])
    const words = [protocol === 'http' ? 'http' : 'mqtt', name, psk === null ? '-' : String(psk)]
    this.events.push(`opened ${connection} ${words.join(' ')}`)
  }

  #later(kind: number, connection: number, body: Buffer): void {
    if (kind === 33) {
      this.bytes.set(connection, (this.bytes.get(connection) ?? '') + body.toString('hex'))
    } else if (kind === 34) this.events.push(`heard ${connection}`)
    else if (kind === 35 || kind === 44) must(body.length === 4)
    else if (kind === 41) this.#refused(connection, body)
    else if (kind === 37) this.#closed(connection)
    else must(kind === 36)
  }

  #refused(connection: number, body: Buffer): void {
    const { cause } = said(body)
    must(typeof cause === 'string')
    this.events.push(`refused ${connection} ${String(cause)}`)
  }

  #closed(connection: number): void {
    this.#states.set(connection, 'closed')
    this.events.push(`ended ${connection}`)
  }
}

function must(isSo: boolean): void {
  if (!isSo) throw new Wrong()
}

function said(body: Buffer): Said {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (isMap(value)) return value
  } catch {
    // It is no JSON.
  }
  throw new Wrong()
}

function isMap(value: unknown): value is Said {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

function isCertificate(value: unknown): boolean {
  if (!isMap(value)) return false
  const texts = [value['commonName'], value['fingerprint']]
  const lists = [value['subjectAltNames'], value['issuedAs']]
  return (
    texts.every(each => typeof each === 'string') &&
    lists.every(each => Array.isArray(each) && each.every(one => typeof one === 'string'))
  )
}
