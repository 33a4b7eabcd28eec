// One named queue: its settings, its consumers, what waits, and what an operator does with that.

import { useSignal } from '@preact/signals'
import type { QueueDetail, QueuePeek, QueueTaskAnswer } from '../../api/contract/queues.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import { ask } from '../show/dialog.tsx'
import { bytes, count, counted, rate, visible } from '../show/format.ts'
import { Action, At, ClientLink, Facts, Failure, Name, State, TopicLink } from '../show/parts.tsx'
import { Payload } from '../show/payload.tsx'
import { type Column, Table } from '../show/table.tsx'
import { useRates } from './named-queues.tsx'

const EVERY_SECONDS = 2
const PEEKED = 50

const MAKERS: Readonly<Record<QueueDetail['madeBy'], string>> = {
  configuration: 'the configuration, which sets it at each start',
  operator: 'an operator',
  subscriber: 'a subscriber: it ends when nobody has subscribed for long',
  'dead-letters': 'the dead letters of another queue',
}

export function NamedQueue({ name }: { readonly name: string }) {
  const path = withQuery('queue', { name })
  const { data, error, reload } = useResource<QueueDetail>(path, EVERY_SECONDS)
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>
          <Name>{name}</Name>
        </h1>
        <span class="actions">
          {data !== null && <Actions queue={data} changed={reload} />}
          <a class="button" href={to('queues')}>
            All queues
          </a>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null && <Shown queue={data} />}
    </div>
  )
}

function Actions({
  queue,
  changed,
}: {
  readonly queue: QueueDetail
  readonly changed: () => void
}) {
  const isDead = queue.name.endsWith('.dead') || queue.madeBy === 'dead-letters'
  return (
    <>
      {isDead && <Action onClick={() => askTask('redrive', queue, {}, changed)}>Redrive</Action>}
      <Action onClick={() => askWhereTo(queue, changed)}>Move</Action>
      <Action onClick={() => askTask('purge', queue, {}, changed)}>Purge</Action>
      <Action onClick={() => askDelete(queue)}>Delete</Action>
    </>
  )
}

function Shown({ queue }: { readonly queue: QueueDetail }) {
  const rates = useRates()(queue)
  const { settings, counts, operation, clients } = queue
  const { deadLetter } = settings
  return (
    <>
      {operation !== null && (
        <State level="warn">{`${operation.kind} goes on: ${count(operation.done)} done`}</State>
      )}
      <Facts
        rows={[
          ['Waiting', `${counted(queue.messages, 'message')}, ${bytes(queue.bytes)}`],
          ['Oldest', <At at={queue.oldestAt} />],
          ['In and settled', `${rate(rates.taken)} and ${rate(rates.settled)}`],
          ['In flight', count(queue.inFlight)],
          ['For transactions', `${count(queue.held)} held, ${count(queue.locked)} locked`],
          ['Made by', MAKERS[queue.madeBy]],
          [
            'Dead letters',
            deadLetter === '' ? (
              'none are kept'
            ) : (
              <a href={to('queues', { name: deadLetter })}>
                {`${count(queue.deadLetters)} in ${deadLetter}`}
              </a>
            ),
          ],
        ]}
      />
      <Table
        caption="Consumers"
        columns={CONSUMERS}
        rows={clients}
        keyOf={({ clientId }) => clientId}
      />
      <Peek name={queue.name} amount={queue.messages} />
      <section class="stack">
        <h2>Settings</h2>
        <Facts rows={Object.entries(settings).map(([key, value]) => [key, wordsOf(value)])} />
      </section>
      <section class="stack">
        <h2>Counted</h2>
        <Facts rows={Object.entries(counts).map(([key, value]) => [key, count(value)])} />
      </section>
    </>
  )
}

const CONSUMERS: readonly Column<QueueDetail['clients'][number]>[] = [
  { label: 'Consumer', cell: ({ clientId }) => <ClientLink id={clientId} /> },
  {
    label: 'State',
    isKey: true,
    cell: ({ isConnected }) => (
      <State level={isConnected ? 'ok' : 'away'}>{isConnected ? 'connected' : 'away'}</State>
    ),
  },
  { label: 'In flight', isNumber: true, cell: ({ inFlight }) => count(inFlight) },
]

type Peeked = QueuePeek['items'][number]

