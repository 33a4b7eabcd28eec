// Checks retained messages: each is the last acknowledged value of its topic, or one that was sent after it.
// Each topic has one publisher, so its values have an order.

import type { LoggedEvent, PublishingEvent } from '../event.ts'
import type { Report } from './finding.ts'

interface Value {
  readonly publisher: string
  readonly sequence: number
  readonly isEmpty: boolean
  /** When a later value was settled: a subscriber after that must not receive this one. */
  supersededAt: number
}

interface Question {
  readonly askedAt: number
  readonly received: Set<string>
}

const KEPT_VALUES_MAX = 64

export class RetainedCheck {
  questionsAnswered = 0
  readonly #topics = new Map<string, Value[]>()
  /** The topics of values that are not settled yet. */
  readonly #unsettled = new Map<string, string>()
  readonly #questions = new Map<string, Question>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  see(event: LoggedEvent, at: number): void {
    switch (event.kind) {
      case 'publishing':
        if (event.retain) this.#publishing(event)
        return
      case 'settled':
        this.#settled(event.publisher, event.sequence, at)
        return
      case 'retained-asked':
        this.#questions.set(event.client, { askedAt: at, received: new Set() })
        return
      case 'retained-received':
        this.#received(event.client, event.topic, event.publisher, event.sequence)
        return
      case 'retained-answered':
        this.#answered(event.client)
        return
      default:
    }
  }

  /** Returns the topics whose retained message this client must still receive. */
  missing(client: string): readonly string[] {
    const question = this.#questions.get(client)
    if (question === undefined) return []
    const { askedAt, received } = question
    const topics: string[] = []
    for (const [topic, values] of this.#topics) {
      const mayBeEmpty = values.some(value => value.isEmpty && value.supersededAt >= askedAt)
      if (!mayBeEmpty && !received.has(topic)) topics.push(topic)
    }
    return topics
  }

  #publishing({ topic, publisher, sequence, isEmpty }: PublishingEvent): void {
    const nothing = { publisher: '', sequence: 0, isEmpty: true, supersededAt: Infinity }
    const values = this.#topics.get(topic) ?? [nothing]
    this.#topics.set(topic, values)
    values.push({ publisher, sequence, isEmpty, supersededAt: Infinity })
    if (values.length > KEPT_VALUES_MAX) values.splice(0, values.length - KEPT_VALUES_MAX)
    this.#unsettled.set(`${publisher}/${sequence}`, topic)
  }

  #settled(publisher: string, sequence: number, at: number): void {
    const key = `${publisher}/${sequence}`
    const topic = this.#unsettled.get(key)
    if (topic === undefined) return
    this.#unsettled.delete(key)
    for (const value of this.#topics.get(topic) ?? []) {
      if (value.sequence < sequence) value.supersededAt = Math.min(value.supersededAt, at)
    }
  }

  #received(client: string, topic: string, publisher: string, sequence: number): void {
    const question = this.#questions.get(client)
    if (question === undefined) return
    question.received.add(topic)
    const value = this.#topics
      .get(topic)
      ?.find(each => each.publisher === publisher && each.sequence === sequence)
    if (value !== undefined && value.supersededAt >= question.askedAt) return
    const words = `${client} received ${publisher}/${sequence} retained on ${topic}`
    this.#report('retained', `${words}, after a later value or its clearing was acknowledged`)
  }

  #answered(client: string): void {
    for (const topic of this.missing(client)) {
      const sequence = this.#topics.get(topic)?.at(-1)?.sequence ?? 0
      this.#report(
        'retained',
        `${client} received nothing retained on ${topic}, last was ${sequence}`,
      )
    }
    this.#questions.delete(client)
    this.questionsAnswered += 1
  }
}
