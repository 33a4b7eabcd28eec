// How clients connect, and where this broker listens.

import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { Connect } from './connect.tsx'
import { Listeners } from './listeners.tsx'

const TABS = [
  ['connect', 'Connect'],
  ['listeners', 'Listeners'],
] as const

export default function Settings({ query }: ScreenProps) {
  const wanted = query.get('tab')?.toLowerCase()
  const tab = TABS.find(([name]) => name === wanted)?.[0] ?? 'connect'
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Settings</h1>
        <Choice
          label="Part of the settings"
          value={tab}
          options={TABS}
          onChange={next => change({ tab: next })}
        />
      </div>
      {tab === 'connect' ? <Connect /> : <Listeners />}
    </div>
  )
}
