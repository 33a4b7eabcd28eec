// Columns of text.

/** Returns the rows with columns of equal width, of which the first row has the headings. */
export function table(rows: readonly (readonly string[])[]): string {
  const [headings = []] = rows
  const widths = headings.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  )
  const padded = (row: readonly string[]): string =>
    row.map((word, column) => word.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map(row => `${padded(row).trimEnd()}\n`).join('')
}
