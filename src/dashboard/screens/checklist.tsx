// The first minute: four steps that tick themselves, each with lines to paste.

import { computed, signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { StatusAnswer } from '../../api/contract/status.ts'
import { to } from '../app/route.ts'
import { Mark, Snippet } from '../show/parts.tsx'
import { mqttPlace, usePlaces } from './places.ts'

/** What has been seen once stays ticked, even if the client has gone again. */
const seen = signal<ReadonlySet<string>>(new Set())
const HIDDEN = 'pondhawk-checklist'

interface Step {
  readonly name: string
  readonly title: string
  readonly isDone: (current: StatusAnswer) => boolean
  readonly lines: string | null
}

const steps = computed<readonly Step[]>(() => {
  const { host, port } = mqttPlace.value
  const at = `${host === 'localhost' ? '' : ` -h ${host}`}${port === 1883 ? '' : ` -p ${port}`}`
  return [
    {
      name: 'connect',
      title: 'Connect a client, and subscribe',
      isDone: current => current.clientsConnected > 0 && current.subscriptions > 0,
      lines: `mosquitto_sub${at} -t 'hello/#' -v`,
    },
    {
      name: 'publish',
      title: 'Publish a message, in another terminal',
      isDone: current => current.messagesReceived > 0,
      lines: `mosquitto_pub${at} -t hello/world -m hi`,
    },
    {
      name: 'secure',
      title: 'Secure it: let only users in',
      isDone: current => Object.keys(current.access).length > 0,
      lines: 'pondhawk user add NAME',
    },
  ]
})

export function Checklist({ current }: { readonly current: StatusAnswer }) {
  usePlaces()
  const isHidden = useSignal(localStorage.getItem(HIDDEN) === 'hidden')
  /** Whether the broker was in use already when the page was opened. */
  const wasUsed = useSignal(current.messagesReceived > 0 && current.subscriptions > 0)
  useEffect(() => {
    const done = steps.value.filter(({ isDone }) => isDone(current)).map(({ name }) => name)
    if (done.some(name => !seen.value.has(name))) seen.value = new Set([...seen.value, ...done])
  }, [current])
  if (isHidden.value || wasUsed.value) return null
  return (
    <section class="card" aria-labelledby="first-steps">
      <div class="head">
        <h2 id="first-steps">First steps</h2>
        <span class="actions">
          <a class="button" href={to('settings', { tab: 'connect' })}>
            Other clients
          </a>
          <button
            type="button"
            onClick={() => {
              isHidden.value = true
              localStorage.setItem(HIDDEN, 'hidden')
            }}
          >
            Hide
          </button>
        </span>
      </div>
      <ol class="checklist">
        {steps.value.map(({ name, title, lines }) => {
          const isDone = seen.value.has(name)
          return (
            <li key={name} data-step={name} data-done={isDone ? 'true' : 'false'}>
              <Mark level={isDone ? 'ok' : 'away'} />
              <div>
                {title}
                {isDone && <span class="dim"> (done)</span>}
                {!isDone && lines !== null && <Snippet what={title} text={lines} />}
              </div>
            </li>
          )
        })}
      </ol>
    </section>
  )
}
