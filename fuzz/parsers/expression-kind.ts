// Expressions of subscriptions: whatever is refused has a place in its sentence, and whatever is read has the verdicts that its
// parentheses and its negation must have.

import { compile, type Truth } from '../../src/routing/expression/compile.ts'
import { Facts } from '../../src/routing/expression/facts.ts'
import { parse } from '../../src/routing/expression/parse.ts'
import { TERMS_MAX, Unreadable } from '../../src/routing/expression/syntax.ts'
import { randomMessage, randomPair } from '../../test/routing/expression/random-expressions.ts'
import { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { mutatedText } from './text-maker.ts'

const PLACE = /, at character (\d+) of the expression$/
const TOO_LONG = 'the expression has more than 1024 characters'
const MESSAGES = Array.from({ length: 4 }, (_, index) =>
  randomMessage(new Random(index), index + 1),
)

export const EXPRESSION_KIND: FileKind = { name: 'expressions', make, check }

function make(random: Random): Buffer {
  const { expression } = randomPair(random, random.below(5))
  return Buffer.from(random.chance(4) ? expression : mutatedText(expression, random))
}

function check(bytes: Buffer, counts: Record<string, number>): Outcome {
  const text = bytes.toString()
  const read = parse(text)
  if (read instanceof Unreadable) {
    count(counts, 'refused')
    const at = Number(PLACE.exec(read.sentence)?.[1] ?? 0)
    const isPlaced = at >= 1 && at <= text.length + 1
    return isPlaced || read.sentence === TOO_LONG ? null : `no place in: ${read.sentence}`
  }
  count(counts, 'accepted')
  if (read.terms < 1 || read.terms > TERMS_MAX) return `${read.terms} terms were read`
  return differenceOf(text)
}

/** What is in parentheses, and what is negated twice, is what it was before; and what is negated once is its opposite. */
function differenceOf(text: string): Outcome {
  const plain = truthsOf(text)
  const within = truthsOf(`(${text})`)
  const negated = truthsOf(`NOT (${text})`)
  if (plain === null) return 'it was read, and then not'
  // They are one or two levels deeper, and a few characters longer.
  if (within !== null && within.some((truth, index) => truth !== plain[index])) {
    return 'parentheses change its verdict'
  }
  const opposite = plain.map(truth => (truth === -1 ? -1 : 1 - truth))
  if (negated !== null && negated.some((truth, index) => truth !== opposite[index])) {
    return 'NOT does not make the opposite'
  }
  return null
}

function truthsOf(text: string): readonly Truth[] | null {
  const read = parse(text)
  if (read instanceof Unreadable) return null
  const ask = compile(read.condition)
  const facts = new Facts()
  return MESSAGES.map(({ message }) => {
    facts.about(message)
    return ask(facts)
  })
}
