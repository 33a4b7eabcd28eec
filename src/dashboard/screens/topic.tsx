// One topic: what is retained, who publishes and who is subscribed to it.

import type { SubscriptionRow } from '../../api/contract/clients.ts'
import type { MessageRow, MessagesPage } from '../../api/contract/messages.ts'
import type { TopicRow } from '../../api/contract/records.ts'
import { addressOf, request, withQuery } from '../app/api.ts'
import { type Resource, useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { ask, offerUndo } from '../show/dialog.tsx'
import { count, rate, visible } from '../show/format.ts'
import { Action, At, ClientLink, Copy, Facts, Failure, Name } from '../show/parts.tsx'
import { PayloadView, SHOWN_BYTES_MAX } from '../show/payload.tsx'
import { type Column, List, useListing } from '../show/table.tsx'

export default function Topic({ query }: ScreenProps) {
  const topic = query.get('name') ?? ''
  const known = useResource<TopicRow>(withQuery('topic', { topic }), 5)
  const retained = useResource<MessagesPage>(withQuery('retained', { filter: topic }), 5)
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>
          <Name>{topic}</Name>
        </h1>
        <span class="actions">
          <Copy text={topic} what="the topic" />
          <a class="button" href={to('messages', { topic, filter: topic })}>
            Watch and publish
          </a>
          <a class="button" href={to('explain', { topic })}>
            Explain
          </a>
        </span>
      </div>
      <div class="columns">
        <div class="stack">
          <h2>Retained message</h2>
          <Retained topic={topic} retained={retained} />
          <Subscribers topic={topic} />
        </div>
        <Passing row={known.data} />
      </div>
    </div>
  )
}

interface RetainedProps {
  readonly topic: string
  readonly retained: Resource<MessagesPage>
}

function Retained({ topic, retained: { data, error, reload } }: RetainedProps) {
  if (data === null) return <Failure sentence={error} again={reload} />
  const [row] = data.items
  if (row === undefined) return <p class="dim">None is kept for this topic.</p>
  return (
    <div class="stack">
      <PayloadView
        key={topic}
        row={row}
        more={() => longer(topic)}
        href={addressOf(withQuery('retained/payload', { topic }))}
      />
      <Facts
        rows={[
          ['QoS', row.qos],
          ['Publisher', row.publisher === null ? null : <ClientLink id={row.publisher} />],
          ['Content type', row.contentType === null ? null : <Name>{row.contentType}</Name>],
          ['Expires', row.expiresAt === null ? null : <At at={row.expiresAt} />],
          ...row.userProperties.map(
            ([name, value]) => [visible(name), <Name key={name}>{value}</Name>] as const,
          ),
        ]}
      />
      <Action class="danger" onClick={() => remove(row, reload)}>
        Delete
      </Action>
    </div>
  )
}

async function longer(topic: string): Promise<MessageRow | undefined> {
  const path = withQuery('retained', { filter: topic, payloadBytes: SHOWN_BYTES_MAX })
  return (await request<MessagesPage>(path)).items[0]
}

/** Deletes it at once, because it can be brought back for 10 s. One that is too large for that is asked for. */
async function remove(shown: MessageRow, changed: () => void): Promise<void> {
  const { topic } = shown
  const row = shown.truncated ? ((await longer(topic)) ?? shown) : shown
  const act = async (): Promise<void> => {
    await request(withQuery('retained', { topic }), { method: 'DELETE' })
    changed()
  }
  if (!row.truncated && row.payload !== null) {
    await act()
    offerAgain(row, changed)
    return
  }
  ask({
    title: `Delete the retained message of ${visible(topic)}?`,
    verb: 'Delete',
    typed: null,
    body: <p>It is too large to be brought back from here.</p>,
    act,
  })
}

function offerAgain(row: MessageRow, changed: () => void): void {
  const { topic, qos, payload, encoding, userProperties } = row
  const said = `The retained message of ${visible(topic)} is deleted.`
  const properties = {
    userProperties,
    ...(row.contentType !== null && { contentType: row.contentType }),
    ...(row.responseTopic !== null && { responseTopic: row.responseTopic }),
    ...(row.expiresAt !== null && { messageExpirySeconds: secondsUntil(row.expiresAt) }),
  }
  offerUndo(said, async () => {
    const body = { topic, payload, encoding, qos, retain: true, properties }
    await request('publish', { method: 'POST', body })
    changed()
  })
}

function secondsUntil(at: string): number {
  return Math.max(1, Math.round((Date.parse(at) - Date.now()) / 1_000))
}

const COLUMNS: readonly Column<SubscriptionRow>[] = [
  { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
  { label: 'Filter', cell: ({ filter }) => <Name>{filter}</Name> },
  { label: 'QoS', isNumber: true, isKey: true, cell: ({ qos }) => qos },
]

function Subscribers({ topic }: { readonly topic: string }) {
  const listing = useListing<SubscriptionRow>('subscriptions', { topic })
  return (
    <section class="stack">
      <h2>Subscribers ({count(listing.data?.matched)})</h2>
      <List
        caption="Subscribers"
        listing={listing}
        columns={COLUMNS}
        keyOf={({ clientId, filter }) => `${clientId} ${filter}`}
        empty="No subscription matches this topic, so a message goes to nobody."
      />
    </section>
  )
}

function Passing({ row }: { readonly row: TopicRow | null }) {
  return (
    <section class="stack" aria-labelledby="passing">
      <h2 id="passing">Now</h2>
      {row === null ? (
        <p class="dim">No message has passed lately.</p>
      ) : (
        <Facts
          rows={[
            ['Messages', `${rate(row.messagesRate)}/s`],
            ['Last', <At key="last" at={row.lastAt} />],
            [
              'Publisher',
              row.lastPublisher === null ? null : <ClientLink id={row.lastPublisher} />,
            ],
            ['Below', (row.retainedBelow ?? 0) > 0 ? `${count(row.retainedBelow)} retained` : null],
          ]}
        />
      )}
    </section>
  )
}
