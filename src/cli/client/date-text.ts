// A time in parts, by the letters of strftime as the C locale has them.

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September'],
  ...['October', 'November', 'December'],
] as const
const DAY_MS = 86_400_000

function two(value: number, fill = '0'): string {
  return String(value).padStart(2, fill)
}

const LETTERS: Readonly<Record<string, (at: Date) => string>> = {
  a: at => (DAYS[at.getDay()] ?? '').slice(0, 3),
  A: at => DAYS[at.getDay()] ?? '',
  b: at => (MONTHS[at.getMonth()] ?? '').slice(0, 3),
  B: at => MONTHS[at.getMonth()] ?? '',
  c: at => joined('a b e T Y', at),
  C: at => two(Math.floor(at.getFullYear() / 100)),
  d: at => two(at.getDate()),
  D: at => joined('m/d/y', at),
  e: at => two(at.getDate(), ' '),
  F: at => joined('Y-m-d', at),
  h: at => joined('b', at),
  H: at => two(at.getHours()),
  I: at => two(at.getHours() % 12 || 12),
  j: at => String(dayOfYear(at)).padStart(3, '0'),
  k: at => two(at.getHours(), ' '),
  l: at => two(at.getHours() % 12 || 12, ' '),
  m: at => two(at.getMonth() + 1),
  M: at => two(at.getMinutes()),
  n: () => '\n',
  N: at => `${String(at.getMilliseconds()).padStart(3, '0')}000000`,
  p: at => (at.getHours() < 12 ? 'AM' : 'PM'),
  r: at => joined('I:M:S p', at),
  R: at => joined('H:M', at),
  s: at => String(Math.floor(at.getTime() / 1_000)),
  S: at => two(at.getSeconds()),
  t: () => '\t',
  T: at => joined('H:M:S', at),
  u: at => String(at.getDay() || 7),
  w: at => String(at.getDay()),
  x: at => joined('D', at),
  X: at => joined('T', at),
  y: at => two(at.getFullYear() % 100),
  Y: at => String(at.getFullYear()),
  z: at => offsetOf(at),
}

/** Returns null for a letter that is none. */
export function datePart(letter: string, at: Date): string | null {
  return LETTERS[letter]?.(at) ?? null
}

/** `2026-11-22T14:02:31+0100`. */
export function isoText(at: Date): string {
  return `${joined('F', at)}T${joined('Tz', at)}`
}

function joined(letters: string, at: Date): string {
  return letters.replaceAll(/[A-Za-z]/g, letter => LETTERS[letter]?.(at) ?? letter)
}

function dayOfYear(at: Date): number {
  const midnight = Date.UTC(at.getFullYear(), at.getMonth(), at.getDate())
  return (midnight - Date.UTC(at.getFullYear(), 0, 0)) / DAY_MS
}

function offsetOf(at: Date): string {
  const minutes = -at.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}
