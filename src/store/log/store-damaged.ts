// The error for a damaged store. Nothing is repaired or removed automatically; the error tells the operator the place.

export class StoreDamaged extends Error {
  readonly file: string
  /** The offset in the file in bytes. */
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

/** The disk is full. The action was not done and may be tried again. */
export class DiskFull extends Error {
  constructor(cause: unknown) {
    super('the disk is full', { cause })
    this.name = 'DiskFull'
  }
}

/** The same if no file can be opened, because the process or the machine has no descriptor left. */
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

/** Whether the error means that the process or the machine has no descriptor left. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'EMFILE' || error.code === 'ENFILE'
}
