// Subscriptions with expressions. One world in five has some; what is random of them comes from a stream of its own.

import type { Properties, SubscriptionRequest } from '../src/packet/packet.ts'
import type { Publication } from './history.ts'
import { Random } from './random.ts'

/** An expression as subscribers write it, and what it means. */
export interface Expression {
  readonly text: string
  readonly isTrue: (publication: Publication) => boolean
}

/** One world in this many has expressions. */
const WORLDS = 5
const WHERE = '$where'
const STREAM = 0x77_68_65_72

export const EXPRESSIONS = [
  { text: 'qos = 2', isTrue: ({ qos }) => qos === 2 },
  { text: "publisher <> 'c1'", isTrue: ({ publisher }) => publisher !== 'c1' },
  {
    text: "topic.2 = 'a' OR qos = 1",
    isTrue: each => each.topic.split('/')[1] === 'a' || each.qos === 1,
  },
  { text: 'a >= 5', isTrue: each => Number(tagOf(each) ?? -1) >= 5 },
  { text: 'a IS NULL', isTrue: each => tagOf(each) === undefined },
] as const satisfies readonly Expression[]

export class Expressions {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** Returns the expression for a SUBSCRIBE, or null. Share groups have none: there it is a part of the group's identity. */
  forSubscribe(asked: readonly SubscriptionRequest[]): Expression | null {
    if (asked.some(({ filter }) => filter.startsWith('$'))) return null
    return this.#random.chance(2) ? this.#random.of(EXPRESSIONS) : null
  }
}

/** Returns null for a world without expressions. */
export function expressionsOf(seed: number): Expressions | null {
  const random = new Random(seed ^ STREAM)
  return random.chance(WORLDS) ? new Expressions(random) : null
}

export function withExpression(properties: Properties, { text }: Expression): Properties {
  const others = properties.userProperties ?? []
  return { ...properties, userProperties: [...others, [WHERE, text]] }
}

/** Returns the expression of a SUBSCRIBE, or null. */
export function expressionIn({ userProperties = [] }: Properties): Expression | null {
  const text = userProperties.find(([name]) => name === WHERE)?.[1]
  return text === undefined ? null : expressionOf(text)
}

/** Returns null for a text that is none of the expressions of worlds. */
export function expressionOf(text: string): Expression | null {
  return EXPRESSIONS.find(each => each.text === text) ?? null
}

function tagOf({ properties }: Publication): string | undefined {
  return properties.userProperties?.findLast(([name]) => name === 'a')?.[1]
}
