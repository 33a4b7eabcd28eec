// Whether Pondhawk is well: the verdict and what to do first, then figures, charts and the largest of everything.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { AlarmRow, StatusAnswer } from '../../api/contract/status.ts'
import { status } from '../app/live.ts'
import { to } from '../app/route.ts'
import { SCREENS } from '../app/screens.ts'
import { bytes, count, counted, duration, rate, sentence } from '../show/format.ts'
import { At, Badge, Choice, ClientLink, Facts } from '../show/parts.tsx'
import { Checklist } from './checklist.tsx'
import { Charts, RANGES, type Range } from './overview-charts.tsx'

export default function Overview() {
  const current = status.value
  const range = useSignal<Range>('60s')
  const rates = useRates(current)
  const isReady = current !== null
  useEffect(() => {
    if (isReady) performance.mark('ready')
  }, [isReady])
  return (
    <div class="stack" id="overview" data-ready={isReady ? 'true' : 'false'}>
      <Verdict current={current} />
      {current !== null && <Checklist current={current} />}
      <Figures current={current} rates={rates} />
      <div class="head">
        <h2>Last {RANGES.find(([name]) => name === range.value)?.[1]}</h2>
        <div class="actions">
          <Choice
            label="Range of the charts"
            value={range.value}
            options={RANGES}
            onChange={next => (range.value = next)}
          />
        </div>
      </div>
      <Charts range={range.value} />
      {current?.top !== null && current !== null && <Top top={current.top} />}
      {current !== null && <AllFigures current={current} />}
    </div>
  )
}

/** Every number of the status by its name, those of reasons and limits that are not zero. */
function AllFigures({ current }: { readonly current: StatusAnswer }) {
  const isOpen = useSignal(false)
  return (
    <details onToggle={event => (isOpen.value = event.currentTarget.open)}>
      <summary>All figures</summary>
      {isOpen.value && <Facts rows={figuresOf(current)} />}
    </details>
  )
}

function figuresOf(current: StatusAnswer): readonly (readonly [string, string])[] {
  return Object.entries(current).flatMap(([name, value]) => {
    if (typeof value === 'number') return [[name, value.toLocaleString('en-US')] as const]
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
    return Object.entries(value).flatMap(([part, amount]) =>
      typeof amount === 'number' && amount > 0
        ? [[`${name}: ${part}`, amount.toLocaleString('en-US')] as const]
        : [],
    )
  })
}

