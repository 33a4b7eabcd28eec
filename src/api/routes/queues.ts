// Named queues: which there are, what waits in one, and what operators do with it.

import type { QueueTask } from '../../broker/queue-tasks.ts'
import type { NamedQueue } from '../../session/named-queue/named-queue.ts'
import { numberOf } from '../../session/waiting/fifo-queue.ts'
import { unknownCaller } from '../app.ts'
import { deletedAnswer } from '../contract/clients.ts'
import {
  type QueueDetail,
  queueDetail,
  queueMoveRequest,
  type QueuePeek,
  queuePeek,
  queuePeekQuery,
  queueQuery,
  queueRequest,
  type QueueRow,
  queuesPage,
  queuesQuery,
  type QueueTaskAnswer,
  queueTaskAnswer,
  queueTaskRequest,
} from '../contract/queues.ts'
import { ANSWER_BYTES_MAX, found, pageWith } from '../listing.ts'
import { messageRowOf, seesPayloads } from '../message-rows.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

const CLIENTS_MAX = 1_000
/** An answer waits so long for the end of what was begun. */
const WAIT_MS = 5_000

export function queueRoutes(parts: ApiParts): readonly Route[] {
  return [...lookingRoutes(parts), ...settingRoutes(parts), ...taskRoutes(parts)]
}

function lookingRoutes(parts: ApiParts): readonly Route[] {
  const { core, scans, config } = parts
  return [
    route({
      method: 'GET',
      path: '/queues',
      roles: READERS,
      summary: 'Named queues by name',
      query: queuesQuery,
      answer: queuesPage,
      handle: ({ query: { limit, cursor } }) =>
        scans.run(async slice => {
          const listing = {
            ...{ limit, cursor, isDescending: false, order: 'name' },
            valueOf: ({ name }: NamedQueue) => name,
            keyOf: () => '',
            isMeant: () => true,
          }
          const queues = await found(core.broker.subscriptions.queues.all, listing, slice)
          return pageWith(queues, listing, queue => rowOf(parts, queue))
        }),
    }),
    route({
      method: 'GET',
      path: '/queue',
      roles: READERS,
      summary: `One named queue with its settings and consumers; ${CLIENTS_MAX} at most`,
      query: queueQuery,
      answer: queueDetail,
      handle: ({ query: { name } }) => detailOf(parts, queueNamed(parts, name)),
    }),
    route({
      method: 'GET',
      path: '/queue/messages',
      roles: READERS,
      summary: 'Messages that wait in a named queue, oldest first; none is taken out',
      query: queuePeekQuery,
      answer: queuePeek,
      async handle({ query: { name, after, limit, payloadBytes }, caller }) {
        if (caller === null) throw unknownCaller()
        const isSeen = seesPayloads(caller, config.dashboard.viewersSeePayloads)
        const peeked = await core.commands.queues.peek(name, after, limit)
        if (peeked === null) throw new Problem(404, NO_QUEUE)
        const items = peeked.messages.map(({ number, message, handOuts }) => ({
          number,
          deliveries: handOuts?.count ?? 0,
          deadLetterReason: orNull(handOuts?.reason),
          deadLetterQueue: orNull(handOuts?.queue),
          ...messageRowOf(message, isSeen ? payloadBytes : null),
        }))
        return withinAnswer(items, peeked.next)
      },
    }),
  ]
}

function settingRoutes(parts: ApiParts): readonly Route[] {
  const { queues } = parts.core.commands
  return [
    route({
      method: 'PUT',
      path: '/queue',
      roles: OPERATORS,
      summary: 'Makes a named queue, or changes its settings',
      query: queueQuery,
      body: queueRequest,
      answer: queueDetail,
      async handle({ query: { name }, body }) {
        const outcome = await queues.set(name, body)
        if (outcome !== 'done') throw new Problem(outcome.isThere ? 409 : 422, outcome.sentence)
        return detailOf(parts, queueNamed(parts, name))
      },
    }),
    route({
      method: 'DELETE',
      path: '/queue',
      roles: OPERATORS,
      summary:
        'Deletes a named queue with all that waits; what consumers have is settled. `deleted` is 0 if there is none',
      query: queueQuery,
      answer: deletedAnswer,
      handle: async ({ query: { name } }) => ({ deleted: (await queues.delete(name)) ? 1 : 0 }),
    }),
  ]
}

