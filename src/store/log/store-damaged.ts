// The store is not as we left it. Nothing is repaired or thrown away without being asked: the operator is told where.

export class StoreDamaged extends Error {
  readonly file: string
  /** Bytes from the beginning of the file. */
  readonly offset: number

  constructor(file: string, offset: number, what: string) {
    super(
      `the store is damaged: ${file} at byte ${offset}: ${what}. ` +
        'See `pondhawk store verify`, and `pondhawk store repair` or a backup.',
    )
    this.name = 'StoreDamaged'
    this.file = file
    this.offset = offset
  }
}

/** There is no room on the disk. What was asked for was not done and may be tried again. */
export class DiskFull extends Error {
  constructor(cause: unknown) {
    super('the disk is full', { cause })
    this.name = 'DiskFull'
  }
}

/** The same where no file can be opened: the process, or the machine, has no descriptor left. */
export class OutOfDescriptors extends DiskFull {
  constructor(cause: unknown) {
    super(cause)
    this.name = 'OutOfDescriptors'
    this.message = 'the process has no descriptor left to open a file of the store with'
  }
}

export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ENOSPC' || error.code === 'EDQUOT'
}

/** The process, or the machine, has no descriptor left: a file can be opened when another was closed. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'EMFILE' || error.code === 'ENFILE'
}