function Verdict({ current }: { readonly current: StatusAnswer | null }) {
  const alarms = current?.alarms ?? []
  const faults = alarms.filter(({ level }) => level === 'fault').length
  const warnings = alarms.length - faults
  const words = [
    ...(faults > 0 ? [counted(faults, 'fault')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ]
  return (
    <>
      <div class="head">
        {current !== null && (
          <Badge level={faults > 0 ? 'fault' : warnings > 0 ? 'warn' : 'ok'}>
            {faults > 0 ? 'Fault' : warnings > 0 ? 'Warning' : 'Fine'}
          </Badge>
        )}
        <h1 tabIndex={-1}>
          {current === null
            ? 'Overview'
            : words.length > 0
              ? words.join(', ')
              : 'No faults, no warnings'}
        </h1>
        <span class="actions dim">
          {current === null
            ? '–'
            : `up ${duration(current.uptimeSeconds)}, version ${current.version ?? '–'}`}
        </span>
      </div>
      {alarms.length > 0 && (
        <ul class="card alarms">
          {alarms.map(alarm => (
            <Alarm key={alarm.code + alarm.cause} alarm={alarm} />
          ))}
        </ul>
      )}
    </>
  )
}

function Alarm({ alarm }: { readonly alarm: AlarmRow }) {
  const { level, since, cause, mend, link } = alarm
  const isFault = level === 'fault'
  const screen = link === null ? null : SCREENS.get(/^#\/(\w*)/.exec(link)?.[1] ?? '')
  return (
    <li>
      <Badge level={isFault ? 'fault' : 'warn'}>{isFault ? 'Fault' : 'Warning'}</Badge>
      <div>
        {sentence(cause)}{' '}
        <span class="dim">
          Since <At at={since} />.
        </span>
        {mend !== '' && <div class="small dim">{sentence(mend)}</div>}
      </div>
      {link !== null && screen !== null && screen !== undefined && (
        <a href={link}>{linkWords(link, screen.title)}</a>
      )}
    </li>
  )
}

function linkWords(link: string, title: string): string {
  if (link.includes('state=refused')) return 'Refused'
  return link.includes('?id=') ? 'Who' : title
}

interface Rates {
  readonly received: number | null
  readonly sent: number | null
  readonly dropped: number | null
}

const NO_RATES: Rates = { received: null, sent: null, dropped: null }

/** Rates between one status and the next. */
function useRates(current: StatusAnswer | null): Rates {
  const last = useSignal<StatusAnswer | null>(null)
  const rates = useSignal(NO_RATES)
  useEffect(() => {
    if (current === null || current === last.value) return
    const before = last.value
    last.value = current
    if (before === null) return
    const seconds = (Date.parse(current.at) - Date.parse(before.at)) / 1_000
    // It was started anew in between.
    if (seconds <= 0 || current.messagesReceived < before.messagesReceived) return
    const since = (now: number, then: number): number => Math.max(0, (now - then) / seconds)
    rates.value = {
      received: since(current.messagesReceived, before.messagesReceived),
      sent: since(current.messagesSent, before.messagesSent),
      dropped: since(droppedIn(current), droppedIn(before)),
    }
  }, [current, last, rates])
  return rates.value
}

function droppedIn({ dropped }: StatusAnswer): number {
  return Object.values(dropped).reduce((sum, each) => sum + each, 0)
}

const DURABILITIES: Readonly<Record<StatusAnswer['durability'], string>> = {
  fsync: 'on disk',
  replicated: 'on several machines',
  os: 'with the system',
  memory: 'in memory',
}

function Figures({
  current,
  rates,
}: {
  readonly current: StatusAnswer | null
  readonly rates: Rates
}) {
  return (
    <dl class="card figures">
      <Figure name="received" label="Received" value={rate(rates.received)} unit="/s" />
      <Figure name="sent" label="Sent" value={rate(rates.sent)} unit="/s" />
      <Figure name="clientsConnected" label="Connected" value={count(current?.clientsConnected)} />
      <Figure name="queuedMessages" label="Queued" value={count(current?.queuedMessages)} />
      <Figure name="dropped" label="Dropped" value={rate(rates.dropped)} unit="/s" />
      <Figure
        name="durability"
        label="Acknowledged means"
        value={current === null ? '–' : DURABILITIES[current.durability]}
      />
    </dl>
  )
}

interface FigureProps {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly unit?: string
}

function Figure({ name, label, value, unit }: FigureProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <b id={name}>{value}</b> {unit !== undefined && <small>{unit}</small>}
      </dd>
    </div>
  )
}

/** Title and form of the largest of everything, by its name in the status. */
const TOPS: ReadonlyMap<string, readonly [title: string, shown: (value: number) => string]> =
  new Map([
    ['queues', ['Longest queues', count]],
    ['drops', ['Most dropped', count]],
    ['refusals', ['Most refused', count]],
    ['slowReaders', ['Slowest readers', bytes]],
    ['received', ['Publish most', perSecond]],
    ['sent', ['Get most', perSecond]],
  ])

function perSecond(value: number): string {
  return `${rate(value)}/s`
}

function Top({ top }: { readonly top: NonNullable<StatusAnswer['top']> }) {
  const lists = [...TOPS].filter(([name]) => (top[name] ?? []).length > 0)
  if (lists.length === 0) return null
  return (
    <div class="charts">
      {lists.map(([name, [title, shown]]) => (
        <section key={name} class="card">
          <h2>{title}</h2>
          <dl class="top-list">
            {(top[name] ?? []).map(entry => (
              <div key={entry.name}>
                <dt>
                  <ClientLink id={entry.name} />
                </dt>
                <dd>{shown(entry.value)}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p>
        <a href={to('clients')}>All clients</a>
      </p>
    </div>
  )
}
