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
