// What one client may do: asked for every packet, so answered at once.

export interface Permissions {
  mayPublish(topic: string): boolean
  /** `filter` is the topic filter without `$share/group/`. */
  maySubscribe(filter: string): boolean
}

/** Everything. The topics that the broker keeps for itself are closed to everybody: see `isReserved`. */
export const UNRESTRICTED: Permissions = {
  mayPublish: () => true,
  maySubscribe: () => true,
}

/** What whoever was asked for a right has answered. Throws for anything but true and false: a promise, say, would pass for true. */
export function rightIn(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  if (answer instanceof Promise) answer.catch(() => {})
  throw new TypeError('a right is answered with true or false, at once')
}
