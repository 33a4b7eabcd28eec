// Messages that wait for a client.

import { useSignal } from '@preact/signals'
import type { MessageRow, WaitingAnswer } from '../../api/contract/messages.ts'
import { withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { bytes, count } from '../show/format.ts'
import { ClientLink, Failure, TopicLink } from '../show/parts.tsx'
import { Payload } from '../show/payload.tsx'
import { type Column, Table } from '../show/table.tsx'

interface Numbered {
  readonly place: number
  readonly message: MessageRow
}

const COLUMNS: readonly Column<Numbered>[] = [
  { label: 'Topic', cell: ({ message }) => <TopicLink topic={message.topic} /> },
  { label: 'QoS', isNumber: true, cell: ({ message }) => message.qos },
  {
    label: 'Publisher',
    cell: ({ message: { publisher } }) => (publisher === null ? '' : <ClientLink id={publisher} />),
  },
  { label: 'Payload', cell: ({ message }) => <Payload row={message} /> },
  {
    label: 'Size',
    isNumber: true,
    isKey: true,
    cell: ({ message }) => bytes(message.payloadBytes),
  },
]

export function Waiting({ id, amount }: { readonly id: string; readonly amount: number }) {
  const isOpen = useSignal(false)
  const path = withQuery('client/messages', { clientId: id, limit: 50, payloadBytes: 256 })
  const waiting = useResource<WaitingAnswer>(isOpen.value ? path : null)
  return (
    <section class="stack">
      <div class="head">
        <h2>Waiting messages ({count(amount)})</h2>
        {amount > 0 && (
          <button
            type="button"
            aria-expanded={isOpen.value ? 'true' : 'false'}
            onClick={() => (isOpen.value = !isOpen.value)}
          >
            {isOpen.value ? 'Hide' : 'Show'}
          </button>
        )}
      </div>
      <Failure sentence={waiting.error} again={waiting.reload} />
      {waiting.data !== null && <First answer={waiting.data} />}
    </section>
  )
}

function First({ answer }: { readonly answer: WaitingAnswer }) {
  const { items, queuedMessages } = answer
  return (
    <>
      <Table
        caption="Waiting messages, the next one first"
        columns={COLUMNS}
        rows={items.map((message, place) => ({ place, message }))}
        keyOf={({ place }) => String(place)}
      />
      {items.length < queuedMessages && (
        <p class="dim">
          The next {count(items.length)} of {count(queuedMessages)}.
        </p>
      )}
    </>
  )
}
