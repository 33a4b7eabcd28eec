// The small parts that all screens are made of.

import { signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { isStale, now } from '../app/answering.ts'
import { sentenceOf } from '../app/api.ts'
import { isOperator } from '../app/session.ts'
import { to } from '../app/route.ts'
import { time, visible, type Zone } from './format.ts'

const ZONE = 'pondhawk-zone'
export const zone = signal<Zone>(localStorage.getItem(ZONE) === 'UTC' ? 'UTC' : 'local')

export function switchZone(): void {
  zone.value = zone.value === 'UTC' ? 'local' : 'UTC'
  localStorage.setItem(ZONE, zone.value)
}

/** A name that somebody else has chosen. */
export function Name({ children }: { readonly children: string }) {
  return <span class="name">{children === '' ? '""' : visible(children)}</span>
}

export function ClientLink({ id }: { readonly id: string }) {
  return (
    <a href={to('client', { id })}>
      <Name>{id}</Name>
    </a>
  )
}

export function TopicLink({ topic }: { readonly topic: string }) {
  return (
    <a href={to('topic', { name: topic })}>
      <Name>{topic}</Name>
    </a>
  )
}

/** A point in time; its title has it whole. */
export function At({ at }: { readonly at: string | null | undefined }) {
  if (at === null || at === undefined) return <>–</>
  return (
    <time dateTime={at} title={at}>
      {time(Date.parse(at), now.value, zone.value)}
    </time>
  )
}

export type Level = 'ok' | 'away' | 'warn' | 'fault'
const SHAPES: Readonly<Record<Level, string>> = { ok: '●', away: '○', warn: '▲', fault: '■' }

/** The shape alone, with a word for those who do not see it. */
export function Mark({ level }: { readonly level: Level }) {
  const words = { ok: 'fine', away: 'away', warn: 'warning', fault: 'fault' }
  return (
    <span class={`mark state ${level}`}>
      <span aria-hidden="true">{SHAPES[level]}</span>
      <span class="hidden">{words[level]}</span>
    </span>
  )
}

export function State({ level, children }: { readonly level: Level; readonly children: string }) {
  return (
    <span class={`state ${level}`}>
      <span aria-hidden="true">{SHAPES[level]} </span>
      {children}
    </span>
  )
}

export function Badge({ level, children }: { readonly level: Level; readonly children: string }) {
  return (
    <span class={`badge ${level}`}>
      <span aria-hidden="true">{SHAPES[level]} </span>
      {children}
    </span>
  )
}

/** Why the last action failed. */
export const failure = signal<string | null>(null)

interface ActionProps {
  readonly onClick: () => unknown
  readonly children: ComponentChildren
  readonly class?: string
  readonly disabled?: boolean
  /** For those who may only read, too. */
  readonly forViewers?: boolean
}

/** A button that asks Pondhawk for something: off while it does not answer, absent for viewers. If it fails, the frame says why. */
export function Action(props: ActionProps) {
  if (props.forViewers !== true && !isOperator.value) return null
  const act = async (): Promise<void> => {
    failure.value = null
    try {
      await props.onClick()
    } catch (cause) {
      failure.value = sentenceOf(cause)
    }
  }
  return (
    <button
      type="button"
      class={props.class ?? ''}
      disabled={isStale.value || props.disabled === true}
      onClick={() => void act()}
    >
      {props.children}
    </button>
  )
}

/** Copies a text. What it copies is the text itself, not as it is shown. */
export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const isCopied = useSignal(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text).catch(() => null)
    isCopied.value = true
    setTimeout(() => (isCopied.value = false), 2_000)
  }
  return (
    <button type="button" aria-label={`Copy ${what}`} onClick={() => void copy()}>
      {isCopied.value ? 'Copied' : 'Copy'}
    </button>
  )
}

export function Snippet({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <div class="snippet">
      <pre tabIndex={0} role="group" aria-label={what}>
        {text}
      </pre>
      <Copy text={text} what={what} />
    </div>
  )
}

interface FailureProps {
  readonly sentence: string | null
  readonly again?: () => void
  readonly verb?: string
}

export function Failure(props: FailureProps) {
  if (props.sentence === null) return null
  return (
    <div class="error" role="alert">
      <span>{visible(props.sentence)}</span>
      {props.again !== undefined && (
        <button type="button" onClick={props.again}>
          {props.verb ?? 'Try again'}
        </button>
      )}
    </div>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [T, ComponentChildren])[]
  readonly onChange: (value: T) => void
}

/** One of a few: tabs, ranges. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([name, shown]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === value ? 'true' : 'false'}
          onClick={() => onChange(name)}
        >
          {shown}
        </button>
      ))}
    </div>
  )
}

export function Facts({
  rows,
}: {
  readonly rows: readonly (readonly [string, ComponentChildren])[]
}) {
  return (
    <dl class="facts">
      {rows
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  )
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="dim">{children}</p>
}
