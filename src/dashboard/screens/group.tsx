// One share group: how it chooses among its members, which an operator can change, and who they are.

import type { GroupDetail } from '../../api/contract/administration.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import { ask } from '../show/dialog.tsx'
import { bytes, count, visible } from '../show/format.ts'
import { Action, ClientLink, Facts, Failure, Name, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 2

interface GroupName {
  readonly shareName: string
  readonly filter: string
  readonly where?: string
}

type Member = GroupDetail['clients'][number]
type Strategy = GroupDetail['strategy']

const STRATEGIES: Readonly<Record<Strategy, string>> = {
  'round-robin': 'one after the other',
  random: 'by chance',
  weighted: 'twice the weight, twice the messages',
  sticky: 'the same as before, until it leaves or its window is full',
  'hash-client': 'the same for all messages of one publisher',
  'hash-topic': 'the same for all messages of one topic',
  'least-in-flight': 'the one with the fewest unacknowledged messages',
}
const SOURCES: Readonly<Record<GroupDetail['strategySource'], string>> = {
  administrator: 'an operator has set it',
  configuration: 'by the configuration',
  subscriber: 'a subscriber has chosen it',
  default: 'by default',
}

export function Group(group: GroupName) {
  const { shareName, filter, where } = group
  const { data, error, reload } = useResource<GroupDetail>(
    withQuery('group', { ...group }),
    EVERY_SECONDS,
  )
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>
          <Name>{`$share/${shareName}/${filter}`}</Name>
        </h1>
        <span class="actions">
          {data !== null && (
            <Action onClick={() => askStrategy(group, data, reload)}>Strategy</Action>
          )}
          <a class="button" href={to('queues', { kind: 'groups' })}>
            All groups
          </a>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null && (
        <>
          <Facts
            rows={[
              ...(where === undefined ? [] : [['Expression', where] as const]),
              ['Strategy', `${data.strategy}: ${STRATEGIES[data.strategy]}`],
              ['Chosen', SOURCES[data.strategySource]],
              ['Waiting', `${count(data.queuedMessages)}, ${bytes(data.queuedBytes)}`],
            ]}
          />
          <Table
            caption="Members"
            columns={columnsOf(group, data, reload)}
            rows={data.clients}
            keyOf={({ clientId }) => clientId}
          />
        </>
      )}
    </div>
  )
}

function columnsOf(
  group: GroupName,
  { strategy }: GroupDetail,
  changed: () => void,
): readonly Column<Member>[] {
  return [
    { label: 'Member', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'State', isKey: true, cell: member => <MemberState member={member} /> },
    { label: 'QoS', isNumber: true, cell: ({ qos }) => qos },
    { label: 'In flight', isNumber: true, cell: ({ inFlight }) => count(inFlight) },
    { label: 'Weight', isNumber: true, cell: ({ weight }) => count(weight) },
    {
      label: '',
      cell: member => (
        <span class="row">
          {strategy === 'weighted' && (
            <Action onClick={() => askWeight(group, member, changed)}>Weight</Action>
          )}
          {member.isDrained ? (
            <Action onClick={() => setMember(group, member, { isDrained: false }, changed)}>
              Undrain
            </Action>
          ) : (
            <Action onClick={() => askDrain(group, member, changed)}>Drain</Action>
          )}
        </span>
      ),
    },
  ]
}

function MemberState({ member: { state, isDrained, inFlight } }: { readonly member: Member }) {
  if (!isDrained) return <State level={state === 'connected' ? 'ok' : 'away'}>{state}</State>
  return (
    <State level="warn">
      {inFlight === 0 ? 'drained, nothing in flight' : `drained, ${count(inFlight)} in flight`}
    </State>
  )
}

async function setMember(
  group: GroupName,
  { clientId }: Member,
  body: { readonly weight?: number; readonly isDrained?: boolean },
  changed: () => void,
): Promise<void> {
  await request(withQuery('group/member', { ...group, clientId }), { method: 'PUT', body })
  changed()
}

function askDrain(group: GroupName, member: Member, changed: () => void): void {
  ask({
    title: `Drain ${visible(member.clientId)}?`,
    verb: 'Drain',
    typed: null,
    body: (
      <p>
        It gets no new messages of this group, and settles those that it has. When nothing is in
        flight it can be stopped. Undrain takes it back.
      </p>
    ),
    act: () => setMember(group, member, { isDrained: true }, changed),
  })
}

function askWeight(group: GroupName, member: Member, changed: () => void): void {
  let weight = member.weight
  ask({
    title: `The weight of ${visible(member.clientId)}`,
    verb: 'Change',
    typed: null,
    isHarmless: true,
    body: (
      <label>
        A member of weight 2 gets twice as many messages as one of weight 1
        <input
          type="number"
          min={1}
          max={1_000}
          defaultValue={weight}
          onInput={event => (weight = Number(event.currentTarget.value))}
        />
      </label>
    ),
    act: () => setMember(group, member, { weight }, changed),
  })
}

/** The option that takes back what an operator has set. */
const AS_CONFIGURED = ''

function askStrategy(group: GroupName, detail: GroupDetail, changed: () => void): void {
  const isSet = detail.strategySource === 'administrator'
  let wanted: string = detail.strategy
  ask({
    title: `The strategy of ${visible(detail.shareName)}`,
    verb: 'Change',
    typed: null,
    isHarmless: true,
    body: (
      <>
        <p>Messages in flight stay where they are, and what waits keeps its order.</p>
        <label>
          Which member gets a message
          <select onChange={event => (wanted = event.currentTarget.value)}>
            {Object.entries(STRATEGIES).map(([name, words]) => (
              <option key={name} value={name} selected={name === detail.strategy}>
                {name}: {words}
              </option>
            ))}
            {isSet && (
              <option value={AS_CONFIGURED}>as the configuration or a subscriber says</option>
            )}
          </select>
        </label>
      </>
    ),
    act: async () => {
      const strategy = wanted === AS_CONFIGURED ? null : wanted
      await request(withQuery('group', { ...group }), { method: 'PUT', body: { strategy } })
      changed()
    },
  })
}