const MESSAGES: readonly Column<Peeked>[] = [
  { label: 'Topic', cell: ({ topic }) => <TopicLink topic={topic} /> },
  {
    label: 'Publisher',
    cell: ({ publisher }) => (publisher === null ? '' : <ClientLink id={publisher} />),
  },
  { label: 'Payload', cell: row => <Payload row={row} /> },
  { label: 'Dead letter', cell: ({ deadLetterReason }) => deadLetterReason ?? '' },
  {
    label: 'Handed out',
    isNumber: true,
    isKey: true,
    cell: ({ deliveries }) => count(deliveries),
  },
]

/** The oldest messages, page by page. */
function Peek({ name, amount }: { readonly name: string; readonly amount: number }) {
  const after = useSignal<number | null>(null)
  const path =
    after.value === null
      ? null
      : withQuery('queue/messages', { name, limit: PEEKED, after: after.value })
  const { data, error, reload } = useResource<QueuePeek>(path)
  const next = data?.next ?? null
  return (
    <section class="stack">
      <div class="head">
        <h2>Waiting messages ({count(amount)})</h2>
        <span class="row">
          {after.value === null && amount > 0 && (
            <button type="button" onClick={() => (after.value = 0)}>
              Show
            </button>
          )}
          {after.value !== null && after.value > 0 && (
            <button type="button" onClick={() => (after.value = 0)}>
              Oldest
            </button>
          )}
          {after.value !== null && next !== null && (
            <button type="button" onClick={() => (after.value = next)}>
              Next
            </button>
          )}
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null && (
        <Table
          caption="Waiting messages, the oldest first"
          columns={MESSAGES}
          rows={data.items}
          keyOf={({ number }) => String(number)}
        />
      )}
    </section>
  )
}

type Task = 'purge' | 'move' | 'redrive'

const QUESTIONS: Readonly<Record<Task, (amount: string, name: string, to: string) => string>> = {
  purge: (amount, name) => `Purge ${amount} of ${name}?`,
  move: (amount, name, other) => `Move ${amount} of ${name} to ${other}?`,
  redrive: amount => `Put ${amount} back into the queues that they came from?`,
}
const VERBS: Readonly<Record<Task, string>> = { purge: 'Purge', move: 'Move', redrive: 'Redrive' }

/** Counts first, so that the question says how many. */
async function askTask(
  task: Task,
  { name }: QueueDetail,
  more: { readonly to?: string },
  changed: () => void,
): Promise<void> {
  const path = withQuery(`queue/${task}`, { name })
  const dry = { ...more, dryRun: true }
  const { matched } = await request<QueueTaskAnswer>(path, { method: 'POST', body: dry })
  if (matched === 0) throw new Error(`Nothing waits in ${name}.`)
  ask({
    title: QUESTIONS[task](counted(matched, 'message'), visible(name), visible(more.to ?? '')),
    verb: VERBS[task],
    typed: task === 'purge' ? name : null,
    body: (
      <p>
        {task === 'purge'
          ? 'They are dropped. This cannot be undone.'
          : 'Counts of hand-outs begin at zero. It stops where a queue is full, and nothing is lost.'}
      </p>
    ),
    act: async () => {
      const body = { ...more, max: matched }
      const { done, stopped } = await request<QueueTaskAnswer>(path, { method: 'POST', body })
      changed()
      if (stopped !== null) throw new Error(`It stopped after ${count(done)}: ${stopped}.`)
    },
  })
}

function askWhereTo(queue: QueueDetail, changed: () => void): void {
  let other = ''
  ask({
    title: `Move what waits in ${visible(queue.name)}`,
    verb: 'Count it first',
    isHarmless: true,
    typed: null,
    body: (
      <label>
        To the queue
        <input
          name="to"
          spellcheck={false}
          autocomplete="off"
          onInput={event => (other = event.currentTarget.value)}
        />
      </label>
    ),
    act: () => askTask('move', queue, { to: other }, changed),
  })
}

function askDelete({ name, messages, inFlight, consumers }: QueueDetail): void {
  ask({
    title: `Delete ${visible(name)}?`,
    verb: 'Delete',
    typed: name,
    body: (
      <p>
        {counted(messages, 'waiting message')} and {count(inFlight)} in flight are dropped.{' '}
        {counted(consumers, 'consumer')} will wait for a new queue of this name.
      </p>
    ),
    act: async () => {
      await request(withQuery('queue', { name }), { method: 'DELETE' })
      location.hash = to('queues')
    },
  })
}

function wordsOf(value: QueueDetail['settings'][keyof QueueDetail['settings']]): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(visible).join(', ')
  return String(value)
}
