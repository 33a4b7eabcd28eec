// How clients connect, where this broker listens, and how it is configured.

import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { Configuration } from './configuration.tsx'
import { Connect } from './connect.tsx'
import { Listeners } from './listeners.tsx'
import { Processes } from './processes.tsx'
import { Store } from './store.tsx'

const TABS = [
  ['connect', 'Connect'],
  ['listeners', 'Listeners'],
  ['configuration', 'Configuration'],
  ['store', 'Store'],
] as const

export default function Settings({ query }: ScreenProps) {
  const tab = TABS.find(([name]) => name === query.get('tab')?.toLowerCase())?.[0] ?? 'connect'
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
      {shownOf(tab)}
    </div>
  )
}

function shownOf(tab: (typeof TABS)[number][0]) {
  switch (tab) {
    case 'connect':
      return <Connect />
    case 'listeners':
      return (
        <>
          <Listeners />
          <Processes />
        </>
      )
    case 'configuration':
      return <Configuration />
    case 'store':
      return <Store />
  }
}
