// A story: what happened, one sentence an entry, with its time and how grave it is.

import type { ComponentChildren } from 'preact'
import { type Level, Mark } from './parts.tsx'

interface StoryStep {
  readonly key: string
  readonly at: ComponentChildren
  readonly level: Level
  readonly sentence: ComponentChildren
  readonly more?: ComponentChildren
}

export function Story({
  label,
  steps,
}: {
  readonly label: string
  readonly steps: readonly StoryStep[]
}) {
  return (
    <ol class="story" aria-label={label}>
      {steps.map(({ key, at, level, sentence, more }) => (
        <li key={key}>
          <span class="at">{at}</span>
          <Mark level={level} />
          <div>
            <div>{sentence}</div>
            {more !== null && more !== undefined && more !== '' && <div class="sub">{more}</div>}
          </div>
        </li>
      ))}
    </ol>
  )
}
