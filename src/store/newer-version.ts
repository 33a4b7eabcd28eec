/** The error for a store with something that this version does not know. It is not damaged and must not be repaired. */
export class NewerVersion extends Error {
  constructor(what: string) {
    super(`${what}: a newer version wrote it, and only such a version can read this store`)
    this.name = 'NewerVersion'
  }
}
