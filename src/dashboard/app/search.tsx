// The search field of the frame: a client id or a topic, from anywhere by `/`.

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { SearchAnswer } from '../../api/contract/search.ts'
import { visible } from '../show/format.ts'
import { request, withQuery } from './api.ts'
import { go, to } from './route.ts'

const WAIT_MS = 150
const SHOWN_MAX = 12

type Found = SearchAnswer['items'][number]

export function Search() {
  const { input, text, found, chosen, look, pressed, open, close } = useSearch()
  const isOpen = found.value.length > 0
  return (
    <div class="search" role="search">
      <input
        ref={input}
        id="search"
        role="combobox"
        aria-label="Client id or topic"
        aria-expanded={isOpen ? 'true' : 'false'}
        aria-controls="found"
        aria-autocomplete="list"
        {...(chosen.value >= 0 && { 'aria-activedescendant': `found-${chosen.value}` })}
        placeholder="Client id or topic   /"
        autocomplete="off"
        spellcheck={false}
        value={text.value}
        onInput={event => look(event.currentTarget.value)}
        onKeyDown={pressed}
        onBlur={close}
      />
      <ul id="found" role="listbox" aria-label="Found" class={isOpen ? 'found' : 'hidden'}>
        {found.value.map((item, index) => (
          <li
            key={`${item.kind} ${item.name}`}
            id={`found-${index}`}
            role="option"
            aria-selected={index === chosen.value ? 'true' : 'false'}
            onPointerDown={() => open(item)}
          >
            <span class="name">{visible(item.name)}</span>
            <small>
              {item.kind}
              {item.note === '' ? '' : `, ${visible(item.note)}`}
            </small>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What was typed, what was found for it, and which of that is chosen by the arrows. */
function useSearch() {
  const input = useRef<HTMLInputElement>(null)
  const text = useSignal('')
  const found = useSignal<readonly Found[]>([])
  const chosen = useSignal(-1)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])

  const close = (): void => {
    clearTimeout(timer.current)
    found.value = []
    chosen.value = -1
  }
  const look = (wanted: string): void => {
    close()
    text.value = wanted
    if (wanted === '') return
    timer.current = setTimeout(() => {
      void foundFor(wanted).then(items => {
        if (text.peek() === wanted) found.value = items
      })
    }, WAIT_MS)
  }
  const leave = (address: string): void => {
    text.value = ''
    close()
    input.current?.blur()
    go(address)
  }
  const open = (item: Found): void => leave(addressOfFound(item))
  const submit = async (): Promise<void> => {
    const wanted = text.value
    const listed = found.value[chosen.value]
    if (listed !== undefined) open(listed)
    else if (wanted !== '') leave(await addressFor(wanted))
  }
  const pressed = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') void submit()
    else if (event.key === 'Escape' && found.value.length > 0) close()
    else if (event.key === 'Escape') input.current?.blur()
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      const step = event.key === 'ArrowDown' ? 1 : -1
      chosen.value = Math.min(found.value.length - 1, Math.max(-1, chosen.value + step))
    }
  }
  return { input, text, found, chosen, look, pressed, open, close }
}

function addressOfFound({ kind, name }: Found): string {
  return kind === 'client' ? to('client', { id: name }) : to('topic', { name })
}

/** The one that is meant, or a list of what it may be. */
async function addressFor(wanted: string): Promise<string> {
  const items = await foundFor(wanted)
  const meant =
    items.find(({ name }) => name === wanted) ?? (items.length === 1 ? items[0] : undefined)
  if (meant !== undefined) return addressOfFound(meant)
  return wanted.includes('/') ? to('topic', { name: wanted }) : to('clients', { q: wanted })
}

async function foundFor(q: string): Promise<readonly Found[]> {
  try {
    const answer = await request<SearchAnswer>(withQuery('search', { q }))
    return answer.items.slice(0, SHOWN_MAX)
  } catch {
    return []
  }
}
