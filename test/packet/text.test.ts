import { test } from 'tap'
import { quoted, sayable, shortened, WORDS_BYTES_MAX } from '../../src/packet/text.ts'

test('a text that fits its bound stays as it is', async t => {
  for (const text of ['', 'a', 'x'.repeat(256), 'ö'.repeat(128), '€'.repeat(85), '🎈'.repeat(64)])
    t.equal(shortened(text), text)
})

test('a text over its bound is cut at a whole character, and an ellipsis says so', async t => {
  t.equal(shortened('x'.repeat(257)), `${'x'.repeat(253)}…`)
  for (const character of ['x', 'ö', '€', '🎈', '\ud800']) {
    for (let before = 0; before < 5; before++) {
      for (let bytesMax = 3; bytesMax < 40; bytesMax++) {
        const text = 'x'.repeat(before) + character.repeat(100)
        const cut = shortened(text, bytesMax)
        const bytes = Buffer.byteLength(cut)
        t.ok(bytes <= bytesMax && bytes > bytesMax - 4, `${bytes} of ${bytesMax}`)
        t.ok(cut.endsWith('…') && text.startsWith(cut.slice(0, -1)))
        t.equal((cut.length - 1 - Math.min(before, cut.length - 1)) % character.length, 0)
      }
    }
  }
})

test('quoted text is harmless and short, however long its escapes are', async t => {
  t.equal(quoted('a/"b"\n'), '"a/\\"b\\"\\n"')
  for (const character of ['\u0001', '"', '🎈', '\ud800']) {
    const words = quoted(character.repeat(65_535))
    t.ok(Buffer.byteLength(words) <= WORDS_BYTES_MAX, `${Buffer.byteLength(words)} bytes`)
  }
})

test('packets that the specification forbids are not encoded', async t => {
  t.equal(sayable('no\u0000w\n'), 'no\ufffdw\ufffd')
  for (const character of ['\u0000', '\u009f', '\ufffe', '\u{1ffff}'])
    t.ok(Buffer.byteLength(sayable(character.repeat(1_000))) <= WORDS_BYTES_MAX)
})
