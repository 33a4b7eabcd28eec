/** The store has something that this version does not know. Nothing is damaged, and nothing may be mended. */
export class NewerVersion extends Error {
  constructor(what: string) {
    super(`${what}: a newer version wrote it, and only such a version can read this store`)
    this.name = 'NewerVersion'
  }
}
