// The frame around every screen: menu, search, clock, and the bar that says that Pondhawk does not answer.

import { signal, useSignal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { DialogPlace, UndoPlace } from '../show/dialog.tsx'
import { clock, count, duration } from '../show/format.ts'
import { Failure, failure, switchZone, zone } from '../show/parts.tsx'
import { clockSkewMs, isStale, lastAnswerAt, now, silentSeconds } from './answering.ts'
import { Icon } from './icon.tsx'
import { useKeys } from './keys.tsx'
import { pulse, status, useLive } from './live.ts'
import { hash, route } from './route.ts'
import { SCREENS, type ScreenProps } from './screens.ts'
import { Search } from './search.tsx'
import { leave, signIn } from './session.ts'
import { SignIn } from './sign-in.tsx'

const SKEW_SHOWN_MS = 2_000

export function Frame() {
  const state = signIn.value
  if (state.kind === 'out') return <SignIn cause={state.cause} />
  return <SignedIn isAsking={state.kind === 'asking'} />
}

function SignedIn({ isAsking }: { readonly isAsking: boolean }) {
  useKeys()
  useLive(!isAsking)
  const { screen, query } = route.value
  const shown = SCREENS.get(screen)
  const title = shown?.title ?? 'Not found'
  useEffect(() => {
    document.title = `${isStale.value ? '(!) ' : ''}${title} · Pondhawk`
  }, [title, isStale.value])
  return (
    <div class={`frame${isStale.value ? ' stale' : ''}`}>
      <a class="skip" href={hash.value} onClick={toMain}>
        Skip to the content
      </a>
      <Side screen={screen} title={title} />
      <div class="page">
        <header class="top">
          <Search />
          <Clock />
          <div class="who">
            <button type="button" class="plain" onClick={() => void leave()}>
              Sign out
            </button>
          </div>
        </header>
        <StaleBar />
        <SkewNote />
        <Failure sentence={failure.value} again={() => (failure.value = null)} verb="Close" />
        <main id="main" tabIndex={-1}>
          {isAsking ? <h1>{title}</h1> : <Loaded key={screen} screen={screen} query={query} />}
        </main>
      </div>
      <DialogPlace />
      <UndoPlace />
    </div>
  )
}

function toMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Side({ screen, title }: { readonly screen: string; readonly title: string }) {
  const isOpen = useSignal(false)
  const marked = SCREENS.get(screen)?.within ?? screen
  const figures: Readonly<Record<string, number | undefined>> = {
    clients: status.value?.clientsConnected,
  }
  return (
    <div class="side">
      <div class="brand">
        <Icon />
        Pondhawk
      </div>
      <button
        type="button"
        class="menu-button"
        aria-expanded={isOpen.value ? 'true' : 'false'}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        {title} <span aria-hidden="true">▾</span>
        <span class="hidden">menu</span>
      </button>
      <nav class="menu" aria-label="Screens" data-open={isOpen.value ? 'true' : 'false'}>
        {[...SCREENS].map(([name, { title: menu, within }]) =>
          within !== null ? null : (
            <a
              key={name}
              href={`#/${name}`}
              onClick={() => (isOpen.value = false)}
              {...(marked === name && { 'aria-current': 'page' as const })}
            >
              {menu}
              {figures[name] !== undefined && <small>{count(figures[name])}</small>}
            </a>
          ),
        )}
        <a href="docs/">Documentation</a>
      </nav>
    </div>
  )
}

function Clock() {
  return (
    <button type="button" class="plain clock" onClick={switchZone} title="Local time or UTC">
      {clock(now.value, zone.value)} <small>{zone.value}</small>
    </button>
  )
}

function StaleBar() {
  return (
    <div role="alert">
      {isStale.value && (
        <div class="bar">
          <span aria-hidden="true">■</span>
          <span>
            Pondhawk has not answered for {silentSeconds.value} s. Figures are from{' '}
            {clock(lastAnswerAt.value, zone.value)}.
          </span>
          <button type="button" onClick={pulse}>
            Try now
          </button>
        </div>
      )}
    </div>
  )
}

function SkewNote() {
  const skew = clockSkewMs.value
  if (Math.abs(skew) <= SKEW_SHOWN_MS) return null
  const way = skew > 0 ? 'behind' : 'ahead of'
  return (
    <p class="note">
      This computer's clock is {duration(Math.abs(skew) / 1_000)} {way} Pondhawk's: times are
      Pondhawk's.
    </p>
  )
}

type Loading =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'ready'; readonly component: FunctionComponent<ScreenProps> }

/** Screens that were opened already, so that they are there at once. */
const opened = signal<ReadonlyMap<string, FunctionComponent<ScreenProps>>>(new Map())
let isFirst = true

function Loaded({ screen, query }: { readonly screen: string; readonly query: URLSearchParams }) {
  const known = opened.peek().get(screen)
  const state = useSignal<Loading>(
    known === undefined ? { kind: 'loading' } : { kind: 'ready', component: known },
  )
  const place = useRef<HTMLDivElement>(null)
  const definition = SCREENS.get(screen)
  useEffect(() => {
    if (state.peek().kind === 'ready' || definition === undefined) return
    let isOver = false
    definition.load().then(
      ({ default: component }) => {
        opened.value = new Map([...opened.peek(), [screen, component]])
        if (!isOver) state.value = { kind: 'ready', component }
      },
      () => {
        if (!isOver) state.value = { kind: 'failed' }
      },
    )
    return () => {
      isOver = true
    }
  }, [screen, definition, state])
  // A screen reader hears where it is now; at the first screen the browser has told it.
  const isReady = state.value.kind === 'ready'
  useEffect(() => {
    if (!isReady) return
    if (!isFirst) place.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
    isFirst = false
    scrollTo(0, 0)
  }, [isReady])
  if (definition === undefined) return <NotFound />
  const { value } = state
  return (
    <div ref={place}>
      {value.kind === 'ready' ? <value.component query={query} /> : <h1>{definition.title}</h1>}
      {value.kind === 'failed' && (
        <Failure
          sentence="This screen could not be loaded: Pondhawk was updated, or does not answer."
          again={() => location.reload()}
        />
      )}
    </div>
  )
}

function NotFound() {
  return (
    <>
      <h1>Not found</h1>
      <p>
        There is no such screen. <a href="#/">Overview</a>
      </p>
    </>
  )
}
