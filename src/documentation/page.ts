// What runs in the browser on each page: the search. Without it the page is whole.

import '../dashboard/style/tokens.css'
import './page.css'
import type { SearchIndex } from './build/search-index.ts'

const SHOWN_MAX = 20
const root = document.documentElement.dataset['root'] ?? ''

let index: Promise<SearchIndex> | null = null

/** Asked for once, when somebody searches. */
function searchIndex(): Promise<SearchIndex> {
  index ??= fetch(`${root}search.json`).then(answer => {
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    return answer.json() as Promise<SearchIndex>
  })
  return index
}

const IN_HEADING = 5
const WHOLE_WORD = 3

/** The places that have every word, or a longer one that begins with it. Words in headings come first, then whole words. */
function found({ places, words }: SearchIndex, query: string): SearchIndex['places'] {
  const wanted = query.toLowerCase().match(/[\p{L}\p{N}$][\p{L}\p{N}_.$-]*/gu) ?? []
  const scores = wanted.map(word => scoresOf(word, words))
  const [first = new Map<number, number>(), ...others] = scores
  return [...first]
    .filter(([number]) => others.every(each => each.has(number)))
    .map(([number, score]): [number, number] => [
      number,
      others.reduce((sum, each) => sum + (each.get(number) ?? 0), score),
    ])
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, SHOWN_MAX)
    .flatMap(([number]) => {
      const known = places[number]
      return known === undefined ? [] : [known]
    })
}

/** By the number of the place: how well its best word fits. */
function scoresOf(word: string, words: SearchIndex['words']): ReadonlyMap<number, number> {
  const scores = new Map<number, number>()
  for (const [each, numbers] of Object.entries(words)) {
    if (!each.startsWith(word)) continue
    const weight = each === word ? WHOLE_WORD : 1
    for (const [at, number] of numbers.entries()) {
      const score = number === numbers[at - 1] ? weight * IN_HEADING : weight
      scores.set(number, Math.max(score, scores.get(number) ?? 0))
    }
  }
  return scores
}

function element(name: string, attributes: Readonly<Record<string, string>>): HTMLElement {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

const place = document.querySelector('#search')
const input = element('input', {
  type: 'search',
  'aria-label': 'Search the documentation',
  placeholder: 'Search   /',
  autocomplete: 'off',
  spellcheck: 'false',
}) as HTMLInputElement
const said = element('p', { role: 'status', class: 'hidden' })
const list = element('ul', { class: 'found' })
place?.append(input, said, list)

async function look(): Promise<void> {
  const query = input.value
  if (query.trim() === '') return list.replaceChildren()
  const results = found(await searchIndex(), query)
  if (query !== input.value) return undefined
  if (results.length === 0) return says('Nothing is found.')
  list.replaceChildren(...results.map(asLink))
  said.textContent = `${results.length} found.`
}

function says(sentence: string): void {
  const item = element('li', {})
  item.textContent = sentence
  said.textContent = sentence
  list.replaceChildren(item)
}

function asLink([address, page, heading]: SearchIndex['places'][number]): HTMLElement {
  const item = element('li', {})
  const link = element('a', { href: `${root}${address}` })
  link.textContent = heading
  if (page !== heading) {
    const small = element('small', {})
    small.textContent = page
    link.append(small)
  }
  item.append(link)
  return item
}

function looks(): void {
  look().catch(() => {
    index = null
    says('The broker does not answer.')
  })
}

/** Arrows go through the field and the links; Enter opens the first. */
function moved(step: number): void {
  const stops = [input, ...list.querySelectorAll('a')]
  const at = stops.findIndex(each => each === document.activeElement)
  stops[Math.min(Math.max(at + step, 0), stops.length - 1)]?.focus()
}

place?.addEventListener('keydown', event => {
  const { key } = event as KeyboardEvent
  if (key === 'Escape') {
    input.value = ''
    list.replaceChildren()
    input.focus()
  } else if (key === 'ArrowDown' || key === 'ArrowUp') {
    event.preventDefault()
    moved(key === 'ArrowDown' ? 1 : -1)
  } else if (key === 'Enter' && document.activeElement === input) {
    list.querySelector('a')?.click()
  }
})
input.addEventListener('input', looks)

addEventListener('keydown', event => {
  const isTyping = event.target instanceof HTMLInputElement
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  input.focus()
})

// On a phone the contents would push the page away.
const contents = document.querySelector('details.contents')
if (matchMedia('(max-width: 720px)').matches) contents?.removeAttribute('open')
