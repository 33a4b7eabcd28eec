// Files that say who may come in and do what. One wrong line makes a file wrong: nothing of it is taken.

import { readFileSync, statSync } from 'node:fs'

export const ACCESS_FILE_BYTES_MAX = 16_777_216
/** What is wrong with a file is said of its first lines that are. */
const PROBLEMS_SAID_MAX = 10

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

/** Its message names file and line of what is wrong, ready to be printed. */
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

/** Throws AccessFileError. */
export function readAccessFile(file: string): Buffer {
  try {
    const { size } = statSync(file)
    if (size <= ACCESS_FILE_BYTES_MAX) return readFileSync(file)
    const sentence = `has ${size} bytes, and ${ACCESS_FILE_BYTES_MAX} are the most`
    throw new AccessFileError([{ place: file, sentence }])
  } catch (error) {
    if (error instanceof AccessFileError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new AccessFileError([
      { place: file, sentence: `cannot be read (${code ?? 'unknown error'})` },
    ])
  }
}

/** The lines, without blanks at their ends; what is no UTF-8 goes to `problems`. */
export function linesOf(bytes: Buffer, file: string, problems: Problem[]): readonly Line[] {
  const lines: Line[] = []
  let start = 0
  for (let number = 1; start < bytes.length; number++) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    const place = `${file}:${number}`
    const text = decoded(bytes.subarray(start, end))
    if (text === null) problems.push({ place, sentence: 'this line is not UTF-8' })
    else if (text.includes('\0')) problems.push({ place, sentence: 'this line has a zero byte' })
    else lines.push({ text: withoutBlanksAtEnd(text), number, place })
    start = end + 1
  }
  return lines
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Buffer): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}

/** Without what C calls blanks, at both ends. */
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
