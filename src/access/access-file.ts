// Files with users or rules. If one line is wrong, nothing of the file is used.

import { readFileSync, type Stats, statSync } from 'node:fs'

export const ACCESS_FILE_BYTES_MAX = 16_777_216
/** The most wrong lines that an error reports. */
const PROBLEMS_SAID_MAX = 10
/** A file with this many wrong lines is probably another kind of file. The rest is not read, so that the broker is not blocked. */
export const PROBLEMS_MAX = 1_000

export interface Line {
  readonly text: string
  readonly number: number
  /** `file:12` */
  readonly place: string
}

export interface Problem {
  readonly place: string
  readonly sentence: string
}

/** Its message names file and line of each mistake, ready to be printed. */
export class AccessFileError extends Error {
  readonly code = 'ERR_ACCESS_FILE'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const lines = problems
      .slice(0, PROBLEMS_SAID_MAX)
      .map(({ place, sentence }) => `${place}: ${sentence}`)
    const rest = problems.length - lines.length
    super([...lines, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n'))
    this.problems = problems
  }
}

/** Throws AccessFileError. `mend` is what to do if there is no such file. */
export function readAccessFile(file: string, mend?: string): Buffer {
  try {
    const found = statSync(file)
    const sentence = unreadable(found)
    if (sentence !== null) throw new AccessFileError([{ place: file, sentence }])
    return readFileSync(file)
  } catch (error) {
    if (error instanceof AccessFileError) throw error
    const { code } = error as NodeJS.ErrnoException
    const rest = code === 'ENOENT' && mend !== undefined ? `: ${mend}` : ''
    throw new AccessFileError([
      { place: file, sentence: `cannot be read (${code ?? 'unknown error'})${rest}` },
    ])
  }
}

/** Returns why the file is not opened, or null. A pipe would block the broker until somebody writes to it, and can be read only once. */
function unreadable(found: Stats): string | null {
  const { size } = found
  if (size > ACCESS_FILE_BYTES_MAX)
    return `has ${size} bytes, and ${ACCESS_FILE_BYTES_MAX} are the most`
  return found.isFile() || found.isDirectory() ? null : 'is a pipe or a device, and no file'
}

/** Returns the lines without white space at their ends, up to the line with too many problems. Lines that are not UTF-8 are added to `problems`. */
export function* linesOf(bytes: Buffer, file: string, problems: Problem[]): Iterable<Line> {
  let start = 0
  for (let number = 1; start < bytes.length && problems.length < PROBLEMS_MAX; number++) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    const place = `${file}:${number}`
    const text = decoded(bytes.subarray(start, end))
    if (text === null) problems.push({ place, sentence: 'this line is not UTF-8' })
    else if (text.includes('\0')) problems.push({ place, sentence: 'this line has a zero byte' })
    else if (number === 1 && text.startsWith(BYTE_ORDER_MARK)) {
      const sentence = 'the file begins with a byte order mark: save it without'
      problems.push({ place, sentence })
    } else yield { text: withoutBlanksAtEnd(text), number, place }
    start = end + 1
  }
}

const BYTE_ORDER_MARK = '\uFEFF'

/** Returns the text of a whole file. Throws AccessFileError if it is not UTF-8. */
export function utf8TextOf(bytes: Buffer, file: string): string {
  const text = decoded(bytes)
  if (text !== null) return text
  throw new AccessFileError([{ place: file, sentence: 'this file is not UTF-8' }])
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Buffer): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}

/** Removes white space in the sense of C at both ends. */
export function trimmed(text: string): string {
  let start = 0
  while (start < text.length && isBlank(text.charCodeAt(start))) start++
  return withoutBlanksAtEnd(text.slice(start))
}

function withoutBlanksAtEnd(text: string): string {
  let end = text.length
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

/** Space, and tab to carriage return. */
function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}
