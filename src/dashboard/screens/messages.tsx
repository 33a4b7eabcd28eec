// Publishes a message, and shows what passes a filter.

import { useSignal } from '@preact/signals'
import { useCallback, useEffect } from 'preact/hooks'
import type { PublishAnswer } from '../../api/contract/messages.ts'
import type { Frames } from '../../api/contract/stream.ts'
import { request, sentenceOf } from '../app/api.ts'
import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { useFrames, useWanted } from '../app/stream.ts'
import { bytes, count, counted, duration } from '../show/format.ts'
import { Action, At, ClientLink, Failure, TopicLink } from '../show/parts.tsx'
import { Payload } from '../show/payload.tsx'
import { type Column, Table } from '../show/table.tsx'

type MessageFrame = Frames['message']

const SHOWN_MAX = 100

export default function Messages({ query }: ScreenProps) {
  return (
    <div class="stack">
      <h1 tabIndex={-1}>Publish and subscribe</h1>
      <Publish topic={query.get('topic') ?? ''} />
      <Subscribe filter={query.get('filter') ?? ''} />
    </div>
  )
}

function Publish({ topic }: { readonly topic: string }) {
  const { payload, qos, retain, error, done, publish } = usePublish(topic)
  return (
    <section class="card stack" aria-labelledby="publish">
      <h2 id="publish">Publish</h2>
      <div class="row">
        <TextField name="topic" label="Topic" value={topic} />
        <label>
          QoS
          <select
            value={qos.value}
            onChange={event => (qos.value = Number(event.currentTarget.value))}
          >
            <option value={0}>0</option>
            <option value={1}>1</option>
            <option value={2}>2</option>
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={retain.value}
            onChange={event => (retain.value = event.currentTarget.checked)}
          />
          Retain
        </label>
      </div>
      <label class="wide">
        Payload
        <textarea
          value={payload.value}
          spellcheck={false}
          onInput={event => (payload.value = event.currentTarget.value)}
        />
      </label>
      <Failure sentence={error.value} />
      <div class="row">
        <Action class="main" onClick={publish} disabled={topic === ''}>
          Publish
        </Action>
        <span role="status">{done.value}</span>
      </div>
    </section>
  )
}

function usePublish(topic: string) {
  const payload = useSignal('')
  const qos = useSignal(0)
  const retain = useSignal(false)
  const error = useSignal<string | null>(null)
  const done = useSignal<string | null>(null)
  const publish = async (): Promise<void> => {
    done.value = null
    try {
      const body = { topic, payload: payload.value, qos: qos.value, retain: retain.value }
      const { receivers } = await request<PublishAnswer>('publish', { method: 'POST', body })
      error.value = null
      done.value = `Published: ${counted(receivers, 'receiver')}.`
    } catch (cause) {
      error.value = sentenceOf(cause)
    }
  }
  return { payload, qos, retain, error, done, publish }
}

interface TextFieldProps {
  /** The parameter of the address that it changes. */
  readonly name: string
  readonly label: string
  readonly value: string
  readonly placeholder?: string
}

function TextField({ name, label, value, placeholder = '' }: TextFieldProps) {
  return (
    <label class="grow">
      {label}
      <input
        name={name}
        value={value}
        placeholder={placeholder}
        spellcheck={false}
        autocomplete="off"
        onChange={event => change({ [name]: event.currentTarget.value })}
      />
    </label>
  )
}

interface Heard {
  readonly key: number
  readonly message: MessageFrame
}

const COLUMNS: readonly Column<Heard>[] = [
  { label: 'Topic', cell: ({ message }) => <TopicLink topic={message.topic} /> },
  { label: 'Time', isKey: true, cell: ({ message }) => <At at={message.at} /> },
  {
    label: 'QoS',
    isNumber: true,
    cell: ({ message }) => `${message.qos}${message.retain ? ', retained' : ''}`,
  },
  {
    label: 'Publisher',
    cell: ({ message }) =>
      message.publisher === null ? '' : <ClientLink id={message.publisher} />,
  },
  { label: 'Payload', cell: ({ message }) => <Payload row={message} /> },
  { label: 'Size', isNumber: true, cell: ({ message }) => bytes(message.payloadBytes) },
]

let lastKey = 0

function Subscribe({ filter }: { readonly filter: string }) {
  const { heard, sampled, missedSeconds } = useHeard(filter)
  return (
    <section class="stack" aria-labelledby="subscribe">
      <h2 id="subscribe">Subscribe</h2>
      <div class="row">
        <TextField name="filter" label="Topic filter" value={filter} placeholder="home/#" />
        <button type="button" onClick={() => (heard.value = [])}>
          Clear
        </button>
      </div>
      {sampled.value !== null && sampled.value.of > sampled.value.shown && (
        <p class="badge">
          Sampled: {count(sampled.value.shown)} of {count(sampled.value.of)} a second
        </p>
      )}
      {missedSeconds.value > 0 && (
        <p class="badge">The stream was interrupted for {duration(missedSeconds.value)}</p>
      )}
      {filter === '' ? (
        <p class="dim">Give a filter, and messages that match it appear here as they pass.</p>
      ) : heard.value.length === 0 ? (
        <p class="dim">Nothing has passed yet.</p>
      ) : (
        <Table
          caption="Messages, the newest first"
          columns={COLUMNS}
          rows={heard.value}
          keyOf={({ key }) => String(key)}
        />
      )}
    </section>
  )
}

/** What the stream has brought since this filter was given. */
function useHeard(filter: string) {
  const heard = useSignal<readonly Heard[]>([])
  const sampled = useSignal<Frames['sampled'] | null>(null)
  const missedSeconds = useSignal(0)
  useWanted('messages', filter === '' ? null : filter)
  useEffect(() => {
    heard.value = []
    sampled.value = null
    missedSeconds.value = 0
  }, [filter, heard, sampled, missedSeconds])
  const add = useCallback(
    (message: MessageFrame) => {
      heard.value = [{ key: lastKey++, message }, ...heard.peek()].slice(0, SHOWN_MAX)
    },
    [heard],
  )
  const sample = useCallback((frame: Frames['sampled']) => (sampled.value = frame), [sampled])
  const gap = useCallback(
    (frame: Frames['gap']) => (missedSeconds.value += frame.missedSeconds),
    [missedSeconds],
  )
  useFrames('message', add)
  useFrames('sampled', sample)
  useFrames('gap', gap)
  return { heard, sampled, missedSeconds }
}
