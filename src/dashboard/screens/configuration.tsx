// The configuration that counts: each value, where it comes from, and whether its file says otherwise by now.

import { useSignal } from '@preact/signals'
import type { ConfigAnswer } from '../../api/contract/administration.ts'
import { useResource } from '../app/resource.ts'
import { visible, visibleLines } from '../show/format.ts'
import { Failure, Name, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'
import { isOperator } from '../app/session.ts'
import { ConfigurationFile } from './configuration-file.tsx'

type Value = ConfigAnswer['items'][number]

const EVERY_SECONDS = 60
const COLUMNS: readonly Column<Value>[] = [
  { label: 'Key', cell: ({ path }) => <Name>{path}</Name> },
  {
    label: 'Value',
    cell: ({ value, restart }) => (
      <>
        <code>{visibleLines(JSON.stringify(value) ?? '')}</code>
        {restart && <State level="warn">another one after a restart</State>}
      </>
    ),
  },
  { label: 'From', isKey: true, cell: ({ source }) => visible(source) },
]

export function Configuration() {
  const isAll = useSignal(false)
  const { data, error, reload } = useResource<ConfigAnswer>('config', EVERY_SECONDS)
  const rows = (data?.items ?? []).filter(
    ({ source, restart }) => isAll.value || restart || source !== 'default',
  )
  return (
    <section class="stack" aria-labelledby="configuration">
      <div class="head">
        <h2 id="configuration">
          {data === null || data.file === null
            ? 'Configuration'
            : `Configuration of ${visible(data.file)}`}
        </h2>
        <label class="check">
          <input
            type="checkbox"
            checked={isAll.value}
            onChange={event => (isAll.value = event.currentTarget.checked)}
          />
          With defaults
        </label>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (rows.length === 0 ? (
          <p class="dim">Everything is as it is by default.</p>
        ) : (
          <Table caption="Configuration" columns={COLUMNS} rows={rows} keyOf={({ path }) => path} />
        ))}
      {isOperator.value && <ConfigurationFile written={reload} />}
    </section>
  )
}
