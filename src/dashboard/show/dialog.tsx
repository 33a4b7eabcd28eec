// Questions before something is done that cannot be undone, and the bar that undoes what can.

import { signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isStale } from '../app/answering.ts'
import { sentenceOf } from '../app/api.ts'
import { Failure } from './parts.tsx'

interface Question {
  readonly title: string
  readonly body: ComponentChildren
  /** The verb, which the button repeats. */
  readonly verb: string
  /** What has to be typed before the button works; null for nothing. */
  readonly typed: string | null
  readonly act: () => Promise<unknown>
  readonly isWide?: boolean
  /** Nothing is lost by it. */
  readonly isHarmless?: boolean
}

const question = signal<Question | null>(null)

/** Asks in a dialog. `act` is called when the answer is yes; if it throws, the dialog says why and stays. */
export function ask(asked: Question): void {
  question.value = asked
}

function closeDialog(): void {
  question.value = null
}

export function DialogPlace() {
  const asked = question.value
  return asked === null ? null : <Dialog key={asked.title} asked={asked} />
}

function Dialog({ asked }: { readonly asked: Question }) {
  const element = useRef<HTMLDialogElement>(null)
  const cancel = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    cancel.current?.focus()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      class={asked.isWide === true ? 'wide' : ''}
      aria-labelledby="dialog-title"
      onCancel={closeDialog}
      onClose={closeDialog}
    >
      <h2 id="dialog-title">{asked.title}</h2>
      <Answer asked={asked}>
        <button type="button" ref={cancel} onClick={closeDialog}>
          Cancel
        </button>
      </Answer>
    </dialog>
  )
}

interface AnswerProps {
  readonly asked: Question
  readonly children: ComponentChildren
}

/** What the question is about, and the button that does it. */
function Answer({ asked, children }: AnswerProps) {
  const typed = useSignal('')
  const error = useSignal<string | null>(null)
  const isBusy = useSignal(false)
  const isReady = asked.typed === null || typed.value === asked.typed
  const isOff = !isReady || isStale.value || isBusy.value
  const act = async (): Promise<void> => {
    isBusy.value = true
    try {
      await asked.act()
      if (question.value === asked) closeDialog()
    } catch (cause) {
      error.value = sentenceOf(cause)
    }
    isBusy.value = false
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (!isOff) void act()
      }}
    >
      {asked.body}
      {asked.typed !== null && (
        <label>
          Type {asked.typed}
          <input
            value={typed.value}
            autocomplete="off"
            spellcheck={false}
            onInput={event => (typed.value = event.currentTarget.value)}
          />
        </label>
      )}
      <Failure sentence={error.value} />
      <div class="actions">
        {children}
        <button
          type="submit"
          class={asked.isHarmless === true ? 'main' : 'danger'}
          disabled={isOff}
        >
          {asked.verb}
        </button>
      </div>
    </form>
  )
}

interface Undo {
  readonly sentence: string
  readonly undo: () => Promise<unknown>
}

const UNDO_MS = 10_000
const undoable = signal<Undo | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined

/** Says what was done, and offers for 10 s to undo it. */
export function offerUndo(sentence: string, undo: () => Promise<unknown>): void {
  clearTimeout(timer)
  undoable.value = { sentence, undo }
  timer = setTimeout(() => (undoable.value = null), UNDO_MS)
}

export function UndoPlace() {
  const error = useSignal<string | null>(null)
  const offer = undoable.value
  const undo = async (): Promise<void> => {
    if (offer === null) return
    try {
      await offer.undo()
      undoable.value = null
      error.value = null
    } catch (cause) {
      error.value = sentenceOf(cause)
    }
  }
  return (
    <div role="status">
      {offer !== null && (
        <div class="undo">
          <span>{error.value ?? offer.sentence}</span>
          <button type="button" onClick={() => void undo()}>
            Undo
          </button>
        </div>
      )}
    </div>
  )
}
