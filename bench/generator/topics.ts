// Topics and filters of the patterns. All topics of a run have the same length, and so have all packets.

import type { Pattern, TrafficJob } from '../job.ts'

const INDEX_DIGITS = 5

export function topicsOf(job: TrafficJob, publisher: number): readonly string[] {
  const first = topicHead(job, publisher)
  if (job.topicsOfPublisher === 1) return [first]
  return Array.from({ length: job.topicsOfPublisher }, (_, index) => `${first}/${digits(index)}`)
}

export function filterOf(job: TrafficJob, subscriber: number): string {
  const behind = job.topicsOfPublisher === 1 ? '' : '/#'
  switch (job.pattern) {
    case 'pairs':
      return `bench/${digits(subscriber)}${behind}`
    case 'fan-out':
      return `bench/all${behind}`
    case 'fan-in':
      return 'bench/#'
    case 'wildcards':
      return `+/${digits(subscriber)}/#`
    case 'shared':
      return '$share/bench/bench/#'
    case 'queue':
      return '$queue/bench/bench/#'
  }
}

/** Returns how many subscribers receive each message. */
export function receiversOfMessage({ pattern, subscribers }: TrafficJob): number {
  return pattern === 'fan-out' ? subscribers : 1
}

/** Filters that match no topic of the run: exact filters, and filters with each wildcard. */
export function unrelatedFilter(index: number): string {
  const site = Math.floor(index / 1_000)
  switch (index % 3) {
    case 0:
      return `site/${site}/device/${index}/state`
    case 1:
      return `site/${site}/+/${index}/alarm`
    default:
      return `site/${site}/area/${index}/#`
  }
}

function topicHead({ pattern, subscribers }: TrafficJob, publisher: number): string {
  return pattern === 'fan-out'
    ? 'bench/all'
    : `bench/${digits(topicIndex(pattern, publisher, subscribers))}`
}

/** If there are fewer subscribers than publishers, several publishers send to one subscriber. */
function topicIndex(pattern: Pattern, publisher: number, subscribers: number): number {
  return pattern === 'pairs' || pattern === 'wildcards' ? publisher % subscribers : publisher
}

function digits(index: number): string {
  return String(index).padStart(INDEX_DIGITS, '0')
}
