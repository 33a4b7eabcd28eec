// Names of clients on a terminal.

/** Clients choose their names: nothing in one moves the cursor, or looks like several words. */
export function shownName(name: string): string {
  if (!/[\p{C}\s"\\]/u.test(name) && name !== '') return name
  return JSON.stringify(name).replaceAll(/\p{C}/gu, sign => {
    const code = sign.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}
