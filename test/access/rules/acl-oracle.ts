// ACL files made at random over a small alphabet, and a slow reading of them that shares no code with ours: levels are
// split, every line is looked at for every question, and nothing is compiled or remembered.

export interface RandomLine {
  readonly kind: 'topic' | 'pattern' | 'subscribe'
  readonly user: string | null
  readonly client: string | null
  readonly subnet: string | null
  readonly access: 'read' | 'write' | 'readwrite' | 'deny' | 'allow'
  readonly filter: string
  readonly qosMax: number
  readonly mayRetain: boolean
}

export interface RandomSubject {
  readonly username: string | null
  readonly clientId: string
  readonly address: string
}

const LEVELS = ['a', 'b', '$S', '']
const USERS = [null, 'u', 'a', 'a/b', '$S', 'u+', '']
const CLIENTS = ['c', 'a', 'b/a', '#x']
const SUBNETS = ['10.0.0.0/8', '10.1.0.0/16', '192.168.0.1']
const ADDRESSES = ['10.0.0.1', '10.1.0.1', '::ffff:10.1.2.3', '192.168.0.1']

export const TOPICS: readonly string[] = LEVELS.flatMap(one => [
  one,
  ...LEVELS.flatMap(two => [`${one}/${two}`, ...LEVELS.map(three => `${one}/${two}/${three}`)]),
]).filter(topic => topic !== '')

/** Numbers that a seed gives, the same ones every time. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Random = ReturnType<typeof randomFrom>

function oneOf<Each>(random: Random, list: readonly Each[]): Each {
  return list[random(list.length)] as Each
}

export function randomFilter(random: Random, signs: readonly string[] = []): string {
  const levels = Array.from({ length: 1 + random(3) }, () =>
    oneOf(random, [...LEVELS, '+', '+', ...signs]),
  )
  if (random(3) === 0) levels[levels.length - 1] = '#'
  const filter = levels.join('/')
  return filter === '' ? 'a' : filter
}

export function randomSubject(random: Random): RandomSubject {
  return {
    username: oneOf(random, USERS),
    clientId: oneOf(random, CLIENTS),
    address: oneOf(random, ADDRESSES),
  }
}

export function randomLines(random: Random): readonly RandomLine[] {
  return Array.from({ length: random(14) }, () => {
    const kind = oneOf(random, [
      'topic',
      'topic',
      'topic',
      'pattern',
      'pattern',
      'subscribe',
    ] as const)
    const access =
      kind === 'subscribe'
        ? oneOf(random, ['allow', 'deny'] as const)
        : oneOf(random, ['read', 'write', 'readwrite', 'deny'] as const)
    const user = oneOf(
      random,
      USERS.filter(each => each !== ''),
    )
    const isLimited = random(4) === 0 && (access === 'write' || access === 'readwrite')
    return {
      kind,
      user,
      // What narrows lines of nobody could not be lifted again: only a user line ends it.
      client: user !== null && random(5) === 0 ? oneOf(random, CLIENTS) : null,
      subnet: user !== null && random(5) === 0 ? oneOf(random, SUBNETS) : null,
      access,
      filter: randomFilter(random, kind === 'pattern' ? ['%c', '%u', 'x%u'] : []),
      qosMax: isLimited ? random(3) : 2,
      mayRetain: isLimited ? random(2) === 0 : true,
    }
  }).toSorted((one, other) => (one.user === null ? 0 : 1) - (other.user === null ? 0 : 1))
}

/** The lines as a file has them: those of nobody first, since a file cannot go back to them. */
export function fileOf(lines: readonly RandomLine[]): string {
  return lines
    .flatMap(({ user, client, subnet, kind, access, filter, qosMax, mayRetain }, index) => [
      ...(user === null ? [] : [`user ${user}`]),
      ...(client === null ? [] : [`client ${client}`]),
      ...(subnet === null ? [] : [`cidr ${subnet}`]),
      kind === 'subscribe'
        ? `subscribe ${access === 'deny' ? 'deny ' : ''}${filter}`
        : `${qosMax < 2 ? `qos<=${qosMax} ` : ''}${mayRetain ? '' : 'noretain '}${kind} ${access} ${filter}`,
      ...(index % 3 === 0 ? ['# a comment', ''] : []),
    ])
    .join('\n')
}

export function mayWrite(
  lines: readonly RandomLine[],
  subject: RandomSubject,
  topic: string,
  qos: number,
  retain: boolean,
): boolean {
  return decides(lines, subject, topic, line => {
    if (line.access !== 'write' && line.access !== 'readwrite') return false
    return qos <= line.qosMax && (!retain || line.mayRetain)
  })
}

export function mayRead(
  lines: readonly RandomLine[],
  subject: RandomSubject,
  topic: string,
): boolean {
  return decides(lines, subject, topic, ({ access }) => access === 'read' || access === 'readwrite')
}

function decides(
  lines: readonly RandomLine[],
  subject: RandomSubject,
  topic: string,
  allows: (line: RandomLine) => boolean,
): boolean {
  const here = lines.filter(line => isFor(line, subject))
  const own = here.filter(
    line => line.kind === 'topic' && line.user === subject.username && matches(line.filter, topic),
  )
  if (own.some(line => line.access === 'deny')) return false
  if (own.some(allows)) return true
  if (/[+#]/.test(`${subject.username ?? ''}${subject.clientId}`)) return false
  const patterns = here.filter(line => line.kind === 'pattern')
  if (patterns.some(line => line.access === 'deny' && patternMatches(line, subject, topic)))
    return false
  return patterns.some(
    line => allows(line) && isWholeLevel(line, subject) && patternMatches(line, subject, topic),
  )
}

function isFor({ client, subnet }: RandomLine, { clientId, address }: RandomSubject): boolean {
  if (client !== null && client !== clientId) return false
  const plain = address.split(':').at(-1) ?? ''
  if (subnet === '10.0.0.0/8') return plain.startsWith('10.')
  if (subnet === '10.1.0.0/16') return plain.startsWith('10.1.')
  return subnet === null || subnet === plain
}

function patternMatches(
  line: RandomLine,
  { username, clientId }: RandomSubject,
  topic: string,
): boolean {
  if (line.filter.includes('%u') && username === null) return false
  if (topic.startsWith('$') && !line.filter.startsWith('$')) return false
  const filter = line.filter
    .split('%c')
    .join(clientId)
    .split('%u')
    .join(username ?? '')
  return matches(filter, topic)
}

function isWholeLevel({ filter }: RandomLine, { username, clientId }: RandomSubject): boolean {
  if (filter.includes('%c') && clientId.includes('/')) return false
  return !filter.includes('%u') || (username !== '' && username?.includes('/') !== true)
}

export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  const walk = (wanted: readonly string[], levels: readonly string[]): boolean => {
    const [first, ...rest] = wanted
    if (first === undefined) return levels.length === 0
    if (first === '#') return true
    const [level, ...more] = levels
    if (level === undefined) return false
    return (first === '+' || first === level) && walk(rest, more)
  }
  return walk(filter.split('/'), topic.split('/'))
}
