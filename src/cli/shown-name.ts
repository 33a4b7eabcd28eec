// Names of clients on a terminal.

/** Returns the name; quoted, with escapes, if it has spaces, quotes or characters that could control the terminal. */
export function shownName(name: string): string {
  if (!/[\p{C}\s"\\]/u.test(name) && name !== '') return name
  return JSON.stringify(name).replaceAll(/\p{C}/gu, sign => {
    const code = sign.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}
