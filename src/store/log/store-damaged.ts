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
