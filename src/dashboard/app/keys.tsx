// Keys: `/` searches, `g` and a letter opens a screen, `?` shows them all. They are silent while somebody types.

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../show/dialog.tsx'
import { go } from './route.ts'
import { SCREENS } from './screens.ts'

const SWITCH = 'pondhawk-keys'
const areOn = signal(localStorage.getItem(SWITCH) !== 'off')
/** How long the letter after `g` may take. */
const SECOND_KEY_MS = 1_500
let waitsUntil = 0

export function useKeys(): void {
  useEffect(() => {
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
  if (event.key === '?') return showKeys(event)
  if (!areOn.value) return
  if (event.timeStamp < waitsUntil) {
    waitsUntil = 0
    for (const [screen, { key }] of SCREENS) {
      if (key === event.key) go(`#/${screen}`)
    }
  } else if (event.key === '/') {
    event.preventDefault()
    document.getElementById('search')?.focus()
  } else if (event.key === 'g') {
    waitsUntil = event.timeStamp + SECOND_KEY_MS
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false
  return target.closest('input, textarea, select, dialog') !== null
}

function showKeys(event: Event): void {
  event.preventDefault()
  ask({
    title: 'Keys',
    verb: areOn.value ? 'Switch off' : 'Switch on',
    typed: null,
    isHarmless: true,
    body: <KeyTable />,
    act: async () => {
      areOn.value = !areOn.value
      localStorage.setItem(SWITCH, areOn.value ? 'on' : 'off')
    },
  })
}

function KeyTable() {
  const rows = [
    ['/', 'Search a client or a topic'],
    ...[...SCREENS.values()].flatMap(({ title, key }) =>
      key === null ? [] : [[`g ${key}`, title]],
    ),
    ['Esc', 'Close a dialog or the search'],
    ['?', 'These keys'],
  ] as const
  return (
    <dl class="facts">
      {rows.map(([keys, what]) => (
        <>
          <dt>
            <code>{keys}</code>
          </dt>
          <dd>{what}</dd>
        </>
      ))}
    </dl>
  )
}
