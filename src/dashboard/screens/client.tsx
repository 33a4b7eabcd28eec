// One client: what happened to it, how it is now, its subscriptions and its waiting messages.

import type { ComponentChildren } from 'preact'
import type { ClientDetail, SubscriptionRow } from '../../api/contract/clients.ts'
import type { EventRow, EventsAnswer } from '../../api/contract/records.ts'
import { withQuery } from '../app/api.ts'
import { type Resource, useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { bytes, count, duration, visible } from '../show/format.ts'
import { wordsOf } from '../show/event-words.ts'
import { At, Copy, Empty, Facts, Failure, Name, State, TopicLink } from '../show/parts.tsx'
import { Story } from '../show/story.tsx'
import { type Column, List, useListing } from '../show/table.tsx'
import { ClientActions } from './client-actions.tsx'
import { Waiting } from './waiting.tsx'

export default function Client({ query }: ScreenProps) {
  const id = query.get('id') ?? ''
  const client = useResource<ClientDetail>(withQuery('client', { clientId: id }), 2)
  const events = useResource<EventsAnswer>(withQuery('client/events', { clientId: id }), 2)
  const { data } = client
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>
          <Name>{id}</Name>
        </h1>
        {data !== null && (
          <State level={data.state === 'connected' ? 'ok' : 'away'}>{data.state}</State>
        )}
        <span class="actions">
          <Copy text={id} what="the client id" />
          <a class="button" href={to('explain', { receiver: id })}>
            Explain
          </a>
          {data !== null && <ClientActions client={data} changed={client.reload} />}
        </span>
      </div>
      {client.status === 404 ? <Gone /> : <Failure sentence={client.error} again={client.reload} />}
      <div class="columns">
        <div class="stack">
          <h2>What happened</h2>
          <Events events={events} />
          {data !== null && <Subscriptions id={id} amount={data.subscriptions} />}
          {data !== null && <Waiting id={id} amount={data.queuedMessages} />}
        </div>
        {data !== null && <Now client={data} />}
      </div>
    </div>
  )
}

function Gone() {
  return (
    <Empty>
      There is no session of this client now. What is known of it is below; what lets in a client
      that was refused is under <a href={to('clients', { state: 'refused' })}>Refused</a>.
    </Empty>
  )
}

function Events({ events }: { readonly events: Resource<EventsAnswer> }) {
  if (events.data === null) {
    return events.status === 404 ? (
      <Empty>
        Nothing is recorded of this client: either it was never here, or that is too long ago.
      </Empty>
    ) : (
      <Failure sentence={events.error} again={events.reload} />
    )
  }
  if (events.data.events.length === 0) return <Empty>Nothing is recorded of this client.</Empty>
  return (
    <Story
      label="What happened, the newest first"
      steps={events.data.events.toReversed().map((event, index) => {
        const { level, sentence, more } = wordsOf(event)
        return {
          key: `${event.at} ${event.kind} ${index}`,
          at: <At at={event.lastAt} />,
          level,
          sentence,
          more: moreOf(event, more),
        }
      })}
    />
  )
}

function moreOf({ at, lastAt, count: times }: EventRow, more: string | null): ComponentChildren {
  if (times === 1 || at === lastAt) return more
  return (
    <>
      first <At at={at} />
      {more !== null && `; ${more}`}
    </>
  )
}

function Now({ client }: { readonly client: ClientDetail }) {
  const { will, certificate, protocol, transport } = client
  const isConnected = client.state === 'connected'
  return (
    <section class="stack" aria-labelledby="now">
      <h2 id="now">Now</h2>
      <Facts
        rows={[
          ['User', client.username === null ? 'none' : <Name>{client.username}</Name>],
          ['Signed in by', client.authentication === '' ? null : visible(client.authentication)],
          ['Address', client.address === '' ? null : <Name>{client.address}</Name>],
          ['Protocol', protocol === null ? null : `MQTT ${protocol} over ${transport ?? ''}`],
          ['Listener', client.listener === null ? null : <Name>{client.listener}</Name>],
          ['Connected', isConnected ? <At at={client.connectedAt} /> : null],
          [
            'Keep alive',
            client.keepAliveSeconds === null
              ? null
              : client.keepAliveSeconds === 0
                ? 'none'
                : duration(client.keepAliveSeconds),
          ],
          [
            'Queue',
            `${count(client.queuedMessages)} of ${count(client.queuedMessagesMax)}, ${bytes(client.queuedBytes)}`,
          ],
          [
            'In flight',
            client.inFlightMax === null
              ? count(client.inFlight)
              : `${count(client.inFlight)} of ${count(client.inFlightMax)}`,
          ],
          [
            'Received',
            client.messagesReceived === null ? null : `${count(client.messagesReceived)} from it`,
          ],
          ['Sent', client.messagesSent === null ? null : `${count(client.messagesSent)} to it`],
          ['Dropped', droppedOf(client)],
          ['Session ends', expiryOf(client)],
          ['Will', will === null ? null : <TopicLink topic={will.topic} />],
          ['Certificate', certificate === null ? null : <Name>{certificate.subject}</Name>],
          ['until', certificate === null ? null : <At at={certificate.notAfter} />],
        ]}
      />
    </section>
  )
}

/** The reasons, the most frequent one first. */
function droppedOf({ dropped, dropWords }: ClientDetail): ComponentChildren {
  const reasons = Object.entries(dropped).toSorted(([, one], [, other]) => other - one)
  if (reasons.length === 0) return null
  return reasons.map(([reason, amount]) => {
    const { cause = reason, key = null } = dropWords[reason] ?? {}
    return (
      <div key={reason}>
        {count(amount)}: {visible(cause)}
        {key !== null && <div class="small dim">{key}</div>}
      </div>
    )
  })
}

function expiryOf({ sessionExpirySeconds: seconds, state }: ClientDetail): string {
  if (seconds === null) return 'never'
  return seconds === 0
    ? 'when it leaves'
    : `${duration(seconds)} after it ${state === 'away' ? 'left' : 'leaves'}`
}

const COLUMNS: readonly Column<SubscriptionRow>[] = [
  { label: 'Filter', cell: ({ filter }) => <Name>{filter}</Name> },
  { label: 'QoS', isNumber: true, isKey: true, cell: ({ qos }) => qos },
  { label: 'Options', cell: row => optionsOf(row) },
]

function optionsOf(row: SubscriptionRow): string {
  return [
    ...(row.where === null ? [] : [`where ${visible(row.where)}`]),
    ...(row.noLocal ? ['no local'] : []),
    ...(row.retainAsPublished ? ['retain as published'] : []),
    ...(row.retainHandling > 0 ? [`retain handling ${row.retainHandling}`] : []),
    ...(row.conflateMs === null ? [] : [`one message of a topic each ${row.conflateMs} ms`]),
    ...(row.subscriptionId === null ? [] : [`identifier ${row.subscriptionId}`]),
  ].join(', ')
}

function Subscriptions({ id, amount }: { readonly id: string; readonly amount: number }) {
  const listing = useListing<SubscriptionRow>('subscriptions', { clientId: id })
  return (
    <section class="stack">
      <h2>Subscriptions ({count(amount)})</h2>
      <List
        caption="Subscriptions"
        listing={listing}
        columns={COLUMNS}
        keyOf={({ filter }) => filter}
        empty="It has no subscription, so no message is for it."
      />
    </section>
  )
}
