// Everything in which messages wait for one of several: named queues, share groups; delayed messages; and prepared transactions.

import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { Delayed } from './delayed.tsx'
import { Group } from './group.tsx'
import { Groups } from './groups.tsx'
import { NamedQueue } from './named-queue.tsx'
import { NamedQueues } from './named-queues.tsx'
import { Prepared } from './prepared.tsx'

const KINDS = [
  ['named', 'Named queues'],
  ['groups', 'Share groups'],
  ['delayed', 'Delayed messages'],
  ['prepared', 'Prepared transactions'],
] as const

const LISTS = { named: NamedQueues, groups: Groups, delayed: Delayed, prepared: Prepared } as const

export default function Queues({ query }: ScreenProps) {
  const [name, shareName, filter] = [query.get('name'), query.get('shareName'), query.get('filter')]
  if (name !== null) return <NamedQueue key={name} name={name} />
  const where = query.get('where')
  if (shareName !== null && filter !== null) {
    return <Group shareName={shareName} filter={filter} {...(where !== null && { where })} />
  }
  const kind = KINDS.find(([each]) => each === query.get('kind'))?.[0] ?? 'named'
  const Listed = LISTS[kind]
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Queues</h1>
        <Choice
          label="Kind of queues"
          value={kind}
          options={KINDS}
          onChange={next => change({ kind: next })}
        />
      </div>
      <Listed />
    </div>
  )
}
