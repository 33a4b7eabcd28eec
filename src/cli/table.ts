// What a command prints of many rows: columns of text, or JSON.

import { terminalSafe } from './shown-name.ts'

/** Returns the rows with columns of equal width, of which the first row has the headings. From `numbersFrom` on columns end at the right. */
export function table(
  rows: readonly (readonly string[])[],
  numbersFrom: number = Infinity,
): string {
  const [headings = []] = rows
  const widths = headings.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  )
  const padded = (row: readonly string[]): string =>
    row
      .map((word, column) => {
        const width = widths[column] ?? 0
        return column < numbersFrom ? word.padEnd(width) : word.padStart(width)
      })
      .join('  ')
  return rows.map(row => `${padded(row).trimEnd()}\n`).join('')
}

/** Returns a line of JSON for each row. */
export function jsonLines(rows: readonly object[]): string {
  return rows.map(row => `${terminalSafe(JSON.stringify(row))}\n`).join('')
}
