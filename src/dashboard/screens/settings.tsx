// How clients connect, and how this broker is configured.

import { useSignal } from '@preact/signals'
import { change } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { Choice } from '../show/parts.tsx'
import { Connect } from './connect.tsx'

void useSignal
type Tab = 'connect'
const TABS: readonly (readonly [Tab, string])[] = [['connect', 'Connect']]

export default function Settings({ query }: ScreenProps) {
  const tab = TABS.find(([name]) => name === query.get('tab'))?.[0] ?? 'connect'
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
      <Connect />
    </div>
  )
}
