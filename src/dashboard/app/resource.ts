// What a screen reads from the API, again and again: its data, or why there is none.

import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { isStale } from './answering.ts'
import { Problem, request, sentenceOf } from './api.ts'

export interface Resource<T> {
  readonly data: T | null
  /** Why the last request brought nothing. The data of the one before stays. */
  readonly error: string | null
  readonly status: number
  readonly reload: () => void
}

interface State<T> {
  readonly path: string | null
  readonly data: T | null
  readonly error: string | null
  readonly status: number
}

/** Returns what is at the path, read again each `everySeconds` while the tab can be seen; null asks for nothing. */
export function useResource<T>(
  path: string | null,
  everySeconds = 10,
  /** While it says so, nothing is read again: somebody points at a row. */
  isHeld?: Signal<boolean>,
): Resource<T> {
  const state = useSignal<State<T>>({ path: null, data: null, error: null, status: 0 })
  const reload = useRef<() => void>(() => {})
  useEffect(() => {
    let isOver = false
    let isAsked = false
    const read = async (): Promise<void> => {
      if (path === null || isAsked) return
      isAsked = true
      const next = await answerAt<T>(path)
      isAsked = false
      if (isOver) return
      const kept = state.peek().path === path ? state.peek().data : null
      state.value = { path, ...next, data: next.data ?? (next.status === 404 ? null : kept) }
    }
    reload.current = () => void read()
    void read()
    const timer = setInterval(() => {
      if (!document.hidden && isHeld?.peek() !== true && !isStale.peek()) void read()
    }, everySeconds * 1_000)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [path, everySeconds, isHeld, state])
  // What another path has brought is not shown under this one.
  const isThis = state.value.path === path
  return {
    data: isThis ? state.value.data : null,
    error: isThis ? state.value.error : null,
    status: isThis ? state.value.status : 0,
    reload: () => reload.current(),
  }
}

async function answerAt<T>(path: string): Promise<Omit<State<T>, 'path'>> {
  try {
    return { data: await request<T>(path), error: null, status: 200 }
  } catch (error) {
    const status = error instanceof Problem ? error.status : 0
    return { data: null, error: sentenceOf(error), status }
  }
}
