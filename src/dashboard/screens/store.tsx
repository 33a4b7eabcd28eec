// The store: what an acknowledgement means, how much room is left, and its backups.

import type { BackupRow } from '../../api/contract/administration.ts'
import { request, withQuery } from '../app/api.ts'
import { status } from '../app/live.ts'
import { useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { bytes, visible } from '../show/format.ts'
import { Action, At, Empty, Facts, Failure, Name } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const MEANINGS = {
  fsync: 'the message is on the disk',
  replicated: 'several machines have the message; a loss of power of all may lose it',
  os: 'the operating system has the message; a loss of power may lose it',
  memory: 'the message is in memory, and gone when the broker stops',
} as const

export function Store() {
  const current = status.value
  return (
    <section class="stack" aria-labelledby="store">
      <h2 id="store">Store</h2>
      {current !== null && (
        <Facts
          rows={[
            ['Acknowledged means', MEANINGS[current.durability]],
            ['Free', current.storeFreeBytes === null ? null : bytes(current.storeFreeBytes)],
            ['Full', current.storeIsFull ? 'yes: QoS 1 and 2 are refused' : null],
          ]}
        />
      )}
      {current?.durability === 'memory' ? (
        <Empty>There is nothing on a disk, so there is nothing to back up.</Empty>
      ) : (
        <Backups />
      )}
    </section>
  )
}

function Backups() {
  const { data, error, reload } = useResource<{ readonly items: readonly BackupRow[] }>('backups')
  const columns: readonly Column<BackupRow>[] = [
    { label: 'Backup', cell: ({ name }) => <Name>{name}</Name> },
    { label: 'Size', isNumber: true, isKey: true, cell: row => bytes(row.bytes) },
    { label: 'Made', isNumber: true, cell: ({ at }) => <At at={at} /> },
    {
      label: '',
      cell: ({ name }) => <Action onClick={() => askDelete(name, reload)}>Delete</Action>,
    },
  ]
  return (
    <>
      <div class="head">
        <h3>Backups</h3>
        <span class="actions">
          <Action onClick={() => askBackup(reload)}>Back up</Action>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (data.items.length === 0 ? (
          <Empty>
            There is no backup yet. One is made while clients go on, and is on the same disk: copy
            it to another.
          </Empty>
        ) : (
          <>
            <Table
              caption="Backups"
              columns={columns}
              rows={data.items}
              keyOf={({ name }) => name}
            />
            <p class="dim">
              In <Name>{folderOf(data.items)}</Name>, on the same disk: copy them to another.
            </p>
          </>
        ))}
    </>
  )
}

function folderOf([first]: readonly BackupRow[]): string {
  return first === undefined ? '' : first.path.slice(0, -first.name.length - 1)
}

function askBackup(changed: () => void): void {
  let name = new Date().toISOString().slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-')
  ask({
    title: 'Back up the store?',
    verb: 'Back up',
    typed: null,
    isHarmless: true,
    body: (
      <>
        <p>A copy is made beside the store and verified, while clients go on.</p>
        <label>
          Name
          <input
            defaultValue={name}
            spellcheck={false}
            autocomplete="off"
            onInput={event => (name = event.currentTarget.value)}
          />
        </label>
      </>
    ),
    act: async () => {
      await request('backups', { method: 'POST', body: { name } })
      changed()
    },
  })
}

function askDelete(name: string, changed: () => void): void {
  ask({
    title: `Delete the backup ${visible(name)}?`,
    verb: 'Delete',
    typed: null,
    body: <p>This cannot be undone.</p>,
    act: async () => {
      await request(withQuery('backups', { name }), { method: 'DELETE' })
      changed()
    },
  })
}
