// How numbers, bytes, times and names are shown.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `12,345`, and `1.23 M` from a million on. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1e9) return `${(value / 1e9).toFixed(2)} G`
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  return Math.round(value).toLocaleString('en-US')
}

/** A rate or a time: whole from 10 on, one digit below. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (value !== 0 && Math.abs(value) < 10) return value.toFixed(1).replace(/\.0$/, '')
  return count(value)
}

/** `812 B`, `4.0 KiB`, `68.2 MiB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  let left = value
  let unit = 0
  while (Math.abs(left) >= 1_024 && unit < UNITS.length - 1) {
    left /= 1_024
    unit++
  }
  return `${unit === 0 ? String(Math.round(left)) : left.toFixed(1)} ${UNITS[unit] ?? ''}`
}

/** `4 of 68.2 KiB`; with both units where they differ. */
export function bytesOf(part: number, whole: number): string {
  const [shown, all] = [bytes(part), bytes(whole)]
  const [amount = '', unit = ''] = shown.split(' ')
  return `${all.endsWith(` ${unit}`) ? amount.replace(/\.0$/, '') : shown} of ${all}`
}

/** `4 d 3 h`, `12 min 5 s`: the two largest units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const
  const first = parts.findIndex(([amount]) => amount > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

export type Zone = 'local' | 'UTC'

/** `14:02:31` today, `11-22 14:02` on other days. */
export function time(at: number, now: number, zone: Zone): string {
  if (Number.isNaN(at)) return '–'
  const [day, clock] = dayAndClock(at, zone)
  const [today] = dayAndClock(now, zone)
  return day === today ? clock : `${day.slice(5)} ${clock.slice(0, 5)}`
}

export function clock(at: number, zone: Zone): string {
  return dayAndClock(at, zone)[1]
}

/** Returns `2026-11-22` and `14:02:31`. */
function dayAndClock(at: number, zone: Zone): readonly [string, string] {
  const shift = zone === 'UTC' ? 0 : new Date(at).getTimezoneOffset() * 60_000
  const text = new Date(at - shift).toISOString()
  return [text.slice(0, 10), text.slice(11, 19)]
}

/** Characters that would change how a text around them reads, or that cannot be seen. */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u2028\u2029\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu

/** Returns a name from outside as it can be shown: what could not be seen stands as `\u202e`. */
export function visible(name: string): string {
  return name.replaceAll(UNSEEN, sign => {
    const code = sign.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** The same for texts of many lines. */
export function visibleLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split(/(\n|\t)/)
    .map(part => (part === '\n' || part === '\t' ? part : visible(part)))
    .join('')
}

/** Returns the word in the number that the count asks for: `1 client`, `3 clients`. */
export function counted(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

/** Returns a cause or a mend, which begin small so that logs can join them, as a sentence. */
export function sentence(text: string): string {
  const shown = visible(text)
  // A command that is to be typed stays as it is.
  if (shown.startsWith('pondhawk ')) return `Run ${shown}`
  const whole = shown.charAt(0).toUpperCase() + shown.slice(1)
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}
