// Where a message went, and why somebody may or may not do something.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Explanation } from '../../api/contract/records.ts'
import { request, sentenceOf } from '../app/api.ts'
import { change, to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { sentence, visible } from '../show/format.ts'
import { Action, At, Choice, Failure, type Level } from '../show/parts.tsx'
import { Story } from '../show/story.tsx'
import { startTrace } from './trace-start.ts'

type StepRow = Explanation['steps'][number]

type Kind = 'delivery' | 'access'

export default function Explain({ query }: ScreenProps) {
  const kind: Kind = query.get('kind') === 'access' ? 'access' : 'delivery'
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Explain</h1>
        <Choice
          label="What to explain"
          value={kind}
          onChange={next => change({ kind: next === 'access' ? next : null })}
          options={[
            ['delivery', 'Delivery'],
            ['access', 'Access'],
          ]}
        />
      </div>
      {kind === 'delivery' ? <Delivery query={query} /> : <Access query={query} />}
    </div>
  )
}

function Delivery({ query }: ScreenProps) {
  const topic = query.get('topic') ?? ''
  const publisher = query.get('publisher') ?? ''
  const receiver = query.get('receiver') ?? ''
  return (
    <Asking
      path="explain/delivery"
      verb="Explain"
      fields={{ topic, publisher, receiver }}
      isComplete={topic !== ''}
      body={{
        topic,
        ...(publisher !== '' && { publisher }),
        ...(receiver !== '' && { receiver }),
      }}
      watch={topic === '' ? null : topic}
      hint="Where did my message go? Give its topic; the publisher or the receiver makes the answer shorter."
    >
      <Field name="topic" label="Topic" value={topic} />
      <Field name="publisher" label="Publisher (client id), if known" value={publisher} />
      <Field name="receiver" label="Receiver (client id), if known" value={receiver} />
    </Asking>
  )
}

function Access({ query }: ScreenProps) {
  const username = query.get('username') ?? ''
  const clientId = query.get('clientId') ?? ''
  const topic = query.get('topic') ?? ''
  const action = query.get('action') ?? 'publish'
  return (
    <Asking
      path="explain/access"
      verb="Test"
      fields={{ username, clientId, topic, action }}
      isComplete={topic !== ''}
      body={{
        topic,
        action,
        username: username === '' ? null : username,
        ...(clientId !== '' && { clientId }),
      }}
      watch={null}
      hint="May this user do that, and which rule says so?"
    >
      <Field name="username" label="User (empty for none)" value={username} />
      <Field name="clientId" label="Client id, if the rule has %c" value={clientId} />
      <label>
        Action
        <select value={action} onChange={event => change({ action: event.currentTarget.value })}>
          <option value="publish">publish</option>
          <option value="subscribe">subscribe</option>
          <option value="receive">receive</option>
        </select>
      </label>
      <Field name="topic" label="Topic or filter" value={topic} />
    </Asking>
  )
}

function Field(props: { readonly name: string; readonly label: string; readonly value: string }) {
  return (
    <label class="grow">
      {props.label}
      <input
        name={props.name}
        value={props.value}
        spellcheck={false}
        autocomplete="off"
        onChange={event => change({ [props.name]: event.currentTarget.value })}
      />
    </label>
  )
}

interface AskingProps {
  readonly path: string
  readonly verb: string
  readonly fields: Readonly<Record<string, string>>
  readonly isComplete: boolean
  readonly body: Readonly<Record<string, unknown>>
  readonly hint: string
  /** The topic whose next message can be watched; null for none. */
  readonly watch: string | null
  readonly children: ComponentChildren
}

/** Asks at once if the address has all that is needed, and again by the button. */
function Asking({ path, verb, fields, isComplete, body, hint, watch, children }: AskingProps) {
  const answer = useSignal<Explanation | null>(null)
  const error = useSignal<string | null>(null)
  const ask = async (): Promise<void> => {
    try {
      answer.value = await request<Explanation>(path, { method: 'POST', body })
      error.value = null
    } catch (cause) {
      answer.value = null
      error.value = sentenceOf(cause)
    }
  }
  const asked = JSON.stringify([path, fields])
  useEffect(() => {
    answer.value = null
    error.value = null
    if (isComplete) void ask()
  }, [asked])
  return (
    <>
      <form
        class="row"
        onSubmit={event => {
          event.preventDefault()
          if (isComplete) void ask()
        }}
      >
        {children}
        <Action class="main" forViewers disabled={!isComplete} onClick={ask}>
          {verb}
        </Action>
      </form>
      <Failure sentence={error.value} />
      {watch !== null && (
        <p>
          <Action onClick={() => startTrace({ filter: watch })}>Watch the next one</Action>
        </p>
      )}
      {answer.value === null ? <p class="dim">{hint}</p> : <Answer explanation={answer.value} />}
    </>
  )
}

const LEVELS: Readonly<Record<StepRow['level'], Level>> = {
  ok: 'ok',
  warning: 'warn',
  fault: 'fault',
}

function Answer({ explanation }: { readonly explanation: Explanation }) {
  const { verdict, steps } = explanation
  const first = steps.find(({ at }) => at !== null)?.at ?? null
  return (
    <section class="stack" aria-live="polite">
      <h2 class="verdict">{visible(verdict)}</h2>
      <Story
        label="What happened, step by step"
        steps={steps.map((step, index) => ({
          key: String(index),
          at:
            step.at === null ? null : step.at === first ? (
              <At at={step.at} />
            ) : (
              since(first, step.at)
            ),
          level: LEVELS[step.level],
          sentence: (
            <>
              {step.clientId !== null && (
                <>
                  <a href={to('client', { id: step.clientId })}>{visible(step.clientId)}</a>
                  {': '}
                </>
              )}
              {step.clientId === null ? sentence(step.cause) : visible(step.cause)}
              <span class="source">{step.source === 'now' ? 'now' : 'recorded'}</span>
            </>
          ),
          more: step.mend === null ? null : sentence(step.mend),
        }))}
      />
    </section>
  )
}

/** `+2.1 ms` after the first step. */
function since(first: string | null, at: string): string {
  const ms = Date.parse(at) - Date.parse(first ?? at)
  return ms < 1_000 ? `+${ms} ms` : `+${(ms / 1_000).toFixed(1)} s`
}
