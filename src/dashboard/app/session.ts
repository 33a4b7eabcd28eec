// Who is signed in. A link from the terminal has a key that counts once: it leaves the address before anything else happens.

import { computed, signal } from '@preact/signals'
import type { SessionAnswer } from '../../api/contract/sign-in.ts'
import { Problem, request, sentenceOf, signedOut } from './api.ts'
import { hash } from './route.ts'

type SignIn =
  | { readonly kind: 'asking' }
  | { readonly kind: 'in'; readonly session: SessionAnswer }
  | { readonly kind: 'out'; readonly cause: string | null }

const state = signal<SignIn>({ kind: 'asking' })

export const signIn = computed<SignIn>(() =>
  signedOut.value && state.value.kind === 'in'
    ? { kind: 'out', cause: 'The sign-in has ended.' }
    : state.value,
)
export const isOperator = computed(
  () => signIn.value.kind === 'in' && signIn.value.session.role === 'operator',
)

/** Takes the key out of the address and signs in with it; otherwise asks who is signed in already. */
export async function enter(): Promise<void> {
  const key = /^#key=([\w-]+)/.exec(location.hash)?.[1]
  if (key !== undefined) {
    history.replaceState(null, '', `${location.pathname}${location.search}#/`)
    hash.value = location.hash
  }
  signedOut.value = false
  try {
    if (key !== undefined) await request('session', { method: 'POST', body: { key } })
    state.value = { kind: 'in', session: await request<SessionAnswer>('session') }
  } catch (error) {
    const isPlain = error instanceof Problem && error.status === 401 && key === undefined
    state.value = { kind: 'out', cause: isPlain ? null : sentenceOf(error) }
  }
}

export async function leave(): Promise<void> {
  await request('session', { method: 'DELETE' }).catch(() => null)
  state.value = { kind: 'out', cause: null }
}

// A link that is opened in a tab that already shows the page changes only what is after the `#`.
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#key=')) void enter()
})
