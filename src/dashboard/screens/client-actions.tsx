// What an operator does to a client: disconnect it, or end its session.

import type { ClientDetail } from '../../api/contract/clients.ts'
import { request, withQuery } from '../app/api.ts'
import { go, to } from '../app/route.ts'
import { ask } from '../show/dialog.tsx'
import { counted, visible } from '../show/format.ts'
import { Action } from '../show/parts.tsx'
import { startTrace } from './trace-start.ts'

interface Props {
  readonly client: ClientDetail
  readonly changed: () => void
}

const REFUSE_SECONDS = 600
/** Its session has what waits for the other broker. */
const OF_BRIDGE = 'bridge'

export function ClientActions({ client, changed }: Props) {
  return (
    <>
      <Action onClick={() => startTrace({ clientId: client.clientId })}>Trace</Action>
      {client.state === 'connected' && (
        <Action onClick={() => askDisconnect(client, changed)}>Disconnect</Action>
      )}
      {client.authentication !== OF_BRIDGE && (
        <Action onClick={() => askForget(client)}>Forget</Action>
      )}
    </>
  )
}

function askDisconnect({ clientId }: ClientDetail, changed: () => void): void {
  let refuseSeconds = 0
  ask({
    title: `Disconnect ${visible(clientId)}?`,
    verb: 'Disconnect',
    typed: null,
    body: (
      <>
        <p>Its session stays, and it may return.</p>
        <label class="check">
          <input
            type="checkbox"
            onChange={event => (refuseSeconds = event.currentTarget.checked ? REFUSE_SECONDS : 0)}
          />
          Refuse it for 10 min
        </label>
      </>
    ),
    act: async () => {
      await request('client/disconnect', { method: 'POST', body: { clientId, refuseSeconds } })
      changed()
    },
  })
}

function askForget({ clientId, subscriptions, queuedMessages }: ClientDetail): void {
  const lost = `${counted(subscriptions, 'subscription')} and ${counted(queuedMessages, 'waiting message')}`
  ask({
    title: `Forget ${visible(clientId)}?`,
    verb: 'Forget',
    typed: visible(clientId),
    body: <p>{lost} are deleted. A client that is connected is disconnected.</p>,
    act: async () => {
      await request(withQuery('client', { clientId }), { method: 'DELETE' })
      go(to('clients'))
    },
  })
}