function taskRoutes(parts: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/queue/purge',
      roles: OPERATORS,
      summary: 'Drops what waits in a named queue',
      query: queueQuery,
      body: queueTaskRequest,
      answer: queueTaskAnswer,
      handle: ({ query: { name }, body }) => does(parts, name, { kind: 'purge' }, body),
    }),
    route({
      method: 'POST',
      path: '/queue/move',
      roles: OPERATORS,
      summary: 'Moves what waits in a named queue to the end of another; stops when that is full',
      query: queueQuery,
      body: queueMoveRequest,
      answer: queueTaskAnswer,
      handle({ query: { name }, body: { to, ...body } }) {
        if (to === name) throw new Problem(422, 'to: it is this queue itself')
        if (parts.core.broker.subscriptions.queues.get(to) === null) {
          throw new Problem(404, `there is no queue ${to}: make it first`)
        }
        return does(parts, name, { kind: 'move', to }, body)
      },
    }),
    route({
      method: 'POST',
      path: '/queue/redrive',
      roles: OPERATORS,
      summary: 'Puts dead letters back into the queues that they came from; counts begin at zero',
      query: queueQuery,
      body: queueTaskRequest,
      answer: queueTaskAnswer,
      handle: ({ query: { name }, body }) => does(parts, name, { kind: 'redrive' }, body),
    }),
  ]
}

const NO_QUEUE = 'there is no such queue: GET queues lists them'

/** Throws Problem. */
async function does(
  parts: ApiParts,
  name: string,
  task: QueueTask,
  { max = Infinity, dryRun }: { readonly max?: number | undefined; readonly dryRun: boolean },
): Promise<QueueTaskAnswer> {
  const { queues } = parts.core.commands
  const matched = Math.min(max, waitingIn(queueNamed(parts, name)))
  if (dryRun) return { matched, done: 0, isOver: true, stopped: null }
  const sweep = await queues.begin(name, task, max)
  if (!('done' in sweep)) throw new Problem(sweep.isThere ? 409 : 404, sweep.sentence)
  await Promise.race([queues.whenOver(sweep), waited()])
  const { done, isOver, stopped } = sweep
  return { matched, done, isOver, stopped }
}

function waited(): Promise<void> {
  return new Promise(settle => setTimeout(settle, WAIT_MS).unref())
}

/** Throws Problem. */
function queueNamed({ core }: ApiParts, name: string): NamedQueue {
  const queue = core.broker.subscriptions.queues.get(name)
  if (queue !== null) return queue
  throw new Problem(404, NO_QUEUE)
}

/** The smallest number of what waits; 0 if only the store has it. */
function oldestIn({ queue, handOuts }: NamedQueue): number {
  const first = queue.waiting.peek()
  const inQueue = first === undefined ? 0 : numberOf(first)
  return handOuts.aside.reduce(
    (least, delivery) => Math.min(least, numberOf(delivery)),
    queue.messages === 0 ? Infinity : inQueue,
  )
}

function waitingIn({ queue, handOuts }: NamedQueue): number {
  return queue.messages + handOuts.aside.length
}

function rowOf({ core }: ApiParts, named: NamedQueue): QueueRow {
  const { queues } = core.broker.subscriptions
  const { name, settings, queue, handOuts, inFlight, consumers, counts, sweeping } = named
  const { ages, ...counted } = counts
  const setAside = handOuts.aside.length
  const messages = queue.messages + setAside
  const deadLetters = settings.deadLetter === '' ? null : queues.get(settings.deadLetter)
  const oldestAt = messages === 0 ? null : ages.cameAt(oldestIn(named))
  return {
    name,
    madeBy: queues.settings.named.has(name)
      ? 'configuration'
      : (queues.makerOf(name)?.kind ?? 'operator'),
    order: settings.order,
    ...{ messages, bytes: queue.bytes, setAside, inFlight },
    ...handOuts.holdCounts,
    oldestAt: oldestAt === null ? null : new Date(oldestAt).toISOString(),
    consumers: consumers.count,
    deadLetters: deadLetters === null ? 0 : waitingIn(deadLetters),
    isFull: !queue.waiting.fits(0, 1),
    counts: { ...counted },
    operation: sweeping === null ? null : { kind: sweeping.task.kind, done: sweeping.done },
  }
}

function detailOf(parts: ApiParts, queue: NamedQueue): QueueDetail {
  const clients = [...queue.consumers.all].slice(0, CLIENTS_MAX).map(member => ({
    clientId: member.clientId,
    isConnected: member.isHere,
    inFlight: member.inFlightOfGroup,
  }))
  const { filters, ...settings } = queue.settings
  return { ...rowOf(parts, queue), settings: { ...settings, filters: [...filters] }, clients }
}

function withinAnswer(items: QueuePeek['items'], next: number | null): QueuePeek {
  let bytes = 0
  const fitting = items.filter(item => {
    bytes += JSON.stringify(item).length * 3
    return bytes <= ANSWER_BYTES_MAX || item === items[0]
  })
  const last = fitting.at(-1)
  return { items: fitting, next: fitting.length < items.length && last ? last.number : next }
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text
}
