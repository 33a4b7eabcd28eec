// How clients connect, where this broker listens, and how it is configured.

import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { Configuration } from './configuration.tsx'
import { Connect } from './connect.tsx'
import { Listeners } from './listeners.tsx'

const TABS = [
  ['connect', 'Connect'],
  ['listeners', 'Listeners'],
  ['configuration', 'Configuration'],
] as const

export default function Settings({ query }: ScreenProps) {
  const wanted = query.get('tab')?.toLowerCase()
  // Alarms about the disk name the store: its keys are there.
  const named = wanted === 'store' ? 'configuration' : wanted
  const tab = TABS.find(([name]) => name === named)?.[0] ?? 'connect'
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
      {tab === 'connect' ? <Connect /> : tab === 'listeners' ? <Listeners /> : <Configuration />}
    </div>
  )
}
