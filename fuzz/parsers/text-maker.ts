// Changes text at random: characters, words, lines, and what files are damaged by.

import type { Random } from '../random.ts'

const PIECES = [
  ' ',
  '\t',
  '\n',
  '\r',
  '\0',
  '#',
  ':',
  '$',
  '/',
  '+',
  '%u',
  '-',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ',',
  '&a',
  '*a',
  '!!',
  '\ufeff',
  'ü',
  'deny',
  '0',
  '9',
]

export function mutatedText(text: string, random: Random): string {
  let now = text
  for (let count = 1 + random.below(3); count > 0; count--) now = mutatedOnce(now, random)
  return now
}

function mutatedOnce(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  const size = 1 + random.below(random.chance(3) ? 12 : 2)
  const head = text.slice(0, at)
  switch (random.below(7)) {
    case 0:
      return head + text.slice(at + size)
    case 1:
      return head + random.of(PIECES) + text.slice(at)
    case 2:
      return head + random.of(PIECES) + text.slice(at + 1)
    case 3:
      return head + text.slice(at, at + size) + text.slice(at)
    case 4:
      return head
    case 5:
      return withoutLine(text, random)
    default: {
      const code = text.charCodeAt(at)
      return (
        head +
        (code > 0 ? String.fromCharCode(code ^ (1 << random.below(6))) : 'x') +
        text.slice(at + 1)
      )
    }
  }
}

function withoutLine(text: string, random: Random): string {
  const lines = text.split('\n')
  lines.splice(random.below(lines.length), 1)
  return lines.join('\n')
}

/** Some bytes are no text: now and then one is replaced by any byte. */
export function bytesOf(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > 0 && random.chance(10)) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}
