// What happens in one sequence, as text: a line for the parties, and a line for each command. Any of the commands can be left out.

import { randomFilter, TOPICS } from '../../test/access/rules/acl-oracle.ts'
import type { Random } from '../random.ts'

export const USERS = ['u', 'a', 'a/b', 'u+'] as const
const CLIENT_IDS = ['c', 'a', 'b/a', '#x', 'd']
const PUBLISHED = TOPICS.filter(topic => !topic.startsWith('$')).slice(0, 8)
const COMMANDS_MAX = 24

/** The first line has each party as `id:user:version`. */
export function scriptOf(random: Random): string {
  const parties = Array.from({ length: 2 + random.below(random.chance(3) ? 7 : 2) }, () =>
    partyOf(random),
  )
  const lines = [parties.join(' '), `rules ${random.below(1_000_000)}`]
  for (let party = 0; party < parties.length; party++) lines.push(connecting(random, party))
  for (let count = 4 + random.below(COMMANDS_MAX); count > 0; count--)
    lines.push(command(random, random.below(parties.length)))
  // A will, and what may happen to its right before it is due.
  if (random.chance(4)) lines.push(...willScene(random, parties.length))
  return lines.join(';')
}

function willScene(random: Random, parties: number): readonly string[] {
  const party = random.below(parties)
  return [
    `subscribe ${random.below(parties)} # 1`,
    `connect ${party} ${random.of(['clean', 'keep'])} ${random.of(PUBLISHED)} 1 0`,
    random.of([`rules ${random.below(1_000_000)}`, `revoke ${random.of(USERS)}`, 'pass 1']),
    random.of(['restart', `vanish ${party}`, `kick ${party}`, `disconnect-with-will ${party}`]),
  ]
}

function command(random: Random, party: number): string {
  switch (random.below(24)) {
    case 0:
    case 1:
    case 2:
      return connecting(random, party)
    case 4:
      return `${random.of(['disconnect', 'disconnect-with-will', 'vanish'])} ${party}`
    case 5:
    case 6:
    case 7:
    case 8:
      return `subscribe ${party} ${filterFor(random)} ${random.below(3)}`
    case 9:
      return `unsubscribe ${party} ${filterFor(random)}`
    case 10:
      return `lazy ${party}`
    case 11:
      return `acknowledge ${party}`
    case 12:
      return random.chance(2) ? `rules ${random.below(1_000_000)}` : `restore ${random.of(USERS)}`
    case 13:
      return random.chance(2) ? `revoke ${random.of(USERS)}` : `restore ${random.of(USERS)}`
    case 14:
      return random.of([
        'restart',
        'restart',
        'wrong-rules',
        `kick ${party}`,
        `end ${party}`,
        'nameless',
      ])
    case 15:
      return `pass ${random.below(100)}`
    default: {
      const retain = random.chance(5) ? 1 : 0
      return `publish ${party} ${random.of(PUBLISHED)} ${random.below(3)} ${retain}`
    }
  }
}

/** A client id belongs to one user in most cases. */
function partyOf(random: Random): string {
  const index = random.below(CLIENT_IDS.length)
  const user = random.chance(6) ? random.of(USERS) : USERS[index % USERS.length]
  return `${CLIENT_IDS[index]}:${user}:${random.of([3, 4, 5, 5])}`
}

function connecting(random: Random, party: number): string {
  const start = random.of(['clean', 'keep', 'keep', 'fresh'])
  if (!random.chance(3)) return `connect ${party} ${start}`
  return `connect ${party} ${start} ${random.of(PUBLISHED)} ${random.below(3)} ${random.below(2)}`
}

function filterFor(random: Random): string {
  const filter = random.chance(2) ? '#' : randomFilter(sides => random.below(sides))
  return random.chance(8) ? `$share/g/${filter}` : filter
}
