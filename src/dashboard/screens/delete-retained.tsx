// Deletes the retained messages that match a filter: first it counts them, then the number has to be typed.

import type { RetainedDeleteAnswer } from '../../api/contract/messages.ts'
import { request } from '../app/api.ts'
import { ask } from '../show/dialog.tsx'
import { counted, visible } from '../show/format.ts'
import { Action } from '../show/parts.tsx'

export function DeleteRetained({ filter }: { readonly filter: string }) {
  return <Action onClick={() => askFilter(filter)}>Delete by filter</Action>
}

function askFilter(first: string): void {
  let filter = first
  ask({
    title: 'Delete retained messages',
    verb: 'Count them first',
    isHarmless: true,
    typed: null,
    body: (
      <label>
        Topic filter
        <input
          name="filter"
          defaultValue={first}
          spellcheck={false}
          autocomplete="off"
          onInput={event => (filter = event.currentTarget.value)}
        />
      </label>
    ),
    act: async () => {
      const answer = await request<RetainedDeleteAnswer>('retained/delete', {
        method: 'POST',
        body: { filter, dryRun: true },
      })
      askNumber(filter, answer.matched)
    },
  })
}

function askNumber(filter: string, amount: number): void {
  if (amount === 0) throw new Error(`No retained message matches ${filter}.`)
  ask({
    title: `Delete ${counted(amount, 'retained message')} of ${visible(filter)}?`,
    verb: 'Delete',
    typed: String(amount),
    body: <p>This cannot be undone.</p>,
    act: () =>
      request('retained/delete', {
        method: 'POST',
        body: { filter, dryRun: false, expect: amount },
      }),
  })
}
