// The errors of a disk, or of another log device, without room or descriptors. What failed may be tried again.

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

/** Runs an action that may fail for lack of space. Such an error becomes DiskFull, so that it can be tried again. */
export function roomFor<Result>(act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    throw isDiskFull(error) ? new DiskFull(error) : error
  }
}
