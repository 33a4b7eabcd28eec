// How the dashboard shows numbers, bytes, times and names that others have chosen.

import { test } from 'tap'
import { lineDiff } from '../../src/dashboard/show/line-diff.ts'
import {
  bytes,
  bytesOf,
  clock,
  count,
  counted,
  duration,
  rate,
  sentence,
  time,
  visible,
  visibleLines,
} from '../../src/dashboard/show/format.ts'

test('numbers have commas, and from a million on two digits', async t => {
  for (const [value, shown] of [
    [0, '0'],
    [12_345, '12,345'],
    [1_234_567, '1.23 M'],
    [5_600_000_000, '5.60 G'],
    [null, '–'],
    [NaN, '–'],
  ] as const) {
    t.equal(count(value), shown)
  }
  t.equal(rate(1.25), '1.3')
  t.equal(rate(2), '2')
  t.equal(rate(1_204.4), '1,204')
  t.equal(counted(1, 'client'), '1 client')
  t.equal(counted(3_000, 'client'), '3,000 clients')
})

test('two texts are compared by their lines, with the lines around what has changed', async t => {
  const shown = (before: string, after: string): string =>
    lineDiff(before, after, 1)
      .map(({ kind, text }) => ({ kept: ' ', removed: '-', added: '+' })[kind] + text)
      .join('|')

  t.equal(shown('a\nb\nc\nd\ne', 'a\nb\nx\nd\ne'), ' b|-c|+x| d')
  t.equal(shown('a\nb', 'a\nb\nc'), ' b|+c')
  t.equal(shown('a\nb\nc\nd', 'b\nc\ne\nd'), '-a| b| c|+e| d')
  t.equal(shown('a', 'a'), '')
  const many = Array.from({ length: 1_500 }, (_, line) => `${line}`).join('\n')
  t.equal(lineDiff(many, many.replaceAll('1', '2'), 0).length > 1_000, true)
})

test('bytes are in units of 1,024, times in their two largest units', async t => {
  for (const [value, shown] of [
    [0, '0 B'],
    [812, '812 B'],
    [69_837, '68.2 KiB'],
    [1_048_576, '1.0 MiB'],
  ] as const) {
    t.equal(bytes(value), shown)
  }
  t.equal(bytesOf(4_096, 69_837), '4 of 68.2 KiB')
  t.equal(bytesOf(4_096, 1_048_576), '4.0 KiB of 1.0 MiB')
  for (const [seconds, shown] of [
    [0, '0 s'],
    [59, '59 s'],
    [725, '12 min 5 s'],
    [3_600, '1 h'],
    [356_400, '4 d 3 h'],
  ] as const) {
    t.equal(duration(seconds), shown)
  }
})

test('a time of today is a clock, one of another day has its date', async t => {
  const at = Date.parse('2026-11-22T14:02:31.500Z')

  t.equal(time(at, at + 3_600_000, 'UTC'), '14:02:31')
  t.equal(time(at, at + 86_400_000, 'UTC'), '11-22 14:02')
  t.equal(time(NaN, at, 'UTC'), '–')
  t.equal(clock(at, 'UTC'), '14:02:31')
})

test('a cause becomes a sentence, and a command stays as it is typed', async t => {
  t.equal(sentence('the disk is full'), 'The disk is full.')
  t.equal(sentence('who is \u202e?'), 'Who is \\u202e?')
  t.equal(sentence('pondhawk user add a'), 'Run pondhawk user add a')
})

test('what cannot be seen, or would turn the text around it, stands as its number', async t => {
  for (const [name, shown] of [
    ['plain/ä/水', 'plain/ä/水'],
    ['gpj\u202e.exe', 'gpj\\u202e.exe'],
    ['a\u0000b\r\nc', 'a\\u0000b\\u000d\\u000ac'],
    ['\u200b\ufeff', '\\u200b\\ufeff'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800', '\\ud800'],
    ['<img src=x>', '<img src=x>'],
  ] as const) {
    t.equal(visible(name), shown)
  }
  t.equal(visibleLines('one\r\ntwo\u0007\tthree'), 'one\ntwo\\u0007\tthree')
})
